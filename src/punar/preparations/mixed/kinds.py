"""What a column holds, told by its type and values: numbers, truth, lengths of time, dates, categories, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from punar.errors import DataError, shown
from punar.preparations.mixed.categories import Category, Frequency, Scalar, key_of, plain_value
from punar.preparations.mixed.dates import (
    DIGITS,
    ISO,
    QUARTERS,
    WEEKS,
    Date,
    instant_of,
    parts_of,
    read_dates,
    step_of,
    zone_of,
)
from punar.preparations.mixed.dates import Form as DateForm
from punar.preparations.mixed.forms import DAYS, MINUTES, SECONDS, TIMES, as_type
from punar.preparations.mixed.frames import is_nothing, unique_of
from punar.preparations.mixed.numbers import Form, Number, is_duration, number_of, read_numbers
from punar.texts import mixed as texts

FEW = 10  # values of which each has an indicator, however rare it is
MOST = 30  # indicators of a column
_RARE = 0.005  # share of the rows below which a value is rare
_MOST_COUNTS = 2000  # values whose frequency is kept
_FEWEST_IDS = 10  # values that all differ and so say something of a column
_ALL_DIFFER = 0.95
_MOSTLY = 0.95  # share of the values that says what a column of text is

_LEADING_ZERO = re.compile(r"\s*[+-]?0\d")  # 007 is a name
_ID_CASE = re.compile(r"(^|[\s_.-])(id|uuid|guid)$|^(index|row|unnamed: 0)$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z](Id|ID)$")

_ISO_FORMATS = {10: "%Y-%m-%d", 16: "%Y-%m-%d{}%H:%M", 19: "%Y-%m-%d{}%H:%M:%S"}
_DATES = (
    *("%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%B %Y", "%b-%Y", QUARTERS, WEEKS),
    *("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
_FORMATS = tuple(day + time for day in _DATES for time in (_TIMES if "%d" in day else ("",)))


class LeftOut(msgspec.Struct, frozen=True, tag="left_out"):
    """A column that tells no row from another.

    Attributes
    ----------
    why : {"constant", "empty", "id"}
    value : text, number, truth or None
        The only one of a constant column, which is given back.
    dtype : str
    """

    why: Literal["constant", "empty", "id"]
    value: Scalar | None
    dtype: str

    @property
    def width(self) -> int:
        """Numbers per row: none."""
        return 0

    def encode(self, column: pd.Series, where: str) -> np.ndarray:
        """Return (n, 0) numbers."""
        return np.zeros((len(column), 0))

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the only value of a constant column, and missing values otherwise."""
        return as_type(pd.Series([self.value] * len(block), dtype=object), self.dtype)


Kind = Number | Category | Date | LeftOut


@dataclass(frozen=True, eq=False)
class Decided:
    """A column's kind and what is to be said of it beyond its name."""

    kind: Kind
    about: str = ""
    notes: tuple[str, ...] = ()


def decide(column: pd.Series, where: str, *, counts: bool = False) -> Decided:
    """Return how a column is read.

    Parameters
    ----------
    column : Series
        Training rows.
    where : str
    counts : bool, default=False
        Whether the column does nothing but count the rows of the whole table.

    Raises
    ------
    DataError, DataTypeError
        A cell holds more than one value, or a number is infinite or too large.
    """
    dtype = str(column.dtype)
    if counts:
        return Decided(LeftOut("id", None, dtype), texts.IDENTIFIER)
    present = column[column.notna()]
    if not len(present):
        return Decided(LeftOut("empty", None, dtype), texts.EMPTY)
    reader = _reader(column, present, where)
    if reader is None:
        return _category(column, where)
    if not isinstance(reader, Decided) and len(present) == len(column) and present.nunique() == 1:
        return _constant(present, dtype)
    return reader if isinstance(reader, Decided) else reader(column, where)


