"""What users pass as series to forecast -> values in order of time, one series after the other."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from punar.data import layouts, levels, sequences
from punar.data import long_table as _long_table
from punar.data.clock import Clock, as_times, clock_of
from punar.data.names import in_order, named
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning, shown
from punar.texts import forecasting as texts

_ONE, _TIME = "series", "time"
_LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Panel:
    """Series in the order of the answers.

    Attributes
    ----------
    items : list of ndarray of shape (t_i, channels), float64
        NaN where a value is missing.
    single : bool
        One series was passed, not a list of them: answers have no axis for the series.
    flat : bool
        Values were passed without an axis for channels: answers have none either.
    names : tuple of str
        Of the channels, where they came from a table.
    ids : list or None
        Of a long table's or a mapping's series, in order of first appearance.
    times : list of Series or None
        The sorted times of each series.
    clocks : list of (Clock or None) or None
    levels : tuple of str
        Of a table's MultiIndex, that together name a series: an id is a tuple where they are several.
    """

    items: list[np.ndarray]
    single: bool
    flat: bool
    names: tuple[str, ...] = ()
    ids: list[Any] | None = None
    times: list[pd.Series] | None = None
    clocks: list[Clock | None] | None = None
    levels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @property
    def channels(self) -> int:
        """Values per step."""
        return int(self.items[0].shape[1])

    def named(self, i: int) -> str:
        """Return how to call a series in messages."""
        if self.ids is not None:
            return f"series {shown(self.ids[i])}"
        return "the series" if self.single else f"series {i}"

    def until(self, steps: list[int]) -> Panel:
        """Return the first ``steps[i]`` steps of each series."""
        times = None if self.times is None else [t.iloc[:n] for t, n in zip(self.times, steps, strict=True)]
        clocks = None if times is None else [clock_of(t) for t in times]
        items = [x[:n] for x, n in zip(self.items, steps, strict=True)]
        return Panel(items, self.single, self.flat, self.names, self.ids, times, clocks, self.levels)

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """Return answers (series, steps, channels, ...) without the axes that the input has not."""
        if self.flat:
            values = values[:, :, 0]
        return values[0] if self.single else values


def are_tables(X: Any) -> bool:
    """Return whether ``X`` is a table, a mapping, or a list of tables: what a column of times may be in."""
    if isinstance(X, (list, tuple)) and len(X):
        X = layouts.item(X[0], "X[0]")
    return isinstance(X, (pd.DataFrame, Mapping))


def read_panel(
    X: Any,
    where: str,
    *,
    names: tuple[str, ...] = (),
    channels: int | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    missing: str = "refuse",
) -> Panel:
    """Return what X holds.

    Parameters
    ----------
    X : array-like
        One series: (time,), (time, channels), a list of numbers, a pandas Series, a DataFrame of value columns (rows
        in the order they have, or by ``time_column`` or a date index). Many: (n, time, channels), a list of series, a
        mapping of names to series, a DataFrame with ``id_column`` or a MultiIndex. Tables of one value column count as
        flat. Columns are matched by name.
    where : str
    names : tuple of str
        The channels that are wanted of a table; empty takes every column but id and time.
    channels : int or None
        How many there must be.
    id_column, time_column : str or None
    missing : {"refuse", "mask"}

    Raises
    ------
    DataError, DataTypeError, ParameterError
        Empty, no numbers, duplicate or missing times, NaN or infinity, another number of channels.
    """
    panel = _read(X, where, names, id_column, time_column)
    if channels is not None and panel.channels != channels:
        raise DataError(
            f"{where}: X has {panel.channels} channels, but the model is expecting {channels} channels as input: those "
            f"it was fitted with.{sequences.transposed(panel.items, channels)}"
        )
    for i, item in enumerate(panel.items):
        if not np.isfinite(item).all():
            _refuse(item, panel, i, where, missing)
        _refuse_sizes(item, panel, i, where)
    uneven = [i for i, c in enumerate(panel.clocks or []) if c is not None and not c.regular]
    if uneven:
        message = texts.IRREGULAR.format(where=where, named=panel.named(uneven[0]), count=len(uneven), n=len(panel))
        warnings.warn(message, PunarWarning, stacklevel=2)
    return panel


def _refuse(item: np.ndarray, panel: Panel, i: int, where: str, missing: str) -> None:
    """Raise for infinity, for NaN under ``missing="refuse"``, and for a channel without any value."""

    def label(channel: int) -> str:
        return shown(panel.names[channel]) if panel.names else str(channel)

    bad = np.argwhere(np.isinf(item) if missing == "mask" else ~np.isfinite(item))
    if len(bad):
        step, channel = map(int, bad[0])
        value = item[step, channel]
        advice = "Values must be finite: repair or drop it."
        if np.isnan(value):
            advice = "Fill or drop it, or pass missing='mask' to let the network see what is missing."
        raise DataError(
            f"{where}: {panel.named(i)} has {value} at step {step}, channel {label(channel)}. Input contains NaN or "
            f"infinity. {advice}"
        )
    unseen = np.isnan(item).all(0)
    if unseen.any():
        raise DataError(f"{where}: {panel.named(i)} has no value at all in channel {label(int(unseen.argmax()))}.")


def _refuse_sizes(item: np.ndarray, panel: Panel, i: int, where: str) -> None:
    """Raise for values, and differences of values, whose squares leave the range of floats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel without any value
        low, high = np.nanmin(item, axis=0), np.nanmax(item, axis=0)
    size, spread = max(abs(np.nanmin(low)), abs(np.nanmax(high))), high - low
    if size > _LARGEST:
        raise DataError(
            f"{where}: {panel.named(i)} has values up to {size:g}, whose squares overflow; at most {_LARGEST:g} can be "
            "forecast. Divide the series by a constant first."
        )
    if ((spread > 0) & (spread < 1 / _LARGEST)).any():
        raise DataError(
            f"{where}: {panel.named(i)} moves by {spread[spread > 0].min():g} at most, whose square vanishes; it must "
            f"be {1 / _LARGEST:g} at least. Multiply the series by a constant first."
        )


