"""Long tables and arrays on the command line: series, with a label per series or per step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from punar.errors import DataError, ParameterError
from punar.sources import read_sequences


@pytest.fixture
def walks(tmp_path: Path) -> Path:
    """Three walks of different lengths, their rows shuffled, whose steps and wholes have labels."""
    parts = []
    for name, steps in (("ख", 4), ("क", 2), ("ग", 3)):
        t = np.arange(steps)
        states = np.where(t % 2, "चलना", "रुकना")
        parts.append(pd.DataFrame({"id": name, "t": 10 - t, "x": 1.0 * t, "state": states, "who": f"p{steps % 2}"}))
    pd.concat(parts).sample(frac=1, random_state=1).to_csv(tmp_path / "चाल.csv", index=False)
    return tmp_path / "चाल.csv"


def test_a_label_per_step_follows_its_step(walks: Path) -> None:
    found = read_sequences(walks, target="state", id_column="id", time_column="t", drop=["who"], form="sequences")
    frame = pd.read_csv(walks)
    assert (found.kind, found.target_kind, found.channels) == ("series", "tagging", ("x",))
    assert found.row_names == tuple(frame["id"].drop_duplicates())
    assert list(found.items.columns) == ["id", "t", "x"]
    for name, labels in zip(found.row_names, found.labels(), strict=True):
        mine = frame[frame["id"] == name].sort_values("t")
        assert labels.tolist() == mine["state"].tolist()
    assert any("2 labels of 9 steps in 3 series ('चलना', 'रुकना')" in note for note in found.notes)


def test_labels_are_in_the_order_of_the_series_that_a_model_reads(walks: Path) -> None:
    from punar.data.sequences import read_series

    found = read_sequences(walks, target="state", id_column="id", time_column="t", drop=["who"], form="sequences")
    series = read_series(found.items, "test", id_column="id", time_column="t")
    for x, labels in zip(series.items, found.y, strict=True):
        # x counts the steps, and the state is that of its number.
        assert [("चलना" if v % 2 else "रुकना") for v in x[:, 0]] == labels.tolist()


def test_all_rows_are_one_series_without_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": [3, 1, 2], "x": [30.0, 10.0, 20.0], "tag": ["c", "a", "b"]})
    frame.to_csv(tmp_path / "one.csv", index=False)
    found = read_sequences(tmp_path / "one.csv", target="tag", form="sequences")
    assert found.items[0].tolist() == [[10], [20], [30]]
    assert found.y[0].tolist() == ["a", "b", "c"]
    with pytest.raises(ParameterError, match="--target tag needs --id COLUMN"):
        read_sequences(tmp_path / "one.csv", target="tag", form="classes", kind="series")


def test_one_label_per_series_is_asked_for_by_id(walks: Path) -> None:
    found = read_sequences(walks, target="who", id_column="id", time_column="t", drop=["state"])
    assert found.target_kind == "classification"
    assert found.y.to_dict() == {"ख": "p0", "क": "p0", "ग": "p1"}
    with pytest.raises(DataError, match=r"2 different labels.*--task tagging.*--task forecasting"):
        read_sequences(walks, target="state", id_column="id", time_column="t")


def test_steps_without_a_label_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x,tag\n1,2,a\n1,3,\n2,4,b\n2,5,\n")
    with pytest.raises(DataError, match=r"2 of 4 steps have no label, the first in line 3"):
        read_sequences(tmp_path / "a.csv", target="tag", id_column="id", form="sequences")


def test_a_column_to_forecast_is_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=5).astype(str), "sales": range(5), "note": "x"})
    frame.to_csv(tmp_path / "s.csv", index=False)
    found = read_sequences(tmp_path / "s.csv", target="sales", form="none")
    assert found.channels == ("sales",)
    assert found.items["sales"].tolist() == [0, 1, 2, 3, 4]
    assert (found.time_column, found.y, found.target_kind) == ("date", None, None)


def test_arrays_may_have_a_label_per_step(tmp_path: Path) -> None:
    X, y = np.zeros((2, 3, 1)), np.array([["a", "b", "a"], ["b", "b", "a"]])
    np.savez(tmp_path / "a.npz", X=X, y=y, wrong=y[:, :2])
    found = read_sequences(tmp_path / "a.npz", form="sequences")
    assert [row.tolist() for row in found.labels()] == y.tolist()
    assert found.target_kind == "tagging"
    with pytest.raises(DataError, match=r"one label per row is needed.*one per step.*\(2, 2\)"):
        read_sequences(tmp_path / "a.npz", target="wrong", form="sequences")
    with pytest.raises(DataError, match="one label per row is needed"):
        read_sequences(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", X=X, y=y[:, 0])
    with pytest.raises(DataError, match="a label per step is needed"):
        read_sequences(tmp_path / "b.npz", form="sequences")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": "x", "id_column": "id"}, "--text cannot be used with .*a table of steps"),
        ({"time_column": "t", "text": "who"}, "--time cannot be used with .*without --id"),
        ({"form": "classe"}, "Did you mean 'classes'"),
        ({"kind": "serie"}, "Did you mean 'series'"),
        ({"key": "X", "id_column": "id"}, "key cannot be used"),
    ],
)
def test_options_that_do_not_belong_are_refused(walks: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        read_sequences(walks, **options)


def test_what_holds_no_sequences_says_so(walks: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column of .*--id COLUMN"):
        read_sequences(walks)
    with pytest.raises(DataError, match="holds rows of a table, not sequences"):
        read_sequences("iris")
    with pytest.raises(DataError, match="holds pictures, not sequences"):
        read_sequences("digits")
    with pytest.raises(DataError, match="series are read from csv"):
        read_sequences(tmp_path, kind="series")
    (tmp_path / "a.txt").write_text("one text here\nand another\n")
    with pytest.raises(DataError, match="series are read from csv"):
        read_sequences(tmp_path / "a.txt", form="none")
