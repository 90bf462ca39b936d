"""Whatever holds the times of a table -> numbers or timestamps, and the format in which they came."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from punar.data import date_text
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning, shown
from punar.texts import times as texts

_PERIOD, _DURATION = "period[", "timedelta"
_FEW = 8  # values whose order may show where a year of two digits stands
_LOOKED_AT = 200
_Read = tuple[pd.Series, pd.Series | None]


@dataclass(frozen=True, eq=False)
class Times:
    """Times that sort and subtract.

    Attributes
    ----------
    values : Series
        Numbers or timestamps, with or without a zone; in the order and under the index of what was given.
    form : str or None
        The format of texts and of whole numbers such as 20240331, or the dtype of Periods and durations. None: what
        was given is what ``values`` holds.
    """

    values: pd.Series
    form: str | None = None


def row_of(position: int) -> str:
    """Return how a row is called in messages of Python."""
    return f"row {position}"


def read_times(
    column: pd.Series,
    name: str,
    where: str,
    *,
    time_format: str | None = None,
    strict: bool = True,
    option: str = "time_format=",
    line_of: Callable[[int], str] = row_of,
) -> Times:
    """Return the times that a column holds.

    Numbers stay numbers, but for whole ones that can only be dates (20240331, 202403). Periods begin where they begin.
    The format of texts is found over the whole column: where every row could be read with the day first and with the
    month first, it is asked for.

    Parameters
    ----------
    column : Series
    name, where : str
        For messages.
    time_format : str, optional
        The format of texts, as ``strftime`` writes it, with ``%q`` for the quarter.
    strict : bool, default=True
        Whether another format than that is an error; else it is tried first.
    option : str, default="time_format="
        What the format is called where it is asked for.
    line_of : callable
        Position -> "row 3" or "line 5", for messages.

    Raises
    ------
    DataError, DataTypeError
        A time is missing, is none, or may be several.
    ParameterError
        ``time_format`` is no format.
    """
    missing = column.isna().to_numpy()
    if missing.any():
        at = line_of(int(missing.argmax()))
        raise DataError(f"{where}: {at} has no time (column {shown(name)}). Fill or drop it.")
    said = _Said(name, where, option, line_of)
    column = _unwrapped(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return Times(column.dt.start_time, str(column.dtype))
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return Times(column.dt.total_seconds(), _DURATION)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Times(column)
    if pd.api.types.is_bool_dtype(column.dtype):
        said.no_times(column)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _of_numbers(column, time_format, strict, said)
    if not all(isinstance(v, (str, dt.date)) for v in column):
        said.no_times(column)
    # A text that is there often is read once; what cannot be read is looked for row by row.
    codes, unique = pd.factorize(column.astype(str))
    try:
        found = _of_text(_plain(pd.Series(unique)), time_format, strict, said)
    except DataError:
        return _of_text(date_text.plain(column), time_format, strict, said)
    return Times(found.values.take(codes).set_axis(column.index), found.form)


def _plain(text: pd.Series) -> pd.Series:
    """Return plain texts; those of which some are plain already as they are, which takes a tenth of the time."""
    some = text.iloc[:: max(1, len(text) // _LOOKED_AT)]
    return text if len(text) > _LOOKED_AT and date_text.plain(some).equals(some) else date_text.plain(text)


def given_back(values: Sequence[Any], form: str | None) -> list[Any]:
    """Return times in the form that they came in: periods as periods, days and moments as timestamps.

    Parameters
    ----------
    values : sequence
        Numbers or timestamps, or None.
    form : str or None
        Of :class:`Times`.
    """
    if form is None or form == "":
        return list(values)
    if form == _DURATION:
        return [pd.Timedelta(seconds=v) if isinstance(v, (int, float)) else v for v in values]
    if any(isinstance(v, (int, float)) for v in values):
        return list(values)
    if form.startswith(_PERIOD):
        freq = form[len(_PERIOD) : -1]
        return [None if v is None else pd.Period(pd.Timestamp(v).tz_localize(None), freq=freq) for v in values]
    if date_text.of_days(form):
        return list(values)
    found = date_text.written(values, form)
    return [int(v) if v.isdecimal() else v for v in found]


def check_form(form: str | None) -> None:
    """Raise ValueError where times cannot be written in a form."""
    try:
        as_text(given_back([pd.Timestamp("2024-01-01")], form), form)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{form!r} is no format of times: {error}") from None


def as_text(values: Sequence[Any], form: str | None) -> list[Any]:
    """Return times as a file has them: dates in their format, all else as it is."""
    if form is None or form == _DURATION or form.startswith(_PERIOD):
        return list(values)
    stamps = all(v is None or isinstance(v, (dt.datetime, type(pd.NaT))) for v in values)
    return list(date_text.written(values, form)) if stamps else list(values)


@dataclass(frozen=True)
class _Said:
    """How the column is called in messages."""

    name: str
    where: str
    option: str
    line_of: Callable[[int], str]

    @property
    def column(self) -> str:
        return f"{self.where}: time column {shown(self.name)}"

    def no_times(self, column: pd.Series, at: int = 0) -> NoReturn:
        told = texts.NO_TIMES.format(column=self.column, found=shown(column.iloc[at]), option=self.option)
        raise DataTypeError(told)

    def not_in(self, text: pd.Series, form: str, bad: np.ndarray) -> NoReturn:
        at, other = int(bad.argmax()), int((~bad).argmax())
        raise DataError(
            texts.NOT_IN_FORMAT.format(
                column=self.column,
                found=shown(text.iloc[at]),
                at=self.line_of(at),
                form=form,
                count=int(bad.sum()),
                n=len(bad),
                like=f"; {shown(text.iloc[other])} is" if not bad[other] else "",
            )
        )


def _unwrapped(column: pd.Series) -> pd.Series:
    """Return a column with the dtype that its values have, where they hide in objects, categories or arrow."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    kind = str(column.dtype)
    if "[pyarrow]" in kind and not kind.startswith(("string", "large_string")):
        column = pd.Series(column.tolist(), index=column.index)
    if column.dtype != object:
        return column
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred == "period":
        return pd.Series(pd.PeriodIndex(column), index=column.index)
    if inferred in ("date", "datetime", "datetime64"):
        try:
            return pd.Series(pd.to_datetime(column), index=column.index)
        except ValueError:
            # Several zones or offsets in one column: as text it is read like any other text.
            return pd.Series([str(v) for v in column], index=column.index)
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        return pd.to_numeric(column.astype(float) if inferred == "decimal" else column)
    return column


