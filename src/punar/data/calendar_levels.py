"""Levels of an index that together are one time: year and month, as after ``groupby([year, month])``."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from punar.errors import DataError
from punar.texts import times as texts

_CALLED = {
    "year": ("year", "yr", "yyyy", "jahr", "año", "ano", "année", "annee", "anno", "rok", "वर्ष", "साल", "年"),
    "quarter": ("quarter", "qtr", "quartal", "trimestre", "तिमाही", "季度"),
    "month": ("month", "mon", "mm", "monat", "mes", "mois", "mese", "माह", "महीना", "月"),
    "week": ("week", "isoweek", "iso_week", "weekofyear", "woche", "kw", "semana", "semaine", "सप्ताह"),
    "day": ("day", "dd", "tag", "día", "dia", "jour", "दिन", "日"),
}
_KINDS = {unicodedata.normalize("NFD", name): kind for kind, names in _CALLED.items() for name in names}
_TOGETHER = (("year", "month", "day"), ("year", "month"), ("year", "quarter"), ("year", "week"))
_MOST = {"quarter": 4, "month": 12, "week": 53, "day": 31}
_YEARS = (1500, 2200)


def together(index: pd.MultiIndex) -> tuple[list[int], pd.Index] | None:
    """Return which levels are parts of one time, and that time of each row; None where there are none.

    Levels are known by their names (year, month; in a few languages), or, where they have none or the same, as a
    year's number beside one up to 12.

    Raises
    ------
    DataError
        There is no such day or week.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(2003, 11), (2003, 12)], names=["year", "month"])
    >>> together(index)
    ([0, 1], PeriodIndex(['2003-11', '2003-12'], dtype='period[M]'))
    """
    kinds = [_KINDS.get(unicodedata.normalize("NFD", str(name).strip().lower())) for name in index.names]
    if kinds.count("year") != 1:
        kinds = _by_values(index)
    for wanted in _TOGETHER:
        parts = [kind for kind in kinds if kind is not None]
        if sorted(parts) != sorted(wanted):
            continue
        at = [kinds.index(kind) for kind in wanted]
        columns = [_whole(index.get_level_values(i), kind) for i, kind in zip(at, wanted, strict=True)]
        if any(c is None for c in columns):
            return None
        return sorted(at), _times(wanted[1:], np.stack([c for c in columns if c is not None], axis=1))
    return None


def _by_values(index: pd.MultiIndex) -> list[str | None]:
    """Return the kinds of two levels without names, or of one name, where the first holds years."""
    unknown: list[str | None] = [None] * index.nlevels
    if index.nlevels != 2 or index.names[0] != index.names[1]:
        return unknown
    second = _whole(index.get_level_values(1), "month")
    if _whole(index.get_level_values(0), "year") is None or second is None:
        return unknown
    return ["year", "quarter" if second.max() <= _MOST["quarter"] else "month"]


def _whole(level: pd.Index, kind: str) -> np.ndarray | None:
    """Return the numbers of a level; None where they are not of such a kind."""
    numbers = np.asarray(pd.to_numeric(level.astype(object), errors="coerce"), np.float64)
    least, most = _YEARS if kind == "year" else (1, _MOST[kind])
    if not len(numbers) or not ((numbers >= least) & (numbers <= most) & (numbers == np.floor(numbers))).all():
        return None
    return numbers.astype(np.int64)


def _times(parts: Sequence[str], rows: np.ndarray) -> pd.Index:
    if parts == ("month",):
        return pd.PeriodIndex([pd.Period(year=int(y), month=int(m), freq="M") for y, m in rows])
    if parts == ("quarter",):
        return pd.PeriodIndex([pd.Period(year=int(y), quarter=int(q), freq="Q") for y, q in rows])
    make: Any = dt.date if len(parts) > 1 else lambda year, week: dt.date.fromisocalendar(year, week, 1)
    found = []
    for row in rows.tolist():
        try:
            found.append(make(*row))
        except ValueError as error:
            shown = ", ".join(map(str, row))
            raise DataError(
                texts.NO_SUCH_DAY.format(parts=", ".join(("year", *parts)), row=shown, error=error)
            ) from None
    return pd.DatetimeIndex(found)
