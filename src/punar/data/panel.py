"""What users pass as series to forecast -> values in order of time, one series after the other."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from punar.data import layouts, levels, sequences
from punar.data import long_table as _long_table
from punar.data.clock import Clock, clock_of
from punar.data.labelled import holds_times
from punar.data.names import in_order, named
from punar.data.regular import on_calendar
from punar.data.times import read_times
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning, shown
from punar.texts import forecasting as texts

_ONE = _long_table.ONE
_LARGEST = 1e100
# Columns of ids and of times, the format of the times, and whether another is an error.
_Columns: TypeAlias = tuple[str | None, str | None, str | None, bool]
_NONE: _Columns = (None, None, None, False)


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
    time_format : str or None
        How the times were written; see :class:`punar.data.times.Times`.
    """

    items: list[np.ndarray]
    single: bool
    flat: bool
    names: tuple[str, ...] = ()
    ids: list[Any] | None = None
    times: list[pd.Series] | None = None
    clocks: list[Clock | None] | None = None
    levels: tuple[str, ...] = ()
    time_format: str | None = None

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
        return replace(self, items=items, times=times, clocks=clocks)

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
    time_format: str | None = None,
    strict: bool = True,
    freq: Any = None,
) -> Panel:
    """Return what X holds.

    Parameters
    ----------
    X : array-like
        One series: (time,), (time, channels), a list of numbers, a pandas Series, a DataFrame of value columns (rows
        in the order they have, or by ``time_column`` or a date index). Many: (n, time, channels), a list of series, a
        mapping of names to series, a DataFrame with ``id_column`` or a MultiIndex (of ids and times). Tables of one
        value column count as flat. Columns are matched by name. Rows are in the order of ``time_column``, or of an
        index that holds times.
    where : str
    names : tuple of str
        The channels that are wanted of a table; empty takes every column but id and time.
    channels : int or None
        How many there must be.
    id_column, time_column : str or None
    missing : {"refuse", "mask"}
    time_format : str or None
        Of times that are text.
    strict : bool, default=True
        Whether texts in another format are an error.
    freq : str, float or None
        The step of the times: those that are missing are inserted, and their values are missing. Series without times
        are left as they are.

    Raises
    ------
    DataError, DataTypeError, ParameterError
        Empty, no numbers, duplicate or missing times, NaN or infinity, another number of channels.
    """
    panel = _read(X, where, names, (id_column, time_column, time_format, strict))
    if freq is not None and panel.times is not None:
        panel = _inserted(panel, freq, where, missing)
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
        guessed = any(c is not None and c.guessed for c in panel.clocks or [])
        told = {"named": panel.named(uneven[0]), "count": len(uneven), "n": len(panel)}
        message = texts.IRREGULAR.format(where=where, **told, unknown=texts.UNKNOWN if guessed else "")
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


def _inserted(panel: Panel, freq: Any, where: str, missing: str) -> Panel:
    """Return the series with a step for each time of the calendar."""
    assert panel.times is not None
    assert panel.clocks is not None
    every = zip(panel.items, panel.times, panel.clocks, strict=True)
    found = [
        on_calendar(x, times, clock, freq, panel.named(i), where, missing=missing)
        for i, (x, times, clock) in enumerate(every)
    ]
    return replace(panel, items=[f[0] for f in found], times=[f[1] for f in found], clocks=[f[2] for f in found])


def _read(X: Any, where: str, names: tuple[str, ...], columns: _Columns) -> Panel:
    X = levels.series_of(X, where)
    if isinstance(X, pd.DataFrame):
        return _table(X, where, names, columns)
    if isinstance(X, pd.Series):
        if isinstance(X.index, pd.MultiIndex) or holds_times(X.index, where) or X.index.name in columns[:2]:
            return _table(X.to_frame("value" if X.name is None else str(X.name)), where, (), columns)
        X = X.to_numpy(dtype=np.float64, na_value=np.nan) if pd.api.types.is_numeric_dtype(X.dtype) else X.to_numpy()
    if isinstance(X, Mapping):
        if not X:
            raise DataError(f"{where}: Found X with 0 series while a minimum of 1 is required.")
        return replace(_many(X, where, names, columns), ids=list(X))
    if any(c is not None for c in columns[:2]) and not are_tables(X):
        given = "id_column" if columns[0] is not None else "time_column"
        raise ParameterError(f"{where}: {given} needs a table (a DataFrame), got {type(X).__name__}.")
    return _unnamed(X, where, names, columns)


