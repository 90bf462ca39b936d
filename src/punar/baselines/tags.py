"""Tags without context: each word's most frequent tag, and a linear classifier that sees one step at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

_MOST_STEPS = 100_000  # that the linear classifier is fitted on


def most_frequent_tag(
    items: Sequence[Sequence[Hashable]], tags: Sequence[Any]
) -> Callable[[Sequence[Sequence[Hashable]]], list[np.ndarray]]:
    """Learn each word's most frequent tag; a word that was never seen gets the most frequent tag of all.

    Of tags that are equally frequent the smallest counts.

    Parameters
    ----------
    items : sequence of sequences of str
        Words of each item.
    tags : sequence of array-like of int
        A tag from 0 for each word. Words with a negative tag do not count.

    Returns
    -------
    callable
        ``predict(items)`` -> list of int64 arrays, a tag for each word; 0 where there was nothing to learn from.

    Examples
    --------
    >>> predict = most_frequent_tag([["the", "run"], ["we", "run"], ["run"]], [[0, 1], [2, 3], [1]])
    >>> predict([["we", "run", "home"]])
    [array([2, 1, 1])]
    """
    by_word: dict[Hashable, Counter[int]] = {}
    every: Counter[int] = Counter()
    for item, given in zip(items, tags, strict=True):
        for word, tag in zip(item, np.asarray(given).tolist(), strict=True):
            if tag >= 0:
                by_word.setdefault(word, Counter())[tag] += 1
                every[tag] += 1
    known = {word: _first(counts) for word, counts in by_word.items()}
    usual = _first(every) if every else 0

    def predict(items: Sequence[Sequence[Hashable]]) -> list[np.ndarray]:
        return [np.array([known.get(word, usual) for word in item], dtype=np.int64) for item in items]

    return predict


def _first(counts: Counter[int]) -> int:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def linear_per_step(
    items: Sequence[np.ndarray], tags: Sequence[Any], seed: int = 0
) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """Learn a logistic regression from the values of one step to its tag.

    Parameters
    ----------
    items : sequence of ndarray of shape (t_i, channels)
        A missing value (NaN) counts as its channel's mean.
    tags : sequence of array-like of int, (t_i,)
        A tag from 0 for each step. Steps with a negative tag do not count.
    seed : int, default=0
        Of the 100,000 steps that are fitted on, where there are more.

    Returns
    -------
    callable
        ``predict(items)`` -> list of int64 arrays, a tag for each step; 0 where there was nothing to learn from.
    """
    values, labels = np.concatenate([*items]), np.concatenate([np.asarray(t, dtype=np.int64) for t in tags])
    counted = np.flatnonzero(labels >= 0)
    if len(counted) > _MOST_STEPS:
        counted = np.sort(np.random.default_rng(seed).permutation(counted)[:_MOST_STEPS])
    values, labels = values[counted], labels[counted]
    classes = np.unique(labels)
    if len(classes) < 2:
        only = int(classes[0]) if len(classes) else 0
        return lambda items: [np.full(len(item), only, dtype=np.int64) for item in items]
    scaler = StandardScaler().fit(values)
    model = LogisticRegression(max_iter=1000).fit(np.nan_to_num(scaler.transform(values)), labels)

    def predict(items: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [model.predict(np.nan_to_num(scaler.transform(item))) for item in items]

    return predict
