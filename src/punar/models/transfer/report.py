"""Did the transfer model learn? Its score beside the constant answer, and beside a head on frozen features."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from punar.models.codec.report import MOST_ROWS, FitReport
from punar.tasks import LinearHead, Task
from punar.texts import fit as texts


def of_head(task: Task, head: LinearHead, features: Tensor, target: Tensor) -> FitReport:
    """Report on a head fitted to frozen features, by its cross-validation where there was one."""
    if head.held_out is None:
        raw = features @ torch.from_numpy(head.weight).T + torch.from_numpy(head.bias)
        report = _report(task, raw, target, texts.WHICH_TRAINING, "training")
        report["head"] = head.facts
        return report
    index, raw_array = head.held_out
    raw = torch.from_numpy(raw_array).float()
    report = _report(task, raw, target[torch.from_numpy(index)], texts.WHICH_CROSS_VALIDATED, "cross_validated")
    report["head"] = head.facts
    return report


def of_training(task: Task, raw: Tensor, target: Tensor, *, held_out: bool, before: Tensor | None) -> FitReport:
    """Report on trained stages.

    Parameters
    ----------
    task : Task
    raw : Tensor of shape (n, outputs)
    target : Tensor of shape (n, ...)
    held_out : bool
        Whether these rows were kept out of the training.
    before : Tensor of shape (n, outputs) or None
        The answers of a linear head on the frozen network's features.
    """
    which, rows_from = (texts.WHICH_HELD_OUT, "held_out") if held_out else (texts.WHICH_TRAINING, "training")
    report = _report(task, raw, target, which, rows_from)
    if before is None:
        return report
    frozen = task.measure(before[:MOST_ROWS], target[:MOST_ROWS])
    report["frozen"] = frozen
    # One standard error of a difference of two shares of the same rows, at most.
    noise = 1.0 / math.sqrt(max(1, len(target[:MOST_ROWS])))
    lead = report["model"] - frozen
    text = texts.TRANSFER_EQUALS_FROZEN
    if lead > noise:
        text = texts.TRANSFER_BEATS_FROZEN
    elif lead < -noise:
        text = texts.TRANSFER_LOSES_TO_FROZEN
    report["verdict"] += text.format(frozen=frozen)
    return report


def _report(task: Task, raw: Tensor, target: Tensor, which: str, rows_from: str) -> FitReport:
    raw, target = raw[:MOST_ROWS], target[:MOST_ROWS]
    score, n = task.measure(raw, target), len(target)
    constant = task.measure(task.constant_row(target).expand(n, -1), target)
    learned = score > constant + 1e-9
    words: dict[str, Any] = {"metric": task.metric, "model": score, "constant": constant, "rows": n, "which": which}
    text = texts.TRANSFER_LEARNED if learned else texts.TRANSFER_DID_NOT_LEARN
    return FitReport(
        {k: v for k, v in words.items() if k != "which"}
        | {"rows_from": rows_from, "learned": learned, "verdict": text.format(**words)}
    )
