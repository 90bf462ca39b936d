"""A column of categories as indicators of its frequent values; rare and unseen ones share one of their own."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from punar.preparations._reading import Finite, Positive, Size
from punar.preparations.mixed.forms import as_type
from punar.preparations.mixed.frames import unique_of

Scalar = str | int | float | bool


class Frequency(msgspec.Struct, frozen=True):
    """How often values that have no indicator of their own occurred, as one number.

    Attributes
    ----------
    counts : dict of str to int
        By the value as text; of the most frequent ones. Others count once.
    mean, scale : float
        Of the logarithm of the count, over the training rows.
    """

    counts: dict[str, Size]
    mean: Finite
    scale: Positive


class Category(msgspec.Struct, frozen=True, tag="category"):
    """How a column of categories is read.

    Attributes
    ----------
    values : tuple
        Those with an indicator of their own, the most frequent first.
    other : str or None
        What all other values are called together; None where training had none.
    gaps : bool
        Whether a missing value is a value of its own.
    dtype : str
        The column's own, in which it is given back.
    levels : tuple
        Of a pandas Categorical, in its order.
    ordered : bool
    frequency : Frequency or None
        For columns of many values.
    """

    values: tuple[Scalar, ...]
    other: str | None
    gaps: bool
    dtype: str
    levels: tuple[Scalar, ...] = ()
    ordered: bool = False
    frequency: Frequency | None = None

    @property
    def slots(self) -> int:
        """Indicators per row."""
        return len(self.values) + (self.other is not None) + self.gaps

    @property
    def width(self) -> int:
        """Numbers per row."""
        return self.slots + (self.frequency is not None)

    def encode(self, column: pd.Series, where: str) -> np.ndarray:
        """Return (n, width) numbers, with NaN for a value that training says nothing of."""
        codes, found = unique_of(column, where, column.name)
        keys = [key_of(v) for v in found]
        places = {key_of(v): i for i, v in enumerate(self.values)}
        unknown = len(self.values) if self.other is not None else -1
        place = np.array([places.get(k, unknown) for k in keys] + [self.slots - 1 if self.gaps else -1], dtype=np.int64)
        slot = place[codes]
        block = np.zeros((len(slot), self.width), dtype=np.float32)
        block[np.arange(len(slot)), slot] = 1.0
        block[slot < 0] = np.nan
        if self.frequency is not None:
            counts = self.frequency.counts
            known = np.array([counts.get(k, 1) for k in keys] + [1], dtype=np.float64)
            block[:, -1] = (np.log(known[codes]) - self.frequency.mean) / self.frequency.scale
        return block

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the most likely value of each row, in the column's own type."""
        labels: list[Scalar | None] = [*self.values]
        labels += [self.other] if self.other is not None else []
        labels += [None] if self.gaps else []
        best = block[:, : self.slots].argmax(axis=1)
        objects = np.array([*labels, None], dtype=object)[:-1]
        if self.dtype == "category":
            levels = list(self.levels) or [v for v in labels if v is not None]
            levels += [self.other] if self.other is not None and self.other not in levels else []
            return pd.Series(pd.Categorical(objects[best], categories=levels, ordered=self.ordered))
        return as_type(pd.Series(objects[best], dtype=object), self.dtype)


def key_of(value: object) -> str:
    """Return the text that stands for a value: 7, 7.0 and "7" are one, as files do not tell them apart.

    >>> key_of(7), key_of(7.0), key_of("7"), key_of(True)
    ('7', '7', '7', 'True')
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def plain_value(value: object) -> Scalar:
    """Return a value as JSON holds it; what is neither text, number nor truth becomes text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) and abs_small(value) else str(value)


def abs_small(value: Scalar) -> bool:
    """Return whether a value is text, or a number that JSON readers keep."""
    return not isinstance(value, int) or abs(value) < 2**63
