"""A column of dates as the time since their start and the parts of the calendar that vary in it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from punar.errors import DataTypeError, shown
from punar.preparations._reading import Finite, Positive
from punar.preparations.mixed.forms import as_type
from punar.preparations.mixed.frames import refuse_others, unique_of

Part = Literal["year", "week", "day"]
Step = Literal["Y", "M", "D", "h", "m", "s", "ms", "us"]
Form = Literal["datetime", "date", "period", "text"]

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?")
QUARTERS, WEEKS, DIGITS = "quarter", "%G-W%V", "%Y%m%d"
_STEPS: tuple[Step, ...] = ("Y", "M", "D", "h", "m", "s", "ms")
_DAY = 86_400_000_000  # microseconds
_EARLIEST, _LATEST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31", "us")  # what Python can write


class Date(msgspec.Struct, frozen=True, tag="date"):
    """How a column of dates is read.

    Attributes
    ----------
    form : {"datetime", "date", "period", "text"}
    dtype : str
        The column's own type, or the format of the text.
    zone : str or None
        In which dates with a time zone are given back.
    mean, scale : float
        Microseconds since 1970.
    parts : tuple of {"year", "week", "day"}
        Each the sine and cosine of how far the year, the week or the day has gone.
    step : str
        numpy's name of the unit to which dates are rounded when they are given back.
    gaps : bool
        Whether dates were missing, so that there is an indicator of it.
    lenient : bool
        Whether what is no date counts as missing: a few values did in training.
    """

    form: Form
    dtype: str
    zone: str | None
    mean: Finite
    scale: Positive
    parts: tuple[Part, ...]
    step: Step
    gaps: bool
    lenient: bool = False

    @property
    def width(self) -> int:
        """Numbers per row."""
        return 1 + 2 * len(self.parts) + self.gaps

    def encode(self, column: pd.Series, where: str) -> np.ndarray:
        """Return (n, width) numbers, with NaN for what is missing."""
        times, local = read_dates(column, self.dtype, self.zone, where, lenient=self.lenient)
        missing = np.isnat(times)
        since = np.where(missing, np.nan, times.astype(np.int64).astype(np.float64))
        waves = [wave for part in self.parts for wave in _waves(local, part)]
        share = max(1, len(self.parts)) ** -0.5  # all parts together count as much as the time since the start
        blocks = [(since - self.mean) / self.scale, *(np.where(missing, np.nan, w * share) for w in waves)]
        return np.column_stack([*blocks, missing] if self.gaps else blocks)

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the dates that numbers stand for, rounded to the step, in the column's own type."""
        low, high = (float(t.astype(np.int64)) for t in (_EARLIEST, _LATEST))
        since = np.clip(np.nan_to_num(block[:, 0] * self.scale + self.mean), low, high)
        times = pd.Series(since.round().astype(np.int64).astype("datetime64[us]"))
        if self.zone is not None:
            times = times.dt.tz_localize("UTC").dt.tz_convert(self.zone).dt.tz_localize(None)
        found = pd.Series(_rounded(times.to_numpy(dtype="datetime64[us]"), self.step))
        missing = pd.Series(block[:, -1] > 0.5) if self.gaps else pd.Series(np.zeros(len(found), dtype=bool))
        return self._written(found.mask(missing))

    def _written(self, times: pd.Series) -> pd.Series:
        if self.zone is not None:
            first = np.ones(len(times), dtype=bool)
            times = times.dt.tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward")
        if self.form == "text":
            return _text_of(times, self.dtype)
        if self.form == "date":
            return times.astype(object).map(lambda t: t.date(), na_action="ignore")
        if self.form == "period":
            return times.dt.to_period(self.dtype.removeprefix("period[").removesuffix("]"))
        return as_type(times, self.dtype)


def _text_of(times: pd.Series, form: str) -> pd.Series:
    if form == QUARTERS:
        return times.map(lambda t: f"{t.year}Q{t.quarter}", na_action="ignore")
    found = times.dt.strftime(form)
    return found.astype("float64").astype("Int64") if form == DIGITS else found


