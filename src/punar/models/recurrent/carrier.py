"""Tasks with an answer for each sequence, or for each of its steps, carried by a recurrent network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.models.division import Wanted
from punar.models.measure import check_length
from punar.models.recurrent import answer, fit, store
from punar.models.recurrent.fit import Fitted
from punar.tasks import Task, VectorTask


class Recurrent:
    """What an estimator asks of a recurrent network that was, or will be, fitted to a task."""

    def fit(
        self, estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted
    ) -> Fitted:
        """Fit; see :func:`punar.models.recurrent.fit.fit`."""
        return fit.fit(estimator, task, X, y, sample_weight, checkpoint, wanted)

    def predict(self, estimator: Any, fitted: Fitted, X: Any) -> Any:
        """Return answers in the user's terms."""
        found, items = answer.answers(estimator, fitted, X, "predict")
        return fitted.task.predictions(found, items)

    def predict_proba(self, estimator: Any, fitted: Fitted, X: Any) -> np.ndarray:
        """Return probabilities, (n, classes)."""
        found, _ = answer.answers(estimator, fitted, X, "predict_proba")
        task: Any = fitted.task
        probabilities: np.ndarray = task.proba(torch.stack(found))
        return probabilities

    def score(self, estimator: Any, fitted: Fitted, X: Any, y: Any, sample_weight: Any) -> float:
        """Return the task's score of the answers for X."""
        where = f"{type(estimator).__name__}.score"
        y = answer.matched(estimator, fitted, X, y, where)
        found = self.predict(estimator, fitted, X)
        check_length(y, found, where)
        return fitted.task.score(y, found, sample_weight)

    def transform(self, estimator: Any, fitted: Fitted, X: Any) -> Any:
        """Return the pooled state of each sequence, (n, width), or the states of its steps, a list of (t, width)."""
        found = answer.states(estimator, fitted, X, "transform")
        if isinstance(fitted.task, VectorTask):
            return torch.stack(found).numpy()
        return [states.numpy() for states in found]

    def to_stored(self, fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for a model folder."""
        return store.to_stored(fitted)

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> Fitted:
        """Return what a fit left behind, from untrusted facts."""
        return store.from_stored(facts, tensors, where, parts)
