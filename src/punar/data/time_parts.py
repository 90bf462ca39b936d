"""Times in several columns, such as year and month, or date and hour: put together into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from punar.core.words import listed

if TYPE_CHECKING:
    import pandas as pd

NAME = "time"  # what the column is called that is made
_CALLED = {
    "year": ("year", "yr", "yyyy", "jahr", "año", "anno", "annee", "année", "वर्ष", "साल"),
    "quarter": ("quarter", "qtr", "quartal"),
    "month": ("month", "mon", "mth", "mm", "monat", "mes", "mois", "माह", "महीना"),
    "week": ("week", "isoweek", "week_of_year", "weekofyear"),
    "day": ("day", "dd", "dom", "day_of_month", "dayofmonth", "tag", "dia", "día", "jour", "दिन"),
    "hour": ("hour", "hr", "hh", "hours", "stunde", "hora", "heure", "घंटा"),
    "minute": ("minute", "min", "minutes", "mi"),
    "date": ("date", "datum", "fecha", "dt", "day", "तारीख", "दिनांक"),
    "clock": ("time", "clock", "hour", "hr", "hh", "zeit", "uhrzeit", "hora", "heure", "time_of_day", "समय"),
}
_BOUNDS = {"year": (1000, 2999), "quarter": (1, 4), "month": (1, 12), "week": (1, 53), "day": (1, 31)}
_BOUNDS |= {"hour": (0, 23), "minute": (0, 59)}
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?"
_DAY = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|[12]\d{7}"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class NotTogetherError(ValueError):
    """Columns are called as the parts of a time, but their values are none."""


def together(frame: pd.DataFrame, taken: Sequence[str | None], id_column: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with one column of times, called :data:`NAME`, in place of its parts, and the parts' names.

    The times are text, such as 2024-03 of 2024 and 3, so that forecasts are written as finely as they were.

    Parameters
    ----------
    frame : DataFrame
    taken : sequence of str or None
        Columns that are something else.
    id_column : str or None
        Of a long table.

    Returns
    -------
    frame : DataFrame
        As it was where no columns are the parts of a time.
    parts : list of str

    Raises
    ------
    NotTogetherError
        The columns are called so, but a value is no year, month, day or the like.
    """
    free = [str(c) for c in frame.columns if c not in taken and c != id_column]
    found = _calendar(free)
    texts = None if not found else _of_calendar(frame, found)
    if texts is None:
        found = _day_and_clock(frame, free, id_column)
        texts = None if not found else _of_clock(frame, found)
    others = [c for c in frame.columns if c not in found.values()]
    if texts is None or NAME in others:
        return frame, []
    return frame[others].assign(**{NAME: texts}), list(found.values())


def said(parts: Sequence[str]) -> str:
    """Return a note on what was put together."""
    return f"time: the columns {listed(list(parts))}, put together as {NAME!r}"


def _named(free: Sequence[str], part: str) -> str | None:
    return next((c for c in free if c.strip().lower() in _CALLED[part]), None)


def _calendar(free: Sequence[str]) -> dict[str, str]:
    """Return the columns of a year and its parts, as fine as they go without a gap."""
    for order in (("year", "month", "day", "hour", "minute"), ("year", "quarter"), ("year", "week")):
        found: dict[str, str] = {}
        for part in order:
            name = _named(free, part)
            if name is None:
                break
            found[part] = name
        if len(found) > 1:
            return found
    return {}


def _of_calendar(frame: pd.DataFrame, found: Mapping[str, str]) -> pd.Series:
    numbers = {part: _numbers(frame[name], part) for part, name in found.items()}
    digits = {part: column.astype(str).str.zfill(2) for part, column in numbers.items()}
    for part, mark in (("quarter", "-Q"), ("week", "-W")):
        if part in digits:
            count = digits[part] if part == "week" else numbers[part].astype(str)
            return digits["year"] + mark + count
    made = digits["year"] + "-" + digits["month"]
    made = made if "day" not in digits else made + "-" + digits["day"]
    if "hour" not in digits:
        return made
    return made + " " + digits["hour"] + ":" + digits.get("minute", "00")


def _numbers(column: pd.Series, part: str) -> pd.Series:
    """Return the whole numbers of a part; months may be names."""
    import pandas as pd

    low, high = _BOUNDS[part]
    values = column
    if part == "month" and not pd.api.types.is_numeric_dtype(column.dtype):
        short = column.astype(str).str.strip().str.lower().str[:3]
        values = short.map({name: i for i, name in enumerate(_MONTHS, 1)}).where(short.isin(_MONTHS), column)
    numbers = pd.to_numeric(values, errors="coerce")
    good = numbers.between(low, high) & (numbers % 1 == 0)
    if not good.all():
        bad = column[~good].iloc[0]
        raise NotTogetherError(f"column {str(column.name)!r} holds {bad!s}, which is no {part} from {low} to {high}")
    return numbers.astype("int64")


def _day_and_clock(frame: pd.DataFrame, free: Sequence[str], id_column: str | None) -> dict[str, str]:
    """Return a column of days that come more than once, and one of hours or times of the day."""
    day = next((c for c in free if c.strip().lower() in _CALLED["date"] and _all(frame[c], _DAY)), None)
    clock = next((c for c in free if c != day and c.strip().lower() in _CALLED["clock"]), None)
    if day is None or clock is None:
        return {}
    once = not frame.duplicated([c for c in (id_column, day) if c is not None]).any()
    if not _all(frame[clock], _CLOCK) and (once or not _all(frame[clock], r"\d{1,2}")):
        return {}
    return {"day": day, "clock": clock}


def _all(column: pd.Series, form: str) -> bool:
    return bool(len(column)) and bool(column.astype(str).str.strip().str.fullmatch(form).all())


def _of_clock(frame: pd.DataFrame, found: Mapping[str, str]) -> pd.Series:
    days, clock = frame[found["day"]].astype(str).str.strip(), frame[found["clock"]]
    if _all(clock, _CLOCK):
        return days + " " + clock.astype(str).str.strip()
    return days + " " + _numbers(clock, "hour").astype(str).str.zfill(2) + ":00"
