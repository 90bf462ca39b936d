"""What a sequence model's loss compares its raw outputs with."""

from __future__ import annotations

from typing import Any

from punar.errors import DataError
from punar.models.samples import Placed, Samples

_COLUMNS = ("names", "id_column", "time_column", "time_format")


def given(model: Any, x: Any, y: Any, count: int, where: str) -> Placed:
    """Return the user's targets, encoded as the model learned them, in the samples' coordinates.

    Raises
    ------
    DataError
        Another number of targets than sequences, or a class that the model does not know.
    NotSupportedError
        A task whose targets lie in the sequences themselves.
    """
    fitted = model.fitted_
    preparation = fitted.preparation
    y = preparation.targets(x, y, where)
    items = preparation.check(x, where)
    targets = fitted.task.encode(y, where, items)
    samples = Samples.of(fitted.task, preparation, items, where)
    if len(targets) != len(items) or len(samples) != count:
        raise DataError(f"{where}: y must have one target per sequence, got {len(targets)} for {len(items)}.")
    return Placed(fitted.task, targets, samples)
