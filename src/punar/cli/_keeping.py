"""Columns of a table that stand beside what a model of rows writes (``--keep``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from punar.cli._panels import Given
from punar.core.words import listed
from punar.errors import DataError, ParameterError, shown, suggest

if TYPE_CHECKING:
    from punar.sources import UserData


def kept_columns(data: str, found: UserData, reading: Given, parts: tuple[type, ...]) -> Given:
    """Return the columns that ``--keep`` names, of the rows that were kept.

    Parameters
    ----------
    data : str
    found : UserData
        What was read of it; ``row_names`` are the numbers of the rows where some were left out.
    reading : dict
        Options of the data panel, and "keep".
    parts : tuple of classes

    Raises
    ------
    ParameterError
        The data is no table.
    DataError
        There is no such column.
    """
    wanted = list(reading.get("keep") or ())
    if not wanted:
        return {}
    from punar.sources import read_table

    table = read_table(data, key=reading["key"], header=reading["header"], parts=parts)
    if table is None:
        raise ParameterError(f"--keep {wanted[0]} is for tables with named columns; {data} is none. Leave it out.")
    table = table.as_names(wanted)
    names = [str(c) for c in table.frame.columns]
    for name in wanted:
        if name not in names:
            raise DataError(
                f"{data}: there is no column {shown(name)} to keep.{suggest(name, names)} There are: {listed(names)}."
            )
    rows = [int(name) for name in found.row_names] or list(range(len(table.frame)))
    columns: dict[str, Any] = {name: table.frame[name].iloc[rows].to_numpy() for name in wanted}
    return columns
