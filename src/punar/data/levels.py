"""Tables whose index, or whose cells, say which series a row belongs to -> long tables and lists of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from punar.data import calendar_levels, labelled, layouts
from punar.data.names import name_of

_ID, _TIME = "series", "time"


@dataclass(frozen=True, eq=False)
class Indexed:
    """A table with the columns that say which series a row belongs to, and when it was measured.

    Attributes
    ----------
    table : DataFrame
    id_column, time_column : str or None
    levels : tuple of str
        Of the index, that together name a series; empty where a column does.
    """

    table: pd.DataFrame
    id_column: str | None
    time_column: str | None
    levels: tuple[str, ...] = ()


def series_of(X: Any, where: str) -> Any:
    """Return ``X`` as :func:`punar.data.layouts.known` does, and a nested table as a list of tables, one per row.

    A nested table (sktime's "nested_univ") has a whole series in each cell, a column for each channel.
    """
    X = layouts.known(X, where)
    if not isinstance(X, pd.DataFrame) or not _is_nested(X):
        return X
    columns = list(X.columns)
    return [pd.DataFrame(dict(zip(columns, map(_values, row), strict=True))) for row in X.itertuples(index=False)]


def _is_nested(table: pd.DataFrame) -> bool:
    if not len(table) or not len(table.columns) or not all(t.kind == "O" for t in table.dtypes):
        return False
    return all(isinstance(v, pd.Series) or (isinstance(v, np.ndarray) and v.ndim == 1) for v in table.iloc[0])


def _values(cell: Any) -> Any:
    return cell.reset_index(drop=True) if isinstance(cell, pd.Series) else pd.Series(cell)


def indexed(table: pd.DataFrame, where: str, id_column: str | None, time_column: str | None) -> Indexed:
    """Return a table whose ids and times are columns, and what these are called.

    Where no time is named, an index that holds times is taken; see :func:`punar.data.labelled.indexed`. Of several
    levels the time is the one that ``time_column`` names, or year and month (quarter, week, day) together, or the only
    one that holds times, or the last one where it holds numbers and no two rows share all levels. The other levels
    name the series, together where they are several (an id is a tuple then); ``id_column`` may name one.

    Raises
    ------
    DataError
        The labels show that rows are reversed or shuffled.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["who", "day"])
    >>> found = indexed(pd.DataFrame({"x": range(4)}, index=index), "fit", None, None)
    >>> found.id_column, found.time_column, list(found.table.columns)
    ('who', 'day', ['who', 'day', 'x'])
    """
    index = table.index
    if isinstance(index, pd.MultiIndex) and (time_column is None or time_column not in index.names):
        table, index = _with_one_time(table, time_column)
    if not isinstance(index, pd.MultiIndex):
        return Indexed(*labelled.indexed(table, where, id_column, time_column))
    names = _free_names(index, list(map(name_of, table.columns)))
    levels = dict(zip(names, (index.get_level_values(i) for i in range(index.nlevels)), strict=True))
    if time_column is None:
        left = [n for n in names if n != id_column]
        timed = [n for n in left if labelled.is_timed(index.levels[names.index(n)], n)]
        counted = left[-1:] if left and _counts(levels[left[-1]], index) else []
        time_column = timed[0] if len(timed) == 1 else next(iter(counted or timed[-1:]), None)
    ids = [id_column] if id_column is not None else [n for n in names if n != time_column]
    added = {n: levels[n] for n in names if n in ids or n == time_column}
    found = table.reset_index(drop=True)
    frame = pd.concat([pd.DataFrame({n: v.to_series(index=found.index) for n, v in added.items()}), found], axis=1)
    if len(ids) <= 1:
        return Indexed(frame, ids[0] if ids else None, time_column, tuple(ids) if id_column is None else ())
    one = _free(_ID, list(frame.columns))
    together = pd.Series(list(frame[ids].itertuples(index=False, name=None)), index=frame.index, dtype=object)
    return Indexed(frame.drop(columns=ids).assign(**{one: together}), one, time_column, tuple(ids))


def _with_one_time(table: pd.DataFrame, time_column: str | None) -> tuple[pd.DataFrame, pd.Index]:
    """Return a table whose levels of years and months, or the like, are one level of times, and its index."""
    assert isinstance(table.index, pd.MultiIndex)
    found = None if time_column in table.columns else calendar_levels.together(table.index)
    if found is None:
        return table, table.index
    at, times = found
    name = _free(time_column or _TIME, [*map(name_of, table.columns), *map(str, table.index.names)])
    others = [table.index.get_level_values(i) for i in range(table.index.nlevels) if i not in at]
    index = pd.MultiIndex.from_arrays([*others, times], names=[*(o.name for o in others), name])
    one = index if others else times.rename(name)
    return table.set_axis(one, axis=0), one


def _counts(level: pd.Index, index: pd.MultiIndex) -> bool:
    return bool(pd.api.types.is_numeric_dtype(level.dtype) and index.is_unique)


def _free_names(index: pd.MultiIndex, columns: list[str]) -> list[str]:
    found: list[str] = []
    for i, name in enumerate(index.names):
        usual = _TIME if i == index.nlevels - 1 else _ID
        found.append(_free(usual if name is None else name_of(name), columns + found))
    return found


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
