"""torch's recurrent layers under the cell contract, and their first weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fused(nn.Module):
    """One layer of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` that returns hidden states only.

    Parameters
    ----------
    fused : nn.RNNBase
        With one layer, one direction and ``batch_first``.
    """

    def __init__(self, fused: nn.RNNBase) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        """Return hidden states (B, T, H) for ``x`` (B, T, D)."""
        out: Tensor = self.fused(x)[0]
        return out


def initialise(fused: Any, *, identity: bool = False) -> None:
    """Set first weights gate by gate, in place.

    Orthogonal recurrent matrices neither shrink nor stretch a state on its way through time (Saxe, McClelland and
    Ganguli, 2014); input matrices follow Glorot and Bengio (2010), whose rule holds for one gate's matrix, not for
    all gates' stacked; biases are zero.

    Parameters
    ----------
    fused : nn.RNNBase
    identity : bool
        The identity as the recurrent matrix (Le, Jaitly and Hinton, 2015): under a ReLU it keeps a state as it is,
        where another orthogonal matrix would cut it down at each step.
    """
    size = fused.hidden_size
    with torch.no_grad():
        for block in fused.weight_ih_l0.split(size):
            nn.init.xavier_uniform_(block)
        for block in fused.weight_hh_l0.split(size):
            if identity:
                nn.init.eye_(block)
            else:
                nn.init.orthogonal_(block)
        fused.bias_ih_l0.zero_()
        fused.bias_hh_l0.zero_()


def parameters(fused: Any) -> tuple[Tensor, ...]:
    """Return a layer's matrices and biases, as torch's functions of one step take them."""
    return fused.weight_ih_l0, fused.weight_hh_l0, fused.bias_ih_l0, fused.bias_hh_l0


def inputs(fused: Any, x: Tensor) -> Iterator[Tensor]:
    """Yield each step's ``W_ih x + b_ih``, (B, gates * H)."""
    yield from F.linear(x, fused.weight_ih_l0, fused.bias_ih_l0).unbind(1)


def recurrent(fused: Any, hidden: Tensor) -> Tensor:
    """Return ``W_hh h + b_hh``, (B, gates * H)."""
    return F.linear(hidden, fused.weight_hh_l0, fused.bias_hh_l0)


def gathered(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return each name's steps as one tensor (B, T, H)."""
    return {name: torch.stack([step[name] for step in steps], 1) for name in steps[0]}


def nudges(nudge: Tensor | None, steps: int) -> list[Tensor | float]:
    """Return what is added to each step's hidden state."""
    return [0.0] * steps if nudge is None else list(nudge.unbind(1))
