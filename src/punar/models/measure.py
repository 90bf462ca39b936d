"""Did it learn? A model's answers beside the best constant answer and rivals, measured by the task's own meter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from punar.tasks import LinearHead, Targets, Task
from punar.texts import fit as texts
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
    which : str
        The items in words, for the verdict.
    rows_from : {"held_out", "cross_validated", "training"}
    """

    answers: Sequence[Any]
    items: Tensor
    which: str
    rows_from: str


def score_of(task: Task, answers: Sequence[Any], targets: Targets) -> float:
    """Return the task's metric of encoded answers."""
    meter = task.meter()
    meter.add(answers, targets)
    return meter.value()


def beside_constant(task: Task, measured: Measured, targets: Targets, learned: str, did_not: str) -> FitReport:
    """Report a model's score beside that of the best constant answer: chance.

    Parameters
    ----------
    task : Task
    measured : Measured
        Its first 3,000 items count.
    targets : Targets
        Of all items.
    learned, did_not : str
        The verdict's two forms, with ``metric``, ``model``, ``constant``, ``rows`` and ``which``.
    """
    some = targets.take(measured.items[:MOST_ROWS])
    score = score_of(task, measured.answers[:MOST_ROWS], some)
    constant = score_of(task, task.constant(some), some)
    facts: dict[str, Any] = {"metric": task.metric, "model": score, "constant": constant, "rows": len(some)}
    beats = score > constant + 1e-9
    verdict = (learned if beats else did_not).format(**facts, which=measured.which)
    return FitReport(facts | {"rows_from": measured.rows_from, "learned": beats, "verdict": verdict})


def of_head(task: Task, head: LinearHead, measured: Measured, targets: Targets) -> FitReport:
    """Report on a head fitted to frozen features."""
    report = beside_constant(task, measured, targets, texts.TRANSFER_LEARNED, texts.TRANSFER_DID_NOT_LEARN)
    report["head"] = head.facts
    return report


def of_training(task: Task, measured: Measured, targets: Targets, *, before: Sequence[Any] | None) -> FitReport:
    """Report on trained stages.

    Parameters
    ----------
    task, measured, targets
        See :func:`beside_constant`.
    before : sequence or None
        The answers, for the same items, of a head on the frozen network's features: what the training began with.
    """
    report = beside_constant(task, measured, targets, texts.TRANSFER_LEARNED, texts.TRANSFER_DID_NOT_LEARN)
    if before is None:
        return report
    frozen = score_of(task, before[:MOST_ROWS], targets.take(measured.items[:MOST_ROWS]))
    report["frozen"] = frozen
    # One standard error of a difference of two shares of the same rows, at most.
    noise = 1.0 / math.sqrt(max(1, report["rows"]))
    lead = report["model"] - frozen
    text = texts.TRANSFER_EQUALS_FROZEN
    if lead > noise:
        text = texts.TRANSFER_BEATS_FROZEN
    elif lead < -noise:
        text = texts.TRANSFER_LOSES_TO_FROZEN
    report["verdict"] += text.format(frozen=frozen)
    return report
