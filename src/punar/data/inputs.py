"""What a user passes as X, read once into rows: (n, features) or (n, channels, height, width)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import validate_data
from torch import Tensor

from punar.data import channels, layouts
from punar.data.columns import numbers_of
from punar.data.names import name_of, named
from punar.errors import DataError, DataTypeError, shown

KINDS = ("table", "images", "sequences")


@dataclass(frozen=True)
class Layout:
    """How the user's rows are laid out, so that answers come back in the same form.

    Attributes
    ----------
    kind : {"table", "images", "sequences"}
    shape : tuple of int
        One row as the networks see it: (features,), (channels, height, width) or (longest, channels).
    user_shape : tuple of int
        One row as the user passed it: (features,), (height, width), (height, width, channels) or (longest,
        channels).
    uint8 : bool
        The values were uint8, from 0 to 255.
    """

    kind: str
    shape: tuple[int, ...]
    user_shape: tuple[int, ...]
    uint8: bool = False

    def to_user(self, rows: Tensor) -> np.ndarray:
        """Return rows of ``shape`` as an array of ``user_shape``; sequences keep their number of steps."""
        if self.kind == "sequences":
            return rows.contiguous().cpu().numpy()
        if self.kind == "images" and len(self.user_shape) == 3:
            rows = rows.permute(0, 2, 3, 1)
        return rows.reshape(len(rows), *self.user_shape).contiguous().cpu().numpy()

    @property
    def size(self) -> int:
        """Numbers per row."""
        return int(np.prod(self.shape))


def is_dataset(X: Any) -> bool:
    """Return whether ``X`` is a map-style torch dataset."""
    return isinstance(X, torch.utils.data.Dataset)


@contextlib.contextmanager
def as_data_error(where: str) -> Iterator[None]:
    """Turn scikit-learn's ValueError and TypeError about X into punar's, keeping the words its users know."""
    try:
        yield
    except (DataError, DataTypeError):
        raise
    except TypeError as error:
        raise DataTypeError(f"{where}: {error}") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None


def read_kind(X: Any, kind: str | None, wants: str | None) -> str:
    """Return "table", "images" or "sequences" for ``X``.

    2-D is a table; 4-D, 3-D uint8 and what a network gets that ``wants`` "images" are pictures; what one gets that
    wants "sequences" is sequences.

    Raises
    ------
    DataError
        For 3-D floats without ``kind`` and a network that takes no sequences, and for shapes that are neither.
    """
    if kind == "sequences" or (kind is None and wants == "sequences"):
        return "sequences"
    ndim = getattr(X, "ndim", None)
    if ndim not in (3, 4):
        if kind == "images":
            raise DataError(
                f"kind='images' needs X of shape (n, height, width) or (n, height, width, channels), got "
                f"{'shape ' + str(tuple(X.shape)) if hasattr(X, 'shape') else type(X).__name__}. Reshape "
                "your data."
            )
        return "table"
    if kind == "table":
        raise DataError(
            f"kind='table' needs a 2-D X, got shape {tuple(X.shape)}. Reshape your data: X.reshape(len(X), -1)."
        )
    if kind == "images" or ndim == 4 or wants == "images" or str(X.dtype).endswith("uint8"):
        return "images"
    raise DataError(
        f"X of shape {tuple(X.shape)} and type {X.dtype} is read as sequences (n, time, channels), which "
        "this network does not take: network='lstm' or 'gru' does. If these are pictures pass kind='images'; if they "
        "are rows, X.reshape(len(X), -1)."
    )


def to_numpy(X: Any, where: str) -> Any:
    """Return a tensor as an array, without its gradient, and anything else as it is."""
    return layouts.array_of(X, where) if isinstance(X, Tensor) else X


def whole(X: Any, where: str, *, sequences: bool) -> Any:
    """Return X as an array or a table, where it is one in another layout, or a list of pictures of one size.

    Parameters
    ----------
    X : object
        See :func:`punar.data.layouts.known`.
    where : str
    sequences : bool
        Whether it is read as sequences, which are left as they are.
    """
    if sequences:
        return X
    X = layouts.known(X, where)
    if not isinstance(X, (list, tuple)) or not X or not all(hasattr(item, "__array__") for item in X):
        return X
    items = [np.asarray(to_numpy(item, where)) for item in X]
    same = items[0].ndim in (2, 3) and all(item.shape == items[0].shape for item in items)
    return np.stack(items) if same else X


def read_pictures(X: Any, where: str) -> tuple[Tensor, Layout]:
    """Return pictures as (n, channels, height, width) and their layout; numbers are kept as they are."""
    X = np.asarray(to_numpy(X, where))
    if X.dtype == object or X.dtype.kind not in "buif":
        word = "Complex data not supported" if X.dtype.kind == "c" else "pictures must be numbers"
        raise DataTypeError(f"{where}: {word}, got dtype {X.dtype}.")
    if len(X) == 0:
        raise DataError(f"{where}: Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required.")
    channels.refuse_first(X.shape, where)
    if 0 in X.shape:
        raise DataError(f"{where}: every side of a picture must be >= 1, got shape {X.shape}.")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        bad = np.flatnonzero(~np.isfinite(X).reshape(len(X), -1).all(axis=1))
        raise DataError(
            f"{where}: Input X contains NaN or infinity in {len(bad)} of {len(X)} pictures, first in picture "
            f"{bad[0]}. Drop or repair them; values must be finite."
        )
    exact = X.dtype.itemsize <= 2 or X.dtype == np.float32  # float32 holds every value
    rows = torch.from_numpy(np.array(X, dtype=np.float32 if exact else np.float64))
    user_shape = tuple(X.shape[1:])
    rows = rows.unsqueeze(1) if X.ndim == 3 else rows.permute(0, 3, 1, 2).contiguous()
    return rows, Layout("images", tuple(rows.shape[1:]), user_shape, X.dtype == np.uint8)


def read_table(estimator: Any, X: Any, where: str, *, reset: bool) -> tuple[Tensor, Layout]:
    """Return a 2-D table as (n, features), checked as scikit-learn does, feature names included."""
    if X is None or isinstance(X, str):
        raise DataTypeError(f"{where}: X must be an array, a data frame or a torch dataset, got {shown(X)}.")
    X = _numeric(to_numpy(X, where), where)
    with as_data_error(where):
        try:
            # The first type is for everything that is neither: float32 would cut integers above 2**24.
            table = validate_data(estimator, X, dtype=[np.float64, np.float32], reset=reset)
        except ValueError as error:
            found = _first_missing(X) if "NaN" in str(error) or "infinity" in str(error) else ""
            if "in the same order" in str(error):
                raise DataError(f"{where}: {error}Pass X[model.feature_names_in_].") from None
            if "could not convert" in str(error) and isinstance(X, np.ndarray):
                raise DataError(
                    f"{where}: {error}. Pass a DataFrame: columns of words and dates are read there."
                ) from None
            if not found:
                raise
            raise DataError(f"{where}: {found}\n{error}") from None
    # torch warns about read-only arrays; every later step copies, so nothing is ever written to the user's.
    rows = torch.from_numpy(table if table.flags.writeable else table.copy())
    return rows, Layout("table", (rows.shape[1],), (rows.shape[1],))


def _numeric(X: Any, where: str) -> Any:
    """Return a table with its columns as numbers, whatever types hold them; anything else as it is.

    Raises
    ------
    DataTypeError
        A column holds dates, spans of time or text instead of numbers.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        raise DataTypeError(
            f"{where}: X must hold numbers, got {X.dtype}. Pass numbers made of the dates, such as the days since one."
        )
    if not isinstance(X, pd.DataFrame) or X.columns.has_duplicates:
        return X
    if any(isinstance(c, str) and name_of(c) != c for c in X.columns):
        X = named(X, where)
    if all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in X.dtypes):
        return X
    return pd.DataFrame({c: numbers_of(X[c], f"the column {shown(c)}", where) for c in X.columns}, index=X.index)


