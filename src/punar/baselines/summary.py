"""What a row of a table would keep of a sequence, and a linear model on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

_MOST_NUMBERS = 2**16  # at once: what stays in the cache takes a third of the time


def statistics(items: Sequence[np.ndarray]) -> np.ndarray:
    """Return mean, deviation, extremes, first and last value of each channel, its share of observed steps, the length.

    Missing values do not count; a channel without any value is 0, and its share says so.

    Parameters
    ----------
    items : sequence of ndarray of shape (t_i, channels), t_i >= 1
        NaN where a value is missing.

    Returns
    -------
    ndarray of shape (n, 7 * channels + 1), float64

    Examples
    --------
    >>> statistics([np.array([[1.0], [np.nan], [3.0]])])
    array([[2.        , 1.        , 1.        , 3.        , 1.        ,
            3.        , 0.66666667, 3.        ]])
    """
    return np.concatenate([_statistics(some) for some in _blocks(items)])


def _blocks(items: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    block: list[np.ndarray] = []
    size = 0
    for item in items:
        if block and size + np.size(item) > _MOST_NUMBERS:
            yield block
            block, size = [], 0
        block.append(np.asarray(item, dtype=np.float64))
        size += np.size(item)
    yield block


def _statistics(items: list[np.ndarray]) -> np.ndarray:
    x, lengths = np.concatenate(items), np.array([len(item) for item in items])
    starts = np.cumsum(lengths) - lengths
    seen, step, column = ~np.isnan(x), np.arange(len(x))[:, None], np.arange(x.shape[1])

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts, axis=0)

    count = total(seen.astype(np.int64))
    some = np.maximum(count, 1)
    mean = total(np.where(seen, x, 0.0)) / some
    away = np.where(seen, x - np.repeat(mean, lengths, axis=0), 0.0)
    deviation = np.sqrt(total(away**2) / some)
    low = np.minimum.reduceat(np.where(seen, x, np.inf), starts, axis=0)
    high = np.maximum.reduceat(np.where(seen, x, -np.inf), starts, axis=0)
    first = np.minimum.reduceat(np.where(seen, step, len(x) - 1), starts, axis=0)
    last = np.maximum.reduceat(np.where(seen, step, 0), starts, axis=0)
    parts = [mean, deviation, low, high, x[first, column], x[last, column]]
    parts = [np.where(count > 0, part, 0.0) for part in parts]
    return np.concatenate([*parts, count / lengths[:, None], lengths[:, None]], axis=1)


class Statistics(TransformerMixin, BaseEstimator):
    """Series as their :func:`statistics`."""

    def fit(self, X: Any, y: object = None) -> Statistics:
        """Learn nothing but the number of channels."""
        self.n_features_in_ = np.shape(X[0])[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n, 7 * channels + 1)."""
        return statistics(X)
