"""Weights of items: by class, and as the user gave them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.errors import DataError
from punar.tasks import Targets, Task


def item_weights(task: Task, targets: Targets, class_weight: Any, sample_weight: Any, where: str) -> Tensor | None:
    """Return the weight of each item by its class and by what the user gave; None where neither is asked for.

    Raises
    ------
    DataError
        Another number of weights than items; negative, not finite, or all 0.
    """
    by_class = task.weights_of_rows(targets, class_weight, where)
    if by_class is None and sample_weight is None:
        return None
    n = len(targets)
    try:
        given = (
            torch.ones(n)
            if sample_weight is None
            else torch.from_numpy(np.asarray(sample_weight, dtype=np.float32).copy())
        )
    except (TypeError, ValueError):
        raise DataError(f"{where}: sample_weight must hold one number per item.") from None
    if given.shape != (n,):
        raise DataError(f"{where}: sample_weight.shape == {tuple(given.shape)}, expected ({n},): one weight per item.")
    if not bool(torch.isfinite(given).all()) or bool((given < 0).any()) or float(given.sum()) <= 0:
        raise DataError(f"{where}: sample_weight must be finite, >= 0 and not all 0.")
    both = given if by_class is None else given * by_class
    if not bool(torch.isfinite(both).all()) or float(both.sum()) <= 0:
        raise DataError(f"{where}: class_weight times sample_weight must be finite in float32 and not all 0.")
    return both
