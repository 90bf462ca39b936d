"""A column of labels as classes, amounts, or sets of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from punar.core.words import listed
from punar.errors import DataError, shown
from punar.sources._columns import _plain
from punar.sources._target import read_target

_SEPARATORS = (";", "|", ",")


@dataclass(frozen=True, eq=False)
class Labels:
    """Numbers that stand for labels, and the names of the classes."""

    y: np.ndarray
    classes: tuple[str, ...]
    kind: str
    note: str


def named(values: Sequence[str]) -> Labels:
    """Return names as classes, in alphabetical order."""
    names, codes = np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)
    classes = tuple(map(str, names))
    note = f"target: {len(classes)} classes ({listed(classes)})"
    return Labels(codes.reshape(-1).astype(np.int64), classes, "classification", note)


def as_classes(column: pd.Series, where: str, *, strict: bool = False) -> Labels:
    """Return names as classes, and numbers as classes or amounts.

    Parameters
    ----------
    column : Series of shape (n,)
        Nothing missing.
    where : str
        File and column, for messages.
    strict : bool, default=False
        Whether numbers are names of classes in any case.
    """
    if strict:
        return named([str(v) for v in column])
    found = read_target(_plain(column), where)
    return Labels(found.y, found.classes, found.kind, found.note)


def as_amounts(column: pd.Series, where: str) -> Labels:
    """Return numbers, float64.

    Raises
    ------
    DataError
        A value is no finite number.
    """
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(numbers).all():
        bad = str(column.iloc[int(np.argmin(np.isfinite(numbers)))])
        raise DataError(f"{where}: regression needs finite numbers, but there is {shown(bad)}.")
    return Labels(numbers, (), "regression", f"target: numbers from {numbers.min():g} to {numbers.max():g}")


def as_sets(column: pd.Series, where: str) -> Labels:
    """Return an indicator matrix, int64 (n, labels), for fields such as ``red; round``."""
    texts = [str(v) for v in column]
    separator = next((s for s in _SEPARATORS if any(s in t for t in texts)), _SEPARATORS[0])
    sets = [{part.strip() for part in t.split(separator)} - {""} for t in texts]
    names = sorted(set().union(*sets))
    if not names:
        raise DataError(f"{where}: there is no label at all; several labels of one item are written 'red; round'.")
    y = np.array([[name in labels for name in names] for labels in sets], dtype=np.int64)
    note = f"target: {len(names)} labels, separated by {separator!r}, in this order: {listed(names)}"
    return Labels(y, tuple(names), "multilabel", note)
