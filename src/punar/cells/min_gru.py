"""The minimal gated recurrent unit, for very long sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _minimal, _scan
from punar.cells._cell import Cell
from punar.core.params import check_params, number


class MinGru(Cell):
    """A GRU whose gate and candidate do not see the state before, so that all steps are computed at once.

    ::

        z_t = sigmoid(W x_t + b)                             update gate
        c_t = W x_t + b                                      candidate
        h_t = (1 - z_t) * h_(t-1) + z_t * c_t                hidden

    What one layer takes in depends on the step alone; from the second layer on it depends on the past too, so two
    or three layers are the rule.

    Parameters
    ----------
    update_bias : float, default=-1.0
        The update gate's first bias. At -1 a state keeps 0.73 of itself per step instead of 0.5, as an LSTM with
        forget bias 1; with a linear candidate a state is an average over the past, and 0.5 reaches two steps back.
        Lower for longer memories.

    Notes
    -----
    ``z`` is the share that is new, as with Feng et al.; in :class:`Gru` it is the share that is kept. The states come
    from a parallel scan (``_scan.py``) of the authors' plain form: with shares in (0, 1) it cannot overflow, so that
    their logarithmic form, which needs positive candidates, is not needed. The scan runs in float32, also under
    autocast. First weights: Glorot's rule.

    References
    ----------
    Feng, Tung, Ahmed, Bengio and Hajimirsadeghi (2024), Were RNNs all we needed?

    Examples
    --------
    >>> import torch
    >>> MinGru().build(3, 8)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 8])
    """

    gates = 1

    def __init__(self, update_bias: float = -1.0) -> None:
        self.update_bias = update_bias

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"update_bias": number()})

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return the layer, with the linear maps ``update`` and ``candidate``."""
        return _Layer(input_width, hidden_size, self.update_bias)

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``update``, ``candidate`` and ``hidden``."""
        layer: Any = module
        update, candidate = layer.gates(x)
        return {"update": update, "candidate": candidate, "hidden": _minimal.walked(update, candidate, nudge)}

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the hidden state after one step; see :class:`Cell`."""
        layer: Any = module
        update, candidate = layer.gates(x)
        return (torch.lerp(state[0].to(candidate.dtype), candidate, update),)


class _Layer(nn.Module):
    def __init__(self, input_width: int, hidden_size: int, update_bias: float) -> None:
        super().__init__()
        self.update = _minimal.linear(input_width, hidden_size, update_bias)
        self.candidate = _minimal.linear(input_width, hidden_size)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return update gate and candidate, (B, T, H)."""
        return _minimal.applied(self.update, x).sigmoid_(), _minimal.applied(self.candidate, x)

    def forward(self, x: Tensor) -> Tensor:
        """Return hidden states (B, T, H) for ``x`` (B, T, D)."""
        return _scan.mix(*self.gates(x))
