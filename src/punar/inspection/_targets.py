"""What a sequence model's loss compares its raw outputs with."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.data import sequences
from punar.errors import DataError, NotSupportedError, shown
from punar.tasks.classification import Classification
from punar.tasks.forecasting import Forecasting
from punar.tasks.multilabel import Multilabel
from punar.tasks.regression import Regression


def given(model: Any, x: Any, y: Any, count: int, where: str) -> Tensor:
    """Return the user's targets, encoded as the model learned them.

    Raises
    ------
    DataError
        Another number of targets than sequences, or a class that the model does not know.
    NotSupportedError
        A forecast, whose targets are steps to come.
    """
    fitted = model._fitted
    if isinstance(fitted.task, Forecasting):
        raise NotSupportedError(f"{where}: y is not for task='forecasting'; leave it out.")
    preparation = fitted.preparation
    if getattr(preparation, "id_column", None) is not None and hasattr(x, "columns"):
        columns = {name: getattr(preparation, name) for name in ("names", "id_column", "time_column")}
        y = sequences.matched(y, sequences.read_series(x, where, **columns), where)
    target = _encoded(fitted.task, y, where)
    if len(target) != count:
        raise DataError(f"{where}: y must have one target per sequence, got {len(target)} for {count}.")
    return target


def _encoded(task: Any, y: Any, where: str) -> Tensor:
    learner = copy.deepcopy(task)
    if isinstance(task, Classification):
        values = np.asarray(y)
        known = np.isin(values.astype(task.classes_.dtype) if values.dtype == object else values, task.classes_)
        if values.ndim == 1 and len(values) and not known.all():
            raise DataError(f"{where}: y holds {shown(values[~known].tolist()[0])}, which is not a class of the model.")
        # With every class among them, the numbers are those of the fit.
        both = np.concatenate([task.classes_, values.astype(task.classes_.dtype)])
        return learner.learn(both, where)[len(task.classes_) :]
    target: Tensor = learner.learn(y, where)
    if isinstance(task, Regression):
        values = target.double().numpy() * learner.scale_ + learner.mean_
        target = torch.from_numpy((values - task.mean_) / task.scale_).float()
    if target.dim() > 1 and target.shape[1] != task.outputs:
        raise DataError(f"{where}: y must have {task.outputs} columns, got {target.shape[1]}.")
    return target


def own(task: Any, raw: Tensor, where: str) -> Tensor:
    """Return targets where the user gives none.

    They are the predicted classes. Against itself the loss of a number has no slope: a number is compared with the
    training mean, a forecast with the one that the network adds to.

    Raises
    ------
    NotSupportedError
        A task of a kind that this does not know.
    """
    raw = raw.detach()
    if isinstance(task, Classification):
        return raw.argmax(1)
    if isinstance(task, Multilabel):
        return (raw > 0).float()
    if isinstance(task, Regression):
        return torch.zeros_like(raw)
    if isinstance(task, Forecasting):
        return raw.new_zeros(len(raw), task.outputs // len(task.levels))
    raise NotSupportedError(f"{where}: the task {type(task).__name__} needs targets; pass y.")
