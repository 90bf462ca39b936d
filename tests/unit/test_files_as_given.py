"""Files as people have them: ids with zeros before them, an index without a name, steps in another order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from punar.cli.main import app
from punar.errors import DataError, ParameterError
from punar.sources import read_data, read_groups, read_items, read_sequences, read_table


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_digits_that_name_something_keep_their_zeros(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for i in (7, 12):
        Image.new("RGB", (4, 4)).save(tmp_path / "all" / f"{i:03}.png")
    table = write(tmp_path / "a.csv", "no,patient,kind", "007,0031,a", "012,1200,b")
    found = read_items(table, path="no", root=str(tmp_path / "all"), suffix="png", target="kind", keep=["patient"])
    assert [Path(p).name for p in found.items] == ["007.png", "012.png"]
    assert found.kept["patient"].tolist() == ["0031", "1200"]
    assert read_groups(table, "patient").tolist() == ["0031", "1200"]


def test_ids_of_series_keep_their_zeros(tmp_path: Path) -> None:
    rows = [f"{name},{t},{t * 0.5}" for name in ("04", "11") for t in range(3)]
    table = write(tmp_path / "a.csv", "site,t,x", *rows)
    found = read_sequences(table, id_column="site", time_column="t", form="none", keep=["site"])
    assert found.row_names == ("04", "11")
    assert found.kept["site"].tolist() == ["04", "11"]
    wide = write(tmp_path / "b.csv", "code,t0,t1,t2,label", "050,1,2,3,u", "051,2,3,4,v")
    assert read_sequences(wide).row_names == ("050", "051")


def test_zip_codes_are_no_amounts_in_a_mixed_table(tmp_path: Path) -> None:
    # The first zero stands below the rows that tell what a column is.
    codes = ["20095", "80331"] * 70 + ["01067", ""]
    table = write(tmp_path / "a.csv", "zip,rent", *(f"{c},{i}.5" for i, c in enumerate(codes)))
    found = read_data(table, mixed=None)
    assert found.X["zip"].iloc[140] == "01067"
    assert found.X["zip"].isna().sum() == 1


def test_numbers_written_with_zeros_stay_numbers(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "p0,p1", "000,255", "017,001")
    assert read_data(table, mixed=None).X.tolist() == [[0, 255], [17, 1]]
    plain = read_table(write(tmp_path / "b.csv", "a,b", "0,5", "10,20", "0,3"))
    assert plain is not None
    assert not plain.spelled


def says(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words), catch_exceptions=True)
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_a_target_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "text,tall", "one thing or another,1.5", "another thing or one,2.5")
    _, said = says("fit", str(table), "--target", "tall", "--target", "tall", "--out", str(tmp_path / "m"))
    assert "--target 'tall' was given twice" in said
    with pytest.raises(ParameterError, match="'tall' was given twice"):
        read_items(table, target=["tall", "tall"])


def test_a_label_that_the_header_of_a_ts_file_does_not_name(tmp_path: Path) -> None:
    head = ["@problemName t", "@timeStamps false", "@univariate true", "@classLabel true up down", "@data"]
    path = write(tmp_path / "a.ts", *head, "1,2,3:up", "3,2,1:dwn")
    with pytest.raises(DataError, match=r"line 7: the label 'dwn' is none of .*up.*down.*Did you mean 'down'"):
        read_sequences(path)
    write(path, *head, "1,2,3:up", "3,2,1:down")
    assert read_sequences(path).labels().tolist() == ["up", "down"]


@pytest.mark.parametrize("name", ["visits", None])
@pytest.mark.parametrize("days", [True, False])
def test_an_index_without_a_name_as_pandas_writes_it(tmp_path: Path, name: str | None, days: bool) -> None:
    index = pd.date_range("2023-03-01", periods=8) if days else pd.RangeIndex(8)
    path = tmp_path / "a.csv"
    pd.Series([2.5, 3, 1, 4, 7, 6, 9, 8], index=index, name=name).to_csv(path)
    found = read_sequences(path, form="none")
    assert found.channels == (name or "0",)
    assert found.time_column == ("index" if days else None)
    assert any("column 1 has no name" in note for note in found.notes)


def test_an_index_of_years_or_words_without_a_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ",sales", *(f"{1990 + i},{i}.5" for i in range(6)))
    assert read_sequences(path, form="none").time_column == "index"
    path = write(tmp_path / "b.csv", ",index,x", "pune,3,1.5", "nashik,4,2.5")
    table = read_table(path)
    assert table is not None
    assert list(table.frame.columns) == ["index (column 1)", "index", "x"]


def rising(path: Path, names: list[str], n: int = 12) -> Path:
    """Write series that rise or fall by their label, with the steps in the order of ``names``."""
    table = pd.DataFrame({f"t{i}": [(i if row % 2 else -i) + row / n for row in range(n)] for i in range(11)})
    table.assign(label=["up" if row % 2 else "down" for row in range(n)])[[*names, "label"]].to_csv(path, index=False)
    return path


def test_steps_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = [f"t{i}" for i in range(11)]
    usual, other = rising(tmp_path / "a.csv", names), rising(tmp_path / "b.csv", sorted(names, reverse=True))
    assert (read_sequences(usual).items == read_sequences(other).items).all()
    dates = write(tmp_path / "c.csv", "2021-03,2021-01,2021-02,label", "3,1,2,u", "6,4,5,v")
    assert read_sequences(dates).items[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_wide_table_with_other_steps_than_the_models_is_refused(tmp_path: Path) -> None:
    names, model = [f"t{i}" for i in range(11)], str(tmp_path / "m")
    data, command = rising(tmp_path / "a.csv", names), ["--cell", "gru", "--hidden-size", "4", "--epochs", "2", "-q"]
    status, said = says("fit", str(data), "--task", "classification", "--target", "label", *command, "--out", model)
    assert status == 0, said
    answers = [tmp_path / f"{i}.csv" for i in range(2)]
    for path, order in zip(answers, (names, names[::-1]), strict=True):
        status, said = says("predict", model, str(rising(tmp_path / "b.csv", order)), "--out", str(path))
        assert status == 0, said
    assert answers[0].read_text() == answers[1].read_text()
    _, said = says("predict", model, str(rising(tmp_path / "b.csv", names[:4] + names[5:])))
    assert "'t4' is not there" in said
    data.write_text(data.read_text().replace("t", "u").replace("labul", "label"))
    _, said = says("predict", model, str(data))
    assert "'t0'" in said
    assert "are not there" in said


@pytest.mark.parametrize(
    ("names", "rows", "form", "last"),
    [
        ("year,month,sales", [f"{2019 + i // 12},{i % 12 + 1},{i}" for i in range(30)], "%Y-%m", "2021-06-01"),
        ("Month,Year,sales", [f"{m},2020,{i}" for i, m in enumerate(["Jan", "Feb", "Mar"])], "%Y-%m", "2020-03-01"),
        ("year,month,day,sales", [f"2020,2,{d},{d}" for d in range(20, 30)], "%Y-%m-%d", "2020-02-29"),
        ("year,quarter,sales", [f"{2019 + i // 4},{i % 4 + 1},{i}" for i in range(9)], "%Y-Q%q", "2021-01-01"),
        ("date,hour,sales", [f"2020-02-{1 + i // 24:02},{i % 24},{i}" for i in range(50)], None, "2020-02-03 01:00"),
        ("date,time,sales", [f"2020-02-01,{i:02}:30,{i}" for i in range(24)], None, "2020-02-01 23:30"),
    ],
)
def test_a_time_in_several_columns(tmp_path: Path, names: str, rows: list[str], form: str | None, last: str) -> None:
    found = read_sequences(write(tmp_path / "a.csv", names, *rows), form="none")
    assert found.channels == ("sales",)
    assert found.time_column == "time"
    assert form in (None, found.time_format)
    assert found.items["time"].max() == pd.Timestamp(last)
    assert any("put together" in note for note in found.notes)


def test_columns_beside_a_time_are_no_parts_of_one(tmp_path: Path) -> None:
    rows = [f"2020-02-{d:02},2020,2,{d}" for d in range(1, 20)]
    found = read_sequences(write(tmp_path / "a.csv", "date,year,month,sales", *rows), form="none")
    assert found.time_column == "date"
    assert found.channels == ("year", "month", "sales")
    with pytest.raises(DataError, match=r"'month' holds 13, which is no month.*--drop COLUMN"):
        read_sequences(write(tmp_path / "b.csv", "year,month,x", "2020,1,2", "2020,13,3"), form="none")


def test_a_forecast_goes_on_where_a_time_stood_in_two_columns(tmp_path: Path) -> None:
    rows = [f"{2010 + i // 12},{i % 12 + 1},{i % 12}" for i in range(120)]
    data, model, out = write(tmp_path / "a.csv", "year,month,sales", *rows), str(tmp_path / "m"), tmp_path / "f.csv"
    settings = ["--horizon", "2", "--cell", "gru", "--hidden-size", "4", "--epochs", "1", "-q"]
    status, said = says("fit", str(data), "--task", "forecasting", *settings, "--out", model)
    assert status == 0, said
    status, said = says("predict", model, str(data), "--out", str(out))
    assert status == 0, said
    assert pd.read_csv(out)["time"].tolist() == ["2020-01", "2020-02"]


def test_predictions_of_several_amounts_are_called_as_the_targets(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    rows = []
    for i in range(8):
        Image.new("RGB", (8, 8), (30 * i, 0, 0)).save(tmp_path / "p" / f"{i}.png")
        rows.append(f"{i},{i}.5,{10 - i}")
    data, model, out = write(tmp_path / "a.csv", "no,tall,broad", *rows), str(tmp_path / "m"), tmp_path / "f.csv"
    where = ["--path", "no", "--root", str(tmp_path / "p"), "--suffix", "png"]
    named = ["--target", "tall", "--target", "broad", "--backbone", "starter", "-q"]
    status, said = says("fit", str(data), *where, *named, "--task", "regression", "--out", model)
    assert status == 0, said
    assert f"--root {tmp_path / 'p'} --suffix png" in said.split("Next:")[1]
    status, said = says("predict", model, str(data), *where, "--target", "broad", "--target", "tall", "--out", str(out))
    assert status == 0, said
    table = pd.read_csv(out)
    assert list(table.columns)[-2:] == ["prediction tall", "prediction broad"]
    assert table["prediction tall"].corr(pd.Series(range(8))) > 0
    assert table["prediction broad"].corr(pd.Series(range(8))) < 0
