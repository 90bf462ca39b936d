"""Layouts of other libraries -> arrays, pandas tables, and lists of these, which all readers know.

Nothing is imported for it but pandas and torch: tables of polars, pyarrow and xarray are known by what they can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from punar.errors import DataTypeError


def known(X: Any, where: str) -> Any:
    """Return ``X`` as an array, a pandas table or column, or a list; what is none of the layouts below as it is.

    Parameters
    ----------
    X : object
        Tensors on any device, with or without a gradient; nested tensors, packed sequences and pairs (padded values,
        lengths), which become lists; tables and columns of polars (lazy ones are collected), pyarrow and xarray;
        structured arrays.
    where : str

    Raises
    ------
    DataTypeError
        A sparse tensor.
    """
    if isinstance(X, (pd.DataFrame, pd.Series, str, bytes, list)):
        return X
    if isinstance(X, PackedSequence):
        values, lengths = pad_packed_sequence(X, batch_first=True)
        return _cut(array_of(values, where), lengths.numpy())
    if isinstance(X, Tensor):
        return [array_of(item, where) for item in X.unbind()] if X.is_nested else array_of(X, where)
    if isinstance(X, np.ma.MaskedArray):  # what is masked is missing, whatever lies under the mask
        return np.where(np.ma.getmaskarray(X), np.nan, np.ma.getdata(X))
    if isinstance(X, np.ndarray):
        return X if X.dtype.names is None else pd.DataFrame({name: X[name] for name in X.dtype.names})
    if isinstance(X, tuple) and len(X) == 2:
        return _with_lengths(X, where)
    return _of_others(X)


def item(X: Any, where: str) -> Any:
    """Return one item of a list, as :func:`known` does."""
    return X if isinstance(X, tuple) else known(X, where)


def is_mapping(X: Any) -> bool:
    """Return whether ``X`` holds series by their names. A table is no mapping."""
    return isinstance(X, Mapping)


def array_of(X: Tensor, where: str) -> np.ndarray:
    """Return a tensor as an array, without its gradient and on the CPU; numpy has no bfloat16.

    Raises
    ------
    DataTypeError
        It is sparse.
    """
    if X.layout != torch.strided:
        raise DataTypeError(f"{where}: X must be dense, got a tensor of layout {X.layout}. Pass X.to_dense().")
    X = X.float() if X.dtype == torch.bfloat16 else X
    return np.asarray(X.numpy(force=True))


def _cut(values: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    return [row[: int(n)] for row, n in zip(values, lengths, strict=True)]


def _with_lengths(X: tuple[Any, ...], where: str) -> Any:
    """Return the sequences of (padded values, lengths), as ``pad_packed_sequence`` gives them; other pairs as is."""
    values, lengths = (array_of(part, where) if isinstance(part, Tensor) else part for part in X)
    if getattr(values, "ndim", 0) != 3 or not isinstance(values, np.ndarray):
        return X
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1 or len(lengths) not in values.shape[:2]:
        return X
    # torch's own order is (time, n, channels) where nobody asked for another.
    if len(lengths) != len(values):
        values = values.swapaxes(0, 1)
    if lengths.min(initial=1) < 1 or lengths.max(initial=1) > values.shape[1]:
        raise DataTypeError(
            f"{where}: the pair (values, lengths) must have lengths from 1 to {values.shape[1]}, the steps of values, "
            f"got {int(lengths.min())} to {int(lengths.max())}."
        )
    return _cut(values, lengths)


def _of_others(X: Any) -> Any:
    library = type(X).__module__.partition(".")[0]
    if hasattr(type(X), "collect_schema") and hasattr(type(X), "collect"):  # a lazy table of polars
        X = X.collect()
    if library == "xarray":
        return _of_xarray(X)
    if not hasattr(type(X), "to_pandas"):
        return X
    try:
        return X.to_pandas()
    except ImportError:  # polars needs pyarrow for it
        found = X.to_dict(as_series=False) if hasattr(X, "to_dict") else X.to_list()
        return pd.DataFrame(found) if isinstance(found, dict) else pd.Series(found, name=getattr(X, "name", None))


def _of_xarray(X: Any) -> Any:
    """Return an xarray: a table where its last axis has names, else numbers."""
    if hasattr(X, "data_vars"):  # a Dataset: its variables are the columns
        return X.to_dataframe()
    named = X.ndim > 0 and X.dims[-1] in X.coords
    if X.ndim == 1 or (X.ndim == 2 and named):
        return X.to_pandas()
    if X.ndim == 3 and named:
        return [pd.DataFrame(values, columns=list(X.coords[X.dims[-1]].values)) for values in X.values]
    return X.values
