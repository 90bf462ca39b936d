"""When the steps of a series are: sorted times, how far they are apart, and those that follow."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from punar.errors import DataTypeError, shown

_MONTHS = re.compile(r"(\d{1,4}) months on day ([1-9]|[12]\d|3[01])\Z")
_DAY, _NOTHING = np.timedelta64(1, "D"), np.timedelta64(0, "D")


@dataclass(frozen=True)
class Clock:
    """The last time of a series and its step.

    Attributes
    ----------
    last : float or str
        A number, or a date in ISO 8601.
    step : float or str
        A number, a pandas frequency such as "MS",
        or "3 months on day 31", which is the last day of shorter months.
    regular : bool
        Whether all steps are equal, months and business days among them.
    zone : str or None
        Name of a time zone, whose clock days and longer steps go by through summer time.
    """

    last: float | str
    step: float | str
    regular: bool = True
    zone: str | None = None

    def after(self, count: int) -> list[Any]:
        """Return the ``count`` times after the last: numbers or pandas timestamps.

        >>> Clock("2024-01-01", "MS").after(2)
        [Timestamp('2024-02-01 00:00:00'), Timestamp('2024-03-01 00:00:00')]
        >>> Clock(1990.0, 0.5).after(2)
        [1990.5, 1991.0]
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
            offset = pd.tseries.frequencies.to_offset(self.step)
            return list(pd.date_range(start, periods=count + 1, freq=offset)[1:]) if count else []
        assert not isinstance(self.step, str)
        return [self.last + self.step * k for k in range(1, count + 1)]


def _in_months(start: pd.Timestamp, months: int, day: int) -> pd.Timestamp:
    # The first of a month is there in every month; so is the clock's time, but for the hour that summer time skips.
    wall = start.tz_localize(None).replace(day=1) + pd.DateOffset(months=months)
    wall = wall.replace(day=min(day, wall.days_in_month))
    return wall if start.tz is None else wall.tz_localize(start.tz, nonexistent="shift_forward", ambiguous=True)


def as_times(column: pd.Series, name: str, where: str) -> pd.Series:
    """Return a column of numbers or dates; text is read as ISO 8601, periods by their start."""
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.start_time
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError) as error:
        if "timezone" in str(error).lower() or "time zone" in str(error).lower() or "tz-" in str(error).lower():
            raise DataTypeError(
                f"{where}: time column {shown(name)} mixes offsets from UTC, or times with and without one: the zone "
                "whose clock the steps go by is not known. Name it: "
                "pandas.to_datetime(column, utc=True).dt.tz_convert('Europe/Berlin')."
            ) from None
        raise DataTypeError(
            f"{where}: time column {shown(name)} must hold numbers, dates or text like 2024-01-31, got "
            f"{shown(column.iloc[0])}. Convert it first, for example with pandas.to_datetime."
        ) from None


def clock_of(times: pd.Series) -> Clock | None:
    """Return the clock of one series' sorted, distinct times; None where there is but one."""
    if len(times) < 2:
        return None
    if pd.api.types.is_numeric_dtype(times.dtype):
        numbers = times.to_numpy(dtype=np.float64)
        steps = np.diff(numbers)
        step = float(np.median(steps))
        rounding = 1e-9 * float(np.abs(numbers).max())
        return Clock(float(numbers[-1]), step, bool(np.abs(steps - step).max() <= max(1e-6 * abs(step), rounding)))
    index = pd.DatetimeIndex(times)
    last = index[-1].isoformat()
    zone = getattr(index.tz, "key", getattr(index.tz, "zone", None))
    with warnings.catch_warnings():
        # pandas 3 says at every call that a later version gives an offset in place of its name; both are taken.
        warnings.simplefilter("ignore")
        named = pd.infer_freq(index) if len(index) >= 3 else None
    if named is not None:
        return Clock(last, str(getattr(named, "freqstr", named)), zone=zone)
    wall = index.tz_localize(None)
    by_month = _by_month(wall)
    if by_month is not None:
        return Clock(last, *by_month, zone)
    if _are_business_days(wall):
        return Clock(last, "B", False, zone)
    by_wall = np.diff(wall.to_numpy())
    if (by_wall % _DAY == _NOTHING).all():
        middle = np.sort(by_wall)[len(by_wall) // 2]
        return Clock(last, f"{int(middle // _DAY)}D", bool((by_wall == by_wall[0]).all()), zone)
    gaps = np.diff(index.tz_convert("UTC").tz_localize(None).to_numpy() if index.tz is not None else wall.to_numpy())
    middle = pd.Timedelta(np.sort(gaps)[len(gaps) // 2])
    return Clock(last, f"{middle.as_unit('ns').value}ns", bool((gaps == gaps[0]).all()), zone)


def _by_month(wall: pd.DatetimeIndex) -> tuple[str, bool] | None:
    """Return the step of times on one day of months, the last where months are too short, and whether all are equal."""
    day = int(wall.day.max())
    on_day = wall.day == np.minimum(day, wall.days_in_month)
    steps = np.diff(np.asarray(wall.year * 12 + wall.month))
    if not on_day.all() or (wall - wall.normalize()).nunique() > 1 or steps.min() < 1:
        return None
    return f"{int(np.sort(steps)[len(steps) // 2])} months on day {day}", bool((steps == steps[0]).all())


def _are_business_days(wall: pd.DatetimeIndex) -> bool:
    """Return whether times are business days, of which some (holidays) are left out."""
    days = wall.normalize()
    if (wall.day_of_week > 4).any() or (wall - days).nunique() > 1 or days.has_duplicates or len(wall) < 5:
        return False
    return 3 * len(days) > 2 * len(pd.bdate_range(days[0], days[-1])) and bool((np.diff(wall.day_of_week) < 0).any())
