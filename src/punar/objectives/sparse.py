"""Sparse autoencoders: few active units per row, often among more units than the data has columns."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.params import check_params, either, integer, none, number, one_of
from punar.data.steps import trimmed
from punar.errors import ParameterError
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

_DEFAULT_WEIGHT = {"l1": 0.01, "kl": 0.1, "topk": 1 / 32}
_DEAD_AFTER = 100
_LAST_LIFT = 0.75


class Sparse(Objective):
    """Reconstruct each row from few active units.

    Parameters
    ----------
    penalty : {"l1", "kl", "topk"}, default="l1"
        "l1": codes pass a ReLU and their average is penalised. "kl": codes pass a sigmoid and the
        Kullback-Leibler divergence from ``target_rate`` to each unit's mean over the batch is penalised,
        averaged over units. "topk": only the ``k`` largest codes of a row are kept, after a ReLU; there is
        nothing to weigh, except the auxiliary loss below.
    weight : float >= 0 or None, default=None
        Weight of the penalty against the reconstruction loss; for "topk" of the auxiliary loss. ``None``:
        0.01 for "l1", 0.1 for "kl", 1/32 for "topk".
    target_rate : float in (0, 1), default=0.05
        Mean activation wanted by "kl".
    k : int or None, default=None
        Active units per row for "topk", at most ``latent_dim``. ``None``: a quarter of the units, at least 4
        where there are as many.
    loss : {"mse", "mae", "huber", "bernoulli"}, default="mse"
        Reconstruction loss, averaged over all elements.

    Notes
    -----
    Dead units come back in two ways. With "topk", units that did not fire for 100 steps reconstruct, in an
    auxiliary loss, what the others leave over (Gao et al., 2024). And at an epoch's end, during the first
    three quarters of training, a unit of "l1" or "topk" that is dead by that count has its threshold lowered
    so that it fires for the rows it answers most.

    References
    ----------
    Lee, Ekanadham and Ng (2008), Sparse deep belief net model for visual area V2; Ng (2011), Sparse
    autoencoder, CS294A lecture notes; Makhzani and Frey (2014), k-sparse autoencoders; Gao et al. (2024),
    Scaling and evaluating sparse autoencoders.
    """

    def __init__(
        self,
        penalty: str = "l1",
        weight: float | None = None,
        target_rate: float = 0.05,
        k: int | None = None,
        loss: str = "mse",
    ) -> None:
        self.penalty = penalty
        self.weight = weight
        self.target_rate = target_rate
        self.k = k
        self.loss = loss

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(
            self,
            {
                "penalty": one_of(*_DEFAULT_WEIGHT),
                "weight": either(none(), number(0)),
                "target_rate": number(0, 1, open_low=True, open_high=True),
                "k": either(none(), integer(1)),
                "loss": one_of(*LOSSES),
            },
        )

    def needs_unit_range(self, binary: bool) -> bool:
        """Return whether the loss is the cross-entropy."""
        return self.loss == "bernoulli"

    def build(self, latent_dim: int, input_shape: tuple[int, ...], *, binary: bool) -> nn.Module:
        """Return the units' thresholds and counters; nothing for "kl", whose units cannot die.

        Raises
        ------
        ParameterError
            ``k`` exceeds ``latent_dim``.
        """
        if self.penalty == "topk" and self.k is not None and self.k > latent_dim:
            raise ParameterError(
                f"Sparse: k must be an integer in [1, latent_dim={latent_dim}], got {self.k}. Lower k or "
                "raise latent_dim."
            )
        return nn.Module() if self.penalty == "kl" else _Units(latent_dim)

    def losses(
        self, net: nn.Module, batch: Tensor, *, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return {"reconstruction", "sparsity"}, or {"reconstruction", "revival"} for "topk"."""
        weight = _DEFAULT_WEIGHT[self.penalty] if self.weight is None else self.weight
        batch = trimmed(batch)
        with randomness_from(generator, net):
            raw = encoded(net, batch)
            code, margin = self._activate(net, raw)
            terms = {"reconstruction": distance(self._decoded(net, code, batch), batch, self.loss)}
            if self.penalty == "kl":
                terms["sparsity"] = weight * _bernoulli_kl(self.target_rate, code.mean(0)).mean()
                return terms
            units: Any = net.objective
            if self.penalty == "l1":
                terms["sparsity"] = weight * code.mean()
            else:
                terms["revival"] = weight * self._revival(net, batch, code, raw + units.shift)
            if net.training:
                units.count(code.detach(), margin.detach())
        return terms

    def encode(self, net: nn.Module, batch: Tensor) -> Tensor:
        """Return the active codes, >= 0; with "kl" in (0, 1)."""
        with evaluating(net):
            return self._activate(net, encoded(net, batch))[0]

    def decode(self, net: nn.Module, code: Tensor) -> Tensor:
        """Return the decoder's output after its link."""
        with evaluating(net):
            return link(self._decoded(net, code), self.loss)

    def epoch_end(self, net: nn.Module, *, progress: float, generator: torch.Generator) -> None:
        """Lower the thresholds of dead units, unless training is nearly over."""
        units: Any = net.objective
        if self.penalty != "kl":
            units.lift(_DEAD_AFTER, progress < _LAST_LIFT)

    def _activate(self, net: nn.Module, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes, and how far each unit is above what it takes to fire."""
        if self.penalty == "kl":
            # Units start at the target instead of travelling there from one half.
            return torch.sigmoid(raw + _logit(self.target_rate)), raw
        units: Any = net.objective
        shifted = raw + units.shift
        if self.penalty == "l1":
            return torch.relu(shifted), shifted
        values, places = shifted.topk(self._active(shifted.shape[1]), dim=1)
        code = torch.zeros_like(shifted).scatter(1, places, torch.relu(values))
        return code, shifted - values[:, -1:].clamp_min(0.0)

    def _decoded(self, net: nn.Module, code: Tensor, like: Tensor | None = None) -> Tensor:
        if self.penalty == "kl":
            # Sigmoids near a rate of 0.05 vary little; the decoder sees them centred, over their slope.
            rate = self.target_rate
            code = (code - rate) / (rate * (1.0 - rate))
        return decoded(net, code, like)

    def _active(self, latent_dim: int) -> int:
        return min(latent_dim, max(4, math.ceil(latent_dim / 4))) if self.k is None else self.k

    def _revival(self, net: nn.Module, batch: Tensor, code: Tensor, shifted: Tensor) -> Tensor:
        units: Any = net.objective
        dead = units.idle_steps > _DEAD_AFTER
        if not net.training or not bool(dead.any()):
            return code.new_zeros(())
        latent_dim = code.shape[1]
        # A unit far below zero answers relative to its own rows, or it would have no gradient.
        own = 0.5 * (shifted.mean(0) + shifted.amax(0)).detach()
        answer = torch.relu(shifted - own.clamp_max(0.0)).masked_fill(~dead, 0.0)
        values, places = answer.topk(min(latent_dim, max(self._active(latent_dim), latent_dim // 2)), dim=1)
        extra = torch.zeros_like(code).scatter(1, places, values)
        # For a linear decoder this is Gao's residual; added to the codes it is right for any decoder.
        return distance(self._decoded(net, code.detach() + extra, batch), batch, self.loss)


class _Units(nn.Module):
    """Thresholds of the code's units and how long each has not fired."""

    shift: Tensor
    idle_steps: Tensor
    best_margin: Tensor
    margin_sum: Tensor
    rows: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(latent_dim))
        self.register_buffer("idle_steps", torch.zeros(latent_dim))
        self.register_buffer("best_margin", torch.full((latent_dim,), -torch.inf))
        self.register_buffer("margin_sum", torch.zeros(latent_dim))
        self.register_buffer("rows", torch.zeros(()))

    def count(self, code: Tensor, margin: Tensor) -> None:
        """Note which units fired in a training batch."""
        fired = (code > 0).any(0)
        self.idle_steps.add_(1.0).masked_fill_(fired, 0.0)
        torch.maximum(self.best_margin, margin.amax(0), out=self.best_margin)
        self.margin_sum.add_(margin.sum(0))
        self.rows.add_(margin.shape[0])

    def lift(self, dead_after: int, allowed: bool) -> None:
        """Move dead units' thresholds between the epoch's best and mean answer; begin a new count."""
        dead = (self.idle_steps > dead_after) & self.best_margin.isfinite()
        if allowed and bool(dead.any()):
            mean = self.margin_sum / self.rows.clamp_min(1.0)
            missing = 1e-3 - 0.5 * (self.best_margin + mean)
            self.shift.add_(torch.where(dead, missing.clamp_min(0.0), 0.0))
            self.idle_steps.masked_fill_(dead, 0.0)
        self.best_margin.fill_(-torch.inf)
        self.margin_sum.zero_()
        self.rows.zero_()


def _logit(rate: float) -> float:
    return math.log(rate / (1.0 - rate))


def _bernoulli_kl(target: float, rate: Tensor) -> Tensor:
    rate = rate.clamp(1e-6, 1.0 - 1e-6)
    return target * (math.log(target) - rate.log()) + (1 - target) * (math.log(1 - target) - torch.log1p(-rate))
