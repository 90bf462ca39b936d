"""A model's encoded answers for some items, measured beside chance and beside rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from punar.tasks import Targets, Task
from punar.training import report as reports
from punar.training.report import MOST_ROWS, FitReport


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers to judge a model by.

    Attributes
    ----------
    answers : sequence
        Encoded, one for each item.
    items : Tensor of int64, (n,)
        Which items they are for.
    rows_from : {"held_out", "cross_validated", "training"}
    """

    answers: Sequence[Any]
    items: Tensor
    rows_from: str

    def report(self, task: Task, targets: Targets) -> FitReport:
        """Return the score of the first 3,000 answers beside that of the best constant answer."""
        return reports.beside_chance(task, self.answers[:MOST_ROWS], self.some(targets), self.rows_from)

    def some(self, targets: Targets) -> Targets:
        """Return the targets that are reported on, of those of all items."""
        return targets.take(self.items[:MOST_ROWS])

    def score_of(self, task: Task, answers: Sequence[Any], targets: Targets) -> float:
        """Return the score of somebody else's answers for the same items."""
        return reports.measured(task, answers[:MOST_ROWS], self.some(targets))
