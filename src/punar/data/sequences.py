"""What users pass as sequences -> items: arrays of one or several lengths, long tables, texts, recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from punar.data import layouts, levels
from punar.data import long_table as _long_table
from punar.data.columns import numbers_of, of_table
from punar.data.decode import SOUNDS
from punar.data.missing import is_missing
from punar.data.names import in_order
from punar.data.names import named as with_names
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
        Of a long table's or a mapping's series, in order of first appearance.
    padded_to : int or None
        Steps that every series had before NaN after its end was cut off, where any was.
    """

    kind: str
    items: list[Any]
    names: tuple[str, ...] = ()
    ids: list[Any] | None = None
    padded_to: int | None = None

    def __len__(self) -> int:
        return len(self.items)

    def joined(self, other: Sequences) -> Sequences:
        """Return these items and then others of the same kind."""
        return Sequences(self.kind, [*self.items, *other.items], self.names)


def kind_of(X: Any, where: str) -> str:
    """Return what X holds: "series", "texts" or "sounds".

    Numbers are series, text and lists of words are texts, paths of wav and flac files and pairs (samples, rate) are
    sounds.

    Raises
    ------
    DataTypeError
        It is none of these.
    """
    X = layouts.known(X, where)
    if hasattr(X, "columns") or isinstance(X, Mapping) or getattr(getattr(X, "dtype", None), "kind", "O") in "biuf":
        return "series"
    if isinstance(X, (str, bytes, os.PathLike)):
        raise DataTypeError(f"{where}: X must be a list of sequences, got one: pass a list, [X].")
    if not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise DataTypeError(
            f"{where}: X must be an array (n, time, channels), a list of arrays, a long table, a list of texts or of "
            f"recordings, got {shown(X)}."
        )
    every = list(X)
    if not every:
        raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
    # What is missing says nothing of the others; it is refused where they are read.
    some = [v for v in every[:_LOOKED_AT] if not is_missing(v)]
    if not some:
        raise DataTypeError(f"{where}: the first {len(every[:_LOOKED_AT])} items of X are missing ({shown(every[0])}).")
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
        (n, time, channels); (n, time) for one channel; a list of (time_i, channels) or (time_i,), or of tables, whose
        columns are matched by name; a mapping of names to these; a long table with ``id_column`` or a MultiIndex; a
        nested table; see also :func:`punar.data.layouts.known`. In an array, NaN in every channel up to the end is
        after the end of a series.
    where : str
    names : tuple of str
        The channels that are wanted of a table; empty takes every column but id and time.
    id_column, time_column, time_format : str or None

    Raises
    ------
    DataError, DataTypeError, ParameterError
        Empty, a series of length 0, numbers or names of channels that differ, no numbers, and what a long table may
        have.
    """
    X = levels.series_of(X, where)
    if isinstance(X, pd.DataFrame):
        return Sequences("series", *_long_table.split(X, where, names, id_column, time_column, time_format))
    if id_column is not None and isinstance(X, np.ndarray) and X.ndim == 2:
        raise ParameterError(f"{where}: id_column={shown(id_column)} needs a table (a DataFrame), got an array.")
    if isinstance(X, np.ndarray) and X.dtype != object:
        return _of_array(X, where)
    if isinstance(X, Mapping):
        _listed(X, where)
        return replace(_of_list(X, where, names, (time_column, time_format)), ids=list(X))
    return _of_list(dict(enumerate(_listed(X, where))), where, names, (time_column, time_format))


def _of_array(X: np.ndarray, where: str) -> Sequences:
    _check_type(X, where)
    if X.ndim not in (2, 3):
        raise DataError(
            f"{where}: X must be (n, time, channels), or (n, time) for one channel, got shape {X.shape}. Pass one "
            "series as [X]."
        )
    if len(X) == 0:
        raise DataError(f"{where}: Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required.")
    whole = list(X[..., None] if X.ndim == 2 else X)
    items = [without_end(item) for item in whole] if X.dtype.kind == "f" else whole
    _check_shapes(items, where)
    cut = any(len(item) < X.shape[1] for item in items)
    return Sequences("series", items, padded_to=X.shape[1] if cut else None)


def without_end(item: np.ndarray) -> np.ndarray:
    """Return a row of an array without the NaN after its end; one of nothing else as it is."""
    if item.dtype.kind != "f" or not len(item) or not np.isnan(item[-1]).all():
        return item
    known = np.flatnonzero(~np.isnan(item).all(axis=1))
    return item[: known[-1] + 1] if len(known) else item


def _of_list(
    X: Mapping[Any, Any], where: str, names: tuple[str, ...], timed: tuple[str | None, str | None]
) -> Sequences:
    """Return the series of a mapping, by which messages call them."""
    items = []
    for key, each in X.items():
        place = f"{where}: X[{shown(key)}]"
        each = layouts.item(each, place)
        if isinstance(each, (pd.Series, pd.DataFrame)) and timed[0] not in getattr(each, "columns", ()):
            each = _long_table.by_time(each, place)
        if isinstance(each, pd.DataFrame):
            each = _by_time(with_names(each, place), timed, place)
            names = names or tuple(each.columns)  # the first table's hold for all
            each = of_table(in_order(each, names, place), place, "channel")
        items.append(_item(each, place))
    _check_shapes(items, where)
    return Sequences("series", items, names if names and items[0].shape[1] == len(names) else ())


def _by_time(frame: pd.DataFrame, timed: tuple[str | None, str | None], where: str) -> pd.DataFrame:
    """Return one series' table sorted by its column of times, without it; as it is where it has none."""
    time_column, time_format = timed
    if time_column is None or time_column not in frame.columns:
        return frame
    rows = frame.drop(columns=time_column)
    order, _, _ = _long_table.in_order(
        pd.DataFrame({"i": 0, "t": frame[time_column].array}), where, "i", "t", time_format
    )
    return rows.iloc[order]


