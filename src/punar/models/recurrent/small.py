"""What "auto" stands for where few series are trained on: convolutions beside the cell, and enough steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from punar.errors import ParameterError
from punar.tasks import Task, VectorTask
from punar.training.job import auto_batch_size

EPOCHS, PATIENCE = 100, 15

# Up to so many training rows, and from so many steps on, the branch is the default (measured: docs/sequences.md).
_FEW = 300
_FEWEST_STEPS = 24
# On a few dozen rows an epoch is two or three steps of the weights: what counts is steps.
_STEPS, _PATIENT_STEPS = 300, 150
# With the branch a pass is dear and steps tell much: on 300 rows 25 epochs are 475 of them.
_EPOCHS_BRANCHED = 25
# Of the epochs: before that no weights are kept. Among a few validation rows one that is wrong and sure outweighs all
# that is learned later (damped waves, 45 series: accuracy 0.63 with the best epoch of all, 0.99 with the last).
SETTLE = 0.9
_DROPOUT, _LEARNING_RATE = 0.5, 5e-3
_BLOCKS = 64
_SAMPLE = 1024


def recipe(estimator: Any, task: Task, domain: str, lengths: Tensor | None, rate: float) -> dict[str, Any]:
    """Return what "auto" stands for, by parameter: ``branch``, ``epochs`` and ``patience``, and what they bring along.

    Parameters
    ----------
    estimator : SequenceModel
    task : Task
    domain : {"series", "text", "audio", "history"}
    lengths : Tensor of shape (n,) or None
        Of the rows that are trained on; None where these are windows of one series.
    rate : float
        Learning rate without the branch.

    Raises
    ------
    ParameterError
        A branch is asked for where none can be.
    """
    fits = domain in ("series", "audio") and isinstance(task, VectorTask)
    if estimator.branch == "conv" and not fits:
        raise ParameterError(
            f"{type(estimator).__name__}: branch='conv' reads series and recordings with one answer for each, got "
            f"{domain} and the task {type(task).__name__}. Leave branch='auto'."
        )
    if lengths is None or domain != "series" or not isinstance(task, VectorTask):
        return {"branch": None, "epochs": EPOCHS, "patience": PATIENCE}
    count = len(lengths)
    size = auto_batch_size(count) if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    each = -(-count // size)
    few = count <= _FEW and int(lengths.max()) >= _FEWEST_STEPS
    auto = {
        "branch": "conv" if few else None,
        "epochs": max(EPOCHS, -(-_STEPS // each)),
        "patience": max(PATIENCE, -(-_PATIENT_STEPS // each)),
    }
    if estimator.branch is None or (estimator.branch == "auto" and not few):
        return auto
    epochs = max(_EPOCHS_BRANCHED, -(-_STEPS // each))
    return auto | {"epochs": epochs, "dropout": _DROPOUT, "learning_rate": min(rate, _LEARNING_RATE)}


def some_of(index: Tensor) -> Tensor:
    """Return training rows that tell means and deviations, from all over the set."""
    return index[torch.linspace(0, len(index) - 1, min(len(index), _SAMPLE)).long()]


def block_of(longest: int) -> int:
    """Return how many steps make a block of the branch: a series of the usual length has about 64 blocks.

    >>> [block_of(steps) for steps in (40, 100, 500)]
    [1, 2, 8]
    """
    return max(1, -(-longest // _BLOCKS))
