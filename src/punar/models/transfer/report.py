"""Did the transfer model learn? Its score beside the best constant answer, and beside simpler models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from punar.models.measure import Measured
from punar.models.rivals import add_tags
from punar.tasks import LinearHead, Targets, Task
from punar.texts import fit as texts
from punar.training.report import FitReport


def of_head(task: Task, head: LinearHead, measured: Measured, targets: Targets, items: Sequence[Any]) -> FitReport:
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
    """
    report = measured.report(task, targets)
    report["head"] = head.facts
    add_tags(report, task, measured, items, targets)
    return report


def of_training(
    task: Task,
    measured: Measured,
    targets: Targets,
    items: Sequence[Any],
    *,
    before: Sequence[Any] | None,
) -> FitReport:
    """Report on trained stages.

    Parameters
    ----------
    task, measured, targets, items
        See :func:`of_head`.
    before : sequence or None
        The answers, for the same items, of a head on the frozen network's features: what the training began with.
    """
    report = measured.report(task, targets)
    if before is not None:
        measured.add_rival(
            report,
            task,
            targets,
            "frozen",
            before,
            better=texts.TRANSFER_BEATS_FROZEN,
            worse=texts.TRANSFER_LOSES_TO_FROZEN,
            equal=texts.TRANSFER_EQUALS_FROZEN,
        )
    add_tags(report, task, measured, items, targets)
    return report
