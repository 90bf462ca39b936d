"""Passes without gradients over the rows of a fit: what the head sees, and what the model answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.runtime import available_cores, threads
from punar.models.transfer.job import Job
from punar.models.transfer.module import Transfer
from punar.models.transfer.rows import Mini, TransferRows
from punar.preparations.pictures import Pictures
from punar.tasks import Column

SAMPLES_PER_PASS = 64


def batch_of(job: Job, mini: Mini) -> Mapping[str, Tensor]:
    """Return what the network reads of a batch; pixels that were kept for augmentation are normalised here."""
    if mini.batch is not None:
        return mini.batch
    assert isinstance(job.preparation, Pictures)
    assert mini.pixels is not None
    return {"pixels": job.preparation.normalise(mini.pixels)}


@torch.no_grad()
def shown_of(job: Job, module: Transfer, rows: TransferRows) -> Column:
    """Return what the head sees of every sample, from the frozen part's known output on; of no augmented variant."""
    found: list[Tensor] = []
    before, rows.shows_variants = rows.shows_variants, False
    module.eval()
    with threads(available_cores()):
        for some in torch.arange(len(rows)).split(SAMPLES_PER_PASS):
            mini = rows.take(some)
            shown = module.shown(batch_of(job, mini), mini.value).float().cpu()
            found += [shown] if job.task.view == "vector" else list(shown)
    rows.shows_variants = before
    return torch.cat(found) if job.task.view == "vector" else found


@torch.no_grad()
def answers_of(job: Job, module: Transfer, rows: TransferRows, items: Tensor) -> list[Any]:
    """Return an encoded answer for each of some items."""
    module.eval()
    samples, parts = job.samples.index(items), []
    for some in samples.split(SAMPLES_PER_PASS):
        mini = rows.take(some)
        parts += job.task.answer(_net(module, mini), batch_of(job, mini), job.samples.traces(some))
    return job.samples.merged(job.task, parts, samples, job.items)


def _net(module: nn.Module, mini: Mini) -> Any:
    return lambda batch: module(batch, mini.value)
