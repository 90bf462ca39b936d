"""What a fitted sequence model answers: items prepared, run, and put into the task's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.core.runtime import as_usual, moved, pick_device
from punar.data import sequences
from punar.errors import DataTypeError
from punar.models.recurrent.fit import Fitted
from punar.models.recurrent.passes import answers_of, states_of
from punar.models.recurrent.rows import SequenceRows
from punar.models.samples import Samples
from punar.preparations import prepare_all, say_unknown, say_unread
from punar.preparations.series import Series


def answers(estimator: Any, fitted: Fitted, X: Any, method: str) -> tuple[list[Any], Sequence[Any]]:
    """Return an encoded answer for each item, and the items.

    Parameters
    ----------
    estimator : SequenceModel
    fitted : Fitted
        Of the estimator.
    X : array-like
        As for fit.
    method : str
        For messages.
    """
    with as_usual(), torch.no_grad():
        items, samples, rows = _read(estimator, fitted, X, method)
        module = moved(fitted.module, pick_device(estimator.device))
        every = torch.arange(len(items))
        return answers_of(fitted.task, module, rows, samples, every, items), items


def states(estimator: Any, fitted: Fitted, X: Any, method: str) -> list[Tensor]:
    """Return what the head sees of each sample: (width,), or (t, width) where each step has an answer."""
    with as_usual(), torch.no_grad():
        _, _, rows = _read(estimator, fitted, X, method)
        module = moved(fitted.module, pick_device(estimator.device))
        return states_of(module, rows, torch.arange(len(rows)))


def matched(estimator: Any, fitted: Fitted, X: Any, y: Any, where: str) -> Any:
    """Return targets in the order of the items that X holds."""
    y = fitted.preparation.targets(X, y, where)
    if fitted.task.view == "vector" or not isinstance(fitted.preparation, Series):
        return y
    facts = fitted.preparation
    columns = {name: getattr(facts, name) for name in ("names", "id_column", "time_column", "time_format")}
    found = sequences.read_series(X, where, **columns)
    return sequences.without_ends(y, found)


def _read(estimator: Any, fitted: Fitted, X: Any, method: str) -> tuple[Sequence[Any], Samples, SequenceRows]:
    where = f"{type(estimator).__name__}.{method}"
    if X is None:
        raise DataTypeError(f"{where}: X is needed for task={estimator.task!r}, got None.")
    items = fitted.preparation.check(X, where)
    if fitted.task.view == "vector":  # where each step has an answer, all are read
        say_unread(fitted.preparation, items, where)
    say_unknown(fitted.preparation, items, where)
    samples = Samples.of(fitted.task, fitted.preparation, items, where)
    known = samples.known
    prepared = prepare_all(fitted.preparation, items, where) if known is None else [s.tensor for s in known]
    return items, samples, SequenceRows(prepared, None, None, pick_device(estimator.device))
