"""Ids and times that stand in the labels of a table's rows (its index) -> columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from punar.data.counted import out_of_order
from punar.data.date_text import formats_of, plain
from punar.data.times import whole_number_format
from punar.errors import DataError, shown
from punar.texts import times as texts

_TIME = "time"
# Names that say of whole numbers that they count time; texts and dates are told by what they hold.
_TIMELY = ("time", "date", "datetime", "timestamp", "year", "month", "week", "day", "hour", "ds", "step", "t")
_DATES = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)
_LOOKED_AT = 50


def indexed(
    frame: pd.DataFrame, where: str, id_column: str | None, time_column: str | None
) -> tuple[pd.DataFrame, str | None, str | None]:
    """Return a table whose ids and times are columns, and what these are called.

    The index may be named like a column. Where no time is named, an index that holds times is taken: dates,
    periods, text that is dates, whole numbers that are (20240331, 202403, years, Unix time), decimal numbers out of
    order. Labels that only number the rows, or name them, are left.

    Parameters
    ----------
    frame : DataFrame
    where : str
        For messages.
    id_column, time_column : str or None

    Raises
    ------
    DataError
        The labels show that rows are reversed or shuffled.
    """
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    index, name = frame.index, None if frame.index.name is None else str(frame.index.name)
    if name is not None and name not in frame.columns and name in (id_column, time_column):
        return frame.rename_axis(name).reset_index(), id_column, time_column
    if time_column is None and len(index) and holds_times(index, where):
        time_column = _free(name or _TIME, frame)
        return frame.rename_axis(time_column).reset_index(), id_column, time_column
    if time_column is not None and time_column not in frame.columns and isinstance(index, _DATES):
        # A model of a table with a column of times continues one that has them in its index.
        return frame.rename_axis(time_column).reset_index(), id_column, time_column
    return frame, id_column, time_column


def holds_times(index: pd.Index, where: str) -> bool:
    """Return whether labels of rows are times.

    Raises
    ------
    DataError
        They number rows that were reversed or shuffled, as numbers or in text that is read as no time.
    """
    if isinstance(index, _DATES):
        return True
    if isinstance(index, pd.CategoricalIndex):
        index = pd.Index(index.astype(index.categories.dtype))
    timely = index.name is not None and str(index.name).lower() in _TIMELY
    if pd.api.types.is_bool_dtype(index.dtype) or index.hasnans:
        return timely
    if pd.api.types.is_integer_dtype(index.dtype):
        return _count_time(index, where, timely=timely)
    if pd.api.types.is_float_dtype(index.dtype):
        return timely or not index.is_monotonic_increasing
    inferred = pd.api.types.infer_dtype(index)
    if inferred in ("date", "datetime", "datetime64", "period"):
        return True
    if inferred != "string":
        return timely
    return _of_text(index, where, timely=timely)


def _of_text(index: pd.Index, where: str, *, timely: bool) -> bool:
    """Return whether texts are times; raise where they count but are none, and are in no order."""
    some = plain(pd.Series(index[:: max(1, len(index) // _LOOKED_AT)], dtype=object))
    if some.str.fullmatch(r"0|[1-9]\d*").all() and index.str.fullmatch(r"0|[1-9]\d*").all():
        return _count_time(pd.Index(pd.to_numeric(index), name=index.name), where, timely=timely)
    if 2 * sum(bool(formats_of(t)) for t in some) > len(some):
        return True
    if index.is_unique and out_of_order(list(index)):
        raise DataError(texts.UNREAD.format(where=where, first=shown(index[0]), last=shown(index[-1])))
    return False


def _count_time(index: pd.Index, where: str, *, timely: bool) -> bool:
    """Return whether whole numbers are times and do not number the rows."""
    reversed_range = isinstance(index, pd.RangeIndex) and index.step < 0 and len(index) > 1
    if timely or (not isinstance(index, pd.RangeIndex) and are_dates(index)):
        return True
    if reversed_range or (len(index) > 1 and index.is_monotonic_decreasing and index.is_unique):
        raise DataError(texts.BACKWARDS.format(where=where, first=index[0], last=index[-1]))
    if not index.is_monotonic_increasing and index.is_unique:
        raise DataError(texts.UNSORTED.format(where=where, first=index[0], second=index[1]))
    return False


def are_dates(index: pd.Index) -> bool:
    """Return whether whole numbers are years, days, months or Unix time."""
    low, high = int(index.min()), int(index.max())
    if low >= 1500 and high <= 2200:
        # Rows that a filter has left may be called so too, but not one after the other.
        return len(index) > 1 and len(set(np.diff(np.sort(np.asarray(index))).tolist()) | {0}) == 2
    # From 2001 to 2096, in seconds, milli-, micro- and nanoseconds.
    unix = any(1_000_000_000 * k <= low and high <= 4_000_000_000 * k for k in (1, 10**3, 10**6, 10**9))
    return unix or whole_number_format(pd.Series(np.asarray(index))) is not None


def is_timed(level: pd.Index, name: str) -> bool:
    """Return whether one of several levels of labels holds times."""
    if isinstance(level, _DATES):
        return True
    try:
        # The levels of an index are sorted: only what they are counts here, not their order.
        return holds_times(level.rename(name), shown(name))
    except DataError:
        return False


def _free(name: str, frame: pd.DataFrame) -> str:
    while name in frame.columns:
        name += "_"
    return name
