"""Checks that several tasks make of targets, and means that they take of losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

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
        values = np.asarray(y)
    except ValueError:  # lists of several lengths
        raise DataError(f"{where}: y must have one value per item, or rows of one length.") from None
    if values.ndim == 0 or len(values) == 0:
        raise DataError(f"{where}: y must have one value per item, got {np.shape(values)}.")
    return values


def finite(values: np.ndarray, where: str) -> np.ndarray:
    """Return targets as float64, or name the first that is no finite number."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataTypeError(f"{where}: y must hold numbers, got {shown(values.ravel()[0])}.") from None
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


def plain(y: Any) -> np.ndarray:
    """Return targets as scikit-learn's metrics take them: a column of objects is an unknown kind of target there."""
    values = np.asarray(y)
    return np.asarray(values.tolist()) if values.dtype == object else values
