"""Linear models on features: scikit-learn's for a target's form, and a task's own head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from torch import Tensor

from punar.tasks import Targets, VectorTask


def linear_model(target: str, strength: float = 1.0) -> Any:
    """Return an unfitted linear model.

    Parameters
    ----------
    target : str
        "classes" gives a logistic regression, "sets" one per label, anything else ridge.
    strength : float, default=1.0
        ``C`` of logistic regression, the inverse of its penalty.
    """
    if target not in ("classes", "sets"):
        return Ridge()
    model = LogisticRegression(C=strength, max_iter=2000)
    return model if target == "classes" else OneVsRestClassifier(model)


def raw_answers(model: Any, X: Any, target: str) -> Tensor:
    """Return what a fitted :func:`linear_model`, or a pipeline that ends in one, answers, as tasks measure it.

    Returns
    -------
    Tensor of shape (n, outputs), float32
        Log-probabilities of classes, logits of labels, or numbers.
    """
    if target == "classes":
        return torch.from_numpy(model.predict_log_proba(X)).float()
    if target == "sets":
        return torch.logit(torch.from_numpy(model.predict_proba(X)).float(), eps=1e-6)
    found = np.asarray(model.predict(X))
    return torch.from_numpy(found.reshape(len(found), -1)).float()


def head_answers(
    task: VectorTask, features: Tensor, target: Tensor, weight: np.ndarray | None, others: Tensor, seed: int
) -> Tensor | None:
    """Return the answers for ``others`` of the task's linear head, fitted to convergence on ``features``.

    Features of a frozen network make it the rival of fine-tuning, statistics of a sequence that of a recurrent network.

    Parameters
    ----------
    task : VectorTask
        It has learned its targets.
    features : Tensor of shape (n, width)
    target : Tensor of shape (n, ...)
    weight : ndarray of shape (n,) or None
    others : Tensor of shape (m, width)
    seed : int

    Returns
    -------
    Tensor of shape (m, outputs), float32, or None
        None where a class has no row to fit on.
    """
    if task.strata(Targets({"y": target})) is not None and len(torch.unique(target)) < task.outputs:
        return None
    head = task.fit_head(features.numpy(), target, weight, seed)
    return others.float() @ torch.from_numpy(head.weight).T + torch.from_numpy(head.bias)


def coefficients(estimator: Any) -> int | None:
    """Return how many numbers a fitted linear model has learned, or None where it is no such model.

    >>> coefficients(Ridge().fit([[0.0, 1.0], [1.0, 3.0]], [1.0, 2.0]))
    3
    """
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, (DummyClassifier, DummyRegressor)):
        return 0
    if not hasattr(last, "coef_"):
        return None
    return int(np.size(last.coef_) + np.size(last.intercept_))
