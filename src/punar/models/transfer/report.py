"""Did the transfer model learn? Its score beside the best constant answer, and beside simpler models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from punar.models.measure import Measured
from punar.models.rivals import add_tags
from punar.tasks import LinearHead, Targets, Task
from punar.texts import fit as texts
from punar.training import report as reports
from punar.training.report import FitReport


def of_head(
    task: Task, head: LinearHead, measured: Measured, targets: Targets, items: Sequence[Any], train: Tensor
) -> FitReport:
    """Report on a head fitted to frozen features.

    Parameters
    ----------
    task, head
    measured : Measured
        Answers of heads that were not fitted on these items, where there are such.
    targets : Targets
        Of all items.
    items : sequence
        All of them.
    train : Tensor of int64
        Those that simpler models may learn from.
    """
    report = measured.report(task, targets)
    report["head"] = head.facts
    add_tags(report, task, measured, items, targets, train)
    return report


def of_training(
    task: Task,
    measured: Measured,
    targets: Targets,
    items: Sequence[Any],
    train: Tensor,
    *,
    before: Sequence[Any] | None,
) -> FitReport:
    """Report on trained stages.

    Parameters
    ----------
    task, measured, targets, items, train
        See :func:`of_head`.
    before : sequence or None
        The answers, for the same items, of a head on the frozen network's features: what the training began with.
    """
    report = measured.report(task, targets)
    if before is not None:
        reports.add_rival(
            report,
            "frozen",
            measured.score_of(task, before, targets),
            better=texts.TRANSFER_BEATS_FROZEN,
            worse=texts.TRANSFER_LOSES_TO_FROZEN,
            equal=texts.TRANSFER_EQUALS_FROZEN,
        )
    add_tags(report, task, measured, items, targets, train)
    return report
