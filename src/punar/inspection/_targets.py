"""What a sequence model's loss compares its raw outputs with."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from punar.data import sequences
from punar.errors import DataError


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
    preparation = fitted.preparation
    if getattr(preparation, "id_column", None) is not None and hasattr(x, "columns"):
        columns = {name: getattr(preparation, name) for name in ("names", "id_column", "time_column")}
        y = sequences.matched(y, sequences.read_series(x, where, **columns), where)
    target = fitted.task.encode(y, where).columns["y"]
    if len(target) != count:
        raise DataError(f"{where}: y must have one target per sequence, got {len(target)} for {count}.")
    return target


def own(task: Any, raw: Tensor, where: str) -> Tensor:
    """Return targets where the user gives none; see :meth:`punar.tasks.Task.itself`."""
    found: Tensor = task.itself(raw)["y"]
    return found
