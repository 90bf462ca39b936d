"""One fold of items, and where what frozen networks compute of them is remembered."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

TIMED = {"vision": 32, "text": 32, "audio": 8}


class Memory:
    """Caches of one comparison: an empty one for each fit of the first fold, one for all afterwards.

    So the seconds of the first fold are what a single fit costs, and the other folds do not compute anything again.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="punar-compare-")
        self._fresh, self._shared = Path(self._folder.name, "first"), Path(self._folder.name, "all")
        self._fresh.mkdir()

    def fresh(self) -> str:
        """Return a new empty folder."""
        return tempfile.mkdtemp(dir=self._fresh)

    def shared(self) -> str:
        """Return the folder that holds all that was computed so far."""
        for rows in [*self._fresh.glob("*/features/*/*.rows")]:
            place = self._shared / "features" / rows.parent.name
            place.mkdir(parents=True, exist_ok=True)
            # Rows first, as the cache does: a segment is there once its keys are. Names never meet.
            with contextlib.suppress(OSError):
                rows.rename(place / rows.name)
                rows.with_suffix(".keys").rename(place / rows.with_suffix(".keys").name)
        return str(self._shared)

    def close(self) -> None:
        """Delete all of it."""
        self._folder.cleanup()


@dataclass
class ItemFold:
    """What all candidates share in one fold: items and labels of both sides."""

    train: np.ndarray
    test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    kind: str
    target: str
    memory: Memory
    first: bool
    seed: int

    def fit(self, estimator: Any) -> Any:
        """Return ``estimator``, fitted on the training items."""
        if estimator.get_params(deep=False).get("cache") is True:
            estimator.set_params(cache=self.memory.fresh() if self.first else self.memory.shared())
        return estimator.fit(as_input(self.train), self.y_train)

    def predict(self, estimator: Any) -> np.ndarray:
        """Return the answers for the held-out items."""
        return np.asarray(estimator.predict(as_input(self.test)))

    def transform(self, estimator: Any) -> np.ndarray:
        """Return the answers for a batch of held-out items, computed without the cache: this is timed."""
        before = estimator.get_params(deep=False).get("cache", False)
        if before is not False:
            estimator.set_params(cache=False)
        try:
            return np.asarray(estimator.predict(as_input(self.test[: self.timed])))
        finally:
            if before is not False:
                estimator.set_params(cache=before)

    @property
    def timed(self) -> int:
        """How many items :meth:`transform` answers for."""
        return min(TIMED[self.kind], len(self.test))

    def few(self, n: int) -> ItemFold:
        """Return a fold that is enough to call everything once: two training items of each of a few classes."""
        n = min(n, len(self.train), 8)
        if self.target == "classes":
            kept = np.concatenate([np.flatnonzero(self.y_train == c)[:2] for c in np.unique(self.y_train)[:4]])
        else:
            kept = np.arange(n)
        return replace(self, train=self.train[kept], y_train=self.y_train[kept])

    def remember(self) -> None:
        """Let following fits find what was computed before, as in every fold but the first."""
        self.first = False


def as_input(rows: np.ndarray) -> Any:
    """Return items as estimators take them: a list, or an array of pictures."""
    return rows.tolist() if rows.dtype == object and rows.ndim == 1 else rows