def _reader(column: pd.Series, present: pd.Series, where: str) -> Decided | Callable[[pd.Series, str], Decided] | None:
    """Return what reads a column of this type; None where it is categories."""
    kinds, dtype = pd.api.types, column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return None
    if kinds.is_bool_dtype(dtype):
        return lambda c, w: _number(c, w, "boolean")
    if kinds.is_numeric_dtype(dtype) and not kinds.is_complex_dtype(dtype):
        return lambda c, w: _number(c, w, "number")
    if kinds.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        form: DateForm = "period" if isinstance(dtype, pd.PeriodDtype) else "datetime"
        return lambda c, w: _date(c, w, form, str(c.dtype))
    if kinds.is_timedelta64_dtype(dtype):
        return lambda c, w: _number(c, w, "duration")
    return _of_objects(column, present, where)


def _of_objects(column: pd.Series, present: pd.Series, where: str) -> Callable[[pd.Series, str], Decided] | None:
    codes, values = unique_of(present, where, column.name)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "boolean":
        return lambda c, w: _number(c, w, "boolean")
    if kind in ("integer", "floating", "decimal", "mixed-integer-float"):
        return lambda c, w: _number(c, w, "number")
    if kind in ("timedelta", "timedelta64"):
        return lambda c, w: _number(c, w, "duration", "timedelta64[us]")
    if kind == "time":
        return lambda c, w: _number(c, w, "duration", TIMES)
    if kind in ("datetime", "datetime64"):
        return lambda c, w: _date(c, w, "datetime", "datetime64[us]")
    if kind == "date":
        return lambda c, w: _date(c, w, "date", "object")
    return _of_text(values, np.bincount(codes, minlength=len(values)))


def _of_text(values: Sequence[Any], counts: np.ndarray) -> Callable[[pd.Series, str], Decided] | None:
    """Return what reads text whose values nearly all are numbers, lengths of time or dates."""
    kept = [i for i, v in enumerate(values) if not is_nothing(v)]
    said, counts = [values[i] for i in kept], counts[kept]
    texts_ = [v for v in said if isinstance(v, str)]
    if not said:
        return None
    numbers = _share(said, lambda v: np.isfinite(number_of(v)), counts)
    if numbers >= _MOSTLY and not any(_LEADING_ZERO.match(t) for t in texts_):
        return lambda c, w: _number(c, w, "number", lenient=True)
    if len(texts_) < len(said):
        return None
    if _share(texts_, is_duration, counts) >= _MOSTLY:
        longest = max(texts_, key=len)
        written = DAYS if "day" in longest else SECONDS if longest.count(":") > 1 else MINUTES
        return lambda c, w: _number(c, w, "duration", written, lenient=True)
    found, ambiguous = date_format(texts_, counts)
    return None if found is None else lambda c, w: _date(c, w, "text", found, lenient=True, ambiguous=ambiguous)


def date_format(values: Sequence[str], counts: np.ndarray | None = None) -> tuple[str | None, bool]:
    """Return the format in which nearly all texts are dates, and whether day and month could be the other way round.

    >>> date_format(["31/12/2024", "01/02/2024"]), date_format(["01/02/2024"]), date_format(["a"])
    (('%d/%m/%Y', False), ('%d/%m/%Y', True), (None, False))
    """
    weights = np.ones(len(values)) if counts is None else counts
    if _share(values, lambda v: ISO.fullmatch(v.strip()) and instant_of(v, "%Y-%m-%d"), weights) >= _MOSTLY:
        return _iso_format(max((v.strip() for v in values if ISO.fullmatch(v.strip())), key=len)), False
    likely = [f for f in _FORMATS if _share(values[:50], _reads(f), weights[:50]) >= 0.5]
    shares = {f: _share(values, _reads(f), weights) for f in likely}
    best = max(shares.values(), default=0.0)
    fits = [f for f in likely if shares[f] == best >= _MOSTLY]
    return (fits[0], len({f[1] for f in fits if f[1] in "dm"}) > 1) if fits else (None, False)


