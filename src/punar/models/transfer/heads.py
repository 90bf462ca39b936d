"""What a closed-form head on frozen features is judged by: folds, shuffled targets, or items that were held out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.core import deadline
from punar.core.runtime import mix
from punar.models import evidence
from punar.models.measure import Measured
from punar.models.samples import Placed, answered
from punar.models.transfer.job import Job
from punar.tasks import Column, LinearHead
from punar.training.report import CROSS_VALIDATED, HELD_OUT, TRAINING, meter_of

_ORDER = 106  # stream of the seed
_ORDERS = 19  # beating all of them is a level of 5 %


def judged_head(job: Job, features: Column, placed: Placed, head: LinearHead) -> Measured:
    """Return answers for items by heads that were not fitted on them, where there are such."""
    every, division = torch.arange(len(job.items)), job.division
    if job.given:
        train, valid = division.split()
        return Measured(said_by(job, head, features, valid), [(train, valid)], HELD_OUT)
    # Folds of scikit-learn's choice know of no groups.
    if head.held_out is not None and division.groups is None:
        index, raw = head.held_out
        answers = [job.task.merge([row], None) for row in torch.from_numpy(raw).float()]
        count = len(every) if job.weight is None else int((job.weight > 0).sum())
        permuted = _permuted(job, features) if evidence.repeats(job.estimator, count) else None
        return Measured(answers, [(every, torch.from_numpy(index))], CROSS_VALIDATED, permuted)

    def refit(learn: Tensor, ask: Tensor) -> tuple[Tensor, list[Any]]:
        again = job.fit_head(features, job.samples.index(learn), placed)
        return learn, said_by(job, again, features, ask)

    repeated = division.folds(job.estimator)
    if repeated and deadline.seconds_left() > 0:
        return division.judged(evidence.crossed(repeated, refit))
    kept, valid = division.split()
    if not len(valid):
        return Measured(said_by(job, head, features, every), [(every, every)], TRAINING)
    return division.judged(Measured(refit(kept, valid)[1], [(kept, valid)], HELD_OUT))


def said_by(job: Job, head: LinearHead, features: Column, items: Tensor) -> list[Any]:
    """Return a head's answers for some items."""
    samples = job.samples.index(items)
    weight, bias = torch.from_numpy(head.weight), torch.from_numpy(head.bias)
    some = features[samples] if isinstance(features, Tensor) else [features[i] for i in samples.tolist()]
    parts = answered(job.task, lambda rows: nn.functional.linear(rows, weight, bias), some, job.samples.traces(samples))
    return job.samples.merged(job.task, parts, samples, job.items)


def _permuted(job: Job, features: Column) -> list[float] | None:
    """Return the scores of the same head, its penalty chosen in the same way, on targets in 19 random orders.

    None where a deadline leaves no time for them.
    """
    found, every, begun = [], torch.arange(len(job.items)), deadline.clock()
    weight = None if job.weight is None else job.weight.numpy().astype(float)
    for number in range(_ORDERS):
        # What one takes is known after the first.
        each = (deadline.clock() - begun) / max(1, number)
        if deadline.seconds_left() <= each * (_ORDERS - number):
            return None
        order = torch.randperm(len(every), generator=torch.Generator().manual_seed(mix(job.seed, _ORDER, number)))
        targets = job.targets.take(order)
        columns = Placed(job.task, targets, job.samples).columns(every)
        # What an item weighs goes with its target: it may follow from the class.
        head = job.task.start(features, columns, None if weight is None else weight[order.numpy()], job.seed)
        if head.held_out is None:
            return None
        index, raw = head.held_out
        answers = [job.task.merge([row], None) for row in torch.from_numpy(raw).float()]
        found.append(meter_of(job.task, answers, targets.take(torch.from_numpy(index))).value())
    return found