def _of_numbers(column: pd.Series, time_format: str | None, strict: bool, said: _Said) -> Times:
    values = column.to_numpy(dtype=np.float64)
    whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    if not np.isfinite(values).all():
        said.no_times(column, int((~np.isfinite(values)).argmax()))
    if not whole:
        return Times(pd.Series(values, index=column.index))
    numbers = pd.Series(values.astype(np.int64), index=column.index)
    text = numbers.astype(str)
    if time_format is not None and (strict or _fits(text, time_format)):
        return _of_text(text.str.zfill(_width(time_format)), time_format, strict, said)
    form = whole_number_format(numbers)
    if form is None:
        return Times(numbers)
    return Times(date_text.parsed(text, form)[0], form)


def whole_number_format(numbers: pd.Series) -> str | None:
    """Return the format of whole numbers that can only be dates, None where they are numbers.

    >>> [whole_number_format(pd.Series(v)) for v in ([20240228, 20240229], [202311, 202312], [20240230], [1, 2])]
    ['%Y%m%d', '%Y%m', None, None]
    """
    low, high = int(numbers.min()), int(numbers.max())
    for form, least, most in (("%Y%m%d", 1700_01_01, 2299_12_31), ("%Y%m", 1700_01, 2299_12)):
        if least <= low and high <= most and not date_text.parsed(numbers.astype(str), form)[0].isna().any():
            return form
    return None


def _width(form: str) -> int:
    """Return how many digits a format of digits alone has, 0 of another."""
    widths = {"%Y": "0000", "%m": "00", "%d": "00", "%y": "00", "%H": "00", "%M": "00", "%S": "00", "%j": "000"}
    for directive, digits in widths.items():
        form = form.replace(directive, digits)
    return len(form) if form.isdecimal() else 0


def _fits(text: pd.Series, form: str) -> bool:
    """Return whether a format is that of all texts."""
    text = text.str.zfill(_width(form)) if text.str.isdecimal().all() else text
    try:
        return not date_text.parsed(text, form)[0].isna().any()
    except (ValueError, TypeError):
        return False


def _of_text(text: pd.Series, time_format: str | None, strict: bool, said: _Said) -> Times:
    if time_format is not None and (strict or _fits(text, time_format)):
        try:
            read = date_text.parsed(text, time_format)
        except (ValueError, TypeError) as error:
            raise ParameterError(
                texts.NO_FORMAT.format(where=said.where, option=said.option, form=shown(time_format), error=error)
            ) from None
        return _whole(text, time_format, read, said)
    if text.str.fullmatch(r"[1-9]\d*|0|-?\d+\.\d+|-\d+").all():
        return _of_numbers(pd.to_numeric(text), None, False, said)
    return _found(text, said)


