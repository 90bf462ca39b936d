"""The column of times of a long table: which it is, what it says, and that no series has a time twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from punar.data import time_parts
from punar.data.counted import out_of_order
from punar.data.labelled import are_dates, holds_times
from punar.data.times import Times, read_times, whole_number_format
from punar.errors import DataError, DataTypeError, shown
from punar.sources._found import FoundTable
from punar.texts import layouts
from punar.texts import times as texts

if TYPE_CHECKING:
    import pandas as pd

# A column of numbers counts time where it is called so, one of dates also where a part of its name is.
_COUNTED = (
    "time",
    "date",
    "datetime",
    "timestamp",
    "month",
    "day",
    "year",
    "week",
    "quarter",
    "hour",
    "ds",
    "समय",
    "तारीख",
)
_NAMED = frozenset(
    unicodedata.normalize("NFD", name)
    for name in (
        *_COUNTED,
        *("dt", "period", "when", "datum", "zeit", "tag", "monat", "jahr", "quartal", "fecha", "mes", "jour", "mois"),
        "index",  # what pandas calls the column of times that a series is written with
        *("दिनांक", "तारीख़", "दिन", "माह", "महीना", "वर्ष", "तिथि", "日期", "时间", "日付", "дата", "время", "تاريخ"),
    )
)
_OPTION = "--time-format "
_LOOKED_AT = 50


def likely_time(frame: pd.DataFrame, id_column: str | None, taken: tuple[str | None, ...]) -> str | None:
    """Return the column of times that nobody named, None where there is none.

    It is called as times are, or it is the only one that holds dates.

    Parameters
    ----------
    frame : DataFrame
    id_column : str or None
    taken : tuple of str or None
        Columns that are something else.
    """
    free = [c for c in map(str, frame.columns) if c != id_column and c not in taken]
    dated = [c for c in free if _holds_dates(frame[c])]
    words = {c: _words(c) for c in free}
    apart = [id_column] if id_column is not None else []
    for c in free:
        if _called(c) in _NAMED and c in dated:
            return c
        if _called(c) in _NAMED and _counts(frame, c) and not frame.duplicated([*apart, c]).any():
            return c
    named = [c for c in dated if words[c] & _NAMED]
    if named:
        return named[0]
    # A date of birth is no time: what no name says must at least differ from row to row.
    only = dated[0] if len(dated) == 1 else None
    return None if only is None or frame.duplicated([*apart, only]).any() else only


def refuse_unread(frame: pd.DataFrame, id_column: str | None, taken: tuple[str | None, ...], where: str) -> None:
    """Raise for a column that is called as times are, is read as none, and says that rows are out of order."""
    free = [c for c in map(str, frame.columns) if c != id_column and c not in taken and is_called_time(c)]
    texts_of = [c for c in free if all(isinstance(v, str) for v in frame[c])]
    for c in texts_of:
        parts = [frame[c]] if id_column is None else [part for _, part in frame.groupby(id_column, sort=False)[c]]
        if any(out_of_order(part.tolist()) for part in parts):
            refuse_times(frame, [c], where)


def refuse_times(frame: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Raise for the first of columns that are called as times are, and are read as none."""
    for name in names:
        found = next((v for v in frame[name] if isinstance(v, str)), "")
        column = f"{where}: time column {shown(name)}"
        raise DataTypeError(
            texts.NO_TIMES.format(column=column, found=shown(found), option=_OPTION)
            + layouts.NO_TIMES_LEFT_OUT.format(name=name)
        )


