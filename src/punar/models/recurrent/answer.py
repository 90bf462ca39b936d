"""What a fitted sequence model answers: prepared, run sorted by length, back in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.core.runtime import as_usual, pick_device
from punar.data import sequences
from punar.errors import DataTypeError
from punar.models.recurrent.fit import raw_of
from punar.models.recurrent.rows import SequenceRows
from punar.preparations import prepare_all


def raw(estimator: Any, X: Any, method: str, *, features: bool = False) -> Tensor:
    """Return raw outputs, or pooled states, of each item, on the CPU.

    Parameters
    ----------
    estimator : SequenceModel
        Fitted.
    X : array-like
        As for fit.
    method : str
        For messages.
    features : bool, default=False
    """
    fitted, where = estimator._fitted, f"{type(estimator).__name__}.{method}"
    if X is None:
        raise DataTypeError(f"{where}: X is needed for task={estimator.task!r}, got None.")
    with as_usual(), torch.no_grad():
        items = fitted.preparation.check(X, where)
        device = pick_device(estimator.device)
        prepared = prepare_all(fitted.preparation, items, where)
        rows = SequenceRows(prepared, torch.zeros(len(prepared)), None, device)
        module = fitted.module.to(device)
        return raw_of(module, rows, torch.arange(len(rows)), features=features)


def score(estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """Return accuracy or R² of the predictions for X."""
    from sklearn.metrics import accuracy_score, r2_score

    fitted = estimator._known()
    where = f"{type(estimator).__name__}.score"
    if getattr(fitted.preparation, "id_column", None) is not None and hasattr(X, "columns"):
        found = sequences.read_series(
            X,
            where,
            names=fitted.preparation.names,
            id_column=fitted.preparation.id_column,
            time_column=fitted.preparation.time_column,
        )
        y = sequences.matched(y, found, where)
    # scikit-learn takes a column of objects for an unknown kind of target.
    y = np.asarray(np.asarray(y).tolist()) if np.asarray(y).dtype == object else y
    metric = r2_score if fitted.task.estimator_type == "regressor" else accuracy_score
    return float(metric(y, estimator.predict(X), sample_weight=sample_weight))