def _reads(form: str) -> Callable[[str], Any]:
    return lambda text: instant_of(text, form)


def _iso_format(text: str) -> str:
    zone = re.search(r"(Z|[+-]\d{2}:?\d{2})$", text[10:])
    stamp = text[: 10 + (zone.start() if zone else len(text))]
    written = _ISO_FORMATS.get(len(stamp), "%Y-%m-%d{}%H:%M:%S.%f").format(stamp[10:11])
    return written + ("%z" if zone else "")


def _share(values: Sequence[Any], holds: Callable[[Any], Any], weights: np.ndarray) -> float:
    """Return the share of cells whose value holds, where each value stands in so many cells."""
    return float(sum(w for v, w in zip(values, weights.tolist(), strict=True) if holds(v)) / weights.sum())


def _number(column: pd.Series, where: str, form: Form, dtype: str | None = None, *, lenient: bool = False) -> Decided:
    values = read_numbers(column, form, where, lenient=lenient)
    there = values[~np.isnan(values)]
    if not len(there):
        return _category(column, where)
    dtype = dtype or str(column.dtype)
    if form == "number" and _is_day(there):
        return _date(column, where, "text", DIGITS, lenient=lenient)
    if form == "number" and len(there) == len(column) and _is_id(column.name, there):
        return Decided(LeftOut("id", None, dtype), texts.IDENTIFIER)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(there.mean())
        most = float(np.abs(there - mean).max())  # squares of very large and very small numbers are none
        scale = most * float(((there - mean) / most).std()) if most > 0 else 0.0
    if not np.isfinite([mean, scale]).all():
        raise DataError(
            f"{where}: column {shown(column.name, 40)} has values whose sum overflows, up to "
            f"{np.abs(there).max():g}. Divide it by a constant first."
        )
    whole = bool((there == np.round(there)).all())
    strange = int(np.isnan(values).sum() - column.isna().sum())
    notes = [_not(texts.NOT_NUMBERS, column, np.isnan(values), strange)] if strange else []
    scale = scale if scale > 1e-12 * abs(mean) else 1.0
    gaps = len(there) < len(values)
    kind = Number(form, dtype, mean, scale, whole, gaps, lenient)
    return Decided(kind, texts.GAPS.format(count=len(values) - len(there)) if gaps else "", tuple(notes))


def _date(
    column: pd.Series, where: str, form: DateForm, dtype: str, *, lenient: bool = False, ambiguous: bool = False
) -> Decided:
    zone = zone_of(column, dtype, where)
    times, local = read_dates(column, dtype, zone, where, lenient=lenient)
    there = ~np.isnat(times)
    since = times[there].astype(np.int64).astype(np.float64)
    step = step_of(local[there])
    notes = [texts.AMBIGUOUS.format(name=shown(column.name, 40))] if ambiguous else []
    strange = int((~there).sum() - column.isna().sum())
    notes += [_not(texts.NOT_DATES, column, ~there, strange)] if strange else []
    scale = float(since.std()) or 1.0
    gaps = not bool(there.all())
    kind = Date(form, dtype, zone, float(since.mean()), scale, parts_of(local[there], step), step, gaps, lenient)
    return Decided(kind, texts.GAPS.format(count=int((~there).sum())) if gaps else "", tuple(notes))


def _not(said: str, column: pd.Series, missing: np.ndarray, count: int) -> str:
    first = column[missing & column.notna().to_numpy()].iloc[0]
    return said.format(count=count, rows=len(column), name=shown(column.name, 40), value=shown(first, 40))


