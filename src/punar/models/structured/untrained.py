"""A checkpoint that does its task already, taken as it is: nothing is trained, and examples only measure."""

from __future__ import annotations

from typing import Any

import torch

from punar.backbones import build, freeze, resolve
from punar.core.runtime import as_usual, draw_seed, pick_device
from punar.core.words import snake
from punar.errors import DataError, ParameterError
from punar.models.division import Wanted
from punar.models.measure import Measured
from punar.models.structured.answer import answers
from punar.models.structured.module import Structured
from punar.models.transfer.fit import Fitted
from punar.models.transfer.job import met
from punar.tasks import Task
from punar.texts import fit as texts
from punar.training.report import HELD_OUT, FitReport


def fit(estimator: Any, task: Task, X: Any, y: Any, wanted: Wanted) -> Fitted:
    """Return the checkpoint as a model; with ``X`` and ``y``, or validation data, measured on them.

    Parameters
    ----------
    estimator : TransferLearner
        Checked.
    task : Task
        A clone; see :meth:`punar.tasks.Task.from_names`.
    X : sequence or None
    y : as the task takes it, or None
    wanted : Wanted

    Raises
    ------
    NotSupportedError
        The task needs examples, or the checkpoint has no head of its own for it.
    ParameterError
        Examples are given twice, or without targets.
    """
    where = f"{type(estimator).__name__}.fit"
    if X is not None and (wanted.given or (y is None and task.takes_targets)):
        raise ParameterError(
            f"{where}: strategy='zero_shot' trains nothing: pass X and y, or validation_data=, to measure on, or "
            "neither: fit(None)."
        )
    if X is None and y is not None:
        raise ParameterError(
            f"{where}: y says what is right for X, and X is None: task={snake(type(task).__name__)!r} has no labels to "
            "name. Pass both, or neither: fit(None)."
        )
    recipe = resolve(estimator.backbone, estimator.weights, type(estimator).__name__)
    seed = draw_seed(estimator.random_state)
    body = build(recipe, seed=seed, form=task.view, heads=task.heads)
    freeze(body.module)
    body.module.to(pick_device(estimator.device))
    if body.plan.preparation.domain not in task.domains:
        raise ParameterError(
            f"{type(estimator).__name__}: this backbone reads {body.plan.preparation.domain}, the task "
            f"{type(task).__name__} is for {', '.join(task.domains)}. Take another backbone or task."
        )
    body = met(task, body, where)
    task.from_names(())
    body = met(task, body, where)
    view = body.plan.view(task.form(body.plan))
    head = task.build(view, seed)
    module = Structured(body.module, head, body.plan, view, frozenset(), batch_norm=False).eval()
    module.requires_grad_(False)
    fitted = Fitted(body, module, task, [], _unmeasured(task), seed, {}, {})
    given = (X, y, where) if X is not None else (wanted.X, wanted.y, wanted.at) if wanted.given else None
    if given is not None:
        fitted.report.update(_measured(estimator, fitted, *given, wanted))
    return fitted


def _measured(estimator: Any, fitted: Fitted, X: Any, y: Any, where: str, wanted: Wanted) -> FitReport:
    """Return how right the answers are for examples, beside the best constant answer."""
    with as_usual():
        found, items = answers(estimator, fitted, X, "fit")
    targets = fitted.task.encode(fitted.body.plan.preparation.targets(X, y, where), where, items)
    if len(targets) != len(items):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(items)}, "
            f"y {len(targets)}."
        )
    every = torch.arange(len(items))
    groups = None if wanted.given else wanted.numbered(len(items))
    report = Measured(found, [(every[:0], every)], HELD_OUT, groups=groups).report(fitted.task, targets)
    report["verdict"] += texts.AS_IT_IS
    return report


def _unmeasured(task: Task) -> FitReport:
    nothing = dict.fromkeys(("model", "constant", "learned", "p_value", "effect", "rows_wanted"))
    return FitReport(metric=task.metric, **nothing, rows=0, rows_from=HELD_OUT, verdict=texts.AS_IT_IS_UNMEASURED)
