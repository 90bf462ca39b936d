"""What counts as a table with columns, and which of them need more than today's reading of numbers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from punar.core.words import listed
from punar.errors import DataError, DataTypeError, shown

# What infer_dtype calls objects that numpy turns into numbers by itself.
_NUMBERS = ("integer", "floating", "decimal", "mixed-integer-float", "boolean")

# What files hold where there is no number; they do not speak against a column of numbers.
_NOTHING = {"", "?", "-", "--", ".", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "missing", "unknown"}


def as_frame(X: Any) -> pd.DataFrame | None:
    """Return a data frame of pandas, polars or Arrow as one of pandas; None where ``X`` is none of these."""
    if isinstance(X, pd.DataFrame):
        return X
    if type(X).__module__.partition(".")[0] not in ("polars", "pyarrow") or not hasattr(X, "to_pandas"):
        return None
    if not hasattr(X, "columns"):
        return None
    try:
        found = X.to_pandas()
    except ImportError:  # polars goes through pyarrow
        found = pd.DataFrame({name: X[name].to_list() for name in X.columns})
    return found if isinstance(found, pd.DataFrame) else None


def is_mixed(X: Any) -> bool:
    """Return whether ``X`` is a data frame with a column of something else than numbers, or with gaps.

    >>> is_mixed(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})), is_mixed(pd.DataFrame({"a": [1.0, 2.0]}))
    (True, False)
    """
    frame = as_frame(X)
    return frame is not None and any(not _plain(frame.iloc[:, i]) for i in range(frame.shape[1]))


def like(X: Any, found: pd.DataFrame) -> Any:
    """Return a table in the form of ``X``: with the index of a pandas frame, or as a polars frame."""
    if isinstance(X, pd.DataFrame):
        return found.set_axis(X.index, axis=0)
    if type(X).__module__.partition(".")[0] == "polars":
        import polars

        back = polars.DataFrame({name: _objects(found[name]) for name in found.columns}, strict=False)
        return back.cast({name: kind for name, kind in X.schema.items() if _castable(back[name], kind)})
    return found


def _castable(column: Any, kind: Any) -> bool:
    try:
        column.cast(kind)
    except Exception:  # of polars: the values do not fit, such as "other" in an enumeration
        return False
    return True


def checked(X: Any, where: str) -> pd.DataFrame:
    """Return a frame whose columns have names that differ.

    Raises
    ------
    DataError, DataTypeError
        No frame, no rows, no columns, or names that are the same, missing or nested.
    """
    frame = as_frame(X)
    if frame is None:
        raise DataTypeError(f"{where}: X must be a data frame with named columns, got {shown(X)}.")
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataTypeError(
            f"{where}: the columns of X must have one name each, got names of {frame.columns.nlevels} levels. Flatten "
            "them: X.columns = ['_'.join(map(str, c)) for c in X.columns]."
        )
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"{where}: every column of X must have a name of its own, found twice: {listed(twice)}. Rename."
        )
    if 0 in frame.shape:
        raise DataError(
            f"{where}: Found X with {frame.shape[0]} sample(s) and {frame.shape[1]} feature(s) while a minimum of 1 of "
            "each is required."
        )
    return frame


def _plain(column: pd.Series) -> bool:
    """Return whether a column is numbers without a gap, which need no preparation."""
    if pd.api.types.is_complex_dtype(column.dtype):
        return True  # the reader of numbers refuses it
    numbers = pd.api.types.is_numeric_dtype(column.dtype)
    if not numbers and (column.dtype != object or pd.api.types.infer_dtype(column, skipna=False) not in _NUMBERS):
        return False
    return not bool(column.isna().any())


def _objects(column: pd.Series) -> list[Any]:
    values = column.astype(object)
    return values.where(column.notna(), None).tolist()


def unique_of(column: pd.Series, where: str, name: Any) -> tuple[np.ndarray, list[Any]]:
    """Return for every cell the place of its value among the values that differ, -1 where it is missing, and those.

    Raises
    ------
    DataTypeError
        A cell holds a list, a dict or something else that is not one value.
    """
    try:
        codes, found = pd.factorize(column)
    except (TypeError, NotImplementedError):  # the latter is Arrow's, of lists
        found, codes = column.to_numpy(dtype=object), np.zeros(0, dtype=np.int64)
    values = list(found)
    bad = next((v for v in values if _is_several(v)), None)
    if bad is not None or (not len(codes) and len(column)):
        raise DataTypeError(
            f"{where}: every cell must hold one number, text, date or truth value; column {shown(name, 40)} holds "
            f"{shown(bad, 60)}. Leave the column out, or make columns of its parts."
        )
    return codes, values


def _is_several(value: Any) -> bool:
    """Return whether a cell is something else than one number, text, date or truth value."""
    return isinstance(value, (bytes, complex)) or not (pd.api.types.is_scalar(value) or isinstance(value, UUID))


def is_nothing(value: Any) -> bool:
    """Return whether a cell is text that says there is no value, such as "?" or "n/a"."""
    return isinstance(value, str) and value.strip().lower() in _NOTHING


def refuse_others(
    column: pd.Series,
    codes: np.ndarray,
    values: list[Any],
    strange: np.ndarray,
    where: str,
    what: str,
    *,
    lenient: bool,
) -> None:
    """Raise where cells are not what a column was fitted as.

    Parameters
    ----------
    column : Series
    codes, values : ndarray and list
        Of :func:`unique_of`.
    strange : ndarray of bool
        Which values are of another kind.
    where, what : str
        What the column was fitted as.
    lenient : bool
        Whether a few may be, and count as missing.

    Raises
    ------
    DataTypeError
        One is; where a few may be, more than half of them are.
    """
    wrong = strange & np.array([not is_nothing(v) for v in values], dtype=bool)
    cells = np.append(wrong, False)[codes]
    if not cells.any() or (lenient and cells.sum() <= (codes >= 0).sum() / 2):
        return
    row = int(cells.argmax())
    raise DataTypeError(
        f"{where}: column {shown(column.name, 40)} is read as {what}, but row {row} holds "
        f"{shown(values[codes[row]], 40)}. Repair the value, or leave it empty."
    )
