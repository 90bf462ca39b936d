"""Sets of labels: lists such as ``[["red", "round"], ["red"], []]``, and the indicator matrix that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from punar.errors import DataError, shown

_SETS = (list, tuple, set, frozenset)


def label_sets(y: Any, where: str, *, learned: bool = False) -> list[list[Any]] | None:
    """Return a list of labels for each item; None where y is a matrix, or nothing that holds sets.

    Lists of equally many numbers are rows of an indicator matrix; where a fit has ``learned`` from sets, those of 0 and
    1 alone are.

    Raises
    ------
    DataError
        Some items have a set of labels and others do not, or a label is neither text nor a whole number.
    """
    values = _plain(y)
    if values is None or not any(isinstance(each, _SETS) for each in values):
        return None
    for at, each in enumerate(values):
        if not isinstance(each, _SETS):
            raise DataError(f"{where}: y[{at}] must be a list of labels, as y[0] is, got {shown(each)}.")
    if _is_matrix(values) and not (learned and any(v not in (0, 1) for each in values for v in each)):
        return None
    found = [[_label(label, at, where) for label in each] for at, each in enumerate(values)]
    kinds = {type(label) for labels in found for label in labels}
    if len(kinds) > 1:
        raise DataError(f"{where}: labels in y must be all text or all whole numbers, found both.")
    return found


def names_of(sets: Sequence[Sequence[Any]], where: str) -> list[Any]:
    """Return the labels that there are, sorted.

    Raises
    ------
    DataError
        There is none.
    """
    names = sorted({label for labels in sets for label in labels})
    if not names:
        raise DataError(f"{where}: y holds no label at all: every item's list is empty.")
    return names


def as_matrix(sets: Sequence[Sequence[Any]], names: Sequence[Any], where: str) -> np.ndarray:
    """Return the indicators, float64 (n, names).

    Raises
    ------
    DataError
        A label that is not among ``names``.
    """
    place = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(sets), len(names)))
    for row, labels in enumerate(sets):
        for label in labels:
            if label not in place:
                known = ", ".join(map(repr, list(names)[:10]))
                raise DataError(f"{where}: y[{row}] has the label {shown(label)}, which the fit did not see: {known}.")
            matrix[row, place[label]] = 1.0
    return matrix


def _plain(y: Any) -> list[Any] | None:
    if hasattr(y, "tolist") and getattr(y, "ndim", 1) == 1:
        return list(y.tolist())
    return list(y) if isinstance(y, (list, tuple)) else None


def _is_matrix(values: Sequence[Any]) -> bool:
    ordered = all(isinstance(each, (list, tuple)) for each in values)
    alike = len({len(each) for each in values}) == 1 and len(values[0]) > 0
    return ordered and alike and all(_is_number(v) for each in values for v in each)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_))


def _label(label: Any, at: int, where: str) -> Any:
    if isinstance(label, (bool, np.bool_)) or not isinstance(label, (str, int, np.integer)):
        raise DataError(f"{where}: y[{at}] holds {shown(label)}; a label must be text or a whole number.")
    return str(label) if isinstance(label, str) else int(label)
