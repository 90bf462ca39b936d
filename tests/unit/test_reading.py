"""How ``compare`` reads X and y, and what it says about those it cannot use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from punar.comparison.ask import compare
from punar.comparison.reading import read
from punar.errors import DataError, DataTypeError, ParameterError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * [1, 2, 3, 4, 50] + 7
Y = np.repeat(["a", "b", "c"], 20)


def quiet(*args: Any) -> Any:
    return compare(*args, verbose=0, cv=3)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.where(np.eye(60, 5) > 0, np.nan, X), ["5 values", "position (0, 0)", "SimpleImputer"]),
        (np.where(np.eye(60, 5) > 0, np.inf, X), ["infinite"]),
        (np.empty((0, 5)), ["(0, 5)"]),
        (np.empty((5, 0)), ["(5, 0)"]),
        (np.ones((60, 4)), ["all 4 columns", "constant"]),
        (np.arange(60.0), ["(60,)", "reshape"]),
        (np.zeros((3, 2, 2, 2, 2)), ["(3, 2, 2, 2, 2)"]),
        ([[1.0, 2.0], [3.0]], ["rectangular"]),
        (X[:5], ["5 rows", "cv=3", "6", "cv=2"]),
        (X[:1], ["1 rows", "at least 4"]),
        (pd.DataFrame({"width": [1.0, np.inf] * 30, "b": range(60)}), ["row 1, column 'width'"]),
    ],
)
def test_rows_that_cannot_be_used(rows, words):
    with pytest.raises(DataError) as caught:
        quiet(rows)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["a", "b"]] * 60, ["'a'"]),
        (X.astype(complex), ["complex"]),
        (pd.DataFrame({"size": X[:, 0], "colour": [["red"]] * 60}), ["'colour'", "['red']", "Leave the column out"]),
    ],
)
def test_rows_of_the_wrong_type(rows, words):
    with pytest.raises(DataTypeError) as caught:
        quiet(rows)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (Y[:59], ["60 rows", "59"]),
        (np.where(np.arange(60) == 4, np.nan, 1.5), ["1 missing", "row 4"]),
        ([None, *Y[1:]], ["1 missing", "row 0"]),
        (np.zeros((60, 2)), ["(60, 2)"]),
    ],
)
def test_labels_that_cannot_be_used(labels, words):
    with pytest.raises(DataError) as caught:
        quiet(X, labels)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        (Y, "classes"),
        (np.arange(60) % 3, "classes"),
        (np.arange(60) % 2 == 0, "classes"),
        ((np.arange(60) % 3).astype(float), "classes"),
        (pd.Series(Y, dtype="category"), "classes"),
        (Y.reshape(-1, 1), "classes"),
        (np.arange(60) / 7, "numbers"),
        (np.arange(60), "numbers"),
        (np.zeros(60), None),
        ([f"row {i}" for i in range(60)], None),
        (None, None),
    ],
)
def test_labels_are_read_as_classes_numbers_or_not_at_all(labels, target):
    data = read(X, labels, None, None)
    assert data.target == target
    assert (target is None) == any("label" in note for note in data.notes)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (X, "table"),
        (X.tolist(), "table"),
        (X > 7, "table"),
        (X.astype(np.int8), "table"),
        (X.astype(np.float16), "table"),
        (pd.DataFrame(X), "table"),
        (pd.DataFrame(X.round()).astype("Int64"), "table"),
        (X.reshape(12, 5, 5), "images"),
        (RNG.integers(0, 255, (12, 4, 4, 3)).astype(np.uint8), "images"),
    ],
)
def test_rows_are_read_as_a_table_or_pictures(rows, kind):
    data = read(rows, None, None, None)
    assert data.kind == kind
    assert data.X.dtype.kind in "fu"
    assert str(len(data.X)) in data.describe()


def test_polars_frames_are_tables():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    np.testing.assert_array_equal(read(frame, None, None, None).X, X[:, :2])
    found = read(frame.with_columns(pl.lit("x").alias("c")), None, None, None)
    assert found.table.columns.tolist() == ["a", "b", "c"]
    assert any("'c' (always 'x')" in note for note in found.notes)
    with pytest.raises(DataTypeError, match="'c'"):
        read(frame.with_columns(pl.Series("c", [[1]] * len(X))), None, None, None)


@pytest.mark.parametrize(("rows", "kind"), [(X, "images"), (X.reshape(12, 5, 5), "table"), (X, "pictures")])
def test_kind_must_fit(rows, kind):
    with pytest.raises(ParameterError, match="kind"):
        read(rows, None, kind, None)
