"""Dates in text: the format that a whole column has, and times written in it again.

A format is that of ``strftime``, with ``%q`` for the quarter and ``%:z`` for an offset from UTC with a colon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_NAME = rf"(?P<name>(?:{_MONTHS})[a-z]*)"
_WEEKDAY = re.compile(r"(?P<day>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)(?P<after>[,.]? +)(?=.*\d)", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?P<before>T|,? +)(?P<hour>\d{1,2})(?P<minute>:\d{2})?(?P<second>:\d{2})?(?P<part>[.,]\d{1,9})?"
    r"(?P<half> ?[ap]m)?(?P<gap> ?)(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?\Z",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"\d{8}T\d{4}(?P<second>\d{2})?(?P<zone>Z)?\Z", re.IGNORECASE)
_ZONE = r" ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})\Z"
# What the date itself looks like, and the formats that it may have: {0}, {1} are what stands between the parts.
_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}([-/. ])\d{1,2}\1\d{1,2}", ("%Y{0}%m{0}%d",)),
    (r"\d{1,2}([-/. ])\d{1,2}\1\d{4}", ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
    (r"\d{1,2}([-/. ])\d{1,2}\1\d{2}", ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")),
    (r"\d{8}", ("%Y%m%d", "%d%m%Y", "%m%d%Y")),
    (r"\d{6}", ("%Y%m", "%d%m%y", "%m%d%y", "%y%m%d")),
    (r"\d{4}([-/. ])\d{1,2}", ("%Y{0}%m",)),
    (r"\d{1,2}([-/. ])\d{4}", ("%m{0}%Y",)),
    (r"\d{4}", ("%Y",)),
    (rf"\d{{1,2}}([-/. ]{{0,2}}){_NAME}([-/., ]{{0,2}})\d{{4}}", ("%d{0}{name}{1}%Y",)),
    (rf"\d{{1,2}}([-/. ]{{0,2}}){_NAME}([-/., ]{{0,2}})\d{{2}}", ("%d{0}{name}{1}%y", "%y{0}{name}{1}%d")),
    (rf"{_NAME}([-/. ]{{1,2}})\d{{1,2}}([-/., ]{{1,2}})\d{{4}}", ("{name}{0}%d{1}%Y",)),
    (rf"{_NAME}([-/., ]{{0,2}})\d{{4}}", ("{name}{0}%Y",)),
    (rf"{_NAME}([-/., '’]{{1,2}})\d{{2}}", ("{name}{0}%y",)),
    (rf"\d{{4}}([-/. ]{{0,2}}){_NAME}([-/. ]{{1,2}})\d{{1,2}}", ("%Y{0}{name}{1}%d",)),
    (rf"\d{{4}}([-/. ]{{0,2}}){_NAME}", ("%Y{0}{name}",)),
    (r"\d{4}([-/ :.]{0,2}M)(?:0?[1-9]|1[0-2])", ("%Y{0}%m",)),
    (r"\d{4}(:)(?:0[1-9]|1[0-2])", ("%Y{0}%m",)),
    (r"\d{4}([-/.])\d{3}", ("%Y{0}%j",)),
    (r"\d{4}([年년] ?)\d{1,2}([月월] ?)\d{1,2}([日일])", ("%Y{0}%m{1}%d{2}",)),
    (r"\d{4}([年년] ?)\d{1,2}([月월])", ("%Y{0}%m{1}",)),
    (r"\d{4}([年년])", ("%Y{0}",)),
    (r"((?:FY|CY) ?)\d{4}", ("{0}%Y",)),
    (r"\d{4}([-/ :.]{0,2}Q)[1-4]", ("%Y{0}%q",)),
    (r"\d{2}([-/ :.]{0,2}Q)[1-4]", ("%y{0}%q",)),
    (r"(Q)[1-4]([-/ :.,'’]{1,2})\d{2}", ("{0}%q{1}%y",)),
    (r"[1-4](Q[-/ :.,'’]{0,2})\d{2}", ("%q{0}%y",)),
    (r"(Q)[1-4]([-/ :.,]{0,2})\d{4}", ("{0}%q{1}%Y",)),
    (r"[1-4](Q[-/ :.,]{0,2})\d{4}", ("%q{0}%Y",)),
    (r"\d{4}([-/ ]?(?:W|CW|KW) ?)\d{1,2}", ("%G{0}%V",)),
    (r"((?:W|CW|KW|Week) ?)\d{1,2}([-/, ]{1,2})\d{4}", ("{0}%V{1}%G",)),
    (r"\d{4}([- ]?W)\d{2}(-?)[1-7]", ("%G{0}%V{1}%u",)),
)
_SHAPES = tuple((re.compile(rf"{pattern}\Z", re.IGNORECASE), formats) for pattern, formats in _DATES)
_OF_A_DAY = ("%d", "%j", "%u", "%w", "%e", "%x", "%c", "%D")
_CENTURY = 69  # from which years of two digits are those of the last century
_ORDINAL = r"(?<=\d)(?:st|nd|rd|th)\b"


def plain(column: pd.Series) -> pd.Series:
    """Return texts with digits of any script as 0 to 9, single spaces and no ordinal endings.

    >>> plain(pd.Series(["२०२४-०१-३१", " 1st  Sept. 2024"])).tolist()
    ['2024-01-31', '1 Sep 2024']
    """
    text = column.astype(str).str.strip()
    if not text.map(str.isascii).all():
        text = text.map(lambda t: re.sub(r"\d", lambda m: str(int(m[0])), t).replace("\u2212", "-"))
    text = text.str.replace(r"\s+", " ", regex=True).str.replace(_ORDINAL, "", regex=True, case=False)
    text = text.str.replace(r"\bsept?\b\.?", "Sep", regex=True, case=False)
    text = text.str.replace(r"(?<=[A-Za-z]{3})\.(?=\s)", "", regex=True)
    return text.str.replace(r"([ap])\.m\.?\Z", r"\1m", regex=True, case=False)


def formats_of(text: str) -> list[str]:
    """Return the formats that one text may have, the usual one first; none where it is no date.

    >>> formats_of("03/04/2024 9:30 PM"), formats_of("2000-Q1"), formats_of("Q1 2000"), formats_of("row 7")
    (['%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p'], ['%Y-Q%q'], ['Q%q %Y'], [])
    """
    before = ""
    weekday = _WEEKDAY.match(text)
    if weekday is not None:
        before = ("%a" if len(weekday["day"]) == 3 else "%A") + weekday["after"]
        text = text[weekday.end() :]
    found = _dates_of(text)
    if found:
        return [before + f for f in found]
    compact = _COMPACT.match(text)
    if compact is not None:
        return [f"{before}%Y%m%dT%H%M{'%S' if compact['second'] else ''}{compact['zone'] or ''}"]
    for clock in _CLOCK.finditer(text):
        # Without a colon it is an hour only beside am or pm, or behind a T; else a year or a day.
        if clock["minute"] is None and clock["half"] is None and clock["before"] != "T":
            continue
        found = _dates_of(text[: clock.start()])
        if found:
            return [before + f + _clock_format(clock) for f in found]
    return []


def _dates_of(text: str) -> list[str]:
    for shape, formats in _SHAPES:
        match = shape.match(text)
        if match is not None:
            named = match.groupdict().get("name")
            between = [group for i, group in enumerate(match.groups(), 1) if i != shape.groupindex.get("name")]
            name = None if named is None else "%b" if len(named) == 3 else "%B"
            return [f.format(*between, name=name) for f in formats]
    return []


def _clock_format(clock: re.Match[str]) -> str:
    form = clock["before"] + ("%H" if clock["half"] is None else "%I")
    form += "" if clock["minute"] is None else ":%M"
    form += "" if clock["second"] is None else ":%S"
    form += "" if clock["part"] is None else f"{clock['part'][0]}%f"
    half, zone = clock["half"] or "", clock["zone"]
    form += "" if not half else " %p" if half.startswith(" ") else "%p"
    if zone is None:
        return form
    return form + clock["gap"] + (zone if zone.isalpha() else "%:z" if ":" in zone else "%z")


def parsed(text: pd.Series, form: str) -> tuple[pd.Series, pd.Series | None]:
    """Return the times on the clock, NaT where ``form`` does not fit, and their minutes from UTC where they have some.

    Parameters
    ----------
    text : Series of str
        From :func:`plain`.
    form : str

    Raises
    ------
    ValueError
        ``form`` is no format.
    """
    offsets = None
    if re.search(r"(?:%:?z|(?<!%)(?:Z|UTC|GMT))\Z", form):
        zones = text.str.extract(_ZONE, flags=re.IGNORECASE)[0]
        offsets = zones.map(minutes)
        text = text.str.replace(_ZONE, "", regex=True, case=False).where(zones.notna())
        form = re.sub(r" ?(?:%:?z|Z|UTC|GMT)\Z", "", form)
    if "%q" in form:
        return _quarters(text, form), offsets
    if "%V" in form and not any(d in form for d in ("%u", "%w", "%a", "%A")):
        text, form = text + " 1", form + " %u"
    return pd.Series(pd.to_datetime(text, format=form, errors="coerce"), index=text.index), offsets


def _quarters(text: pd.Series, form: str) -> pd.Series:
    pattern = re.escape(form).replace("%Y", r"(?P<year>\d{4})").replace("%y", r"(?P<short>\d{2})")
    pattern = pattern.replace("%q", "(?P<quarter>[1-4])")
    if "%" in pattern or "(?P<quarter>" not in pattern or not re.search(r"\(\?P<(year|short)>", pattern):
        raise ValueError(f"{form!r} must have %q with %Y or %y, and nothing else")
    found = text.str.extract(f"^{pattern}$", flags=re.IGNORECASE)
    year = found["year"] if "year" in found else found["short"].map(_century, na_action="ignore")
    months = (found["quarter"].astype(float) * 3 - 2).map("{:02.0f}".format)
    return pd.to_datetime((year + "-" + months).where(found["quarter"].notna()), format="%Y-%m", errors="coerce")


def _century(short: str) -> str:
    """Return a year of two digits with its century, as ``strptime`` has it."""
    return f"{20 if int(short) < _CENTURY else 19}{short}"


def minutes(zone: Any) -> float:
    """Return the minutes from UTC that text such as +05:30 or Z means."""
    if not isinstance(zone, str):
        return np.nan
    if zone.isalpha():
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return float((-1 if zone[0] == "-" else 1) * (60 * int(digits[:2]) + int(digits[2:])))


def of_days(form: str) -> bool:
    """Return whether a format names a day, or only a longer period.

    >>> of_days("%d.%m.%y"), of_days("%YQ%q"), of_days("%G-W%V"), of_days("%b %Y")
    (True, False, False, False)
    """
    return any(directive in form for directive in _OF_A_DAY)


def written(times: Sequence[Any], form: str) -> list[str]:
    """Return times in a format; what is no time (NaT, None) is an empty text.

    >>> written([pd.Timestamp("2024-04-01"), None], "%YQ%q")
    ['2024Q2', '']
    """
    return [_write(pd.Timestamp(t), form) for t in times]


def _write(time: Any, form: str) -> str:
    if pd.isna(time):
        return ""
    if "%:z" in form:
        offset = time.strftime("%z")
        form = form.replace("%:z", f"{offset[:3]}:{offset[3:]}" if offset else "")
    return str(time.strftime(form.replace("%q", str(time.quarter))))
