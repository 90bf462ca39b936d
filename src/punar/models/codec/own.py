"""What a module of one's own must be to take part in an autoencoder: its code's size, and what it can give."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from punar.data import inputs
from punar.data.rows import DatasetRows, TensorRows
from punar.errors import ParameterError
from punar.models.codec.model import BLOCK, Codec
from punar.networks import Network, OwnModules
from punar.objectives import Objective

_SLACK = 1e-4  # of a last layer's limits


def code_size(estimator: Any, network: Network, objective: Objective, layout: inputs.Layout) -> int:
    """Return how many numbers a code has: the estimator's, or what a module of one's own gives."""
    given, name = int(estimator.latent_dim), type(estimator).__name__
    if not isinstance(network, OwnModules):
        return given
    width = network.encoder_width(layout.shape)
    size = next((k for k in (width, width // 2) if k and objective.code_width(k) == width), None)
    if size is None:
        raise ParameterError(
            f"{name}: the encoder gives {width} numbers per row, and objective={type(objective).__name__} needs an "
            "even number: a mean and a deviation for each number of the code. Change its last layer."
        )
    usual = inspect.signature(type(estimator)).parameters["latent_dim"].default
    if given not in (usual, size):
        raise ParameterError(
            f"{name}: latent_dim={given}, but the encoder of this module gives codes of {size}. Leave latent_dim out."
        )
    return size


def refuse_out_of_reach(codec: Codec, rows: TensorRows | DatasetRows, where: str) -> None:
    """Raise where the last layer of a module of one's own cannot give the rows as they are scaled."""
    reach = codec.network.reach() if isinstance(codec.network, OwnModules) else None
    if reach is None or codec.objective.needs_unit_range(codec.binary):
        return
    some = rows.take(
        torch.arange(min(BLOCK, len(rows)), device=codec.device if isinstance(rows, TensorRows) else "cpu")
    )
    low, high = float(some.min()), float(some.max())
    if low < reach[0] - _SLACK or high > reach[1] + _SLACK:
        raise ParameterError(
            f"{where}: the decoder's last layer gives values from {reach[0]:g} to {reach[1]:g}, and the rows, scaled "
            f"(scaling={codec.scaler.mode!r}), run from {low:.3g} to {high:.3g}. Leave that layer out: outputs are "
            "brought back to the input's units by punar; or, for rows within these limits, pass scaling='none'."
        )
