"""Did the sequence model learn? Its score beside the best constant answer, and beside a linear model without order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.baselines import NearestNeighbour, bag_of_words, head_answers, raw_answers, statistics
from punar.core.scripts import mostly_unspaced
from punar.models.measure import Measured
from punar.models.recurrent.rows import SequenceRows
from punar.models.rivals import add_nearest_text, add_tags
from punar.preparations import Preparation
from punar.tasks import Targets, Task, VectorTask
from punar.texts import sequences as texts
from punar.training.report import MOST_ROWS, TRAINING, FitReport

_MOST_DISTANCES = 2 * 10**9  # numbers that distances are made of: seconds
_SURE = 20.0  # logit of an answer without doubt


def of_training(
    task: Task,
    measured: Measured,
    preparation: Preparation,
    rows: SequenceRows,
    items: Sequence[Any],
    targets: Targets,
    weight: Tensor | None,
    seed: int,
) -> FitReport:
    """Report on items that chose nothing, or on training items where there are no such.

    Parameters
    ----------
    task : Task
    measured : Measured
        The network's answers.
    preparation : Preparation
    rows : SequenceRows
    items : sequence
    targets, weight : Targets, Tensor
        Of all items.
    seed : int
    """
    report = measured.report(task, targets)
    add_tags(report, task, measured, items, targets)
    add_nearest_text(report, task, measured, items, targets)
    if not isinstance(task, VectorTask):
        return report
    target = targets.columns["y"]
    assert isinstance(target, Tensor)
    letters = preparation.domain == "text" and mostly_unspaced(items)
    _add_linear(report, task, measured, preparation, rows, targets, weight, seed, letters)
    # On training items the nearest is the item itself.
    if preparation.domain == "series" and measured.rows_from != TRAINING:
        _add_nearest(report, task, measured, rows, targets, weight)
    return report


def _add_linear(
    report: FitReport,
    task: VectorTask,
    measured: Measured,
    preparation: Preparation,
    rows: SequenceRows,
    targets: Targets,
    weight: Tensor | None,
    seed: int,
    letters: bool,
) -> None:
    target = targets.columns["y"]
    assert isinstance(target, Tensor)
    report["linear"] = None
    found: list[Tensor] = []
    for train, asked in measured.parts:
        linear = linear_answers(task, preparation, rows, target, weight, train, asked, seed, letters=letters)
        if linear is None:
            return
        found += list(linear)
    measured.add_rival(
        report,
        task,
        targets,
        "linear",
        found,
        better=texts.BEATS_LINEAR,
        worse=texts.LOSES_TO_LINEAR,
        equal=texts.EQUALS_LINEAR,
        what=texts.LETTERS if letters else texts.BAG if preparation.domain == "text" else texts.STATISTICS,
    )


def _add_nearest(
    report: FitReport, task: VectorTask, measured: Measured, rows: SequenceRows, targets: Targets, weight: Tensor | None
) -> None:
    """Write what the nearest training series answers into a report, where it is soon found.

    By Euclidean distance: dynamic time warping and random kernels are compiled for half a minute, and stand in
    ``punar.compare``.
    """
    some = [
        (train if weight is None else train[weight[train] > 0], asked[:MOST_ROWS]) for train, asked in measured.parts
    ]
    longest = int(rows.lengths.max())
    if sum(len(train) * len(asked) for train, asked in some) * longest > _MOST_DISTANCES:
        return
    found: list[Tensor] = []
    for train, asked in some:
        model = NearestNeighbour().fit(_steps(rows, train), train.numpy())
        found += list(nearest_answers(task, targets, torch.from_numpy(model.predict(_steps(rows, asked)))))
    measured.add_rival(
        report,
        task,
        targets,
        "nearest",
        found,
        better=texts.BEATS_NEAREST,
        worse=texts.LOSES_TO_NEAREST,
        equal=texts.EQUALS_NEAREST,
    )


def nearest_answers(task: VectorTask, targets: Targets, nearest: Tensor) -> Tensor:
    """Return the targets of other items as raw answers, (n, outputs), float32."""
    target = targets.columns["y"]
    assert isinstance(target, Tensor)
    found = target[nearest]
    if task.target_form == "classes":
        return _SURE * torch.nn.functional.one_hot(found.long(), task.outputs).float()
    found = found.float().reshape(len(found), -1)
    return _SURE * (2 * found - 1) if task.target_form == "sets" else found


def _steps(rows: SequenceRows, index: Tensor) -> list[np.ndarray]:
    return [rows.steps(i).cpu().numpy() for i in index.tolist()]


def linear_answers(
    task: VectorTask,
    preparation: Preparation,
    rows: SequenceRows,
    target: Tensor,
    weight: Tensor | None,
    train: Tensor,
    measured: Tensor,
    seed: int,
    *,
    letters: bool = False,
) -> Tensor | None:
    """Return the answers of a linear model of the same training rows, on at most 3,000 of them, where it can be fitted.

    Parameters
    ----------
    task : VectorTask
    preparation : Preparation
    rows : SequenceRows
    target, weight : Tensor
        Of all rows.
    train, measured : Tensor of int64
        Rows to fit on, and to answer; the first 3,000 of each.
    seed : int
    letters : bool, default=False
        Whether tokens are letters of a script without spaces.
    """
    train, measured = train[_some(len(train), seed)], measured[:MOST_ROWS]
    weights = None if weight is None else weight[train].numpy().astype(np.float64)
    if weights is not None and weights.sum() <= 0:
        return None
    if preparation.domain == "text":
        return _bag_answers(task, rows, target[train], weights, train, measured, "letters" if letters else True)
    each, place = torch.unique(torch.cat([train, measured]), return_inverse=True)  # often the same rows
    known = torch.from_numpy(statistics(_steps(rows, each))).float()[place]
    known, asked = known[: len(train)], known[len(train) :]
    return head_answers(task, known, target[train], weights, asked, seed)


def _some(n: int, seed: int) -> Tensor:
    if n <= MOST_ROWS:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:MOST_ROWS].sort().values


def _bag_answers(
    task: VectorTask,
    rows: SequenceRows,
    target: Tensor,
    weights: np.ndarray | None,
    train: Tensor,
    measured: Tensor,
    tokens: bool | str,
) -> Tensor | None:
    y, form = target.numpy(), task.target_form
    if form == "classes" and len(np.unique(y)) < task.outputs:
        return None
    model = bag_of_words(form, tokens=tokens)
    # scikit-learn's one model per label takes no weights without metadata routing.
    weighing = {} if weights is None or form == "sets" else {f"{model.steps[-1][0]}__sample_weight": weights}
    model.fit(_tokens(rows, train), y.astype(int) if form == "sets" else y, **weighing)
    return raw_answers(model, _tokens(rows, measured), form)


def _tokens(rows: SequenceRows, index: Tensor) -> list[list[int]]:
    return [rows.steps(i).tolist() for i in index.tolist()]