def _found(text: pd.Series, said: _Said) -> Times:
    """Return texts by the one format that fits all of them."""
    unique = pd.Series(text.unique())
    longest = unique.iloc[int(unique.str.len().to_numpy().argmax())]
    forms = next((f for t in (longest, *unique[:20]) if (f := date_text.formats_of(t))), [])
    reads = {form: date_text.parsed(text, form) for form in forms}
    fitting = [form for form in forms if not reads[form][0].isna().any()]
    form = fitting[0] if len(fitting) == 1 else _settled(fitting, reads)
    if form is not None:
        return _whole(text, form, reads[form], said)
    if fitting:
        _ask(text, fitting, reads, said)
    iso = _iso(text)
    if iso is not None:
        return _whole(text, None, iso, said)
    if not forms or all(2 * read[0].isna().sum() > len(text) for read in reads.values()):
        bad = next((i for i, t in enumerate(text) if not date_text.formats_of(t)), 0) if forms else 0
        said.no_times(text, bad)
    best = min(forms, key=lambda f: int(reads[f][0].isna().sum()))
    bad = reads[best][0].isna().to_numpy()
    for other in forms:
        if other != best and not reads[other][0].isna().to_numpy()[bad].all():
            at, like = int(bad.argmax()), int(reads[other][0].isna().to_numpy().argmax())
            told = {"found": shown(text.iloc[at]), "at": said.line_of(at), "form": other}
            raise DataError(
                texts.MIXED.format(
                    column=said.column, like=shown(text.iloc[like]), at_like=said.line_of(like), best=best, **told
                )
            )
    said.not_in(text, best, bad)


def _settled(fitting: list[str], reads: dict[str, _Read]) -> str | None:
    """Return the one of several formats that fit which is meant beyond doubt, None where there is a doubt."""
    if not fitting:
        return None
    first = reads[fitting[0]][0]
    if all(reads[form][0].equals(first) for form in fitting):
        return fitting[0]
    if fitting[0].startswith(("%Y", "%d.%m.%Y")):
        # Digits that begin with a plausible year, and points, which stand behind a day, are no other date's.
        years = first.dt.year
        return fitting[0] if years.between(1700, 2299).all() else None
    if first.dt.time.nunique() > 1:
        # Hours go on by hours under one reading, and leap by months at every midnight under the other.
        steady = [f for f in fitting if len(first) >= _FEW and reads[f][0].sort_values().diff().iloc[1:].nunique() == 1]
        return steady[0] if len(steady) == 1 else None
    if len(first) < _FEW or not any("%y" in form for form in fitting):
        return None
    # The wrong place of a year of two digits throws the order about.
    ordered = [f for f in fitting if reads[f][0].is_monotonic_increasing or reads[f][0].is_monotonic_decreasing]
    return ordered[0] if len(ordered) == 1 else None


def _ask(text: pd.Series, fitting: list[str], reads: dict[str, _Read], said: _Said) -> NoReturn:
    one, other = fitting[:2]
    differ = (reads[one][0] != reads[other][0]).to_numpy()
    at = int(differ.argmax())
    days = [f"{reads[f][0].iloc[at]:%d %B %Y}".lstrip("0") for f in (one, other)]
    told = {"at": said.line_of(at), "found": shown(text.iloc[at]), "option": said.option}
    raise DataError(
        texts.AMBIGUOUS.format(column=said.column, one=one, other=other, day=days[0], other_day=days[1], **told)
    )


def _iso(text: pd.Series) -> _Read | None:
    """Return texts as ISO 8601, which may be of several lengths."""
    if not text.str.match(r"\d{4}-?\d{2}").all():
        return None
    wall = text.str.replace(r"(?<=:\d\d)([.,]\d+)?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})\Z", r"\1", regex=True)
    zones = text.str.extract(r":\d\d(?:[.,]\d+)?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})\Z")[0]
    try:
        times = pd.Series(pd.to_datetime(wall, format="ISO8601"), index=text.index)
    except (ValueError, TypeError):
        return None
    if times.dt.tz is not None:
        return None
    return times, zones.map(date_text.minutes) if zones.notna().any() else None


def _whole(text: pd.Series, form: str | None, read: _Read, said: _Said) -> Times:
    """Return times with their offsets from UTC; raise where a text has another format."""
    wall, offsets = read
    bad = wall.isna().to_numpy()
    if offsets is not None:
        bad = bad | offsets.isna().to_numpy()
    if bad.any():
        said.not_in(text, form or "ISO 8601", bad)
    if offsets is None:
        return Times(wall, form)
    moments = wall - pd.to_timedelta(offsets, unit="min")
    last = float(offsets.iloc[int(moments.to_numpy().argmax())])
    zone = dt.UTC if last == 0 else dt.timezone(dt.timedelta(minutes=last))
    if offsets.nunique() == 1:
        return Times(wall.dt.tz_localize(zone), form)
    name = f"UTC{'+' if last >= 0 else '-'}{int(abs(last)) // 60:02d}:{int(abs(last)) % 60:02d}"
    count = int(offsets.nunique())
    warnings.warn(texts.OFFSETS.format(column=said.column, count=count, last=name), PunarWarning, stacklevel=2)
    # Days go by the clock on the wall, which changes with the offset; shorter steps by what has passed.
    if wall.dt.time.nunique() == 1:
        return Times(wall.dt.tz_localize(zone), form)
    return Times(moments.dt.tz_localize("UTC").dt.tz_convert(zone), form)
