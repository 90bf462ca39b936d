"""Passes without gradients: what a model with a trained head answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.core.runtime import available_cores, threads
from punar.models.lengths import sorted_by_length
from punar.models.samples import Samples
from punar.models.structured.module import Net, Structured
from punar.models.structured.rows import StructuredRows
from punar.tasks import Task

SAMPLES_PER_PASS = 16


@torch.no_grad()
def answers_of(
    task: Task, module: Structured, rows: StructuredRows, samples: Samples, items: Tensor, every: Sequence[Any]
) -> list[Any]:
    """Return an encoded answer for each of some items.

    Parameters
    ----------
    task : Task
    module : Structured
        Put in eval mode.
    rows : StructuredRows
    samples : Samples
        Of all items.
    items : Tensor of int64
    every : sequence
        All items.
    """
    module.eval()
    index = samples.index(items)
    parts: list[Any] = [None] * len(index)
    # Samples of one length share passes; a pass's padding does not change what it answers.
    order = sorted_by_length(rows.lengths[index], torch.arange(len(index)))
    with threads(available_cores()):
        for some in order.split(SAMPLES_PER_PASS):
            mini = rows.take(index[some])
            found = task.answer(Net(module, mini.value), mini.batch, samples.traces(index[some]))
            for at, part in zip(some.tolist(), found, strict=True):
                parts[at] = part
    return samples.merged(task, parts, index, every)
