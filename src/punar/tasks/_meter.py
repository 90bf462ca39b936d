"""Metrics of answers, with intervals by resampling items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.tasks._targets import Targets

_DRAWS = 1000


def bootstrap(count: int, measure: Callable[[np.ndarray], float], level: float, seed: int) -> tuple[float, float]:
    """Return the percentile interval of a metric over resampled items (Efron and Tibshirani, 1993).

    Parameters
    ----------
    count : int
        How many items there are.
    measure : callable
        ``measure(index)`` -> the metric of these items.
    level : float in (0, 1)
    seed : int
    """
    generator = np.random.default_rng(seed)
    found = [measure(generator.integers(0, count, count)) for _ in range(_DRAWS if count > 1 else 0)]
    if not found:
        return -np.inf, np.inf
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def exchanged_counts(
    ours: Sequence[Sequence[int]],
    theirs: Sequence[Sequence[int]],
    swap: np.ndarray,
    value: Callable[[np.ndarray], float],
) -> tuple[float, float]:
    """Return two metrics of counts, a row per item, after the rows at ``swap`` were exchanged.

    Parameters
    ----------
    ours, theirs : sequence of sequence of int
    swap : ndarray of bool, (n,)
    value : callable
        Counts (n, k) -> the metric.
    """
    a, b, given = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64), swap[:, None]
    return value(np.where(given, b, a)), value(np.where(given, a, b))


class RowsMeter:
    """A metric of rows of raw outputs, kept and measured together.

    Parameters
    ----------
    measure : callable
        ``measure(raw, target)`` -> float; both have a row per item.
    """

    def __init__(self, measure: Callable[[Tensor, Tensor], float]) -> None:
        self._measure = measure
        self._raw: list[Tensor] = []
        self._target: list[Tensor] = []

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count rows of raw outputs beside their targets."""
        target = targets.columns["y"]
        assert isinstance(target, Tensor)
        self._raw.append(torch.stack(list(answers)))
        self._target.append(target)

    def value(self) -> float:
        """Return the metric; larger is better."""
        return self._measure(torch.cat(self._raw), torch.cat(self._target))

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the metric, by resampling items."""
        raw, target = torch.cat(self._raw), torch.cat(self._target)

        def measure(index: np.ndarray) -> float:
            some = torch.from_numpy(index)
            return self._measure(raw[some], target[some])

        return bootstrap(len(target), measure, level, seed)

    def exchanged(self, other: RowsMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return this meter's metric and the other's after they have exchanged the answers for some items.

        Parameters
        ----------
        other : RowsMeter
            Of the same items in the same order.
        swap : ndarray of bool, (n,)
        """
        target, ours, theirs = torch.cat(self._target), torch.cat(self._raw), torch.cat(other._raw)
        given = torch.from_numpy(swap)[:, None]
        return (
            self._measure(torch.where(given, theirs, ours), target),
            self._measure(torch.where(given, ours, theirs), target),
        )


class ShareMeter:
    """The share of labels that are right, over all labels of all items.

    Parameters
    ----------
    column : str
        Name of the targets.
    """

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts: list[tuple[int, int]] = []  # right, all

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers beside what was right, item by item."""
        for found, true in zip(answers, targets.columns[self._column], strict=True):
            self._counts.append((int((found == true).sum()), true.numel()))

    def value(self) -> float:
        """Return the share."""
        return self._share(np.asarray(self._counts, dtype=np.float64).reshape(-1, 2))

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the share, by resampling items."""
        counts = np.asarray(self._counts, dtype=np.float64).reshape(-1, 2)
        return bootstrap(len(counts), lambda index: self._share(counts[index]), level, seed)

    def exchanged(self, other: ShareMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both shares after the answers for some items were exchanged; see :meth:`RowsMeter.exchanged`."""
        return exchanged_counts(self._counts, other._counts, swap, self._share)

    @staticmethod
    def _share(counts: np.ndarray) -> float:
        right, every = counts.sum(0)
        return float(right / max(every, 1.0))
