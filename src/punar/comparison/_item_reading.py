"""How questions over items read X and y: paths, pictures, texts or recordings, each of which can be opened."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from punar.comparison.reading import Reading, read_labels
from punar.errors import DataError, ParameterError, shown, suggest
from punar.sources import ITEM_KINDS, kind_of, said, unreadable
from punar.texts import compare as texts

_ALIASES = {"images": "vision"}


def read_items(X: Any, y: Any, kind: str | None, name: str | None) -> Reading:
    """Return items as an array of objects, or pictures as the array that they were given as.

    Raises
    ------
    DataError, DataTypeError
        There is no label, X holds nothing that a backbone reads, or an item cannot be opened; such items are counted
        and the first ones named.
    ParameterError
        ``kind`` is unknown, or not what X holds.
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        raise DataError(f"compare: X must be a list of paths, pictures, texts or recordings, got {shown(X)}: [X].")
    wanted = _ALIASES.get(kind, kind) if kind is not None else None
    if wanted is not None and wanted not in ITEM_KINDS:
        raise ParameterError(
            f"compare: kind must be {', '.join(map(repr, ITEM_KINDS))} or None here, got {shown(kind)}."
            f"{suggest(kind, ITEM_KINDS)}"
        )
    try:
        found = wanted or kind_of(X)
    except DataError as error:
        raise DataError(f"compare: {error}") from None
    rows = as_rows(X)
    if y is None:
        raise DataError("compare: this question needs labels: y, one per item.")
    notes: list[str] = []
    target, values, classes = read_labels(y, len(rows), notes)
    if target is None:
        raise DataError(f"compare: this question needs labels that can be learned. {' '.join(notes)}")
    bad = unreadable(list(rows), found)
    if bad:
        names = [str(r) if isinstance(r, (str, os.PathLike)) else f"item {i}" for i, r in enumerate(rows)]
        raise DataError(f"compare: {said(bad, names, len(rows))}. Repair or remove them.")
    return ItemReading(rows, found, values, target, classes, name or texts.DATA_DEFAULT_NAME, notes)


class ItemReading(Reading):
    """Items with labels; ``kind`` is "vision", "text" or "audio"."""

    def describe(self) -> str:
        """Return one sentence that says how the items were read."""
        text = texts.READ_ITEMS[self.kind].format(name=self.name, n=len(self.X))
        if self.target == "classes":
            return text + texts.READ_CLASSES.format(k=len(self.classes))
        return text + texts.READ_NUMBERS

    def take(self, rows: np.ndarray) -> Reading:
        """Return the same reading with some items only."""
        return replace(self, X=self.X[rows], y=None if self.y is None else self.y[rows])


def as_rows(X: Any) -> np.ndarray:
    """Return pictures in one array as they are, anything else as an array of objects, (n,)."""
    if hasattr(X, "numpy") and hasattr(X, "detach"):
        X = X.numpy(force=True)
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OU":
        return X
    items = list(X)
    rows = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        rows[i] = os.fspath(item) if isinstance(item, os.PathLike) else item
    if not len(rows):
        raise DataError("compare: X must have at least one item, got none.")
    return rows