def _read(X: Any, where: str, names: tuple[str, ...], id_column: str | None, time_column: str | None) -> Panel:
    X = levels.series_of(X, where)
    if isinstance(X, pd.DataFrame):
        found = levels.indexed(X, id_column, time_column)
        read = _table(found.table, where, names, found.id_column, found.time_column)
        return replace(read, levels=found.levels)
    given = "id_column" if id_column is not None else "time_column" if time_column is not None else None
    if isinstance(X, pd.Series):
        X = X.rename("value" if X.name is None else str(X.name))
        if isinstance(X.index, (pd.DatetimeIndex, pd.PeriodIndex)):
            return _table(X.to_frame(), where, (), None, None)
        X = X.to_numpy(dtype=np.float64, na_value=np.nan) if pd.api.types.is_numeric_dtype(X.dtype) else X.to_numpy()
    elif given is not None and not are_tables(X):
        raise ParameterError(f"{where}: {given} needs a table (a DataFrame), got {type(X).__name__}.")
    if isinstance(X, Mapping):
        if not X:
            raise DataError(f"{where}: Found X with 0 series while a minimum of 1 is required.")
        return replace(_many(X, where, names, time_column), ids=list(X))
    return _unnamed(X, where, names, time_column)


def _unnamed(X: Any, where: str, names: tuple[str, ...], time_column: str | None) -> Panel:
    """Return what an array or a list holds: one series, or many."""
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim in (1, 2):
        return _one(X, where)
    if isinstance(X, np.ndarray) and X.dtype != object:
        found = sequences.read_series(X, where)
        return Panel([np.asarray(item, np.float64) for item in found.items], False, False)
    if not hasattr(X, "__len__") or not hasattr(X, "__iter__") or isinstance(X, (str, bytes)):
        raise DataTypeError(
            f"{where}: X must be a series (time,) or (time, channels), many of them (n, time, channels) or in a list, "
            f"or a table, got {shown(X)}."
        )
    values = list(X)
    if values and all(np.ndim(v) == 0 and not isinstance(v, (str, bytes)) for v in values):
        return _one(_numbers(values, where), where)
    return _many(dict(enumerate(values)), where, names, time_column)


