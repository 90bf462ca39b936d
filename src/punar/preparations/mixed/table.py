"""A table of mixed columns as rows of numbers in which each column counts alike, and back."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from punar.core.words import listed
from punar.errors import DataError, shown, suggest
from punar.preparations._reading import Finite, Positive
from punar.preparations.mixed.frames import checked
from punar.preparations.mixed.kinds import Kind, LeftOut


class Column(msgspec.Struct, frozen=True):
    """One column of a table.

    Attributes
    ----------
    name : str or int
    kind : Number, Category, Date or LeftOut
        Its numbers, in units of their own.
    centre : tuple of float
        Means of these over the training rows.
    weight : float
        What they are multiplied by, so that their variances add up to 1.
    """

    name: str | int
    kind: Kind
    centre: tuple[Finite, ...]
    weight: Positive


class MixedTable(msgspec.Struct, frozen=True):
    """How a table of numbers, categories, dates and gaps becomes rows of numbers, and columns again.

    Every column becomes one or more numbers, centred, whose variances over the training rows add up to 1: a column of
    thirty categories counts as much as a number.

    Attributes
    ----------
    columns : tuple of Column
        In the order of the training table.
    notes : tuple of str
        How they are read, one line per kind.

    References
    ----------
    Pagès, J. (2004). Analyse factorielle de données mixtes. Revue de statistique appliquée 52, 93-111.
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers per row."""
        return sum(column.kind.width for column in self.columns)

    @property
    def names(self) -> list[str | int]:
        """Names of all columns."""
        return [column.name for column in self.columns]

    @property
    def needed(self) -> list[str | int]:
        """Names of the columns that rows must have; those that were left out may be missing."""
        return [column.name for column in self.columns if not isinstance(column.kind, LeftOut)]

    def encode(self, X: Any, where: str) -> np.ndarray:
        """Return the rows of a frame as float32 of shape (n, width); columns are found by their names.

        Raises
        ------
        DataError
            A column is missing, or one is there that was not fitted on.
        DataTypeError
            A value is of another kind than in training.
        """
        frame = checked(X, where).rename(columns=str)
        self._check_names(list(frame.columns), where)
        out = np.empty((len(frame), self.width), dtype=np.float32)
        at = 0
        for column in self.columns:
            width = column.kind.width
            if width:
                block = column.kind.encode(frame[str(column.name)], where)
                out[:, at : at + width] = _centred(block, np.array(column.centre), column.weight)
            at += width
        return out

    def decode(self, rows: np.ndarray) -> pd.DataFrame:
        """Return the table that rows of numbers stand for, in its own columns and types.

        Parameters
        ----------
        rows : ndarray of shape (n, width)
        """
        found, at = {}, 0
        for column in self.columns:
            block = rows[:, at : at + column.kind.width].astype(np.float64) / column.weight + np.array(column.centre)
            found[column.name] = column.kind.decode(block)
            at += column.kind.width
        return pd.DataFrame(found)

    def _check_names(self, given: list[str], where: str) -> None:
        missing = sorted({str(name) for name in self.needed} - set(given))
        if missing:
            hint = suggest(missing[0], given)
            raise DataError(
                f"{where}: X must have the columns that were fitted on; missing: {listed(missing)}.{hint} Columns are "
                "found by their names, in any order."
            )
        known = {str(name) for name in self.names}
        extra = [name for name in given if name not in known]
        if extra:
            raise DataError(
                f"{where}: X has columns that were not fitted on: {listed(extra)}. Leave them out: X.drop(columns=...)."
            )


def _centred(block: np.ndarray, centre: np.ndarray, weight: float) -> np.ndarray:
    """Return numbers about their centre; what is unknown lies on it."""
    found = (block - centre) * weight
    return np.where(np.isnan(found), 0.0, found)


def scaled_column(name: Any, kind: Kind, block: np.ndarray) -> Column:
    """Return a column whose numbers over the training rows are ``block``, weighted so that it counts as one."""
    if not block.shape[1]:
        return Column(_own_name(name), kind, (), 1.0)
    block = block.astype(np.float64)
    known = ~np.isnan(block)
    centre = np.where(known, block, 0.0).sum(0) / np.maximum(1, known.sum(0))
    total = float((_centred(block, centre, 1.0) ** 2).mean(0).sum())
    weight = 1.0 / math.sqrt(total) if total > 1e-12 else 1.0
    return Column(_own_name(name), kind, tuple(centre.tolist()), weight)


def _own_name(name: Any) -> str | int:
    return int(name) if isinstance(name, (int, np.integer)) and not isinstance(name, bool) else str(name)


def check_table(table: MixedTable, width: int) -> None:
    """Raise where what was read from a file is not one table of this width.

    Raises
    ------
    ValueError
        Names come twice, centres do not fit, the numbers per row are others, or a row cannot be given back.
    """
    names = [str(name) for name in table.names]
    if len(set(names)) < len(names):
        raise ValueError("the columns of table must have names of their own")
    for column in table.columns:
        if len(column.centre) != column.kind.width:
            raise ValueError(f"column {column.name!r} of table needs {column.kind.width} centres")
    if table.width != width or not width:
        raise ValueError(f"table has {table.width} numbers per row, the network {width}")
    try:
        table.decode(np.zeros((1, width)))
    except Exception as error:  # time zones, formats and types that do not exist raise what their libraries please
        raise ValueError(f"table does not give a row back: {shown(str(error), 200)}") from None
