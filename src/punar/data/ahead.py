"""What is known of the steps to come (promotions, holidays, prices), as users pass it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from punar.core.words import listed
from punar.data import layouts, levels, long_table
from punar.data.clock import Clock
from punar.data.coming import coming
from punar.data.labelled import holds_times
from punar.data.names import named
from punar.data.panel import Panel
from punar.data.times import read_times
from punar.errors import DataError, DataTypeError, shown, suggest
from punar.texts import times as texts

_ONE = long_table.ONE
_HOLIDAYS = 4  # that may lie between the end and the first step to come


def read_ahead(
    future: Any,
    panel: Panel,
    names: Sequence[str],
    count: int,
    horizon: int,
    where: str,
    *,
    id_column: str | None = None,
    time_column: str | None = None,
    time_format: str | None = None,
) -> list[np.ndarray]:
    """Return the known values of the steps after each series, (horizon, count), in the order of the series.

    Parameters
    ----------
    future : DataFrame, array-like, or mapping
        A table with a row for each step and the columns ``names``; for many series with ``id_column``. Its times, in
        ``time_column`` or an index that holds times, must hold those that follow; a whole calendar is cut to them. A
        mapping of ``names`` to columns is a table. Or numbers: (horizon, count),
        (horizon,) for one channel, and one of these for each series in their order; a mapping of names to them.
    panel : Panel
        The series that go on.
    names : sequence of str
        Of the channels, where they have names.
    count, horizon : int
        How many channels and steps.
    where : str
        For messages.
    id_column, time_column, time_format : str or None

    Raises
    ------
    DataError, DataTypeError
        Other columns, ids, times, shapes or numbers of steps; NaN or infinity.
    """
    future = layouts.known(future, where)
    if isinstance(future, Mapping) and names and set(names) <= set(future) and not set(names) & set(panel.ids or ()):
        future = _as_table(future, where)
    if isinstance(future, pd.Series):
        future = future.to_frame(names[0] if count == 1 and names else future.name)
    if isinstance(future, pd.DataFrame) and names:
        found = _of_table(future, panel, list(names), horizon, where, (id_column, time_column, time_format))
    else:
        found = _of_arrays(future, panel, count, horizon, where)
    for i, item in enumerate(found):
        bad = np.argwhere(~np.isfinite(item))
        if len(bad):
            step, channel = map(int, bad[0])
            label = shown(names[channel]) if names else f"channel {channel}"
            raise DataError(
                f"{where}: future of {panel.named(i)} has {item[step, channel]} at step {step + 1}, {label}. What is "
                "known ahead must be known: fill it."
            )
    return found


def _as_table(future: Mapping[Any, Any], where: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(future))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{where}: future maps columns to values, which must be as many in each, one for each step ({error})."
        ) from None


def _of_table(
    frame: pd.DataFrame,
    panel: Panel,
    names: list[str],
    horizon: int,
    where: str,
    columns_of: tuple[str | None, str | None, str | None],
) -> list[np.ndarray]:
    id_column, time_column, time_format = columns_of
    own = time_column if time_column in [str(name) for name in (*frame.columns, *frame.index.names)] else None
    labelled = levels.indexed(frame, f"{where}: future", id_column, own)
    frame, timed = named(labelled.table, where), labelled.time_column
    id_column = id_column or labelled.id_column
    absent = [name for name in names if name not in frame.columns]
    if absent:
        columns = list(frame.columns)
        raise DataError(
            f"{where}: future has no column {shown(absent[0])}, which the model was fitted with as known ahead."
            f"{suggest(absent[0], columns)} There are: {listed(columns)}."
        )
    timed = timed or _only_dates(frame, {*names, id_column})
    if timed is not None:
        read = read_times(frame[timed], timed, f"{where}: future", time_format=time_format, strict=False)
        frame = frame.assign(**{timed: read.values})
    if panel.ids is None:
        # The series has no id: no column of the table is one.
        id_column, frame = f"{_ONE}_", frame.assign(**{f"{_ONE}_": 0})
    items, _, ids = long_table.split(frame, f"{where}: future", tuple(names), id_column, timed)
    order = _order(panel, ids, where)
    if timed is not None and panel.clocks is not None:
        rows, cuts, _ = long_table.in_order(frame, f"{where}: future", str(id_column), timed)
        times = np.split(frame[timed].to_numpy(dtype=object)[rows], cuts)
        for i, at in enumerate(order):
            there = coming(list(times[at]), panel.clocks[i], horizon)
            items[at], found = items[at][there], [times[at][row] for row in there]
            _check_times(found, panel.clocks[i], panel.named(i), horizon, where)
    for i, at in enumerate(order):
        _check_steps(len(items[at]), panel.named(i), horizon, where)
    return [items[at] for at in order]


def _only_dates(frame: pd.DataFrame, taken: set[str | None]) -> str | None:
    """Return the only column that holds dates, whatever it is called."""
    found = [c for c in frame.columns if c not in taken and len(frame) and holds_times(pd.Index(frame[c][:1]), "")]
    return found[0] if len(found) == 1 else None


def _order(panel: Panel, ids: list[Any], where: str) -> list[int]:
    """Return which of the ids of ``future`` each series has."""
    if panel.ids is None:
        if len(panel) > 1:
            raise DataError(f"{where}: future is one table for {len(panel)} series without ids; pass a list of arrays.")
        return [0]
    _refuse_unknown(ids, panel.ids, where)
    absent = [i for i in panel.ids if i not in ids]
    if absent:
        raise DataError(f"{where}: future has no row for series {shown(absent[0])}; each needs its own.")
    return [ids.index(i) for i in panel.ids]


def _refuse_unknown(ids: Sequence[Any], known: Sequence[Any], where: str) -> None:
    there = set(known)
    unknown = [i for i in ids if i not in there]
    if unknown:
        told = {"ids": listed([str(i) for i in unknown]), "count": "is" if len(unknown) == 1 else "are"}
        raise DataError(texts.UNKNOWN_IDS.format(where=where, **told))


def _check_steps(found: int, named: str, horizon: int, where: str) -> None:
    if found != horizon:
        raise DataError(
            f"{where}: future of {named} has {found} steps; the model forecasts {horizon}: give a row for each of the "
            f"{horizon} steps right after the end."
        )


def _check_times(times: list[Any], clock: Clock | None, named: str, horizon: int, where: str) -> None:
    _check_steps(len(times), named, horizon, where)
    if clock is not None and clock.guessed:
        raise DataError(texts.UNKNOWN_STEP.format(where=where, named=named, horizon=horizon))
    following = clock.after(horizon if clock.regular else 3 * horizon + _HOLIDAYS) if clock is not None else []
    if clock is not None and not clock.regular:
        # A calendar that lacks some times, as of holidays, may lack some of those to come.
        there = [[i for i, wanted in enumerate(following) if _same(found, wanted)] for found in times]
        at = [i[0] if i else -1 for i in there]
        if at[0] >= 0 and at[0] <= _HOLIDAYS and min(np.diff([-1, *at])) > 0:
            return
    for step, (found, wanted) in enumerate(zip(times, following, strict=False), start=1):
        if not _same(found, wanted):
            raise DataError(
                f"{where}: future of {named} has the time {found} where step {step} is expected at {wanted}. Give the "
                f"{horizon} steps right after the end, in the series' own steps; rows without times are taken in their "
                "order."
            )


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, pd.Timestamp):
        if not isinstance(found, pd.Timestamp):
            return False
        # A date without a zone means the series' own.
        found = found.tz_localize(wanted.tz) if found.tz is None and wanted.tz is not None else found
        return bool(found.tz is not None) == bool(wanted.tz is not None) and bool(found == wanted)
    if isinstance(found, pd.Timestamp):
        return False
    return bool(np.isclose(float(found), float(wanted), rtol=1e-9, atol=1e-9))


def _of_arrays(future: Any, panel: Panel, count: int, horizon: int, where: str) -> list[np.ndarray]:
    if isinstance(future, Mapping):
        if panel.ids is None:
            raise DataError(f"{where}: future is a mapping, and the series have no names; pass a list in their order.")
        _refuse_unknown(list(future), panel.ids, where)
        absent = [i for i in panel.ids if i not in future]
        if absent:
            raise DataError(f"{where}: future has nothing for series {shown(absent[0])}; each needs its own.")
        future = [future[i] for i in panel.ids]
    given = [future] if panel.single else list(future)
    if len(given) != len(panel):
        raise DataError(f"{where}: future is for {len(given)} series, and there are {len(panel)}.")
    found = []
    for i, each in enumerate(given):
        try:
            values = np.asarray(each, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataTypeError(f"{where}: future must hold numbers, got {shown(each)}.") from None
        values = values[:, None] if values.ndim == 1 and count == 1 else values
        if values.ndim != 2 or values.shape[1] != count:
            raise DataError(
                f"{where}: future of {panel.named(i)} must be ({horizon}, {count}): steps and the channels that are "
                f"known ahead, got shape {np.shape(each)}."
            )
        _check_steps(len(values), panel.named(i), horizon, where)
        found.append(values)
    return found
