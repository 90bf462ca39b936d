"""Entities in sequences of tags, by the rules of CoNLL: which spans there are, and F1 over exact spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from punar.tasks._meter import bootstrap, exchanged_counts

_TAG = re.compile(r"[BIESLU]-.+", re.DOTALL)
OUTSIDE = "O"

Entity = tuple[int, int, str]


def are_entity_tags(tags: Sequence[str]) -> bool:
    """Return whether every tag is "O" or a prefix and a kind, such as "B-person", and one of the latter is there.

    >>> are_entity_tags(["O", "B-person", "I-person"]), are_entity_tags(["NOUN", "VERB"])
    (True, False)
    """
    return any(_TAG.fullmatch(t) for t in tags) and all(t == OUTSIDE or _TAG.fullmatch(t) for t in tags)


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """Return the entities of one sequence: first token, one past the last, kind.

    As conlleval reads them: an entity begins at "B-", "S-" and "U-", and at an "I-", "E-" or "L-" that does not go on
    with one of its own kind; it ends before "O", before another beginning and after "E-", "L-", "S-" and "U-".

    References
    ----------
    Tjong Kim Sang and Buchholz (2000). Introduction to the CoNLL-2000 shared task: chunking.

    Examples
    --------
    >>> entities_of(["B-x", "I-x", "O", "I-y", "B-y"])
    [(0, 2, 'x'), (3, 4, 'y'), (4, 5, 'y')]
    """
    found: list[Entity] = []
    begun, before, kind = 0, OUTSIDE, ""
    for at, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, own = tag.partition("-")
        if before != OUTSIDE and (before in "ESLU" or prefix in ("B", "S", "U", OUTSIDE) or own != kind):
            found.append((begun, at, kind))
            before = OUTSIDE
        if prefix != OUTSIDE:
            if before == OUTSIDE:
                begun = at
            before, kind = prefix, own
    return found


class EntityMeter:
    """Counts entities item by item; their F1 over all items, exact spans and kinds."""

    def __init__(self) -> None:
        self._counts: list[tuple[int, int, int]] = []  # right, found, true

    def count(self, found: Sequence[Entity], true: Sequence[Entity]) -> None:
        """Count one item's entities."""
        self._counts.append((len(set(found) & set(true)), len(found), len(true)))

    def value(self) -> float:
        """Return F1; 0 where there is no entity, true or found."""
        return _f1(np.asarray(self._counts, dtype=np.float64).reshape(-1, 3))

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of F1, by resampling items."""
        counts = np.asarray(self._counts, dtype=np.float64).reshape(-1, 3)
        return bootstrap(len(counts), lambda index: _f1(counts[index]), level, seed)

    def exchanged(self, other: EntityMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both F1 after the answers for some items were exchanged; see :class:`punar.tasks.Meter`."""
        return exchanged_counts(self._counts, other._counts, swap, _f1)


def _f1(counts: np.ndarray) -> float:
    right, found, true = counts.sum(0)
    return float(2 * right / (found + true)) if found + true > 0 else 0.0
