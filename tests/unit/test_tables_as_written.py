"""Text tables as people and their programs write them: commas, gaps, quotes, words for nothing, and no names at all."""

from __future__ import annotations

import csv
import gzip
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from punar.errors import DataError, MissingExtraError, PunarError
from punar.sources import read_data, read_items, read_sequences, read_table


def frame(path: Path, text: str, **options: Any) -> tuple[dict[str, list[Any]], str]:
    path.write_text(text, encoding="utf-8")
    found = read_table(path, **options)
    assert found is not None
    return {name: found.frame[name].tolist() for name in found.frame.columns}, " | ".join(found.notes)


@pytest.mark.parametrize(
    ("cells", "separator", "numbers"),
    [
        (["3,25", "-1,5"], ";", [3.25, -1.5]),
        (["7.654,25", "1,5"], ";", [7654.25, 1.5]),
        (["7.654.321", "12"], ";", [7654321, 12]),
        (["7,654.25", "999"], ",", [7654.25, 999]),
        (["7,654", "1,000"], ",", [7654, 1000]),
        (["7,654", "1,000"], ";", [7.654, 1.0]),
        (["65,43,210", "1,00,000"], ",", [6543210, 100000]),
        (["7\u202f654,5", "1\u00a0000"], ";", [7654.5, 1000]),
        (["7 654", "1"], ",", [7654, 1]),
        (["7'654.50", "2’000"], ",", [7654.5, 2000]),
        (["40%", "2.5 %"], ",", [40, 2.5]),
        (["$7,654.10", "-$3.00"], ",", [7654.1, -3]),
        (["3,10 €", "7.654 €"], ";", [3.1, 7654]),
        (["−4", "3"], ",", [-4, 3]),
        (["1,5e3", "2,0"], "\t", [1500, 2]),
    ],
)
def test_numbers_written_for_people(tmp_path: Path, cells: list[str], separator: str, numbers: list[float]) -> None:
    quoted = [f'"{c}"' if separator in c else c for c in cells]
    rows = "".join(f"{c}{separator}w{i}\n" for i, c in enumerate(quoted))
    suffix = ".tsv" if separator == "\t" else ".csv"
    found, _ = frame(tmp_path / f"a{suffix}", f"amount{separator}word\n{rows}")
    assert found["amount"] == numbers


def test_what_was_decided_of_numbers_is_said(tmp_path: Path) -> None:
    _, notes = frame(tmp_path / "a.csv", "x;y\n7,5;40%\n1,25;3%\n")
    assert "1,25 is 1.25" in notes
    assert "5% is 5" in notes
    found, notes = frame(tmp_path / "a.tsv", "x\ty\n7,654\t1\n1,000\t2\n")
    assert found["x"] == ["7,654", "1,000"]
    assert "may be 7654 or 7.654" in notes


def test_another_column_tells_what_a_point_is(tmp_path: Path) -> None:
    found, _ = frame(tmp_path / "a.csv", "x;y;z\n7.654;2,5;a\n1.000;3,5;b\n")
    assert found["x"] == [7654, 1000]
    found, _ = frame(tmp_path / "b.csv", "x;z\n7.654;a\n1.000;b\n")
    assert found["x"] == [7.654, 1.0]


@pytest.mark.parametrize("cells", [["1,5", "1.5"], ["7,654", "7.654"], ["5%", "5"], ["1.2.3", "4"], ["1,2,3", "4,5"]])
def test_what_is_no_number_stays_text(tmp_path: Path, cells: list[str]) -> None:
    found, _ = frame(tmp_path / "a.tsv", "x\ty\n" + "".join(f"{c}\t{i}\n" for i, c in enumerate(cells)))
    assert found["x"] == cells


def test_words_for_nothing_are_words_among_words_and_nothing_among_numbers(tmp_path: Path) -> None:
    text = "word,number,truth,day\nNA,4,True,2024-05-01\nnull,None,N/A,NA\nfine,6,False,2024-05-03\n"
    found, notes = frame(tmp_path / "a.csv", text)
    assert found["word"] == ["NA", "null", "fine"]
    assert [found["number"][0], found["number"][2]] == [4, 6]
    assert math.isnan(found["number"][1])
    assert [v for v in found["truth"] if v == v] == [True, False]
    assert [v for v in found["day"] if v == v] == ["2024-05-01", "2024-05-03"]
    assert "'word'" in notes


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".tsv", 'text\tk\n"so it began\t1\nand ended\t0\n', ['"so it began', "and ended"]),
        (".tsv", 'text\tk\n"so it began\t1\nand ended"\t0\n', ['"so it began', 'and ended"']),
        (".tsv", 'text\tk\n7" screen\t1\nplain\t0\n', ['7" screen', "plain"]),
        (".csv", 'text,k\n"so it began,1\nplain,0\n', ['"so it began', "plain"]),
        (".csv", 'text,k\n"she \\"said\\", so",1\nplain,0\n', ['she "said", so', "plain"]),
        (".csv", 'text,k\n"two\nlines, ""so""",1\nplain,0\n', ['two\nlines, "so"', "plain"]),
    ],
)
def test_quotation_marks_that_are_not_closed(tmp_path: Path, suffix: str, text: str, said: list[str]) -> None:
    found, _ = frame(tmp_path / f"a{suffix}", text)
    assert found["text"] == said
    assert len(found["k"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "2.5,3.5\n1,2\n",
        "7,8,9\n1,2,3\n",
        "2,3\n7,8\n",
        "6.3,2.5,virginica\n4.9,3,setosa\n",
        "virginica,6\nsetosa,7\n",
        "4,4,w\n5,6,v\n",
        "a dull film,bad\na fine film,good\nan awful one,bad\n",
        "2,5;3,5\n1,5;2,5\n",
    ],
)
def test_a_first_row_is_never_lost(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(DataError, match=r"line 1.*--no-header"):
        frame(path, text)
    found, _ = frame(path, text, header=False)
    assert all(len(column) == text.count("\n") for column in found.values())
    named, _ = frame(path, text.replace("4,4,w", "4,5,w"), header=True)
    assert all(len(column) == text.count("\n") - 1 for column in named.values())


@pytest.mark.parametrize(
    "names", ["0,1,2", "1,2,3", "2018,2019,2020", "town,2018,2019", "town,2018", "word,0,1", "a,b,c"]
)
def test_names_that_look_like_numbers(tmp_path: Path, names: str) -> None:
    row = ",".join(["7"] * len(names.split(",")))
    found, _ = frame(tmp_path / "a.csv", f"{names}\n{row}\n")
    assert list(found) == names.split(",")


def test_names_that_stand_twice_may_be_a_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'good' stands more than once.*--no-header"):
        frame(tmp_path / "a.csv", "good,good,x\nbad,fine,y\n")


def test_a_packed_table(tmp_path: Path) -> None:
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n7,8\n9,10\n"))
    assert read_data(path).X.tolist() == [[7, 8], [9, 10]]
    whole = path.read_bytes()
    for content in (whole[:-9], b"a,b\n1,2\n", b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"b\.csv\.gz"):
            read_data(path)


def test_a_packed_table_larger_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from punar.sources import _memory, _opened

    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"7,8\n" * 1_000_000))
    for module in (_memory, _opened):
        monkeypatch.setattr(module, "available_bytes", lambda: 1_000_000)
    with pytest.raises(DataError, match=r"needs about .* of memory"):
        read_data(path)


