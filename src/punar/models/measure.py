"""A model's encoded answers for some items, measured beside chance and beside rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.errors import DataError
from punar.tasks import Targets, Task
from punar.training import evidence
from punar.training import report as reports
from punar.training.report import MOST_ROWS, FitReport


def check_length(y: Any, found: Any, where: str) -> None:
    """Raise where there is not one target for each answer.

    Raises
    ------
    DataError
    """
    if hasattr(y, "__len__") and len(y) != len(found):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(found)}, y {len(y)}."
        )


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers to judge a model by.

    Attributes
    ----------
    answers : sequence
        Encoded, one for each item.
    parts : sequence of (train, items)
        Which items the answers are for, part by part, and which a rival may learn from to answer for them.
    rows_from : {"held_out", "cross_validated", "cross_fitted", "training"}
    permuted : sequence of float or None
        Scores of the same fit on targets in random order, where it was repeated so.
    groups : ndarray or None
        A number for each of all items. Items of one group are alike, so that answers are exchanged group by group.
    """

    answers: Sequence[Any]
    parts: Sequence[tuple[Tensor, Tensor]]
    rows_from: str
    permuted: Sequence[float] | None = None
    groups: np.ndarray | None = None

    @property
    def items(self) -> Tensor:
        """Which items the answers are for."""
        return torch.cat([items for _, items in self.parts])

    def report(self, task: Task, targets: Targets) -> FitReport:
        """Return the score of the first 3,000 answers beside that of the best constant answer."""
        some = self.some(targets)
        return reports.beside_chance(
            task, self.answers[:MOST_ROWS], some, self.rows_from, permuted=self.permuted, groups=self._groups()
        )

    def _groups(self) -> np.ndarray | None:
        return None if self.groups is None else self.groups[self.items[:MOST_ROWS].numpy()]

    def some(self, targets: Targets) -> Targets:
        """Return the targets that are reported on, of those of all items."""
        return targets.take(self.items[:MOST_ROWS])

    def add_rival(
        self, report: FitReport, task: Task, targets: Targets, name: str, answers: Sequence[Any], **texts: str
    ) -> None:
        """Write another model's answers for the same items into a report; ``texts`` as of :func:`reports.add_rival`."""
        some = self.some(targets)
        ours = reports.meter_of(task, self.answers[:MOST_ROWS], some)
        theirs = reports.meter_of(task, answers[:MOST_ROWS], some)
        reports.add_rival(
            report, name, theirs.value(), evidence.lead(ours, theirs, len(some), groups=self._groups()), **texts
        )
