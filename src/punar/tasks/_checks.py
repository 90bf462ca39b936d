"""Checks that several tasks make of targets, and means that they take of losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from punar.core.words import listed
from punar.data import layouts
from punar.data.columns import kind_of, numbers_of
from punar.errors import DataError, DataTypeError, shown


def as_array(y: Any, where: str) -> np.ndarray:
    """Return targets as an array of at least one row.

    Raises
    ------
    DataError
        None, or no rows.
    """
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    try:
        values = np.asarray(bare(y, where))
    except ValueError:  # lists of several lengths
        raise DataError(f"{where}: y must have one value per item, or rows of one length.") from None
    if values.ndim == 0 or len(values) == 0:
        raise DataError(f"{where}: y must have one value per item, got {np.shape(values)}.")
    return values


def column_names(y: Any) -> list[str] | None:
    """Return the names of a table's columns; None where there are none, or only their numbers."""
    columns = getattr(y, "columns", None)
    if columns is None or all(isinstance(c, (int, np.integer)) for c in columns):
        return None
    return [str(c) for c in columns]


def in_order(y: Any, known: list[str], where: str) -> Any:
    """Return a table of targets with its columns as in the fit, and anything else as it is.

    Raises
    ------
    DataError
        Its columns have other names.
    """
    names = column_names(y)
    if names is None:
        return y
    if sorted(names) != sorted(known):
        raise DataError(f"{where}: y must have the columns {listed(known)}, got {listed(names)}.")
    frame = y.to_pandas() if hasattr(y, "to_pandas") else y
    return frame.set_axis(names, axis=1)[known]


def bare(y: Any, where: str) -> Any:
    """Return targets as an array, where a table, a column or a tensor of another library holds them.

    Numbers and booleans of pandas' nullable types and of Arrow become numpy's, with NaN where one is missing.
    """
    y = layouts.known(y, where)
    if isinstance(y, pd.Series):
        return _column(y, where)
    if isinstance(y, pd.DataFrame) and len(y.columns):
        columns = [np.asarray(_column(y.iloc[:, i], where)) for i in range(len(y.columns))]
        kinds = {"O" if c.dtype.kind in "OUS" else "number" for c in columns}
        return np.stack(columns, axis=1) if len(kinds) == 1 else y.to_numpy(dtype=object)
    return y


def described(y: Any) -> str:
    """Return for a message what targets are: of tables and arrays kind and shape, of others themselves."""
    return f"{type(y).__name__} of shape {tuple(y.shape)}" if hasattr(y, "shape") else shown(y)


def _column(y: pd.Series, where: str) -> Any:
    extension = not isinstance(y.dtype, np.dtype) and not isinstance(y.dtype, pd.CategoricalDtype)
    if not extension or kind_of(y) != "numbers":
        return y.to_numpy()
    return numbers_of(y, "y", where) if y.isna().any() else np.asarray(y.tolist())


def finite(values: np.ndarray, where: str) -> np.ndarray:
    """Return targets as float64, or name the first that is no finite number."""
    if values.dtype.kind in "mMc":  # numpy makes numbers of dates, and drops imaginary parts
        raise DataTypeError(f"{where}: y must hold numbers, got {values.dtype}.")
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        if values.dtype != object or values.ndim > 2:
            raise DataTypeError(f"{where}: y must hold numbers, got {shown(values.ravel()[0])}.") from None
        # None, NaN or pd.NA among numbers are missing; text and the like is refused with its value.
        columns = values.reshape(len(values), -1).T
        numbers = np.stack([numbers_of(pd.Series(c), "y", where) for c in columns], axis=1).reshape(values.shape)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        at = tuple(map(int, bad[0]))
        raise DataError(f"{where}: Input y contains NaN or infinity, first at row {at[0]} ({numbers[at]}).")
    return numbers


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of losses per row (n,), weighted where weights are given."""
    if weight is None:
        return losses.mean()
    return (losses * weight).sum() / weight.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def score_weights(sample_weight: Any, count: int) -> np.ndarray | None:
    """Return weights of items as a score takes them, float64 (count,); None where none are given.

    Raises
    ------
    DataError
        Another number of weights than items; negative, not finite, or all 0.
    """
    if sample_weight is None:
        return None
    try:
        found = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("score: sample_weight must hold one number per item.") from None
    if found.shape != (count,):
        raise DataError(f"score: sample_weight.shape == {found.shape}, expected ({count},): one weight per item.")
    if not np.isfinite(found).all() or (found < 0).any() or found.sum() <= 0:
        raise DataError("score: sample_weight must be finite, >= 0 and not all 0.")
    return found


def plain(y: Any) -> np.ndarray:
    """Return targets as scikit-learn's metrics take them: a column of objects is an unknown kind of target there."""
    values = np.asarray(bare(y, "score"))
    return np.asarray(values.tolist()) if values.dtype == object else values
