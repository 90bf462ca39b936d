"""Labels as a user wrote them -> numbers, with the names of the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from punar.errors import DataError, shown

_MANY_VALUES = 20


@dataclass(frozen=True, eq=False)
class Target:
    """What :class:`~punar.sources._userdata.UserData` keeps of the labels."""

    y: np.ndarray
    classes: tuple[str, ...]
    kind: str
    note: str


def read_target(values: np.ndarray, where: str) -> Target:
    """Return classes for words, booleans and few whole numbers, and amounts for everything else.

    Whole numbers are few where there are at most 20 different ones, or on average 20 rows of each.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Text, booleans or numbers, nothing missing.
    where : str
        File and column, for messages.

    Raises
    ------
    DataError
        Text that differs in every row, which names rows rather than classes; missing or infinite numbers.
    """
    if values.dtype.kind in "OUS":
        words = np.array([str(v) for v in values], dtype=object)
        names, codes = np.unique(words, return_inverse=True)
        if len(names) == len(words) > 2:
            raise DataError(
                f"{where}: every one of the {len(words)} rows has a value of its own (the first is "
                f"{shown(str(words[0]))}), so these are names of rows and not classes. Choose another target."
            )
        return _classes(names, codes, where)
    if values.dtype.kind == "b":
        return _classes(*np.unique(values, return_inverse=True), where)
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        bad = int((~np.isfinite(numbers)).sum())
        raise DataError(f"{where}: the target must be finite, but {bad} of {len(numbers)} values are not.")
    names, codes = np.unique(numbers, return_inverse=True)
    if len(names) <= max(_MANY_VALUES, len(numbers) / _MANY_VALUES) and np.array_equal(names, np.round(names)):
        return _classes(names.astype(np.int64), codes, where)
    return Target(numbers, (), "regression", f"target: numbers from {names[0]:g} to {names[-1]:g}")


def _classes(names: np.ndarray, codes: np.ndarray, where: str) -> Target:
    texts = tuple(str(n) for n in names)
    head = ", ".join(texts[:6]) + (", …" if len(texts) > 6 else "")
    return Target(codes.reshape(-1).astype(np.int64), texts, "classification", f"target: {len(texts)} classes ({head})")
