"""Did the transfer model learn? Its score beside the best constant answer, and beside a head on frozen features."""

from __future__ import annotations

import torch
from torch import Tensor

from punar.tasks import LinearHead, Targets, VectorTask
from punar.texts import fit as texts
from punar.training import report as reports
from punar.training.report import MOST_ROWS, FitReport


def of_head(task: VectorTask, head: LinearHead, features: Tensor, target: Tensor) -> FitReport:
    """Report on a head fitted to frozen features, by its cross-validation where there was one."""
    if head.held_out is None:
        raw = features[:MOST_ROWS] @ torch.from_numpy(head.weight).T + torch.from_numpy(head.bias)
        report = _report(task, raw, target, reports.TRAINING)
    else:
        index, raw_array = head.held_out
        of_rows = target[torch.from_numpy(index)]
        report = _report(task, torch.from_numpy(raw_array).float(), of_rows, reports.CROSS_VALIDATED)
    report["head"] = head.facts
    return report


def of_training(task: VectorTask, raw: Tensor, target: Tensor, *, held_out: bool, before: Tensor | None) -> FitReport:
    """Report on trained stages.

    Parameters
    ----------
    task : VectorTask
    raw : Tensor of shape (n, outputs)
    target : Tensor of shape (n, ...)
    held_out : bool
        Whether these rows were kept out of the training.
    before : Tensor of shape (n, outputs) or None
        The answers of a linear head on the frozen network's features.
    """
    report = _report(task, raw, target, reports.HELD_OUT if held_out else reports.TRAINING)
    if before is not None:
        reports.add_rival(
            report,
            "frozen",
            task.measure(before[:MOST_ROWS], target[:MOST_ROWS]),
            better=texts.TRANSFER_BEATS_FROZEN,
            worse=texts.TRANSFER_LOSES_TO_FROZEN,
            equal=texts.TRANSFER_EQUALS_FROZEN,
        )
    return report


def _report(task: VectorTask, raw: Tensor, target: Tensor, rows_from: str) -> FitReport:
    return reports.beside_chance(task, list(raw[:MOST_ROWS]), Targets({"y": target[:MOST_ROWS]}), rows_from)