def _first_missing(X: Any) -> str:
    """Name the count and the first place of what is not finite, with the column's name where there is one."""
    try:
        values = np.asarray(X, dtype=float)
        bad = np.argwhere(~np.isfinite(values))
    except (TypeError, ValueError):
        return ""
    if bad.ndim != 2 or bad.shape[1] != 2 or not len(bad):
        return ""
    row, column = map(int, bad[0])
    names = getattr(X, "columns", None)
    label = shown(str(names[column])) if names is not None else str(column)
    return (
        f"{len(bad)} value(s) of X are NaN or infinite, the first in row {row}, column {label} "
        f"({values[row, column]}). Fill them (sklearn.impute.SimpleImputer) or drop those rows."
    )


def dataset_layout(dataset: Any, where: str) -> Layout:
    """Return the layout of a torch dataset from its first item: (features,), (h, w) or torch's (channels, h, w)."""
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DataTypeError(
            f"{where}: a dataset must be map-style (__len__ and __getitem__), got {type(dataset).__name__}."
        )
    if len(dataset) == 0:
        raise DataError(f"{where}: Found dataset with 0 sample(s) while a minimum of 1 is required.")
    item = dataset[0]
    first = item[0] if isinstance(item, (tuple, list)) else item
    try:
        shape = tuple(torch.as_tensor(first).shape)
    except (TypeError, ValueError, RuntimeError):
        raise DataTypeError(f"{where}: dataset items must be arrays or tensors, got {shown(first)}.") from None
    if len(shape) == 1:
        return Layout("table", shape, shape)
    if len(shape) == 2:
        return Layout("images", (1, *shape), shape)
    if len(shape) == 3:
        return Layout("images", shape, (shape[1], shape[2], shape[0]))
    raise DataError(
        f"{where}: dataset items must be (features,), (height, width) or (channels, height, width), got shape {shape}."
    )