def _one(values: np.ndarray, where: str) -> Panel:
    if len(values) == 0:
        raise DataError(f"{where}: Found a series with 0 steps while a minimum of 1 is required.")
    item = sequences.read_series([values], where).items[0]
    return Panel([np.asarray(item, np.float64)], True, values.ndim == 1)


def _numbers(values: list[Any], where: str) -> np.ndarray:
    try:
        return np.asarray([np.nan if v is None or v is pd.NA else v for v in values])
    except (TypeError, ValueError):
        raise DataTypeError(f"{where}: a series must hold numbers, got {shown(values[0])}.") from None


def _many(X: Mapping[Any, Any], where: str, names: tuple[str, ...], time_column: str | None) -> Panel:
    """Return the series of a mapping, by which messages call them."""
    values = [layouts.item(v, where) for v in X.values()]
    if any(isinstance(v, (pd.Series, pd.DataFrame)) for v in values):
        parts: list[Panel] = []
        for key, value in zip(X, values, strict=True):
            place = f"{where}: X[{shown(key)}]"
            own = None
            if isinstance(value, pd.DataFrame):
                value = named(value, place)
                own = time_column if time_column in value.columns else None
                if names:
                    in_order(value.drop(columns=[] if own is None else own), names, place)
            parts.append(_read(value, place, names if isinstance(value, pd.DataFrame) else (), None, own))
            # The first table's names hold for all. A column alone is called as its series is.
            names = names or (parts[-1].names if isinstance(value, pd.DataFrame) else ())
        items, flat = [p.items[0] for p in parts], all(p.flat for p in parts)
        timed = all(p.times is not None for p in parts)
        times = [p.times[0] for p in parts if p.times is not None] if timed else None
        clocks = [p.clocks[0] for p in parts if p.clocks is not None] if timed else None
        items = sequences.read_series(items, where).items
        return Panel(items, False, flat, names or parts[0].names, times=times, clocks=clocks)
    found = sequences.read_series(values, where)
    flat = all(np.ndim(v) == 1 for v in values)
    return Panel([np.asarray(item, np.float64) for item in found.items], False, flat)


def _table(
    frame: pd.DataFrame, where: str, names: tuple[str, ...], id_column: str | None, time_column: str | None
) -> Panel:
    frame = named(frame, where)
    if time_column is None and isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex)):
        time_column = _free(str(frame.index.name or _TIME), frame)
        frame = frame.rename_axis(time_column).reset_index()
    single = id_column is None
    if id_column is None:
        id_column = _free(_ONE, frame)
        frame = frame.assign(**{id_column: _ONE})
    if time_column is not None and time_column in frame.columns and not frame[time_column].isna().any():
        frame = frame.assign(**{time_column: as_times(frame[time_column], time_column, where)})
    items, names, ids = _long_table.split(frame, where, names, id_column, time_column)
    times = None if time_column is None else _times(frame, id_column, time_column)
    clocks = None if times is None else [clock_of(t) for t in times]
    return Panel(items, single, len(names) == 1, names, None if single else ids, times, clocks)


def _free(name: str, frame: pd.DataFrame) -> str:
    while name in frame.columns:
        name += "_"
    return name


def _times(frame: pd.DataFrame, id_column: str, time_column: str) -> list[pd.Series]:
    """Return each series' times in the order of :func:`punar.data.long_table.split`."""
    codes, ids = pd.factorize(frame[id_column])
    order = np.lexsort((frame[time_column].to_numpy(), codes))
    times, cuts = frame[time_column].iloc[order], np.searchsorted(codes[order], range(1, len(ids)))
    edges = [0, *cuts.tolist(), len(times)]
    return [times.iloc[a:b] for a, b in itertools.pairwise(edges)]
