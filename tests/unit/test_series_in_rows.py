"""One series for each row or line of a file: UCR tsv and txt, ts, arff and wide csv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from punar.cli.main import app
from punar.errors import DataError
from punar.sources import read_sequences, rows_are_series


def read(path: Path, text: str, **options: Any) -> Any:
    path.write_text(text, encoding="utf-8")
    return read_sequences(path, **options)


def shapes(found: Any) -> list[tuple[int, ...]]:
    return [np.shape(x) for x in found.items]


@pytest.mark.parametrize(
    ("name", "between"), [("a.tsv", "\t"), ("a.txt", "   "), ("a.txt", ","), ("a.txt", "\t"), ("a.csv", ",")]
)
def test_the_first_column_of_a_file_without_names_is_the_label(tmp_path: Path, name: str, between: str) -> None:
    rows = [["-1", "0.5", "2", "3.5"], ["1", "7", "8", "9"], ["1", "7", "8", "NaN"]]
    found = read(tmp_path / name, "\n".join(between.join(r) for r in rows))
    assert list(found.y) == ["-1", "1", "1"]
    assert found.target_kind == "classification"
    assert shapes(found) == [(3, 1), (3, 1), (2, 1)], "a row that ends in NaN is shorter"
    assert found.items[0][:, 0].tolist() == [0.5, 2, 3.5]
    assert rows_are_series(tmp_path / name)


def test_rows_without_a_class_in_front_are_series_from_their_first_number(tmp_path: Path) -> None:
    found = read(tmp_path / "a.tsv", "0.25\t1\t2\t3\n0.5\t7\t8\t9\n")
    assert found.y is None
    assert np.shape(found.items) == (2, 4, 1)
    found = read(tmp_path / "a.tsv", "0.25\t1\t2\t3\n0.5\t7\t8\t9\n", form="amounts")
    assert found.y.tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        ("label,t0,t1,t2", 1),
        ("t1,t2,t3,label", 1),
        ("0,1,2,label", 1),
        ("x_0,x_1,x_2,y_0,y_1,y_2,label", 2),
        ("label,2021-01-01,2021-01-02,2021-01-03", 1),
        ("label,2021,2022,2023", 1),
        ("label,10.5,11.0,11.5", 1),
    ],
)
def test_wide_tables_are_told_by_their_names(tmp_path: Path, names: str, channels: int) -> None:
    columns = names.split(",")
    steps = [i for i, c in enumerate(columns) if c != "label"]
    rows = [["up" if c == "label" else str(i + k) for i, c in enumerate(columns)] for k in (0, 5)]
    found = read(tmp_path / "a.csv", "\n".join(",".join(r) for r in [columns, *rows]))
    assert list(found.y) == ["up", "up"]
    assert shapes(found) == [(3, channels)] * 2
    assert found.items[0].T.ravel().tolist() == steps


def test_a_wide_table_that_pandas_named_has_its_label_first(tmp_path: Path) -> None:
    pd.DataFrame([[2, 0.5, 1.5, 3], [1, 1.5, 2.5, 3]]).to_csv(tmp_path / "a.csv", index=False)
    found = read_sequences(tmp_path / "a.csv")
    assert list(found.y) == ["2", "1"]
    assert shapes(found) == [(3, 1)] * 2


def test_rows_keep_their_names_and_the_target_may_be_named(tmp_path: Path) -> None:
    text = "key,s0,s1,s2,kind\nk1,1,2,3,a\nk2,4,5,6,b\n"
    found = read(tmp_path / "a.csv", text, target="kind")
    assert found.row_names == ("k1", "k2")
    assert found.row_title == "key"
    assert list(found.y) == ["a", "b"]
    assert read(tmp_path / "a.csv", text).y is None, "nothing says that 'kind' is the label"


def test_steps_in_rows_stay_steps(tmp_path: Path) -> None:
    text = "time,s1,s2,s3\n1,2,3,4\n2,3,4,5\n"
    for options in ({"form": "none"}, {"kind": "series"}):
        found = read(tmp_path / "a.csv", text, **options)
        assert len(found) == 1
        assert not rows_are_series(tmp_path / "a.csv")
    long = "walk,s1,s2,s3\nw,2,3,4\nw,3,4,5\n"
    assert len(read(tmp_path / "b.csv", long, id_column="walk")) == 1
    assert len(read(tmp_path / "c.csv", "s1,s2,s3\n2,3,4\n3,4,5\n", form="none")) == 1


def test_rows_of_dates_are_forecast_one_by_one(tmp_path: Path) -> None:
    text = "shop,2022-01,2022-02,2022-03\neast,1,2,\nwest,4,5,6\n"
    found = read(tmp_path / "a.csv", text, form="none")
    assert (found.id_column, found.time_column) == ("shop", "time")
    months = found.items["time"].dt.strftime("%Y-%m")
    rows = list(zip(found.items["shop"], months, found.items["value"], strict=True))
    assert rows[:3] == [("east", "2022-01", 1), ("east", "2022-02", 2), ("west", "2022-01", 4)]
    assert found.time_format == "%Y-%m"
    again = read(tmp_path / "a.csv", text, form="none", id_column="shop", time_column="time", channels=["value"])
    assert again.items.equals(found.items), "as a fitted model asks for it"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "label,t0,t1,t2\nu,1,2,x\n", "'t2' holds 'x'"),
        ("a.csv", "label,t0,t1,t2\nu,,,\nd,1,2,3\n", "line 2: the series has no value"),
        ("a.csv", "label,t0,t1,t2\n,1,2,3\n", "line 2: the series has no label"),
        ("a.csv", "label,t0,t1,t2\n", "no rows"),
        ("a.ts", "1,2,3:a\n", "line 1: only lines with @"),
        ("a.ts", "@classLabel true a\n", "no line @data"),
        ("a.ts", "@data\n", "no series behind @data"),
        ("a.ts", "@classLabel true a\n@data\n1,2\n", "line 3: there is no label"),
        ("a.ts", "@data\n1,x,3\n", "line 2: a series holds numbers .*'x'"),
        ("a.ts", "@data\n1,2:1\n", "line 2: the dimensions"),
        ("a.ts", "@data\n1,2\n1,2:3,4\n", "line 3: 2 dimensions where"),
        ("a.ts", "@data\n?,?\n", "line 2: a series needs finite numbers"),
        ("a.arff", "@attribute a numeric\n", "one of the two is missing"),
        ("a.arff", "@attribute a relational\n@data\n", "relational columns are not read"),
        ("a.arff", "@attribute a numeric\n@data\n{0 1}\n", "line 3: sparse rows"),
        ("a.arff", "@attribute a numeric\n@data\nx\n", "line 3: column 'a' must hold numbers, found 'x'"),
        ("a.arff", "@attribute a numeric\n@data\n1,2\n", "line 3: 2 values where there are 1 columns"),
    ],
)
def test_files_of_series_that_cannot_be_used_say_where(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, text)
    assert name in str(caught.value)


def test_ts_files_with_several_dimensions_lengths_times_and_amounts(tmp_path: Path) -> None:
    found = read(tmp_path / "a.ts", "@targetLabel TRUE\n@data\n1,2,3:4,?,6:0.5\n1,2:3,4:1.25\n")
    assert shapes(found) == [(3, 2), (2, 2)]
    assert np.isnan(found.items[0][1, 1])
    assert found.y.tolist() == [0.5, 1.25]
    found = read(tmp_path / "b.ts", "@timestamps true\n@classLabel true u v\n@data\n(0,5),(2,6):u\n(0,7),(9,8):?\n")
    assert found.items[1][:, 0].tolist() == [7, 8]
    assert any("time stamps" in note for note in found.notes)
    found = read(tmp_path / "c.ts", "@classLabel true u v\n@data\n5,6:?\n7,8:?\n")
    assert found.y is None, "a test file without answers"


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".ts", ".csv"])
def test_fit_and_predict_on_the_command_line(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    for split, n in (("train", 40), ("test", 12)):
        kinds = np.arange(n) % 2
        X = np.sin(np.outer(0.3 + 0.5 * kinds, np.arange(20))) + rng.normal(0, 0.1, (n, 20))
        if suffix == ".ts":
            lines = [",".join(map(str, x)) + f":{k + 1}" for x, k in zip(X, kinds, strict=True)]
            (tmp_path / f"waves_{split}.ts").write_text("@classLabel true 1 2\n@data\n" + "\n".join(lines))
        elif suffix == ".csv":
            frame = pd.DataFrame(X, columns=[f"v{i}" for i in range(20)]).assign(kind=kinds + 1)
            frame.to_csv(f"waves_{split}.csv", index=False)
        else:
            pd.DataFrame(np.column_stack([kinds + 1, X])).to_csv(
                f"waves_{split}{suffix}", sep="\t" if suffix == ".tsv" else " ", header=False, index=False
            )
    target = ["--target", "kind"] if suffix == ".csv" else []
    run = CliRunner().invoke
    fit = run(app, ["fit", f"waves_train{suffix}", "--cell", "gru", "--epochs", "6", "-q", "--out", "m", *target])
    assert fit.exit_code == 0, fit.output
    predict = run(app, ["predict", "m", f"waves_test{suffix}", "--out", "p.csv", *target])
    assert predict.exit_code == 0, predict.output
    said = next(line for line in predict.output.splitlines() if line.startswith("Accuracy on the labels"))
    assert float(said.split()[-1]) > 0.8, f"{said}; chance is 0.5"
    assert set(pd.read_csv("p.csv")["prediction"]) == {1, 2}
