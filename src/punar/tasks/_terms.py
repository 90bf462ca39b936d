"""What a task's methods give: terms of a loss, tables of predictions, and meters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from punar.tasks._targets import Targets


class Term(NamedTuple):
    """A named term of a loss: its mean over a batch, and how much the batch weighs among others.

    The weight is what the metric counts: rows, tokens or pixels.
    """

    mean: Tensor
    weight: float


class Table(NamedTuple):
    """Predictions as the rows of a table; see :meth:`Task.table`.

    Attributes
    ----------
    item : ndarray of shape (rows,)
        Which item each row is about, from 0.
    columns : mapping of str
        A value for each row, by the column's name.
    """

    item: np.ndarray
    columns: dict[str, Any]


class Meter(Protocol):
    """Measures answers; see :meth:`Task.meter`."""

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers beside what was right, item by item."""

    def value(self) -> float:
        """Return the metric over everything that was added; larger is better."""

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the metric, by resampling items."""

    def exchanged(self, other: Any, swap: np.ndarray) -> tuple[float, float]:
        """Return this meter's metric and that of another one of the same items, after exchanging some answers.

        Whether one is better than the other beyond noise is tested by it. ``swap`` is a bool for each item.
        """
