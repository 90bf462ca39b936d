"""What an autoencoder learns of its training rows before training begins: moments, and how rows are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from punar.data import inputs, padded, scaling
from punar.data.rows import DatasetRows
from punar.models.codec.model import BLOCK
from punar.objectives import Objective

_CACHED = 2**17  # numbers per block that stay in a core's cache between passes


def learn_moments(
    estimator: Any, rows: Tensor | DatasetRows, layout: inputs.Layout, index: Tensor
) -> tuple[scaling.Moments, Tensor | None]:
    """Return the moments of the training rows, and of sequences, whose moments are per channel, the mean by step."""
    if layout.kind == "sequences" and isinstance(rows, Tensor):
        return padded.moments(rows, index, f"{type(estimator).__name__}.fit")
    return scaling.moments(training_blocks(rows, index)), None


def training_blocks(rows: Tensor | DatasetRows, index: Tensor) -> Iterator[Tensor]:
    """Yield unscaled training rows; without a copy where every row is one."""
    if isinstance(rows, Tensor):
        size = max(1, _CACHED // max(1, rows[0].numel()))
        yield from rows.split(size) if len(index) == len(rows) else (rows[i] for i in index.split(size))
    else:
        yield from (rows.take(i) for i in index.split(BLOCK))


def scaler_for(
    estimator: Any, objective: Objective, found: scaling.Moments, layout: inputs.Layout, *, mixed: bool
) -> scaling.Scaler:
    """Return how rows are scaled, learned from those that are trained on."""
    # The columns of a mixed table count alike already.
    mode = "none" if mixed and estimator.scaling == "auto" else estimator.scaling
    unit_range = objective.needs_unit_range(found.binary)
    return scaling.learn_scaler(found, mode, unit_range=unit_range, pictures=layout.kind == "images")