def _listed(X: Any, where: str) -> list[Any]:
    if isinstance(X, (str, bytes)) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise DataTypeError(
            f"{where}: X must be an array (n, time, channels), a list of arrays or a long table, got {shown(X)}."
        )
    if len(X) == 0:
        raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
    return list(X)


def _item(item: Any, where: str) -> np.ndarray:
    if isinstance(item, pd.Series):
        item = numbers_of(item, "the series", where)
    try:
        values = np.asarray(item)
        if values.dtype == object and values.ndim in (1, 2):  # None, pd.NA, Decimal
            values = of_table(pd.DataFrame(values), where, "channel").reshape(values.shape)
    except DataError:
        raise
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
        word += " (of texts pass a list or a 1-D array)" if values.dtype.kind in "US" else ""
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
            f"fitted with.{transposed(found.items, channels)}"
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
        first = np.flatnonzero(finite.all(axis=1))
        named = f"id {shown(found.ids[i])}" if found.ids is not None else f"X[{i}]"
        label = shown(found.names[channel]) if found.names else str(channel)
        advice = "Values must be finite: repair or drop it."
        if np.isnan(value):
            advice = "Fill or drop it, or pass missing='mask' to let the network see what is missing."
        if step == 0 and len(first) and np.isnan(item[: first[0]]).all():
            advice = (
                f"If the {first[0]} steps of NaN before the start are padding, pad after the end instead, or cut them "
                f"off: a list of arrays may have several lengths. {advice}"
            )
        raise DataError(
            f"{where}: {named} has {value} at step {step}, channel {label}. Input contains NaN or infinity. {advice}"
        )


def transposed(items: Sequence[np.ndarray], channels: int) -> str:
    """Return what to do where series have the wanted number of channels as their number of steps, for a message."""
    if any(len(item) != channels for item in items):
        return ""
    return " These look like (n, channels, time): pass X.transpose(0, 2, 1)."


def matched(y: Any, found: Sequences, where: str) -> Any:
    """Return targets in the order of the items.

    Parameters
    ----------
    y : array-like, pandas Series or mapping
        For a long table or a mapping of series, a Series or a mapping is looked up by id; what else is taken in order
        of first appearance.
    found : Sequences
    where : str

    Raises
    ------
    DataError
        An id of the table has no target, or two.
    """
    if found.ids is None:
        if isinstance(y, Mapping):
            raise DataTypeError(
                f"{where}: y may be a mapping only where X is one, or a table with id_column; pass a list."
            )
        return y
    return _long_table.by_id(y, found.ids, where)


def without_ends(y: Any, found: Sequences) -> Any:
    """Return labels of steps without those of the steps that were cut off after the ends of the series.

    Parameters
    ----------
    y : sequence of sequence
        Labels for each step, as many as an array had, or as a series has.
    found : Sequences
    """
    if found.padded_to is None or y is None or len(y) != len(found):
        return y
    padded = [np.ndim(row) == 1 and len(row) == found.padded_to for row in y]
    return [row[: len(item)] if cut else row for row, item, cut in zip(y, found.items, padded, strict=True)]
