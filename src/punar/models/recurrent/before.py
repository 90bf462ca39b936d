"""The fit that another one goes on from: ``warm_start=True``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from punar.cells import Cell
from punar.models import warm
from punar.models.recurrent.module import Design
from punar.tasks import Task


def fit_before(estimator: Any, task: Task, cell: Cell) -> Any:
    """Return the fit before, where this one goes on from it, and give its classes to the task; else None.

    Raises
    ------
    ParameterError
        It had another cell or task.
    """
    before = vars(estimator).get("fitted_")
    if not estimator.warm_start or before is None:
        return None
    warm.refuse_other(estimator, "cell", type(before.cell).__name__, type(cell).__name__)
    warm.refuse_other(estimator, "task", type(before.task).__name__, type(task).__name__)
    task.restore(before.task.state())
    return before


def kept_design(estimator: Any, now: Design, before: Any) -> Design:
    """Return the design of a fit: of one that goes on the earlier one, in which what is "auto" stays as it was.

    Raises
    ------
    ParameterError
        Another design is asked for.
    """
    if before is None:
        return now
    asked = [name for name in ("bidirectional", "pooling") if getattr(estimator, name) != "auto"]
    for name in ("hidden_size", "num_layers", "layer_norm", "width", *asked):
        warm.refuse_other(estimator, name, getattr(before.design, name), getattr(now, name))
    return replace(before.design, dropout=now.dropout)
