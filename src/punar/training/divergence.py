"""Training whose numbers are no numbers any more: an error that says what to change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from punar.errors import TrainingDivergedError


def check_losses(entry: Mapping[str, float], learning_rate: float, advice: str) -> None:
    """Raise where a loss of a history entry is not finite; ``advice`` says what to do.

    Raises
    ------
    TrainingDivergedError
    """
    for name in ("train_loss", "valid_loss"):
        if not math.isfinite(entry.get(name, 0.0)):
            _diverged(name, f"{entry[name]} in epoch {entry['epoch']}", learning_rate, advice)


def check_weights(parameters: Iterable[Tensor], learning_rate: float, advice: str) -> None:
    """Raise where a weight is not finite after training; ``advice`` says what to do.

    Raises
    ------
    TrainingDivergedError
    """
    if not all(bool(torch.isfinite(p).all()) for p in parameters):
        _diverged("A weight", "NaN or infinite after the last step", learning_rate, advice)


def _diverged(what: str, how: str, learning_rate: float, advice: str) -> None:
    raise TrainingDivergedError(f"{what} became {how} at learning_rate={learning_rate:g}. {advice}")
