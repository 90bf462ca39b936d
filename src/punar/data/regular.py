"""A series on a calendar: the steps that it lacks are inserted, without values."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from punar.data.clock import Clock, step_of
from punar.errors import DataError, ParameterError, shown
from punar.texts import times as texts

AUTO = "auto"
_at = pd.offsets
_PERIODS = re.compile(r"(?P<n>\d*)(?P<name>[MQYAHTS])(?P<month>-[A-Z]{3})?")
_NAMES = {"M": "MS", "Q": "QS", "Y": "YS", "A": "YS", "H": "h", "T": "min", "S": "s"}
_MONTHS = {
    **dict.fromkeys((_at.MonthBegin, _at.MonthEnd, _at.BMonthBegin, _at.BMonthEnd), 1),
    **dict.fromkeys((_at.QuarterBegin, _at.QuarterEnd, _at.BQuarterBegin, _at.BQuarterEnd), 3),
    **dict.fromkeys((_at.YearBegin, _at.YearEnd, _at.BYearBegin, _at.BYearEnd), 12),
}
_MOST, _FEW = 100, 1000  # steps for each that is there, and those that any series may get


def on_calendar(
    item: np.ndarray, times: pd.Series, clock: Clock | None, freq: Any, named: str, where: str, *, missing: str
) -> tuple[np.ndarray, pd.Series, Clock | None]:
    """Return a series with NaN at the steps of its calendar that it lacks, the times of all, and their clock.

    Parameters
    ----------
    item : ndarray of shape (t, channels)
    times : Series
        Sorted, (t,).
    clock : Clock or None
        Of the times; None where there is but one.
    freq : str or float
        A pandas frequency, days of the week, a number, or "auto", the step that the times have most often.
    named, where : str
        For messages.
    missing : {"refuse", "mask"}

    Raises
    ------
    ParameterError
        ``freq`` is no step, or not one of such times.
    DataError
        A time is not on the calendar; a step is missing and ``missing`` is "refuse".
    """
    if clock is None:
        return item, times, clock
    step = _step(clock, freq, named, where)
    step = step if freq == AUTO else _as_they_are(times, step)
    first = times.iloc[0]
    start = replace(clock, last=first if isinstance(clock.step, (int, float)) else first.isoformat(), step=step)
    numbers = not isinstance(step, str)
    following = start.after(1)[0]
    count = int((times.iloc[-1] - first) / (following - first)) if following > first else -1
    if not 0 <= count <= max(_FEW, _MOST * len(times)):
        told = {"freq": shown(freq), "count": max(count, 0), "n": len(times), "named": named}
        raise DataError(texts.TOO_MANY_STEPS.format(where=where, **told))
    # Months and weeks have steps of several lengths: the first is not the usual one.
    grid = pd.Index([first, *start.after(2 * count + 31)])
    grid = grid[grid <= times.iloc[-1] * (1 + 1e-12) if numbers else grid <= times.iloc[-1]]
    at = grid.get_indexer(pd.Index(times), method="nearest", tolerance=1e-6 * float(step)) if numbers else None
    at = grid.get_indexer(pd.Index(times)) if at is None else at
    if (at < 0).any():
        wrong = times.iloc[int((at < 0).argmax())]
        told = {"named": named, "time": wrong, "freq": shown(freq), "first": first}
        raise DataError(texts.NOT_ON_CALENDAR.format(where=where, **told))
    absent = np.setdiff1d(np.arange(len(grid)), at)
    if len(absent) and missing == "refuse":
        told = {"freq": shown(freq), "count": len(absent), "named": named, "time": grid[int(absent[0])]}
        raise DataError(texts.INSERTED.format(where=where, **told))
    found = np.full((len(grid), item.shape[1]), np.nan)
    found[at] = item
    return found, pd.Series(grid), Clock(clock.last, step, True, clock.zone)


def _step(clock: Clock, freq: Any, named: str, where: str) -> Any:
    """Return the step that ``freq`` means for such times."""
    if freq == AUTO:
        if clock.guessed:
            raise DataError(texts.NO_AUTO_FREQ.format(where=where, named=named))
        return clock.step
    numbers = isinstance(clock.step, (int, float))
    no_step = ParameterError(texts.NO_FREQ.format(where=where, freq=shown(freq)))
    if isinstance(freq, str):
        # A command line gives texts only.
        if numbers and re.fullmatch(r"\d+(\.\d+)?", freq):
            return float(freq) if "." in freq else int(freq)
        name = _of_periods(freq)
        try:
            offset = step_of(name)
        except ValueError:
            raise no_step from None
        if not numbers and offset is not None and getattr(offset, "n", 1) > 0:
            return name
        raise no_step
    if not numbers or isinstance(freq, bool) or not freq > 0:
        raise no_step
    return freq


def _of_periods(freq: str) -> str:
    """Return the name of a step by the name that periods and older pandas have for it."""
    found = _PERIODS.fullmatch(freq.strip())
    return freq if found is None else f"{found['n']}{_NAMES[found['name']]}{found['month'] or ''}"


def _as_they_are(times: pd.Series, step: Any) -> Any:
    """Return a step of months or weeks from where the times are: periods begin on days that "ME" or "W" has not.

    A step that has the first time is left as it is.
    """
    if not isinstance(step, str):
        return step
    offset, wall = step_of(step), pd.DatetimeIndex(times).tz_localize(None)
    if offset.is_on_offset(wall[0]):
        return step
    if isinstance(offset, pd.offsets.Week):
        return f"{7 * offset.n}D"
    months = next((k for kind, k in _MONTHS.items() if isinstance(offset, kind)), 0) * offset.n
    day = int(wall.day.max())
    on_day = bool((wall.day == np.minimum(day, wall.days_in_month)).all())
    return f"{months} months on day {day}" if months and on_day else step
