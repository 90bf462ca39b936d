"""Linear models on what a row of a table would keep of a sequence: what a recurrent network has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.comparison import _item_baselines


class Statistics(TransformerMixin, BaseEstimator):
    """Series as mean, deviation, extremes, first and last value of each channel, and the length.

    Missing values do not count; a channel without any is 0, and its share of observed steps says so.
    """

    def fit(self, X: Any, y: object = None) -> Statistics:
        """Learn nothing."""
        self.n_features_in_ = np.shape(X[0])[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n, 7 * channels + 1)."""
        return np.stack([_statistics(np.asarray(item, dtype=np.float64)) for item in X])


def _statistics(x: np.ndarray) -> np.ndarray:
    seen = ~np.isnan(x)
    count = np.maximum(seen.sum(0), 1)
    mean = np.where(seen, x, 0.0).sum(0) / count
    spread = np.sqrt((np.where(seen, x - mean, 0.0) ** 2).sum(0) / count)
    low, high = np.where(seen, x, np.inf).min(0), np.where(seen, x, -np.inf).max(0)
    columns = np.arange(x.shape[1])
    first, last = x[seen.argmax(0), columns], x[len(x) - 1 - seen[::-1].argmax(0), columns]
    rows = [np.where(seen.any(0), part, 0.0) for part in (mean, spread, low, high, first, last)]
    return np.concatenate([*rows, seen.mean(0), [len(x)]])


def linear(kind: str, target: str) -> Pipeline:
    """Return a linear model for sequences of this kind: a logistic regression for classes, ridge for numbers."""
    if kind != "series":
        return _item_baselines.cheap(kind, target)
    model = LogisticRegression(max_iter=1000) if target == "classes" else Ridge()
    return make_pipeline(Statistics(), StandardScaler(), model)
