"""One fold of sequences: both sides, and the network alone on prepared steps, which is what is timed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from punar.core.runtime import as_usual, pick_device
from punar.estimators.sequence_model import SequenceModel
from punar.models.recurrent.passes import by_length
from punar.models.recurrent.rows import SequenceRows
from punar.preparations import prepare_all

TIMED = 64
_FEW = 4  # classes in a warm-up


@dataclass
class SequenceFold:
    """What all candidates share in one fold."""

    train: np.ndarray
    test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    lengths: np.ndarray
    target: str
    cuts: tuple[int, int] | None

    def __post_init__(self) -> None:
        self._ready: tuple[Any, Any, SequenceRows] | None = None
        self.steps = 0
        self.by_length: dict[str, float | None] = {}

    def fit(self, estimator: Any) -> Any:
        """Return ``estimator``, fitted on the training sequences."""
        return estimator.fit(self.train.tolist(), self.y_train)

    def predict(self, estimator: Any) -> np.ndarray:
        """Return the answers for the held-out sequences."""
        return np.asarray(estimator.predict(self.test.tolist()))

    def transform(self, estimator: Any) -> Any:
        """Run the network on up to 64 held-out sequences, prepared once; this is timed. Others predict them."""
        some = self.test[:TIMED].tolist()
        if not isinstance(estimator, SequenceModel):
            return estimator.predict(some)
        with as_usual(), torch.no_grad():
            if self._ready is None or self._ready[0] is not estimator:
                device = pick_device(estimator.device)
                facts = estimator.preparation_
                prepared = prepare_all(facts, facts.check(some, "compare"), "compare")
                rows = SequenceRows(prepared, None, None, device)
                self._ready = (estimator, estimator.module_.to(device), rows)
                self.steps = int(rows.lengths.sum())
            _, module, rows = self._ready
            return by_length(module, rows, torch.arange(len(rows)), lambda batch, _: list(module(batch).cpu()))

    @property
    def timed(self) -> int:
        """How many sequences :meth:`transform` answers for."""
        return min(TIMED, len(self.test))

    def few(self, n: int) -> SequenceFold:
        """Return a fold that is enough to call everything once: two training sequences of each of a few classes."""
        if self.target == "classes":
            kept = np.concatenate([np.flatnonzero(self.y_train == c)[:2] for c in np.unique(self.y_train)[:_FEW]])
        else:
            kept = np.arange(min(n, len(self.train), 2 * _FEW))
        return replace(self, train=self.train[kept], y_train=self.y_train[kept])

    def parts(self) -> dict[str, np.ndarray]:
        """Return which held-out sequences are short, middle and long; nothing where lengths are about equal."""
        if self.cuts is None:
            return {}
        low, high = self.cuts
        short, long = self.lengths <= low, self.lengths > high
        return {"short": short, "middle": ~short & ~long, "long": long}