def read_dates(
    column: pd.Series, dtype: str, zone: str | None, where: str, *, lenient: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as datetime64[us] in UTC, and as its own clock showed it; NaT where a date is missing.

    Raises
    ------
    DataTypeError
        A value is no date, or only some have a time zone.
    """
    found = _typed(column)
    name = shown(column.name, 40)
    if found is None:
        codes, values = unique_of(column, where, column.name)
        known = [instant_of(v, dtype) for v in values]
        strange = np.array([t is None for t in known], dtype=bool)
        refuse_others(column, codes, values, strange, where, "dates", lenient=lenient)
        aware = {t.tzinfo is not None for t in known if t is not None}
        utc = np.array([*map(_utc, known), np.datetime64("NaT", "us")], dtype="datetime64[us]")
        found = utc[codes], True in aware
        if len(aware) > 1:
            raise DataTypeError(f"{where}: some dates of column {name} have a time zone and some do not. Use one form.")
    times, has_zone = found
    if has_zone != (zone is not None) and not np.isnat(times).all():
        raise DataTypeError(
            f"{where}: column {name} was fitted on dates {'with' if zone else 'without'} a time zone, and these have "
            f"{'one' if has_zone else 'none'}. Use tz_localize or tz_convert."
        )
    return times, times if zone is None else _local(times, zone)


def zone_of(column: pd.Series, dtype: str, where: str) -> str | None:
    """Return the name of a column's time zone, UTC for text and objects that have one, None without."""
    zone = getattr(column.dtype, "tz", None) or getattr(getattr(column.dtype, "pyarrow_dtype", None), "tz", None)
    if zone is not None:
        try:
            _local(np.array(["2000-01-01"], dtype="datetime64[us]"), str(zone))
        except Exception:  # a zone of the user's own has no name to find it by
            return "UTC"
        return str(zone)
    if _typed(column) is not None:
        return None
    values = unique_of(column, where, column.name)[1]
    return "UTC" if any(getattr(instant_of(v, dtype), "tzinfo", None) is not None for v in values) else None


def instant_of(value: Any, form: str) -> datetime | None:
    """Return a cell as a date with microseconds; None where it is none."""
    if isinstance(value, (int, float)) and form == DIGITS:
        value = f"{value:.0f}"
    if isinstance(value, str):
        return _of_text(value.strip(), form)
    if isinstance(value, pd.Period):
        value = value.to_timestamp()
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


def _of_text(text: str, form: str) -> datetime | None:
    try:
        if form.startswith("period"):
            return pd.Period(text, form.removeprefix("period[").removesuffix("]")).to_timestamp().to_pydatetime()
        typed = form != QUARTERS and "%" not in form  # files hold such dates in ISO 8601
        if typed or form.startswith("%Y-%m-%d"):
            return datetime.fromisoformat(text) if ISO.fullmatch(text) else None
        if form == QUARTERS:
            year, _, quarter = text.upper().partition("Q")
            return datetime(int(year.rstrip("-")), 3 * int(quarter) - 2, 1) if quarter in "1234" else None
        if form == WEEKS:
            return datetime.strptime(f"{text}-1", f"{WEEKS}-%u")
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _typed(column: pd.Series) -> tuple[np.ndarray, bool] | None:
    """Return the times of a column whose type says that it is dates, in UTC, and whether it has a time zone."""
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp().to_numpy(dtype="datetime64[us]"), False
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]"), True
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return column.to_numpy().astype("datetime64[us]"), False
    return None


def _utc(value: datetime | None) -> np.datetime64:
    if value is None:
        return np.datetime64("NaT", "us")
    return np.datetime64(value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None), "us")


def _local(times: np.ndarray, zone: str) -> np.ndarray:
    shown_there = pd.Series(times).dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    return shown_there.to_numpy(dtype="datetime64[us]")


def _waves(local: np.ndarray, part: Part) -> tuple[np.ndarray, np.ndarray]:
    days = local.astype("datetime64[D]")
    if part == "year":
        gone = (days - local.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64) / 365.25
    elif part == "week":
        gone = ((days.astype(np.int64) + 3) % 7) / 7  # 1970 began on a Thursday
    else:
        gone = (local - days).astype(np.float64) / _DAY
    return np.sin(2 * np.pi * gone), np.cos(2 * np.pi * gone)


def parts_of(local: np.ndarray, step: Step) -> tuple[Part, ...]:
    """Return the parts that vary in dates without gaps; the days of the week on which months begin say nothing."""
    parts: tuple[Part, ...] = ("year", "week", "day")
    if step in ("Y", "M"):
        parts = ("year",)
    return tuple(p for p in parts if max(float(w.std()) for w in _waves(local, p)) > 0.01)


def step_of(local: np.ndarray) -> Step:
    """Return the largest unit of which all dates are whole multiples."""
    for step in _STEPS:
        if bool((local.astype(f"datetime64[{step}]").astype("datetime64[us]") == local).all()):
            return step
    return "us"


def _rounded(times: np.ndarray, step: Step) -> np.ndarray:
    below = times.astype(f"datetime64[{step}]")
    low, high = below.astype("datetime64[us]"), (below + 1).astype("datetime64[us]")
    return np.where(times - low < high - times, low, high)