def in_one_column(
    table: FoundTable, where: str, id_column: str | None, time_column: str | None, taken: tuple[str | None, ...]
) -> FoundTable:
    """Return a table to forecast with its time in one column, where several say it together and no other does.

    Parameters
    ----------
    table : FoundTable
    where : str
        For messages.
    id_column : str or None
    time_column : str or None
        As asked for; a fitted model asks for the one that was made.
    taken : tuple of str or None
        Columns that are something else.

    Raises
    ------
    DataError
        The columns are called as the parts of a time, but do not hold them.
    """
    frame = table.frame
    if time_column is not None and (time_column != time_parts.NAME or time_column in frame.columns):
        return table
    try:
        made, parts = time_parts.together(frame, taken, id_column)
    except time_parts.NotTogetherError as error:
        raise DataError(layouts.NOT_TOGETHER.format(where=where, error=error)) from None
    others = frame[[c for c in frame.columns if c not in parts]]
    if not parts or likely_time(others, id_column, taken) is not None:
        return table
    return replace(table, frame=made, notes=[*table.notes, time_parts.said(parts)])


def is_called_time(name: str) -> bool:
    """Return whether a column is called as times are."""
    return _called(name) in _NAMED


def _called(name: str) -> str:
    return unicodedata.normalize("NFD", name.strip().lower())


def _words(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {_called(word) for word in re.split(r"[\s_.,:;()/\[\]-]+", apart)}


def _counts(frame: pd.DataFrame, name: str) -> bool:
    """Return whether numbers without gaps can be times: by their name, or as years, days and Unix time."""
    import pandas as pd

    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().any():
        return False
    return _called(name) in _COUNTED or (
        pd.api.types.is_integer_dtype(column.dtype) and are_dates(pd.Index(column.unique()))
    )


def _holds_dates(column: pd.Series) -> bool:
    """Return whether a column holds dates: as such, in text, or as whole numbers like 20240331."""
    import pandas as pd

    there = column.dropna()
    if not len(there) or pd.api.types.is_bool_dtype(column.dtype):
        return False
    if pd.api.types.is_integer_dtype(column.dtype):
        return (
            len(there) == len(column)
            and whole_number_format(there) is not None
            and bool(_words(str(column.name)) & _NAMED)
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    some = pd.Index(there.iloc[:: max(1, len(there) // _LOOKED_AT)])
    try:
        return holds_times(some, "")
    except DataError:
        return False  # text of whole numbers in some order


def with_times(
    table: FoundTable,
    where: str,
    id_column: str | None,
    time_column: str,
    time_format: str | None,
    *,
    strict: bool,
) -> tuple[FoundTable, str | None]:
    """Return a table whose column of times holds numbers or timestamps, and the format that it had.

    Parameters
    ----------
    table : FoundTable
    where : str
        For messages.
    id_column : str or None
    time_column : str
    time_format : str or None
    strict : bool
        Whether another format than that is an error.

    Raises
    ------
    DataError, DataTypeError, ParameterError
        A time is missing or is none; the format is not told; two rows of a series have one time.
    """
    read = read_times(
        table.frame[time_column],
        time_column,
        where,
        time_format=time_format,
        strict=strict,
        option=_OPTION,
        line_of=table.line_of,
    )
    _refuse_twice(table, read, where, id_column, time_column)
    return replace(table, frame=table.frame.assign(**{time_column: read.values})), read.form


def _refuse_twice(table: FoundTable, read: Times, where: str, id_column: str | None, time_column: str) -> None:
    import pandas as pd

    keys = pd.DataFrame({"time": read.values})
    if id_column is not None:
        keys["id"] = table.frame[id_column]
    twice = keys.duplicated().to_numpy()
    if not twice.any():
        return
    other = int(twice.argmax())
    same = (keys == keys.iloc[other]).all(axis=1).to_numpy()
    raise DataError(
        texts.TWICE.format(
            where=where,
            named="the series" if id_column is None else f"id {shown(table.frame[id_column].iloc[other])}",
            time=table.frame[time_column].iloc[other],
            one=table.line_of(int(same.argmax())),
            other=table.line_of(other),
            column=shown(time_column),
            how="",
            several=texts.SEVERAL.format(option="--id COLUMN") if id_column is None else "",
        )
    )
