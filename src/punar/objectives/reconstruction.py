"""The plain autoencoder: give back what came in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from punar.core.params import check_params, one_of
from punar.data.steps import trimmed
from punar.objectives._objective import Objective
from punar.objectives._reconstruction_terms import (
    LOSSES,
    decoded,
    distance,
    encoded,
    evaluating,
    link,
    randomness_from,
)


class Reconstruction(Objective):
    """Reconstruct each row through the bottleneck.

    Parameters
    ----------
    loss : {"mse", "mae", "huber", "bernoulli"}, default="mse"
        Averaged over all elements. "huber" is quadratic up to one unit of the scaled data and linear beyond.
        "bernoulli" is the cross-entropy of data in [0, 1]; its output passes a sigmoid.
    output : {"linear", "sigmoid"}, default="linear"
        "sigmoid" keeps reconstructions in the data's range.

    References
    ----------
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.
    """

    def __init__(self, loss: str = "mse", output: str = "linear") -> None:
        self.loss = loss
        self.output = output

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"loss": one_of(*LOSSES), "output": one_of("linear", "sigmoid")})

    def needs_unit_range(self, binary: bool) -> bool:
        """Return whether a sigmoid ends the decoder."""
        return self.loss == "bernoulli" or self.output == "sigmoid"

    def losses(
        self, net: nn.Module, batch: Tensor, *, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return {"reconstruction"}."""
        batch = trimmed(batch)
        with randomness_from(generator, net):
            raw = decoded(net, encoded(net, batch), batch)
        return {"reconstruction": distance(raw, batch, self.loss, self.output)}

    def encode(self, net: nn.Module, batch: Tensor) -> Tensor:
        """Return the encoder's output."""
        with evaluating(net):
            return encoded(net, batch)

    def decode(self, net: nn.Module, code: Tensor) -> Tensor:
        """Return the decoder's output after its link."""
        with evaluating(net):
            return link(decoded(net, code), self.loss, self.output)
