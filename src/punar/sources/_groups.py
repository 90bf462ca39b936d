"""A column that says which rows or series belong together, such as a person's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from punar.errors import DataError, ParameterError, shown
from punar.sources._asked import look_up
from punar.sources._found import FoundTable
from punar.sources._names import check_known
from punar.sources._source import Request


def read_groups(
    source: str | os.PathLike[str],
    column: str,
    *,
    rows: Sequence[int] | None = None,
    count: int | None = None,
    id_column: str | None = None,
    header: bool | None = None,
    parts: Iterable[object] = (),
) -> np.ndarray:
    """Return the group of each row of a table, or of each series of a long one, in the order in which ids appear.

    Parameters
    ----------
    source : str or path
    column : str
    rows : sequence of int or None
        Numbers of the rows that are used; None takes all.
    count : int or None
        How many groups there must be.
    id_column : str or None
        Of a long table.
    header : bool or None
    parts : iterable, default=()
        Sources of one's own.

    Raises
    ------
    ParameterError
        What is named is no table.
    DataError
        The column is not there, has holes, or says two groups for one series.
    """
    asked = look_up(source, parts)
    with asked.naming_files():
        found = asked.read(Request(header=header))
    if not isinstance(found, FoundTable):
        raise ParameterError(f"--groups names a column of a table, and {asked.where} is none. Leave it out.")
    frame = found.as_names([column, id_column]).frame
    check_known([column, *([id_column] if id_column else [])], [str(c) for c in frame.columns], "as asked", asked.where)
    frame = frame if rows is None else frame.iloc[list(rows)]
    holes = np.flatnonzero(frame[column].isna().to_numpy())
    if len(holes):
        raise DataError(f"{asked.where}: column {shown(column)} is empty in {found.line_of(int(holes[0]))}.")
    values = frame[column]
    if id_column is not None:
        by_id = frame.groupby(id_column, sort=False, dropna=False)[column]
        several = by_id.nunique()
        if (several > 1).any():
            raise DataError(
                f"{asked.where}: the series {shown(str(several.idxmax()))} is in {int(several.max())} groups of column "
                f"{shown(column)}; each series belongs to one."
            )
        values = by_id.first()
    if count is not None and len(values) != count:
        raise DataError(
            f"{asked.where}: column {shown(column)} has {len(values)} groups for {count} items: it cannot be told "
            "which rows were left out. Repair the rows, and leave out --skip-bad."
        )
    return values.to_numpy()
