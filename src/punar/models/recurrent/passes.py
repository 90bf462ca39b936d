"""Passes without gradients over prepared sequences: run sorted by length, back in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from punar.core.runtime import choose_threads, count_work, threads
from punar.models.recurrent.module import SequenceModule
from punar.models.recurrent.rows import SequenceRows, rows_per_pass
from punar.models.samples import Samples
from punar.tasks import Task

Run = Callable[[Mapping[str, Tensor], Tensor], list[Any]]


def answers_of(
    task: Task, module: SequenceModule, rows: SequenceRows, samples: Samples, items: Tensor, given: Sequence[Any]
) -> list[Any]:
    """Return an encoded answer for each of some items.

    Parameters
    ----------
    task : Task
    module : SequenceModule
    rows : SequenceRows
        One row for each sample.
    samples : Samples
    items : Tensor of int64
    given : sequence
        All items.
    """
    index = samples.index(items)
    parts = by_length(module, rows, index, lambda batch, some: task.answer(module, batch, samples.traces(some)))
    return samples.merged(task, parts, index, given)


def states_of(module: SequenceModule, rows: SequenceRows, index: Tensor) -> list[Tensor]:
    """Return what the head sees of some rows: a pooled state (width,), or the states of the row's own steps."""

    def run(batch: Mapping[str, Tensor], some: Tensor) -> list[Any]:
        found = module.features(batch).float().cpu()
        if module.pool.mode != "steps":
            return list(found)
        return [states[:length] for states, length in zip(found, rows.lengths[some].tolist(), strict=True)]

    return by_length(module, rows, index, run)


@torch.no_grad()
def by_length(module: SequenceModule, rows: SequenceRows, index: Tensor, run: Run) -> list[Any]:
    """Return what ``run`` gives for each of some rows, in their order.

    Rows run by rising length, so that little is padded.
    """
    module.eval()
    rank = rows.lengths[index].sort(stable=True).indices
    size = rows_per_pass(int(rows.lengths.max()), module.stack.output_width)
    typical = rows.take(rows.typical(index)).batch
    work = count_work(module, lambda net: net(typical))
    found: list[Any] = []
    with threads(choose_threads(min(size, len(index)) * work)):
        for some in index[rank].split(size):
            found += run(rows.take(some).batch, some)
    answers: list[Any] = [None] * len(found)
    for place, value in zip(rank.tolist(), found, strict=True):
        answers[place] = value
    return answers
