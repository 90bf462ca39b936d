"""From a table to how it is read: each column's kind, and a line for each kind that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from punar.core.words import MOST_SHOWN
from punar.errors import DataError, shown
from punar.preparations.mixed.categories import Category
from punar.preparations.mixed.dates import Date
from punar.preparations.mixed.frames import checked
from punar.preparations.mixed.kinds import Decided, Kind, LeftOut, counts_rows, decide
from punar.preparations.mixed.numbers import Number
from punar.preparations.mixed.table import MixedTable, scaled_column
from punar.texts import mixed as texts

_ORDER = (texts.NUMBERS, texts.CATEGORIES, texts.DATES, texts.BOOLEANS, texts.DURATIONS, texts.LEFT_OUT)
_NUMBERS = {"number": texts.NUMBERS, "boolean": texts.BOOLEANS, "duration": texts.DURATIONS}


def learn_table(X: Any, where: str, rows: np.ndarray | None = None) -> MixedTable:
    """Learn how the columns of a frame become numbers.

    Parameters
    ----------
    X : data frame of pandas, polars or Arrow
    where : str
        For messages.
    rows : ndarray of int, optional
        Those to learn from; all by default.

    Raises
    ------
    DataError
        No rows, no columns, names that are the same, or no column that tells rows apart.
    DataTypeError
        A cell holds a list, a dict or something else that is not one value.

    Examples
    --------
    >>> import pandas as pd
    >>> table = learn_table(pd.DataFrame({"size": [1.0, None, 3.0], "colour": ["red", "blue", "red"]}), "here")
    >>> for note in table.notes:
    ...     print(note)
    numbers, scaled: 'size' (1 missing)
    categories, one indicator per value: 'colour' (2 values)
    missing values are filled with the column's mean and marked by an indicator of their own
    """
    frame = checked(X, where)
    counting = {name for name in frame.columns if counts_rows(frame[name])}
    if rows is not None:
        frame = frame.iloc[rows]
    decided = {name: decide(frame[name], where, counts=name in counting) for name in frame.columns}
    if all(isinstance(one.kind, LeftOut) for one in decided.values()):
        said = ", ".join(_about(name, one) for name, one in list(decided.items())[:MOST_SHOWN])
        raise DataError(f"{where}: no column of X tells its {len(frame)} rows apart: {said}. Pass rows that differ.")
    columns = tuple(scaled_column(name, one.kind, one.kind.encode(frame[name], where)) for name, one in decided.items())
    return MixedTable(columns, tuple(_notes(decided)))


def _notes(decided: dict[Any, Decided]) -> list[str]:
    by_kind: dict[str, list[str]] = {}
    for name, one in decided.items():
        by_kind.setdefault(_heading(one.kind), []).append(_about(name, one))
    said = [heading.format(names=_listed(by_kind[heading])) for heading in _ORDER if heading in by_kind]
    said += [note for one in decided.values() for note in one.notes]
    filled = any(isinstance(one.kind, (Number, Date)) and one.kind.gaps for one in decided.values())
    return [*said, texts.FILLED] if filled else said


def _heading(kind: Kind) -> str:
    if isinstance(kind, Number):
        return _NUMBERS[kind.form]
    return texts.CATEGORIES if isinstance(kind, Category) else texts.DATES if isinstance(kind, Date) else texts.LEFT_OUT


def _about(name: Any, one: Decided) -> str:
    return shown(str(name), 40) + (f" ({one.about})" if one.about else "")


def _listed(said: list[str]) -> str:
    more = f" and {len(said) - MOST_SHOWN} more" if len(said) > MOST_SHOWN else ""
    return ", ".join(said[:MOST_SHOWN]) + more
