"""What a user passes as sequences -> rows of one shape, and answers of that shape -> the form that was passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from punar.data import layouts, levels, sequences
from punar.data.channels import say_if_first
from punar.data.inputs import Layout
from punar.data.scaling import Moments, refuse_overflow
from punar.data.steps import lengths
from punar.errors import DataError, DataTypeError, shown

_AT_ONCE = 2**20  # numbers per block


def read_padded(
    X: Any, where: str, *, missing: str, channels: int | None = None, names: tuple[str, ...] = ()
) -> tuple[Tensor, Layout, tuple[str, ...]]:
    """Return sequences as (n, longest, channels) with NaN after each end, their layout, and their channels' names.

    Parameters
    ----------
    X : array-like
        (n, time, channels), where NaN in every channel up to the end is after the sequence; (n, time) for one
        channel; or a list of (time_i, channels) or (time_i,); see :func:`punar.data.sequences.read_series`.
    where : str
    missing : {"refuse", "mask"}
        Whether NaN inside a sequence is an error.
    channels : int or None
        How many there must be.
    names : tuple of str
        Of the channels that tables must have, in any order; empty takes those of the first.

    Raises
    ------
    DataError, DataTypeError
        See :func:`punar.data.sequences.read_series`; also a sequence without any value.
    """
    X = levels.series_of(X, where)
    if X is None or (isinstance(X, pd.DataFrame) and not isinstance(X.index, pd.MultiIndex)):
        raise DataTypeError(
            f"{where}: sequences must be an array (n, time, channels) or a list of arrays (time_i, channels), got "
            f"{shown(X)}. A long table becomes one by [g[channels].to_numpy() for _, g in X.groupby('id')]."
        )
    found = sequences.read_series(X, where, names=names)
    items = found.items
    sequences.check_values(found, where, channels=channels, missing=missing)
    if channels is None and not found.names:
        say_if_first(items, where)
    exact = all(item.dtype.itemsize <= 2 or item.dtype == np.float32 for item in items)
    shape = (max(map(len, items)), items[0].shape[1])
    rows = torch.full((len(items), *shape), torch.nan, dtype=torch.float32 if exact else torch.float64)
    for row, item in zip(rows, items, strict=True):
        row[: len(item)] = torch.from_numpy(np.array(item, dtype=np.float32 if exact else np.float64))
    known = lengths(rows)
    if not bool(known.all()):
        raise DataError(f"{where}: X[{int(known.argmin())}] has no value, only NaN. Drop it.")
    longest = int(known.max())
    layout = Layout("sequences", (longest, shape[1]), (longest, shape[1]))
    return rows[:, :longest].contiguous(), layout, found.names


def as_given(X: Any, rows: np.ndarray, where: str) -> Any:
    """Return answers (n, steps, channels) for the sequences X: a list for a list, an array with NaN after each end
    for an array, each of its own length.
    """
    X = levels.series_of(X, where)
    if not isinstance(X, np.ndarray) or X.dtype == object:
        items = sequences.read_series(X, where).items if isinstance(X, pd.DataFrame) else list(_each(X))
        shapes = [np.shape(layouts.item(item, where)) for item in items]
        answers = [_stretched(row, shape[0]) for row, shape in zip(rows, shapes, strict=True)]
        return [each[:, 0] if len(shape) == 1 else each for each, shape in zip(answers, shapes, strict=True)]
    given = X[:, :, None] if X.ndim == 2 else X
    out = np.stack([_stretched(row, given.shape[1]) for row in rows])
    if given.dtype.kind == "f":
        ends = lengths(torch.from_numpy(np.ascontiguousarray(given))).numpy()
        out[np.arange(given.shape[1]) >= ends[:, None]] = np.nan
    return out[:, :, 0] if X.ndim == 2 else out


def _each(X: Any) -> Any:
    return X.values() if isinstance(X, Mapping) else X


def moments(rows: Tensor, index: Tensor, where: str) -> tuple[Moments, Tensor]:
    """Return moments per channel over all observed steps of the rows at ``index``, and the mean per step and channel.

    Where no sequence has a value at a step, the mean there is the channel's.

    Returns
    -------
    Moments
        Of shape (channels,).
    Tensor, float64, of shape (steps, channels)

    Raises
    ------
    DataError
        A channel has no value, or values whose squares overflow.
    """
    parts = index.split(max(1, _AT_ONCE // rows[0].numel()))
    total = torch.zeros(rows.shape[1:], dtype=torch.float64)
    count = torch.zeros(rows.shape[1:], dtype=torch.float64)
    low, high = torch.full(rows.shape[2:], torch.inf).double(), torch.full(rows.shape[2:], -torch.inf).double()
    binary = True
    for part in parts:
        x = rows[part].double()
        unseen = x.isnan()
        count += (~unseen).sum(0)
        total += x.nansum(0)
        low = torch.minimum(low, x.masked_fill(unseen, torch.inf).amin((0, 1)))
        high = torch.maximum(high, x.masked_fill(unseen, -torch.inf).amax((0, 1)))
        binary = binary and bool(((x == 0) | (x == 1) | unseen).all())
    seen = count.sum(0)
    if not bool(seen.all()):
        raise DataError(
            f"{where}: channel {int(seen.argmin())} has no value in any sequence that is trained on, only NaN. Drop "
            "the channel."
        )
    mean = total.sum(0) / seen
    squares, away = torch.zeros_like(mean), torch.zeros_like(total)
    for part in parts:
        x = rows[part].double() - mean
        squares += x.square().nansum((0, 1))
        away += x.nansum(0)
    # One count for all channels: a channel that is seen less often weighs no less.
    found = Moments(int(seen.max()), mean, squares * (seen.max() / seen), low, high, binary)
    refuse_overflow(found)
    return found, mean + away / count.clamp_min(1)


def _stretched(row: np.ndarray, steps: int) -> np.ndarray:
    """Return a copy of a row with ``steps`` steps: cut, or with NaN after it."""
    out = np.full((steps, row.shape[1]), np.nan, dtype=row.dtype)
    out[: len(row)] = row[:steps]
    return out
