"""How the question ``cell`` reads X and y: series, texts or recordings, how long each is, and labels."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from punar.comparison._item_reading import as_rows
from punar.comparison.reading import Reading, read_labels
from punar.data import sequences
from punar.data.decode import read_audio
from punar.errors import DataError, ParameterError, shown, suggest
from punar.preparations import as_texts
from punar.sources import said, unreadable
from punar.texts import compare as texts

KINDS = {"series": "series", "text": "texts", "audio": "sounds"}
_FRAMES_A_SECOND = 100  # of log-mel frames
_USUAL_RATE = 16_000  # of samples that come without one
_UNEQUAL = 1.5


@dataclass(frozen=True)
class SequenceReading(Reading):
    """Sequences with labels; ``kind`` is "series", "text" or "audio".

    Attributes
    ----------
    lengths : ndarray of shape (n,)
        Steps: of a series, words of a text, frames (10 ms) of a recording.
    missing : bool
        Whether series have missing values.
    groups : ndarray of shape (n,) or None
        Numbers of the groups that may not be on both sides of a split.
    """

    lengths: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    missing: bool = False
    groups: np.ndarray | None = None

    def describe(self) -> str:
        """Return one sentence that says how the sequences were read."""
        low, high = int(self.lengths.min()), int(self.lengths.max())
        steps = f"{low:,}" if low == high else texts.STEPS_FROM_TO.format(low=low, high=high)
        channels = self.X[0].shape[1] if self.kind == "series" else 0
        words = {"name": self.name, "n": len(self.X), "steps": steps, "channels": channels}
        text = texts.READ_SEQUENCES[self.kind].format(**words)
        if self.target == "classes":
            return text + texts.READ_CLASSES.format(k=len(self.classes))
        return text + texts.READ_NUMBERS

    def take(self, rows: np.ndarray) -> SequenceReading:
        """Return the same reading with some sequences only."""
        y = None if self.y is None else self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, X=self.X[rows], y=y, lengths=self.lengths[rows], groups=groups)

    @property
    def cuts(self) -> tuple[int, int] | None:
        """Longest length of the shortest and of the middle third; None where lengths are about equal."""
        low, high = np.quantile(self.lengths, (1 / 3, 2 / 3), method="lower")
        if self.lengths.max() <= _UNEQUAL * self.lengths.min() or high == self.lengths.max() or low == high:
            return None
        return int(low), int(high)


def read_sequences(
    X: Any,
    y: Any,
    kind: str | None,
    name: str | None,
    *,
    id_column: str | None = None,
    time_column: str | None = None,
    groups: Any = None,
) -> SequenceReading:
    """Return sequences with labels that can be learned.

    Raises
    ------
    DataError, DataTypeError
        There is no label, X holds no sequences, or a recording cannot be opened.
    ParameterError
        ``kind`` is unknown, or columns are named where X is no table.
    """
    found_kind, rows, found = read_rows(X, kind, id_column, time_column)
    if y is None:
        raise DataError(
            "compare: question='cell' needs labels for texts and recordings: y, one per item. Only series can be "
            "compared without labels, which asks for forecasts."
        )
    notes: list[str] = []
    labels = sequences.matched(y, found, "compare") if found is not None else y
    target, values, classes = read_labels(labels, len(rows), notes)
    if target is None:
        raise DataError(f"compare: this question needs labels that can be learned. {' '.join(notes)}")
    missing = False
    if found_kind == "series":
        missing = any(item.dtype.kind == "f" and bool(np.isnan(item).any()) for item in rows)
        notes += [texts.NOTE_MASKED] if missing else []
    lengths = np.array([_length(item, found_kind) for item in rows], dtype=np.int64)
    title = name or texts.DATA_DEFAULT_NAME
    numbers = None if groups is None else read_groups(groups, len(rows))
    return SequenceReading(rows, found_kind, values, target, classes, title, notes, lengths, missing, numbers)


def read_groups(groups: Any, n: int) -> np.ndarray:
    """Return the number of each row's group.

    Raises
    ------
    DataError
        There is not one group for each of n rows, or there is only one.
    """
    values = np.asarray(groups)
    if values.shape != (n,):
        raise DataError(f"compare: groups must be one per sequence, shape ({n},), got shape {values.shape}.")
    known, numbers = np.unique(values.astype(str), return_inverse=True)
    if len(known) < 2:
        raise DataError(f"compare: groups must be at least 2, so that one can be held out; all are {shown(known[0])}.")
    return numbers.reshape(-1)


def read_rows(
    X: Any, kind: str | None, id_column: str | None, time_column: str | None
) -> tuple[str, np.ndarray, sequences.Sequences | None]:
    """Return what X holds, its items as an array of objects, and, of series, what they were read from."""
    if kind is not None and kind not in KINDS:
        raise ParameterError(
            f"compare: kind must be {', '.join(map(repr, KINDS))} or None here, got {shown(kind)}."
            f"{suggest(kind, KINDS)}"
        )
    told = KINDS[kind] if kind is not None else sequences.kind_of(X, "compare")
    kind = next(k for k, value in KINDS.items() if value == told)
    if kind == "series":
        found = sequences.read_series(X, "compare", id_column=id_column, time_column=time_column)
        sequences.check_values(found, "compare", channels=None, missing="mask")
        return kind, _objects(found.items), found
    if id_column is not None or time_column is not None:
        raise ParameterError(f"compare: id_column and time_column are for long tables of numbers, got {told}.")
    rows = _objects(as_texts(X, "compare")) if kind == "text" else as_rows(X)
    bad = unreadable(list(rows), kind)
    if bad:
        names = [str(r) if isinstance(r, (str, os.PathLike)) else f"item {i}" for i, r in enumerate(rows)]
        raise DataError(f"compare: {said(bad, names, len(rows))}. Repair or remove them.")
    return kind, rows, None


def _objects(items: Any) -> np.ndarray:
    rows = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        rows[i] = item
    return rows


def _length(item: Any, kind: str) -> int:
    if kind == "text":
        return max(1, len(item.split()))
    if kind == "series":
        return len(item)
    if isinstance(item, (str, os.PathLike)):
        samples, rate = read_audio(Path(item))
    else:
        samples, rate = item if isinstance(item, tuple) else (item, _USUAL_RATE)
    return max(1, round(_FRAMES_A_SECOND * len(samples) / int(rate)))
