"""Columns by their names: where those that a model was fitted with stand in what it is given now."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import pandas as pd

from punar.core.words import listed
from punar.errors import DataError, shown


def name_of(label: Any) -> str:
    """Return a column's name as text in Unicode's composed form (NFC).

    Two keyboards, or two file systems, write one letter with its mark as one code point or as two.

    >>> name_of("e" + chr(0x301)) == chr(0xE9)
    True
    """
    return unicodedata.normalize("NFC", str(label))


def named(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return a table whose columns have their names as :func:`name_of` gives them.

    Raises
    ------
    DataError
        Two columns have one name.
    """
    columns = [name_of(c) for c in frame.columns]
    if len(set(columns)) < len(columns):
        twice = next(c for c in columns if columns.count(c) > 1)
        raise DataError(f"{where}: the table has two columns called {shown(twice)}; names must differ.")
    return frame.set_axis(columns, axis=1)


def in_order(frame: pd.DataFrame, names: Sequence[str], where: str) -> pd.DataFrame:
    """Return a table of these columns in this order.

    Parameters
    ----------
    frame : DataFrame
        From :func:`named`.
    names : sequence of str
        All that there must be.
    where : str

    Raises
    ------
    DataError
        Columns are missing, or there are others; the message lists both.
    """
    columns = list(frame.columns)
    if columns == list(names):
        return frame
    missing, unexpected = differences(columns, names)
    if missing or unexpected:
        raise DataError(
            f"{where}: columns are matched by name, and these are others: {told(missing, unexpected)}. "
            f"Rename, add or drop columns so that they are {listed(list(names))}, in any order."
        )
    return frame[list(names)]


def differences(columns: Sequence[str], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which of ``names`` are missing among ``columns``, and which columns are none of them."""
    return [n for n in names if n not in set(columns)], [c for c in columns if c not in set(names)]


def told(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """Return what :func:`differences` found, for a message."""
    parts = [f"{word} {listed(some)}" for word, some in (("missing", missing), ("unexpected", unexpected)) if some]
    return "; ".join(parts)
