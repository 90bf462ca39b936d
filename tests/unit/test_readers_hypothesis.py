"""Readers under whatever hypothesis thinks of: what was written comes back, and only punar's own errors come."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from punar.errors import DataError, PunarError
from punar.sources import read_data, read_items, read_sequences, read_table

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
MANY = settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
FAST_AND_SLOW = [pytest.param(FEW, id="60"), pytest.param(MANY, id="2000", marks=pytest.mark.slow)]

LETTERS = st.characters(codec="utf-8", exclude_characters="\0\r\n\x85\u2028\u2029\x1c\x1d\x1e\x0b\x0c")
WORDS = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
NAMES = st.lists(st.text("abcdefgh_é", min_size=1, max_size=6), min_size=1, max_size=5, unique=True)
SUFFIXES = st.sampled_from([".csv", ".tsv", ".txt", ".ts", ".arff", ".json", ".jsonl", ".conll"])
# Bits that readers look for, in any order.
PIECES = st.sampled_from(
    [
        *(
            '"',
            '""',
            "'",
            ",",
            ";",
            "\t",
            "|",
            "\n",
            "\r\n",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ":",
            "?",
            "%",
            "€",
            "\ufeff",
            "\0",
        ),
        *(
            "1,5",
            "1.234,5",
            "1 234",
            "NaN",
            "NA",
            "None",
            "nan",
            "inf",
            "-",
            "1e400",
            "9" * 400,
            "2024-01-01",
            "0",
            "1",
        ),
        *(
            "2",
            "t0",
            "t1",
            "t2",
            "a",
            "label",
            "time",
            "id",
            "@data\n",
            "@attribute a numeric\n",
            "@classLabel true a\n",
        ),
        *("true", "null", '{"a": 1}', "-DOCSTART-", "# ", "B-PER", " ", "\u202f", "é", "नम"),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80)


def under(profile: settings, strategy: Any, check: Callable[..., None]) -> None:
    """Run a check on what a strategy gives, in a folder of its own."""

    @profile
    @given(strategy)
    def run(example: Any) -> None:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("error")
            check(Path(folder), example)

    run()


# -- round trips


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, list[Any]], str]:
    names = draw(NAMES)
    rows = draw(st.integers(1, 6))
    columns = {n: draw(st.lists(draw(st.sampled_from([NUMBERS, WORDS])), min_size=rows, max_size=rows)) for n in names}
    return columns, draw(st.sampled_from([",", ";", "\t", "|"]))


def _number_like(words: list[str]) -> bool:
    from punar.sources._numerals import MISSING, is_number

    return any(is_number(w) or w in MISSING or w.lower() in ("true", "false", "inf", "-inf", "infinity") for w in words)


def a_table_comes_back(folder: Path, example: tuple[dict[str, list[Any]], str]) -> None:
    columns, separator = example
    texts = [words for words in columns.values() if isinstance(words[0], str)]
    assume(not any(map(_number_like, texts)))
    # One column shows no separator.
    assume(len(columns) > 1)
    # Where words stand under words, a name that stands among them may be a row; punar asks then.
    assume(not any(name in map(str, words) for name, words in columns.items()))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path = folder / ("a.tsv" if separator == "\t" else "a.csv")
    path.write_text(out.getvalue(), encoding="utf-8")
    found = read_table(path, header=True)
    assert found is not None
    assert list(found.frame.columns) == list(columns)
    for got, (_, wanted) in zip(found.frame.items(), columns.items(), strict=True):
        if isinstance(wanted[0], str):
            assert got[1].tolist() == wanted
        else:
            np.testing.assert_allclose(got[1].to_numpy(float), wanted, rtol=1e-14)


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_tables_of_words_and_numbers_come_back(profile: settings) -> None:
    under(profile, tables(), a_table_comes_back)


@st.composite
def numerals(draw: st.DrawFn) -> tuple[list[float], str, str, int]:
    values = draw(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6))
    decimals = draw(st.integers(0, 4))
    thousands, point = draw(
        st.sampled_from([(".", ","), (",", "."), (" ", ","), ("\u202f", ","), ("'", "."), ("", ",")])
    )
    return [v / 10**decimals for v in values], thousands, point, decimals


def written_numbers_come_back(folder: Path, example: tuple[list[float], str, str, int]) -> None:
    values, thousands, point, decimals = example
    texts = [f"{v:,.{decimals}f}".replace(",", "\1").replace(".", point).replace("\1", thousands) for v in values]
    path = folder / "a.csv"
    # A second column without a doubt says what the comma means in the first.
    sure = "0,5" if point == "," else "0.5 %"
    path.write_text("x;y\n" + "".join(f"{t};{sure}\n" for t in texts), encoding="utf-8")
    found = read_table(path)
    assert found is not None
    got = found.frame["x"].tolist()
    if point == "." and thousands == "," and found.frame["x"].dtype == object:
        assert got == texts
        return
    np.testing.assert_allclose([float(g) for g in got], values, rtol=1e-12, err_msg=str((texts, found.notes)))


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_numbers_written_for_people_come_back(profile: settings) -> None:
    under(profile, numerals(), written_numbers_come_back)


@st.composite
def series(draw: st.DrawFn) -> tuple[list[list[float]], list[int], str]:
    small = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 4))
    rows = draw(st.lists(st.lists(small, min_size=3, max_size=7), min_size=2, max_size=6))
    labels = draw(st.lists(st.integers(-1, 2), min_size=len(rows), max_size=len(rows)))
    return rows, labels, draw(st.sampled_from(["tsv", "txt", "ts", "wide"]))


def series_come_back(folder: Path, example: tuple[list[list[float]], list[int], str]) -> None:
    rows, labels, form = example
    width = max(map(len, rows))
    if form == "ts":
        lines = [",".join(map(repr, x)) + f":{k}" for x, k in zip(rows, labels, strict=True)]
        path, text = folder / "a.ts", "@classLabel true -1 0 1 2\n@data\n" + "\n".join(lines)
    elif form == "txt":
        path, text = (
            folder / "a.txt",
            "\n".join(f"{k}  " + "  ".join(map(repr, x)) for x, k in zip(rows, labels, strict=True)),
        )
    else:
        padded = [[k, *x, *["NaN"] * (width - len(x))] for x, k in zip(rows, labels, strict=True)]
        names = ["label", *(f"t{i}" for i in range(width))]
        between = "\t" if form == "tsv" else ","
        lines = [between.join(map(str, row)) for row in ([names] if form == "wide" else []) + padded]
        path, text = folder / ("a.tsv" if form == "tsv" else "a.csv"), "\n".join(lines)
        # 0, 1, 2, ... in line 1 are names.
        assume(form == "wide" or [labels[0], *rows[0]] != list(range(len(rows[0]) + 1)))
    path.write_text(text + "\n", encoding="utf-8")
    found = read_sequences(path, form="classes")
    assert [str(v) for v in found.y] == [str(k) for k in labels]
    for got, wanted in zip(found.items, rows, strict=True):
        assert np.asarray(got)[:, 0].tolist() == wanted


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_series_in_rows_come_back(profile: settings) -> None:
    under(profile, series(), series_come_back)


@st.composite
def panels(draw: st.DrawFn) -> list[tuple[str, int, float]]:
    ids = draw(st.lists(st.text("abcxyz", min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    steps = [(i, t) for i in ids for t in range(draw(st.integers(1, 5)))]
    order = draw(st.permutations(steps))
    return [(i, t, draw(st.floats(-1e6, 1e6, allow_nan=False))) for i, t in order]


def a_panel_comes_back(folder: Path, rows: list[tuple[str, int, float]]) -> None:
    path = folder / "p.csv"
    pd.DataFrame(rows, columns=["key", "time", "value"]).to_csv(path, index=False)
    found = read_sequences(path, kind="series", id_column="key", form="none")
    assert (found.id_column, found.time_column) == ("key", "time")
    wanted = {key: [v for i, _, v in sorted(rows) if i == key] for key, _, _ in rows}
    got = {str(k): g.sort_values("time")["value"].tolist() for k, g in found.items.groupby("key")}
    assert got.keys() == wanted.keys()
    for key, values in wanted.items():
        np.testing.assert_allclose(got[key], values, rtol=1e-14)


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_panels_come_back(profile: settings) -> None:
    under(profile, panels(), a_panel_comes_back)


JSON = st.none() | st.booleans() | st.integers() | NUMBERS | WORDS


def records_come_back(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "r.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    try:
        found = read_table(path)
    except DataError:
        assert not any(rows), "records with a field are a table"
        return
    assert found is not None
    assert len(found.frame) == len(rows)
    assert set(found.frame.columns) == {name for row in rows for name in row}


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_records_come_back(profile: settings) -> None:
    rows = st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, max_size=4), min_size=1, max_size=5)
    under(profile, rows, records_come_back)


# -- nothing but punar's own errors


READERS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (read_data, {}),
    (read_data, {"target": "a", "on_error": "skip"}),
    (read_table, {}),
    (read_items, {}),
    (read_items, {"text": "a", "target": "label"}),
    (read_items, {"path": "a", "suffix": ".png"}),
    (read_items, {"text": "a", "target": ["label", "id"]}),
    (read_sequences, {}),
    (read_sequences, {"form": "none"}),
    (read_sequences, {"id_column": "id", "target": "label"}),
    (read_sequences, {"form": "sequences", "target": "label"}),
    (read_sequences, {"kind": "series", "form": "amounts", "target": "label"}),
]


def only_own_errors(folder: Path, example: tuple[str, str, bool | None]) -> None:
    suffix, text, header = example
    path = folder / f"a{suffix}"
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    for reader, options in READERS:
        told = {} if header is None or suffix not in (".csv", ".tsv") else {"header": header}
        found = said = None
        try:
            found = reader(path, **options, **told)
        except PunarError as error:
            said = str(error)
        assert said is None or len(said) < 3_000
        assert getattr(found, "y", None) is None or len(found.y) >= 1


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_whatever_a_text_file_holds_only_own_errors_come(profile: settings) -> None:
    under(profile, st.tuples(SUFFIXES, TEXTS, st.sampled_from([None, True, False])), only_own_errors)


def only_own_errors_of_bytes(folder: Path, example: tuple[str, bytes]) -> None:
    suffix, content = example
    path = folder / f"a{suffix}"
    path.write_bytes(content)
    for reader, options in READERS:
        with contextlib.suppress(PunarError):
            found = reader(path, **options)
            assert found is None or hasattr(found, "frame") or len(getattr(found, "X", found)) >= 1


HEADS = st.sampled_from(
    [
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (",
        b"PK\x03\x04",
        b"PAR1",
        b"\x1f\x8b",
    ]
)
ARRAYS = st.sampled_from(
    [b"True, 3)", b"2," * 100 + b")", b"-1,)", b"3,)", b"10**9,)", b"'a',)", b"2.5,)", b"None)", b"3"]
) | st.binary(max_size=30)


@pytest.mark.parametrize("profile", FAST_AND_SLOW)
def test_whatever_a_binary_file_holds_only_own_errors_come(profile: settings) -> None:
    files = st.sampled_from([".npy", ".npz", ".parquet", ".csv", ".csv.gz", ".json", ".ts"])
    content = st.tuples(HEADS, ARRAYS, st.binary(max_size=200)).map(lambda parts: b"".join(parts))
    under(profile, st.tuples(files, content), only_own_errors_of_bytes)


def test_the_checks_can_fail() -> None:
    """What the others rest on: a check that is wrong is seen by ``under``."""

    def wrong(folder: Path, value: float) -> None:
        assert math.isfinite(1 / (value - value // 1)) or value == value // 1

    with pytest.raises((AssertionError, ZeroDivisionError)):
        under(FEW, st.floats(-10, 10), wrong)