def _unnamed(X: Any, where: str, names: tuple[str, ...], columns: _Columns) -> Panel:
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
    return _many(dict(enumerate(values)), where, names, columns)


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


def _many(X: Mapping[Any, Any], where: str, names: tuple[str, ...], columns: _Columns) -> Panel:
    """Return the series of a mapping, by which messages call them."""
    values = [layouts.item(v, where) for v in X.values()]
    if any(isinstance(v, (pd.Series, pd.DataFrame)) for v in values):
        own, parts = (None, *columns[1:]), list[Panel]()
        for key, value in zip(X, values, strict=True):
            place, table = f"{where}: X[{shown(key)}]", isinstance(value, pd.DataFrame)
            part = _read(value, place, (), own if table else _NONE)
            # The first table's names hold for all. A column alone is called as its series is.
            parts.append(_aligned(part, names, place) if table and names else part)
            names = names or (part.names if table else ())
        items, flat = [p.items[0] for p in parts], all(p.flat for p in parts)
        timed = all(p.times is not None for p in parts)
        times = [p.times[0] for p in parts if p.times is not None] if timed else None
        clocks = [p.clocks[0] for p in parts if p.clocks is not None] if timed else None
        items = sequences.read_series(items, where).items
        form = parts[0].time_format if timed and len({p.time_format for p in parts}) == 1 else None
        names = names or parts[0].names
        return Panel(items, False, flat, names, times=times, clocks=clocks, time_format=form)
    found = sequences.read_series(values, where)
    flat = all(np.ndim(v) == 1 for v in values)
    return Panel([np.asarray(item, np.float64) for item in found.items], False, flat)


def _aligned(part: Panel, names: tuple[str, ...], where: str) -> Panel:
    """Return a table's series with its channels in the order of ``names``."""
    if part.names == names:
        return part
    table = in_order(pd.DataFrame(part.items[0], columns=list(part.names)), names, where)
    return replace(part, items=[table.to_numpy()], names=names)


def _table(frame: pd.DataFrame, where: str, names: tuple[str, ...], columns: _Columns) -> Panel:
    id_column, time_column, time_format, strict = columns
    found = levels.indexed(frame, where, id_column, time_column)
    frame, id_column, time_column = named(found.table, where), found.id_column, found.time_column
    single = id_column is None
    if id_column is None:
        id_column = _free(_ONE, frame)
        frame = frame.assign(**{id_column: _ONE})
    form = None
    if time_column is not None and time_column in frame.columns:
        read = read_times(frame[time_column], time_column, where, time_format=time_format, strict=strict)
        frame, form = frame.assign(**{time_column: read.values}), read.form
    items, names, ids = _long_table.split(frame, where, names, id_column, time_column)
    times = None if time_column is None else _times(frame, id_column, time_column)
    clocks = None if times is None else [clock_of(t) for t in times]
    own = None if single else ids
    return Panel(items, single, len(names) == 1, names, own, times, clocks, found.levels, form)


def _free(name: str, frame: pd.DataFrame) -> str:
    while name in frame.columns:
        name += "_"
    return name


def _times(frame: pd.DataFrame, id_column: str, time_column: str) -> list[pd.Series]:
    """Return each series' times in the order of :func:`punar.data.long_table.split`."""
    codes, ids = pd.factorize(frame[id_column])
    order = np.lexsort((_long_table.sortable(frame[time_column]), codes))
    times, cuts = frame[time_column].iloc[order], np.searchsorted(codes[order], range(1, len(ids)))
    edges = [0, *cuts.tolist(), len(times)]
    return [times.iloc[a:b] for a, b in itertools.pairwise(edges)]