def _category(column: pd.Series, where: str) -> Decided:
    codes, found = unique_of(column, where, column.name)
    dtype, n = str(column.dtype), int((codes >= 0).sum())
    gaps, counts = n < len(column), np.bincount(codes[codes >= 0], minlength=len(found))
    levels, ordered = _levels(column)
    if len(found) == 1 and not gaps:
        return _constant(column, dtype)
    merged: dict[str, int] = {}
    first: dict[str, Any] = {}
    for value, count in zip(found, counts.tolist(), strict=True):
        merged[key_of(value)] = merged.get(key_of(value), 0) + count
        first.setdefault(key_of(value), value)
    if not levels and n >= _FEWEST_IDS and len(merged) >= _ALL_DIFFER * n:
        return Decided(LeftOut("id", None, dtype), texts.IDENTIFIER)
    order = sorted(merged, key=lambda k: (-merged[k], k))
    least = 1 if len(order) <= FEW else max(2, _RARE * n)
    kept = [k for k in order[:MOST] if merged[k] >= least] or order[:MOST]
    other = None if len(kept) == len(order) else _other_name(set(order) | {key_of(v) for v in levels})
    frequency = _frequency(order, merged, kept) if len(order) > MOST else None
    kind = Category(tuple(plain_value(first[k]) for k in kept), other, gaps, dtype, levels, ordered, frequency)
    said = texts.VALUES if other is None else texts.RARE if frequency is None else texts.MOST_FREQUENT
    about = said.format(kept=len(kept), all=len(order), other=other)
    return Decided(kind, about + (", " + texts.GAPS.format(count=len(column) - n) if gaps else ""))


def _levels(column: pd.Series) -> tuple[tuple[Scalar, ...], bool]:
    if not isinstance(column.dtype, pd.CategoricalDtype) or len(column.dtype.categories) > _MOST_COUNTS:
        return (), False
    return tuple(plain_value(v) for v in column.dtype.categories), bool(column.dtype.ordered)


def _other_name(taken: set[str]) -> str:
    """Return what to call all other values, which no value is called.

    >>> _other_name({"red"}), _other_name({"other"})
    ('other', 'other (2)')
    """
    name, number = texts.OTHER, 1
    while name in taken:
        number += 1
        name = f"{texts.OTHER} ({number})"
    return name


def _frequency(order: Sequence[str], counts: dict[str, int], kept: Sequence[str]) -> Frequency:
    weights = np.array([counts[k] for k in order], dtype=np.float64)
    logs = np.log(weights)
    mean = float((logs * weights).sum() / weights.sum())
    spread = float(np.sqrt((weights * (logs - mean) ** 2).sum() / weights.sum()))
    stored = {k: counts[k] for k in order[:_MOST_COUNTS] if counts[k] > 1}
    return Frequency(stored, mean, spread if spread > 1e-9 else 1.0)


def _constant(column: pd.Series, dtype: str) -> Decided:
    value = column.iloc[0]
    return Decided(LeftOut("constant", plain_value(value), dtype), texts.CONSTANT.format(value=shown(str(value), 40)))


def _is_day(values: np.ndarray) -> bool:
    """Return whether numbers are days such as 20240331: several, and every one is in the calendar."""
    found = np.unique(values)
    if len(found) < _FEWEST_IDS or found[0] < 19_000_101 or found[-1] > 20_991_231:
        return False
    return all(instant_of(float(v), DIGITS) is not None and v == np.round(v) for v in found)


def _is_id(name: Any, values: np.ndarray) -> bool:
    """Return whether numbers only name their rows: whole ones that all differ, in a column that is called an id."""
    if len(values) < _FEWEST_IDS or not (values == np.round(values)).all():
        return False
    called = bool(_ID_CASE.search(str(name)) or _CAMEL_ID.search(str(name)))
    return called and len(np.unique(values)) == len(values)


def counts_rows(column: pd.Series) -> bool:
    """Return whether a column counts the rows from 0 or 1."""
    kinds = pd.api.types
    if len(column) < _FEWEST_IDS or not kinds.is_numeric_dtype(column.dtype) or kinds.is_complex_dtype(column.dtype):
        return False
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[0] in (0, 1) and bool((np.diff(values) == 1).all())
