"""Rivals of models that answer for tokens and steps: what context and order must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.baselines import linear_per_step, most_frequent_tag
from punar.models.measure import Measured
from punar.tasks import Targets, Task
from punar.texts import fit as texts
from punar.training.report import MOST_ROWS, FitReport


def add_tags(report: FitReport, task: Task, measured: Measured, items: Sequence[Any], targets: Targets) -> None:
    """Write what a model without context reaches into a report: each word's most frequent tag, or each step alone.

    Parameters
    ----------
    report : FitReport
    task : Task
    measured : Measured
        The model's answers.
    items : sequence
        All of them: lists of words, or series (t, channels).
    targets : Targets
        Of all items; without ``tags`` nothing is written.
    """
    tags = targets.columns.get("tags")
    if tags is None or not all(len(train) for train, _ in measured.parts):
        return
    words = isinstance(items[0], (list, tuple))
    learn = most_frequent_tag if words else linear_per_step
    answers: list[Tensor] = []
    for train, asked in measured.parts:
        predict = learn([items[i] for i in train.tolist()], [tags[i].numpy() for i in train.tolist()])
        answers += [torch.as_tensor(a) for a in predict([items[i] for i in asked[:MOST_ROWS].tolist()])]
    better, worse, equal = (
        (texts.BEATS_WORDS, texts.LOSES_TO_WORDS, texts.EQUALS_WORDS)
        if words
        else (texts.BEATS_STEPS, texts.LOSES_TO_STEPS, texts.EQUALS_STEPS)
    )
    measured.add_rival(report, task, targets, "without_context", answers, better=better, worse=worse, equal=equal)
