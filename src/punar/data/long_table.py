"""Long tables (one row per id and time) -> series, and targets by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from punar.core.words import listed
from punar.data import layouts, levels
from punar.data.columns import numbers_of
from punar.data.labelled import holds_times
from punar.data.names import differences, named, told
from punar.data.times import read_times
from punar.errors import DataError, DataTypeError, ParameterError, shown, suggest
from punar.texts import times as texts

ONE = "series"  # what the only series of a table is called where a table of ids is needed


def split(
    table: Any,
    where: str,
    names: tuple[str, ...],
    id_column: str | None,
    time_column: str | None,
    time_format: str | None = None,
) -> tuple[list[np.ndarray], tuple[str, ...], list[Any]]:
    """Return a table's series (t, channels), the channels' names and the ids, in order of first appearance.

    Rows of one id are sorted by time.

    Parameters
    ----------
    table : DataFrame
    where : str
    names : tuple of str
        Wanted channels; empty takes every column but id and time.
    id_column, time_column : str or None
        Columns, or levels of the index. Without times the rows have the order of an index that holds some, else the
        order they have.
    time_format : str or None
        Of texts; see :func:`punar.data.times.read_times`.

    Raises
    ------
    ParameterError
        No ``id_column``, or a column that is not there.
    DataError, DataTypeError
        No rows or channels, missing ids or times, two rows of one id and time, columns without numbers.
    """
    frame = layouts.known(table, where)
    if not isinstance(frame, pd.DataFrame):
        raise DataTypeError(f"{where}: a table must be a pandas or polars DataFrame, got {type(table).__name__}.")
    found = levels.indexed(frame, where, id_column, time_column)
    frame, id_column, time_column = named(found.table, where), found.id_column, found.time_column
    columns = list(frame.columns)
    if id_column is None:
        raise ParameterError(
            f"{where}: X is a table, which needs id_column= (and time_column=): the columns that say which series a "
            f"row belongs to, and when it was measured. There are: {listed(columns)}. Pass one column of texts as "
            "X['text']."
        )
    for role, column in (("id_column", id_column), ("time_column", time_column)):
        if column is not None and column not in columns:
            raise ParameterError(
                f"{where}: {role}={shown(column)} is not a column of the table.{suggest(column, columns)} There are: "
                f"{listed(columns)}."
            )
    if not len(frame):
        raise DataError(f"{where}: Found a table with 0 rows while a minimum of 1 is required.")
    wanted = list(names) or [c for c in columns if c not in (id_column, time_column)]
    absent, others = differences([c for c in columns if c not in (id_column, time_column)], wanted)
    if absent:
        raise DataError(
            f"{where}: the table has not the channel {shown(absent[0])}, which the model was fitted with; columns are "
            f"matched by name. Of those that it was fitted with are {told(absent, others)}."
        )
    if not wanted:
        raise DataError(f"{where}: the table has no channel. There are: {listed(columns)}.")
    values = _numbers(frame, wanted, where)
    order, cuts, ids = in_order(frame, where, id_column, time_column, time_format)
    return np.split(values[order], cuts), tuple(wanted), ids


def in_order(
    frame: pd.DataFrame, where: str, id_column: str, time_column: str | None, time_format: str | None = None
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Return the order of rows that puts each id's together and sorts them by time, and the ids.

    Returns
    -------
    order : ndarray of shape (rows,)
    cuts : ndarray of shape (ids - 1,)
        Where one id ends and the next begins, among the ordered rows.
    ids : list
        In order of first appearance.

    Raises
    ------
    DataError, DataTypeError
        Missing ids or times, two rows of one id and time, times that cannot be sorted.
    """
    codes, ids = _ids(frame[id_column], id_column, where)
    order = _order(frame, codes, ids, (id_column, time_column, time_format), where)
    return order, np.flatnonzero(np.diff(codes[order])) + 1, ids


def _numbers(frame: pd.DataFrame, wanted: list[str], where: str) -> np.ndarray:
    found = [numbers_of(frame[c], f"the channel {shown(c)}", where, timed=True) for c in wanted]
    return np.stack(found, axis=1)


def _ids(column: pd.Series, name: str, where: str) -> tuple[np.ndarray, list[Any]]:
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(f"{where}: row {int(missing.argmax())} has no id (column {shown(name)}). Fill or drop it.")
    codes, ids = pd.factorize(column)
    return codes, list(ids.tolist() if hasattr(ids, "tolist") else ids)


def _order(
    frame: pd.DataFrame, codes: np.ndarray, ids: list[Any], columns: tuple[str, str | None, str | None], where: str
) -> np.ndarray:
    id_column, time_column, time_format = columns
    if time_column is None:
        return np.argsort(codes, kind="stable")
    times = sortable(read_times(frame[time_column], time_column, where, time_format=time_format, strict=False).values)
    order = np.lexsort((times, codes))
    same = (np.diff(codes[order]) == 0) & (times[order][1:] == times[order][:-1])
    if same.any():
        at = int(same.argmax())
        one, other = sorted(map(int, order[at : at + 2]))
        alone = len(ids) == 1 and id_column.startswith(ONE)
        raise DataError(
            texts.TWICE.format(
                where=where,
                named="the series" if alone else f"id {shown(ids[codes[one]])}",
                time=frame[time_column].iloc[other],
                one=f"row {one}",
                other=f"row {other}",
                column=shown(time_column),
                how=texts.AVERAGED,
                several=texts.SEVERAL.format(option="id_column=") if alone else "",
            )
        )
    return order


def by_time(item: pd.Series | pd.DataFrame, where: str) -> pd.Series | pd.DataFrame:
    """Return one series, a table or a column, in the order of the times that its index holds; else as it is."""
    if isinstance(item.index, pd.MultiIndex) or not len(item) or not holds_times(item.index, where):
        return item
    name = str(item.index.name or "time")
    labels = item.index.to_series(index=range(len(item))).to_frame(name).assign(**{f"{ONE}_": 0})
    return item.iloc[in_order(labels, where, f"{ONE}_", name)[0]]


def sortable(times: pd.Series) -> np.ndarray:
    """Return times as numbers that sort as they do."""
    if pd.api.types.is_numeric_dtype(times.dtype):
        return times.to_numpy()
    return np.asarray(times.astype("int64").to_numpy())


def by_id(y: Any, ids: list[Any], where: str) -> Any:
    """Return targets in the order of ``ids``; see :func:`punar.data.sequences.matched`."""
    if isinstance(y, Mapping):
        y = pd.Series(list(y.values()), index=list(y.keys()))
    if not isinstance(y, (pd.Series, pd.DataFrame)):
        return y
    if not y.index.is_unique:
        twice = y.index[y.index.duplicated()][0]
        raise DataError(f"{where}: y has two entries for id {shown(twice)}; one target per id is needed.")
    absent = [i for i in ids if i not in y.index]
    if absent:
        raise DataError(
            f"{where}: y has no entry for id {shown(absent[0])}{f' and {len(absent) - 1} more' if absent[1:] else ''}. "
            "A Series is looked up by id: index it so (y.set_index('id')['label']), or pass an array in the order in "
            "which ids first appear in the table."
        )
    return y.loc[ids].to_numpy()
