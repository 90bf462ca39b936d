"""Rivals of models that answer for tokens and steps, or write: what context, order and composing must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.baselines import linear_per_step, most_frequent_tag, nearest_text
from punar.models.measure import Measured
from punar.tasks import Targets, Task
from punar.texts import fit as texts
from punar.training.report import MOST_ROWS, TRAINING, FitReport

_MOST_KNOWN = 20_000  # texts among which the nearest is looked for: seconds


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


def add_nearest_text(report: FitReport, task: Task, measured: Measured, items: Sequence[Any], targets: Targets) -> None:
    """Write what the answer of the nearest training text reaches into a report, where texts are written for texts.

    Parameters
    ----------
    report, task, measured, items, targets
        See :func:`add_tags`; without ``text`` among the targets, or for other items than texts, nothing is written.
    """
    written = targets.columns.get("text")
    # On training items the nearest is the item itself.
    if written is None or not isinstance(items[0], str) or measured.rows_from == TRAINING:
        return
    if not all(len(train) for train, _ in measured.parts):
        return
    answers: list[Tensor] = []
    for train, asked in measured.parts:
        known = train[:_MOST_KNOWN].tolist()
        found = nearest_text([items[i] for i in known], [items[i] for i in asked[:MOST_ROWS].tolist()])
        answers += [written[known[i]] for i in found.tolist()]
    better, worse, equal = texts.BEATS_NEAREST_TEXT, texts.LOSES_TO_NEAREST_TEXT, texts.EQUALS_NEAREST_TEXT
    measured.add_rival(report, task, targets, "nearest_text", answers, better=better, worse=worse, equal=equal)
