"""When the steps of a series are: sorted times, how far they are apart, and those that follow."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from punar.errors import DataTypeError, shown


@dataclass(frozen=True)
class Clock:
    """The last time of a series and its step.

    Attributes
    ----------
    last : float or str
        A number, or a date in ISO 8601.
    step : float or str
        A number, or a pandas frequency such as "MS".
    regular : bool
        Whether all steps are equal, months and business days among them.
    """

    last: float | str
    step: float | str
    regular: bool = True

    def after(self, count: int) -> list[Any]:
        """Return the ``count`` times after the last: numbers or pandas timestamps.

        >>> Clock("2024-01-01", "MS").after(2)
        [Timestamp('2024-02-01 00:00:00'), Timestamp('2024-03-01 00:00:00')]
        >>> Clock(1990.0, 0.5).after(2)
        [1990.5, 1991.0]
        """
        if isinstance(self.last, str):
            offset = pd.tseries.frequencies.to_offset(self.step)
            start = pd.Timestamp(self.last)
            return list(pd.date_range(start, periods=count + 1, freq=offset)[1:]) if count else []
        assert not isinstance(self.step, str)
        return [self.last + self.step * k for k in range(1, count + 1)]


def as_times(column: pd.Series, name: str, where: str) -> pd.Series:
    """Return a column of numbers or dates; text is read as ISO 8601, periods by their start."""
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.start_time
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError):
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
    with warnings.catch_warnings():
        # pandas 3 says at every call that a later version gives an offset in place of its name; both are taken.
        warnings.simplefilter("ignore")
        named = pd.infer_freq(index) if len(index) >= 3 else None
    if named is not None:
        return Clock(last, str(getattr(named, "freqstr", named)))
    gaps = np.diff(index.to_numpy())
    middle = pd.Timedelta(np.sort(gaps)[len(gaps) // 2])
    return Clock(last, f"{middle.as_unit('ns').value}ns", bool((gaps == gaps[0]).all()))
