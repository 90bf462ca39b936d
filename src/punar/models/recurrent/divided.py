"""The items of a sequence model's fit with their targets, and how they are divided."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from punar.data import sequences
from punar.data.sequences import Sequences
from punar.errors import DataError
from punar.models.division import Division, Wanted
from punar.models.weights import item_weights
from punar.tasks import Targets, Task


def divided(
    estimator: Any,
    task: Task,
    found: Sequences,
    other: Sequences | None,
    y: Any,
    sample_weight: Any,
    wanted: Wanted,
    seed: int,
    *,
    knows: bool = False,
) -> tuple[Sequences, Targets, Division]:
    """Return all items, their targets as the task learned them, and how they are divided.

    Parameters
    ----------
    estimator : SequenceModel
    task : Task
        It learns the targets.
    found : Sequences
        To learn from.
    other : Sequences or None
        To validate on.
    y, sample_weight
        As the user passed them.
    wanted : Wanted
    seed : int
    knows : bool, default=False
        Whether the task knows the classes, or the unit, of an earlier fit.

    Raises
    ------
    DataError
        Another number of targets than items, or items to validate on that are of another kind.
    """
    where = wanted.where
    learn = task.encode if knows else task.learn
    targets = learn(_matched(task, y, found, where), where, found.items)
    if len(targets) != len(found):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(found)}, "
            f"y {len(targets)}."
        )
    weight = item_weights(task, targets, estimator.class_weight, sample_weight, where)
    groups, own = wanted.numbered(len(found)), len(found)
    if other is not None:
        found, targets, weight = _joined(estimator, task, wanted, found, other, targets, weight)
    strata, fraction = task.strata(targets), float(estimator.validation_fraction)
    division = Division(len(targets), fraction, seed, strata, weight, groups=groups, given=len(found) - own)
    return found, targets, division


def _matched(task: Task, y: Any, found: Sequences, where: str) -> Any:
    """Return targets in the order of the items; those of steps without what stood after the ends of the series."""
    y = sequences.matched(y, found, where)
    return sequences.without_ends(y, found) if task.view != "vector" else y


def _joined(
    estimator: Any,
    task: Task,
    wanted: Wanted,
    found: Sequences,
    other: Sequences,
    targets: Targets,
    weight: Tensor | None,
) -> tuple[Sequences, Targets, Tensor | None]:
    """Return items, targets and weights with those to validate on behind them; each of these weighs 1."""
    if other.kind != found.kind:
        raise DataError(f"{wanted.at} holds {other.kind}, X holds {found.kind}. Pass items of one kind.")
    if found.kind == "series":
        channels = found.items[0].shape[1]
        sequences.check_values(other, wanted.at, channels=channels, missing=estimator.missing)
    theirs = task.encode(_matched(task, wanted.y, other, wanted.at), wanted.at, other.items)
    wanted.check_length(len(other), len(theirs))
    weights = None if weight is None else torch.cat([weight, torch.ones(len(theirs))])
    return found.joined(other), targets.joined(theirs), weights
