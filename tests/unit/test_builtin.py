"""The built-in data sets: shapes, ranges, and data that stays the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.errors import DataError
from punar.sources import builtin

SHAPES = {
    "breast-cancer": (569, 30),
    "diabetes": (442, 10),
    "digits": (1797, 8, 8),
    "iris": (150, 4),
    "seasonal": (800, 48),
    "wine": (178, 13),
}


def test_every_name_has_a_known_shape() -> None:
    assert builtin.names() == sorted(SHAPES)


@pytest.mark.parametrize("name", builtin.names())
def test_a_set_says_what_it_holds(name: str) -> None:
    data = builtin.load(name)
    assert data.name == name
    assert data.X.shape == SHAPES[name]
    assert data.y is not None
    assert len(data.y) == len(data.X)
    assert np.isfinite(data.X).all()
    assert len(data.description) > 40
    if data.kind == "table":
        assert len(data.columns) == data.X.shape[1]
        assert list(data.as_input().columns) == list(data.columns)
    if data.target_kind == "classification":
        assert set(np.unique(data.y)) == set(range(len(data.classes)))
        assert set(np.unique(data.labels())) == set(data.classes)
    else:
        assert data.target_kind == "regression"
        assert data.y.dtype == np.float64


def test_digits_are_pictures_between_0_and_1() -> None:
    data = builtin.load("digits")
    assert data.kind == "images"
    assert data.X.dtype == np.float32
    assert (data.X.min(), data.X.max()) == (0, 1)
    assert np.array_equal(data.X * 16, datasets.load_digits().images)


def test_the_generated_set_says_so_and_never_changes() -> None:
    data = builtin.load("seasonal")
    assert "Generated" in data.description
    assert "generated" in data.notes[0]
    assert np.array_equal(data.X, builtin.load("seasonal").X)
    # Pinned: published figures on it must stay comparable.
    assert round(float(data.X.sum()), 1) == 654775.7
    assert np.bincount(data.y).tolist() == [193, 190, 214, 203]


def test_the_generated_set_has_a_daily_rhythm_and_classes_that_can_be_told_apart() -> None:
    data = builtin.load("seasonal")
    by_hour = data.X.mean(axis=0).reshape(2, 24)
    assert np.corrcoef(by_hour)[0, 1] > 0.95
    assert by_hour.max() > 5 * by_hour.min()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    assert cross_val_score(model, data.X, data.y, cv=3).mean() > 0.9  # chance is 0.27


def test_a_misspelt_name_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(DataError, match=r"'wien' is not .*Did you mean 'wine'\?.*breast-cancer, diabetes"):
        builtin.load("wien")
