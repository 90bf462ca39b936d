"""When the steps of a series are: sorted times, how far they are apart, and those that follow."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

_MONTHS = re.compile(r"(\d{1,4}) months on day ([1-9]|[12]\d|3[01])\Z")
_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEK = re.compile(rf"(?:{'|'.join(_NAMES)})(?: (?:{'|'.join(_NAMES)})){{0,6}}\Z")
_DAY, _NOTHING = np.timedelta64(1, "D"), np.timedelta64(0, "D")
_WEEKDAYS = 7
_FEW_DAYS = 3  # after which hours of the day that never came are hours at which nothing is measured


@dataclass(frozen=True)
class Clock:
    """The last time of a series and its step.

    Attributes
    ----------
    last : int, float or str
        A number, or a date in ISO 8601.
    step : int, float or str
        A number, a pandas frequency such as "MS", days of the week such as "Sun Mon Tue Wed Thu",
        or "3 months on day 31", which is the last day of shorter months.
    regular : bool
        Whether all steps are equal, months and business days among them.
    zone : str or None
        Name of a time zone, whose clock days and longer steps go by through summer time.
    guessed : bool
        Whether the times follow no calendar: the step is the middle one of unequal steps, and no time follows for sure.
    """

    last: int | float | str
    step: int | float | str
    regular: bool = True
    zone: str | None = None
    guessed: bool = False

    def after(self, count: int) -> list[Any]:
        """Return the ``count`` times after the last: numbers or pandas timestamps.

        >>> Clock("2024-01-01", "MS").after(2)
        [Timestamp('2024-02-01 00:00:00'), Timestamp('2024-03-01 00:00:00')]
        >>> Clock("2024-01-03", "Sun Mon Tue Wed Thu").after(2)
        [Timestamp('2024-01-04 00:00:00'), Timestamp('2024-01-07 00:00:00')]
        >>> Clock(1990, 0.5).after(2), Clock(1990, 1).after(1)
        ([1990.5, 1991.0], [1991])
        >>> [str(t) for t in Clock("2024-03-30T09:00:00+01:00", "D", zone="Europe/Berlin").after(1)]
        ['2024-03-31 09:00:00+02:00']
        """
        if isinstance(self.last, str):
            start = pd.Timestamp(self.last)
            start = start if self.zone is None else start.tz_convert(self.zone)
            months = _MONTHS.match(str(self.step))
            if months is not None:
                each, day = map(int, months.groups())
                return [_in_months(start, each * k, day) for k in range(1, count + 1)]
            return _in_steps(start, step_of(str(self.step)), count) if count else []
        assert not isinstance(self.step, str)
        return [self.last + self.step * k for k in range(1, count + 1)]


def step_of(name: str) -> Any:
    """Return the pandas offset that a frequency, or days of the week, means.

    Raises
    ------
    ValueError
        It is neither.
    """
    if _WEEK.match(name):
        return pd.offsets.CustomBusinessDay(weekmask=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.tseries.frequencies.to_offset(name)


def _in_steps(start: pd.Timestamp, offset: Any, count: int) -> list[Any]:
    if start.tz is None or (isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)):
        return list(pd.date_range(start, periods=count + 1, freq=offset)[1:])
    wall = pd.date_range(start.tz_localize(None), periods=count + 1, freq=offset)[1:]
    return [_on_wall(t, start.tz) for t in wall]


def _in_months(start: pd.Timestamp, months: int, day: int) -> pd.Timestamp:
    # The first of a month is there in every month; so is the clock's time, but for the hour that summer time skips.
    wall = start.tz_localize(None).replace(day=1) + pd.DateOffset(months=months)
    wall = wall.replace(day=min(day, wall.days_in_month))
    return wall if start.tz is None else _on_wall(wall, start.tz)


def _on_wall(wall: pd.Timestamp, zone: Any) -> pd.Timestamp:
    return wall.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


def clock_of(times: pd.Series) -> Clock | None:
    """Return the clock of one series' sorted, distinct times; None where there is but one."""
    if len(times) < 2:
        return None
    if pd.api.types.is_numeric_dtype(times.dtype):
        return _of_numbers(times)
    index = pd.DatetimeIndex(times)
    last = index[-1].isoformat()
    zone = getattr(index.tz, "key", getattr(index.tz, "zone", None))
    wall = index.tz_localize(None)
    named = _inferred(index) or (None if index.tz is None else _inferred(wall))
    if named is not None:
        # The name of a week of months is given whatever months are left out.
        whole = not named.startswith("WOM") or len(pd.date_range(wall[0], wall[-1], freq=named)) == len(wall)
        return Clock(last, named, whole, zone)
    by_wall = np.diff(wall.to_numpy())
    in_days = bool((by_wall % _DAY == _NOTHING).all())
    found = _by_month(wall) or (_by_business_month(wall) or _by_week(wall) if in_days else None)
    if found is not None:
        return Clock(last, *found, zone)
    if in_days:
        days = (by_wall // _DAY).astype(np.int64)
        step = _middle(days)
        return Clock(last, f"{step}D", bool((days == days[0]).all()), zone, not _fills(days, step))
    moments = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
    gaps = np.diff(moments.to_numpy().astype("datetime64[ns]")).astype(np.int64)
    step = _middle(gaps)
    regular = bool((gaps == gaps[0]).all())
    guessed = not regular and (not _fills(gaps, step) or _has_hours(wall, step))
    return Clock(last, f"{step}ns", regular, zone, guessed)


def _inferred(index: pd.DatetimeIndex) -> str | None:
    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        # pandas 3 says at every call that a later version gives an offset in place of its name; both are taken.
        warnings.simplefilter("ignore")
        named = pd.infer_freq(index)
    return None if named is None else str(getattr(named, "freqstr", named))


def _of_numbers(times: pd.Series) -> Clock:
    whole = pd.api.types.is_integer_dtype(times.dtype)
    numbers = times.to_numpy(dtype=np.int64 if whole else np.float64)
    steps = np.diff(numbers)
    step = _middle(steps)
    rounding = 0.0 if whole else 1e-9 * float(np.abs(numbers).max())
    near = max(1e-6 * abs(step), rounding)
    regular = bool(np.abs(steps - step).max() <= near)
    multiples = np.round(steps / step) if step else steps
    fills = bool((np.abs(steps - multiples * step) <= near).all()) and _fills(multiples.astype(np.int64), 1)
    last = int(numbers[-1]) if whole else float(numbers[-1])
    return Clock(last, int(step) if whole else float(step), regular, None, not regular and not fills)


def _middle(steps: np.ndarray) -> Any:
    return np.sort(steps)[(len(steps) - 1) // 2].item()


def _fills(steps: np.ndarray, step: int) -> bool:
    """Return whether all steps are made of one that at least half of them are: a calendar that lacks some times."""
    return step > 0 and bool((steps % step == 0).all()) and 2 * int((steps == step).sum()) >= len(steps)


def _has_hours(wall: pd.DatetimeIndex, step: int) -> bool:
    """Return whether some hours or days of the week never come, as outside the hours of a shop or an exchange."""
    days, slots = wall.normalize().nunique(), 24 * 3600 * 10**9 // step
    if wall.day_of_week.nunique() < _WEEKDAYS and wall[-1] - wall[0] > pd.Timedelta(days=2 * _WEEKDAYS):
        return True
    return days > _FEW_DAYS and 10 * len(np.unique(np.asarray(wall - wall.normalize()))) < 9 * slots


def _by_month(wall: pd.DatetimeIndex) -> tuple[str, bool] | None:
    """Return the step of times on one day of months, the last where months are too short, and whether all are equal."""
    day = int(wall.day.max())
    on_day = wall.day == np.minimum(day, wall.days_in_month)
    steps = np.diff(np.asarray(wall.year * 12 + wall.month))
    if not on_day.all() or _hours(wall) > 1 or steps.min() < 1:
        return None
    return f"{int(_middle(steps))} months on day {day}", bool((steps == steps[0]).all())


def _by_business_month(wall: pd.DatetimeIndex) -> tuple[str, bool] | None:
    """Return the same of the first or the last business days of months."""
    steps = np.diff(np.asarray(wall.year * 12 + wall.month))
    if len(wall) < 3 or steps.min() < 1 or _hours(wall) > 1:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not vectorized
        for name, offset in (("BME", pd.offsets.BMonthEnd(0)), ("BMS", pd.offsets.BMonthBegin(0))):
            moved = wall.map(offset.rollforward)
            if (moved == wall).all():
                return f"{int(_middle(steps))}{name}", bool((steps == steps[0]).all())
    return None


def _by_week(wall: pd.DatetimeIndex) -> tuple[str, bool] | None:
    """Return the days of the week on which times are, of which some (holidays) may be left out, and whether none is."""
    if _hours(wall) > 1 or len(wall) < 5:
        return None
    every = pd.date_range(wall[0].normalize(), wall[-1].normalize())
    counts = np.bincount(every.day_of_week, minlength=7)
    used = sorted(set(wall.day_of_week))
    candidates = []
    # A day of the week that was left out once may be a holiday, twice it is none of those used.
    if 2 <= len(used) <= 6 and min(counts[d] for d in range(7) if d not in used) > 1:
        candidates.append(used)
    if used[-1] < 5 and (np.diff(wall.day_of_week) < 0).any():
        candidates.append(list(range(5)))
    for days in candidates:
        there = int(counts[days].sum())
        if 3 * len(wall) > 2 * there:
            return "B" if days == list(range(5)) else " ".join(_NAMES[d] for d in days), len(wall) == there
    return None


def _hours(wall: pd.DatetimeIndex) -> int:
    """Return how many times of day there are."""
    return len(np.unique(np.asarray(wall - wall.normalize())))
