"""A table as it stands in a file, before anything is asked of its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, what was decided while reading them, and a way to say where a row stands.

    Attributes
    ----------
    frame : DataFrame
        Column names are there and differ.
    notes : list of str
    line_of : callable
        Row number from 0 -> "line 12" or "row 10".
    """

    frame: pd.DataFrame
    notes: list[str]
    line_of: Callable[[int], str]
