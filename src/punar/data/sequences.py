"""What users pass as sequences -> items: arrays of one or several lengths, long tables, texts, recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from punar.data import long_table as _long_table
from punar.data.decode import SOUNDS
from punar.errors import DataError, DataTypeError, ParameterError, shown

KINDS = ("series", "texts", "sounds")
_LOOKED_AT = 200


@dataclass(frozen=True, eq=False)
class Sequences:
    """Items in the order of the answers.

    Attributes
    ----------
    kind : {"series", "texts", "sounds"}
    items : list
        Arrays (t, channels), texts, or what :class:`punar.preparations.sounds.Sounds` takes.
    names : tuple of str
        Of the channels, where they came from a table; else empty.
    ids : list or None
        Of a long table's series, in order of first appearance.
    """

    kind: str
    items: list[Any]
    names: tuple[str, ...] = ()
    ids: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.items)


def kind_of(X: Any, where: str) -> str:
    """Return what X holds: "series", "texts" or "sounds".

    Numbers are series, text and lists of words are texts, paths of wav and flac files and pairs (samples, rate) are
    sounds.

    Raises
    ------
    DataTypeError
        It is none of these.
    """
    if hasattr(X, "columns") or getattr(getattr(X, "dtype", None), "kind", "O") in "biuf" or torch.is_tensor(X):
        return "series"
    if isinstance(X, (str, bytes, os.PathLike)):
        raise DataTypeError(f"{where}: X must be a list of sequences, got one: pass a list, [X].")
    if not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise DataTypeError(
            f"{where}: X must be an array (n, time, channels), a list of arrays, a long table, a list of texts or of "
            f"recordings, got {shown(X)}."
        )
    some = list(X)[:_LOOKED_AT]
    if not some:
        raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
    paths = sum(isinstance(v, os.PathLike) or (isinstance(v, str) and _is_sound(v)) for v in some)
    if 2 * paths > len(some):
        return "sounds"
    if isinstance(some[0], str) or sum(isinstance(v, str) for v in some) * 2 > len(some):
        return "texts"
    if isinstance(some[0], (list, tuple)) and len(some[0]) and isinstance(some[0][0], str):
        return "texts"
    if isinstance(some[0], tuple) and len(some[0]) == 2 and np.ndim(some[0][1]) == 0 and np.ndim(some[0][0]) > 0:
        return "sounds"
    return "series"


def _is_sound(value: str) -> bool:
    return Path(value).suffix.lower() in SOUNDS


def read_series(
    X: Any,
    where: str,
    *,
    names: tuple[str, ...] = (),
    id_column: str | None = None,
    time_column: str | None = None,
    time_format: str | None = None,
) -> Sequences:
    """Return series as a list of arrays (t, channels), their numbers as they are.

    Parameters
    ----------
    X : array-like
        (n, time, channels); (n, time) for one channel; a list of (time_i, channels) or (time_i,); or a long table with
        ``id_column``.
    where : str
    names : tuple of str
        The channels that are wanted of a table; empty takes every column but id and time.
    id_column, time_column, time_format : str or None

    Raises
    ------
    DataError, DataTypeError, ParameterError
        Empty, a series of length 0, numbers of channels that differ, no numbers, and what a long table may have.
    """
    if hasattr(X, "columns"):
        return Sequences("series", *_long_table.split(X, where, names, id_column, time_column, time_format))
    if id_column is not None and isinstance(X, np.ndarray) and X.ndim == 2:
        raise ParameterError(f"{where}: id_column={shown(id_column)} needs a table (a DataFrame), got an array.")
    if torch.is_tensor(X):
        X = X.numpy(force=True)
    if isinstance(X, np.ndarray) and X.dtype != object:
        _check_type(X, where)
        if X.ndim not in (2, 3):
            raise DataError(
                f"{where}: X must be (n, time, channels), or (n, time) for one channel, got shape {X.shape}. Pass one "
                "series as [X]."
            )
        if len(X) == 0:
            raise DataError(
                f"{where}: Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required."
            )
        items = list(X[..., None] if X.ndim == 2 else X)
    else:
        items = [_item(item, f"{where}: X[{i}]") for i, item in enumerate(_listed(X, where))]
    _check_shapes(items, where)
    return Sequences("series", items)


def _listed(X: Any, where: str) -> list[Any]:
    if isinstance(X, (str, bytes)) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise DataTypeError(
            f"{where}: X must be an array (n, time, channels), a list of arrays or a long table, got {shown(X)}."
        )
    if len(X) == 0:
        raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
    return list(X)


def _item(item: Any, where: str) -> np.ndarray:
    if isinstance(item, (pd.Series, pd.DataFrame)):
        item = _long_table.by_time(item, where)
    if torch.is_tensor(item):
        item = item.numpy(force=True)
    try:
        values = np.asarray(item)
        if values.dtype == object:
            values = np.asarray(item, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataTypeError(
            f"{where} must hold numbers in one array (time, channels), got {shown(item)}. Every step must have the "
            "same number of channels."
        ) from None
    if values.ndim == 0:
        raise DataTypeError(f"{where} must be an array (time, channels) or (time,), got {shown(item)}.")
    _check_type(values, where)
    if values.ndim not in (1, 2):
        raise DataError(f"{where} must be (time, channels) or (time,), got shape {values.shape}.")
    return values[:, None] if values.ndim == 1 else values


def _check_type(values: np.ndarray, where: str) -> None:
    if values.dtype.kind not in "biuf":
        word = "Complex data not supported" if values.dtype.kind == "c" else "series must be numbers"
        raise DataTypeError(f"{where}: {word}, got dtype {values.dtype}.")


def _check_shapes(items: Sequence[np.ndarray], where: str) -> None:
    width = items[0].shape[1]
    for i, item in enumerate(items):
        if len(item) == 0:
            raise DataError(f"{where}: X[{i}] has length 0; every series needs at least 1 step. Drop it.")
        if item.shape[1] != width or width == 0:
            raise DataError(
                f"{where}: X[{i}] has {item.shape[1]} channels, X[0] has {width}; all series must have the same, at "
                "least 1. Arrays are (time, channels): transpose those that are (channels, time)."
            )


def check_values(found: Sequences, where: str, *, channels: int | None, missing: str) -> None:
    """Raise where a series has another number of channels, infinity, or NaN under ``missing="refuse"``.

    Parameters
    ----------
    found : Sequences
        From :func:`read_series`.
    where : str
    channels : int or None
        How many there must be; None takes any.
    missing : {"refuse", "mask"}
    """
    width = found.items[0].shape[1]
    if channels is not None and width != channels:
        raise DataError(
            f"{where}: X has {width} channels, but the model is expecting {channels} channels as input: those it was "
            "fitted with."
        )
    for i, item in enumerate(found.items):
        if item.dtype.kind != "f":
            continue
        finite = np.isfinite(item)
        if finite.all():
            continue
        bad = ~finite if missing == "refuse" else np.isinf(item)
        places = np.argwhere(bad)
        if not len(places):
            continue
        step, channel = map(int, places[0])
        value = item[step, channel]
        named = f"id {shown(found.ids[i])}" if found.ids is not None else f"X[{i}]"
        label = shown(found.names[channel]) if found.names else str(channel)
        advice = (
            "Fill or drop it, or pass missing='mask' to let the network see what is missing."
            if np.isnan(value)
            else "Values must be finite: repair or drop it."
        )
        raise DataError(
            f"{where}: {named} has {value} at step {step}, channel {label}. Input contains NaN or infinity. {advice}"
        )


def matched(y: Any, found: Sequences, where: str) -> Any:
    """Return targets in the order of the items.

    Parameters
    ----------
    y : array-like, pandas Series or mapping
        For a long table, a Series or a mapping is looked up by id; what else is taken in order of first appearance.
    found : Sequences
    where : str

    Raises
    ------
    DataError
        An id of the table has no target, or two.
    """
    if found.ids is None:
        if isinstance(y, Mapping):
            raise DataTypeError(f"{where}: y may be a mapping for a table with id_column only; pass a list.")
        return y
    return _long_table.by_id(y, found.ids, where)
