"""Answers that look at no input: the majority class, the mean, and codes drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor


def chance(target: str) -> DummyClassifier | DummyRegressor:
    """Return an unfitted estimator that predicts the majority class for "classes", and the mean for numbers."""
    return DummyClassifier(strategy="most_frequent") if target == "classes" else DummyRegressor()


def chance_score(target: str, y_train: np.ndarray, y_test: np.ndarray) -> float:
    """Return the score of :func:`chance`: accuracy for "classes", R² for numbers.

    >>> chance_score("classes", np.array([0, 0, 1]), np.array([0, 1, 1, 1]))
    0.25
    """
    nothing: Any = np.zeros((len(y_train), 1))
    fitted = chance(target).fit(nothing, y_train)
    return float(fitted.score(np.zeros((len(y_test), 1)), y_test))


def random_codes(rows: int, width: int, seed: int) -> np.ndarray:
    """Return codes that know nothing of the rows, standard normal, float64 (rows, width)."""
    return np.random.default_rng(seed).normal(size=(rows, width))
