"""The denoising autoencoder: damage the input, ask for the clean row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from punar.core.params import check_params, number, one_of
from punar.data.steps import as_missing_as, trimmed
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

_EXTREME_DEVIATIONS = 2.0


class Denoising(Objective):
    """Reconstruct the clean row from a noisy one; noise is drawn anew for each batch.

    Noise is added in the scaled space: columns of mean 0 and deviation 1, or of range [0, 1] with
    ``loss="bernoulli"``.

    Parameters
    ----------
    noise : {"gaussian", "masking", "salt_and_pepper"}, default="gaussian"
        "gaussian" adds normal noise; "masking" sets entries to 0, which is the column's mean in centred data
        and its lowest value in unit range; "salt_and_pepper" sets entries to low or high with equal chance: 0
        and 1 in unit range, else two deviations below and above the mean.
    level : float, default=0.2
        The normal noise's deviation in scaled units, >= 0; for the others the share of entries set, in [0,
        1].
    loss : {"mse", "mae", "huber", "bernoulli"}, default="mse"
        Distance to the clean row, averaged over all elements.

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol (2008), Extracting and composing robust features with denoising
    autoencoders; Vincent et al. (2010), Stacked denoising autoencoders, JMLR 11.
    """

    def __init__(self, noise: str = "gaussian", level: float = 0.2, loss: str = "mse") -> None:
        self.noise = noise
        self.level = level
        self.loss = loss

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(
            self,
            {
                "noise": one_of("gaussian", "masking", "salt_and_pepper"),
                "loss": one_of(*LOSSES),
            },
        )
        check_params(self, {"level": number(0) if self.noise == "gaussian" else number(0, 1)})

    def needs_unit_range(self, binary: bool) -> bool:
        """Return whether the loss is the cross-entropy."""
        return self.loss == "bernoulli"

    def corrupt(self, batch: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return a noisy copy of ``batch``, same shape."""
        if self.noise == "gaussian":
            noise = torch.randn(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
            return batch + self.level * noise
        draw = torch.rand(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
        if self.noise == "masking":
            return batch.masked_fill(draw < self.level, 0.0)
        low, high = (0.0, 1.0) if self.loss == "bernoulli" else (-_EXTREME_DEVIATIONS, _EXTREME_DEVIATIONS)
        return batch.masked_fill(draw < self.level, high).masked_fill(draw < self.level / 2, low)

    def losses(
        self, net: nn.Module, batch: Tensor, *, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return {"reconstruction"}: the distance from the noisy row's reconstruction to the clean row."""
        batch = trimmed(batch)
        noisy = as_missing_as(self.corrupt(batch, generator=generator), batch)
        with randomness_from(generator, net):
            raw = decoded(net, encoded(net, noisy), batch)
        return {"reconstruction": distance(raw, batch, self.loss)}

    def encode(self, net: nn.Module, batch: Tensor) -> Tensor:
        """Return the encoder's output for rows as they are, without noise."""
        with evaluating(net):
            return encoded(net, batch)

    def decode(self, net: nn.Module, code: Tensor) -> Tensor:
        """Return the decoder's output after its link."""
        with evaluating(net):
            return link(decoded(net, code), self.loss)