def test_long_fields_and_long_numbers(tmp_path: Path) -> None:
    most = csv.field_size_limit()
    found, _ = frame(tmp_path / "a.csv", f"a,b\n{'w' * 140_000},1\nv,2\n")
    assert len(found["a"][0]) == 140_000
    assert csv.field_size_limit() == most, "the limit is the whole process's"
    path = tmp_path / "n.csv"
    path.write_text(f"a,b\n{'8' * 500},1\n3,2\n")
    with pytest.raises(DataError, match=r"finite.*column 'a', line 2"):
        read_data(path)


def test_a_tab_in_a_message_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('a\tb\n"x"y\t1\n1\n')
    with pytest.raises(DataError) as caught:
        read_data(path)
    assert "\t" not in str(caught.value)


# -- other formats


@pytest.mark.parametrize(
    "shape", ["(" + "1," * 80 + ")", "(True, 3)", "(2.0, 3)", "(-3,)", "('3',)", "(9**30,)", "[3]", "(3,"]
)
def test_an_array_of_a_shape_that_no_array_has(tmp_path: Path, shape: str) -> None:
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + np.arange(6.0).tobytes())
    for reader in (read_data, read_items, read_sequences):
        with pytest.raises(PunarError, match=r"a\.npy"):
            reader(path)


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.json", '[{"u": 7, "w": "fine"}, {"u": 8, "w": null}]', {"u": [7, 8], "w": ["fine", None]}),
        ("a.json", '{"u": [7, 8], "w": [true, false]}', {"u": [7, 8], "w": [True, False]}),
        ("a.jsonl", '{"u": 7}\n\n{"u": 8, "w": "1,5"}\n', {"u": [7, 8], "w": [None, 1.5]}),
        ("a.ndjson", '{"u": "007"}\n{"u": "08"}\n', {"u": ["007", "08"]}),
        ("a.jsonl", '{"u": "x\\udc80"}\n', {"u": ["x\\udc80"]}),
    ],
)
def test_records_are_tables(tmp_path: Path, name: str, text: str, columns: dict[str, list[Any]]) -> None:
    found, _ = frame(tmp_path / name, text)
    assert {n: [None if v is None or v != v else v for v in c] for n, c in found.items()} == columns


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[]", "a table in JSON is a list of objects"),
        ("a.json", "[" * 50_000, "this is no JSON"),
        ("a.json", '{"u": {"v": 1}}', "one list for each column"),
        ("a.json", '[{"u": [1, 2]}]', "record 1: the field 'u' holds"),
        ("a.jsonl", '{"u": 1}\n7\n', "line 2: a record is an object"),
        ("a.jsonl", '{"u": 1}\n{"u" 2}\n', "line 2: this is no JSON"),
        ("a.json", '[{"u": ' + "7" * 5_000 + "}]", "finite.*column 'u', record 1"),
    ],
)
def test_records_that_are_no_table(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_data(path)


def test_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="workbooks need the extra 'table'")
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        pd.DataFrame().to_excel(book, sheet_name="nothing")
        pd.DataFrame({"u": [7, None], "w": ["None", "x"], "n": ["1,5", "2,25"]}).to_excel(
            book, sheet_name="data", index=False, startrow=1
        )
        pd.DataFrame({"z": [1]}).to_excel(book, sheet_name="more", index=False)
    found = read_table(path)
    assert found is not None
    assert found.frame["w"].tolist() == ["None", "x"]
    assert found.frame["n"].tolist() == [1.5, 2.25]
    assert found.line_of(0) == "line 3"
    assert any("'data'" in note and "'more'" in note for note in found.notes)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.xlsx: it cannot be read as a workbook"):
        read_table(path)
    monkeypatch.setitem(sys.modules, openpyxl.__name__, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'punar\[table\]'.*CSV UTF-8"):
        read_table(path)
