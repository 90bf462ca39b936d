"""How ``compare`` reads X and y: a table or pictures, classes or numbers, or an error that says what to repair."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from punar.errors import DataError, DataTypeError, ParameterError, shown, suggest
from punar.preparations import mixed
from punar.texts import compare as texts
from punar.texts import mixed as mixed_texts

_KINDS = ("table", "images")
# Numbers with more distinct values than this, and fewer rows than this per value, are measurements, not classes.
_MANY_VALUES = 20
_TASKS = {"classes": "classification", "numbers": "regression"}


@dataclass(frozen=True)
class Reading:
    """The data as every question sees it.

    Attributes
    ----------
    X : ndarray of shape (n, features), (n, height, width) or (n, height, width, channels)
    kind : {"table", "images"}
    y : ndarray of shape (n,) or None
        Class numbers, or floats.
    target : {"classes", "numbers"} or None
    classes : list of str
        Names of the class numbers.
    name : str
    notes : list of str
    table : DataFrame or None
        The rows as they are, where their columns are not all numbers; every fold makes its own numbers of them. ``X``
        is then what they are made of over all rows, for its size.
    """

    X: np.ndarray
    kind: str
    y: np.ndarray | None
    target: str | None
    classes: list[str]
    name: str
    notes: list[str]
    table: pd.DataFrame | None = field(default=None, kw_only=True)

    @property
    def size(self) -> int:
        """Numbers per row."""
        return int(np.prod(self.X.shape[1:]))

    @property
    def task(self) -> str:
        """The task that suits the labels; there must be some."""
        return _TASKS[str(self.target)]

    def describe(self) -> str:
        """Return one sentence that says how the data was read."""
        if self.kind == "images":
            shape = " × ".join(str(s) for s in self.X.shape[1:])
            text = texts.READ_IMAGES.format(name=self.name, n=len(self.X), shape=shape)
        elif self.table is not None:
            d = self.table.shape[1]
            text = mixed_texts.READ_MIXED.format(name=self.name, n=len(self.X), d=d)
        else:
            text = texts.READ_TABLE.format(name=self.name, n=len(self.X), d=self.size)
        if self.target == "classes":
            return text + texts.READ_CLASSES.format(k=len(self.classes))
        return text + (texts.READ_NUMBERS if self.target == "numbers" else texts.READ_NOTHING)

    def take(self, rows: np.ndarray) -> Reading:
        """Return the same reading with some rows only."""
        table = None if self.table is None else self.table.iloc[rows]
        return replace(self, X=self.X[rows], y=None if self.y is None else self.y[rows], table=table)


def read(X: Any, y: Any, kind: str | None, name: str | None) -> Reading:
    """Check X and y and return them as arrays.

    Raises
    ------
    DataError, DataTypeError
        X or y cannot be used; the message names the place, the rule and the value found.
    ParameterError
        ``kind`` is unknown or does not fit the shape of X.
    """
    if kind is not None and kind not in _KINDS:
        raise ParameterError(
            f"compare: kind must be 'table', 'images' or None, got {shown(kind)}.{suggest(kind, _KINDS)}"
        )
    if kind != "images" and mixed.is_mixed(X):
        return _read_mixed(X, y, name)
    rows = _read_rows(X)
    notes: list[str] = []
    if rows.ndim == 2 and kind == "images":
        raise ParameterError(
            f"compare: kind='images' needs X of shape (n, height, width[, channels]), got shape {rows.shape}; "
            "reshape X, or pass kind='table'."
        )
    if rows.ndim != 2 and kind == "table":
        raise ParameterError(
            f"compare: kind='table' needs a 2-D X, got shape {rows.shape}; pass X.reshape(len(X), -1)."
        )
    found = "table" if rows.ndim == 2 else "images"
    if found == "images" and kind is None and rows.ndim == 3 and rows.dtype != np.uint8:
        notes.append(texts.NOTE_PICTURES_ASSUMED)
    flat = rows.reshape(len(rows), -1)
    constant = int((flat == flat[:1]).all(axis=0).sum())
    if constant == flat.shape[1] and len(flat) > 1:
        raise DataError(
            f"compare: all {constant} columns of X are constant over its {len(flat)} rows, so there is nothing to "
            "reduce; pass rows that differ."
        )
    if constant and found == "table":
        notes.append(texts.NOTE_CONSTANT.format(count=constant, d=flat.shape[1]))
    target, values, classes = read_labels(y, len(rows), notes)
    return Reading(rows, found, values, target, classes, name or texts.DATA_DEFAULT_NAME, notes)


def _read_mixed(X: Any, y: Any, name: str | None) -> Reading:
    """Return a table whose columns are not all numbers; how they become numbers stands in the notes."""
    frame = mixed.as_frame(X)
    table = mixed.learn_table(X, "compare")
    notes = list(table.notes)
    target, values, classes = read_labels(y, len(X), notes)
    rows = table.encode(X, "compare")
    return Reading(rows, "table", values, target, classes, name or texts.DATA_DEFAULT_NAME, notes, table=frame)


def _read_rows(X: Any) -> np.ndarray:
    columns = [str(c) for c in X.columns] if hasattr(X, "columns") else None
    if hasattr(X, "toarray"):
        raise DataTypeError("compare: X must be dense, got a sparse matrix; pass X.toarray() if it fits in memory.")
    if columns is None:
        _refuse_items(X)
        try:
            rows = np.asarray(X)
        except ValueError as error:
            raise DataError(f"compare: X must be a rectangular array of numbers: {error}") from None
    else:
        parts = [_column(X, i, c) for i, c in enumerate(columns)]
        rows = np.column_stack(parts) if parts else np.empty((len(X), 0))
    if rows.ndim not in (2, 3, 4):
        raise DataError(
            f"compare: X must be a table (n, features) or pictures (n, height, width[, channels]), got shape "
            f"{rows.shape}." + (" Reshape one column with X.reshape(-1, 1)." if rows.ndim == 1 else "")
        )
    if 0 in rows.shape:
        raise DataError(f"compare: X must have at least one row and one column, got shape {rows.shape}.")
    if rows.dtype.kind not in "buif":
        rows = _to_numbers(rows)
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        bad = np.argwhere(~np.isfinite(rows))
        first = tuple(int(i) for i in bad[0])
        place = f"row {first[0]}, column {columns[first[1]]!r}" if columns else f"position {first}"
        raise DataError(
            f"compare: X has {len(bad)} values that are NaN or infinite, the first at {place}: {rows[first]}. "
            "Fill or drop them first, for example with sklearn.impute.SimpleImputer."
        )
    if rows.dtype.kind in "bi" or rows.dtype == np.float16:
        rows = rows.astype(np.float64 if rows.dtype.itemsize > 2 else np.float32)
    return rows


def _refuse_items(X: Any) -> None:
    """Raise where X is a list of texts, paths or recordings: no table, and no pictures of one size."""
    first = X[0] if isinstance(X, (list, tuple)) and len(X) else None
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "OU" and len(X):
        first = X[0]
    recording = isinstance(first, tuple) and len(first) == 2 and np.ndim(first[0]) == 1 and np.ndim(first[1]) == 0
    if recording or isinstance(first, (str, os.PathLike)):
        raise DataTypeError(texts.NO_TABLE.format(what="recordings" if recording else "texts or paths"))


def _column(X: Any, i: int, name: str) -> np.ndarray:
    values = X.iloc[:, i] if hasattr(X, "iloc") else X[:, i]
    try:
        if hasattr(X, "iloc"):
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(values.to_numpy(), dtype=np.float64)
    except (TypeError, ValueError):
        first = next((v for v in values if isinstance(v, str)), values[0] if len(values) else None)
        raise DataTypeError(
            f"compare: column {name!r} of X must hold numbers, found {shown(first)}. Drop it, or turn it into numbers "
            "first, for example with sklearn.preprocessing.OneHotEncoder."
        ) from None


def _to_numbers(rows: np.ndarray) -> np.ndarray:
    if rows.dtype.kind != "c":
        try:
            return rows.astype(np.float64)
        except (TypeError, ValueError):
            pass
    first = next((v for v in rows.ravel() if isinstance(v, str)), rows.ravel()[0])
    raise DataTypeError(f"compare: X must hold numbers, got dtype {rows.dtype} with {shown(first)}.")


def read_labels(y: Any, n: int, notes: list[str]) -> tuple[str | None, np.ndarray | None, list[str]]:
    """Return "classes" or "numbers", the labels as numbers, and the names of the classes; Nones and a note if none.

    Raises
    ------
    DataError
        ``y`` is not one label for each of n rows, or some are missing.
    """
    if y is None:
        notes.append(texts.NOTE_NO_LABELS)
        return None, None, []
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"compare: y must be one label per row, shape (n,), got shape {values.shape}.")
    if len(values) != n:
        raise DataError(f"compare: y must have one label per row of X: X has {n} rows, y has {len(values)}.")
    missing = _missing(values)
    if missing.any():
        raise DataError(
            f"compare: y has {int(missing.sum())} missing or infinite values, the first in row "
            f"{int(missing.argmax())}. Drop those rows, or pass y=None."
        )
    if values.dtype.kind in "f" and not np.array_equal(values, np.round(values)):
        return "numbers", values.astype(np.float64), []
    names = values if values.dtype.kind in "biuf" else values.astype(str)
    known, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    if len(known) == 1:
        notes.append(texts.NOTE_ONE_CLASS.format(label=shown(str(known[0]))))
        return None, None, []
    if names.dtype.kind in "iuf" and len(known) > max(_MANY_VALUES, n / _MANY_VALUES):
        return "numbers", values.astype(np.float64), []
    if counts.max() == 1:
        notes.append(texts.NOTE_ALL_UNIQUE)
        return None, None, []
    labels = [f"{v:g}" if names.dtype.kind == "f" else str(v) for v in known]
    return "classes", codes.astype(np.int64), labels


def _missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    if values.dtype.kind == "O":
        return np.array(
            [v is None or (isinstance(v, float) and not np.isfinite(v)) or str(v) == "<NA>" for v in values]
        )
    return np.zeros(len(values), dtype=bool)
