"""The minimal long short-term memory, for very long sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _minimal, _scan
from punar.cells._cell import Cell
from punar.core.params import check_params, number


class MinLstm(Cell):
    """An LSTM whose gates do not see the state before, so that all steps are computed at once.

    ::

        f, i = sigmoid(W x_t + b)                            forget and input gate
        f, i = f / (f + i), i / (f + i)                      as shares
        c_t  = W x_t + b                                     candidate
        h_t  = f * h_(t-1) + i * c_t                         hidden

    What one layer takes in depends on the step alone; from the second layer on it depends on the past too, so two
    or three layers are the rule.

    Parameters
    ----------
    forget_bias : float, default=1.0
        The forget gate's first bias, at which a state keeps 0.59 of itself per step instead of 0.5. Feng et al.
        found that a higher one speeds training up. Against an input gate of one half it never keeps more than two
        thirds: a long memory has to be learned, by closing that one; :class:`MinGru` can start with it.

    Notes
    -----
    The shares sum to one, so that a state stays on the candidates' scale at any length. The states come from a
    parallel scan (``_scan.py``) of the authors' plain form: with shares in (0, 1) it cannot overflow, so that their
    logarithmic form, which needs positive candidates, is not needed. The scan runs in float32, also under autocast.
    First weights: Glorot's rule.

    References
    ----------
    Feng, Tung, Ahmed, Bengio and Hajimirsadeghi (2024), Were RNNs all we needed?

    Examples
    --------
    >>> import torch
    >>> MinLstm().build(3, 8)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 8])
    """

    gates = 2

    def __init__(self, forget_bias: float = 1.0) -> None:
        self.forget_bias = forget_bias

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"forget_bias": number()})

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return the layer, with the linear maps ``forget``, ``input`` and ``candidate``."""
        return _Layer(input_width, hidden_size, self.forget_bias)

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``forget``, ``input`` (as shares), ``candidate`` and ``hidden``."""
        layer: Any = module
        share, candidate = layer.gates(x)
        hidden = _minimal.walked(share, candidate, nudge)
        return {"forget": 1 - share, "input": share, "candidate": candidate, "hidden": hidden}

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the hidden state after one step; see :class:`Cell`."""
        layer: Any = module
        share, candidate = layer.gates(x)
        return (torch.lerp(state[0].to(candidate.dtype), candidate, share),)


class _Layer(nn.Module):
    def __init__(self, input_width: int, hidden_size: int, forget_bias: float) -> None:
        super().__init__()
        self.forget = _minimal.linear(input_width, hidden_size, forget_bias)
        self.input = _minimal.linear(input_width, hidden_size)
        self.candidate = _minimal.linear(input_width, hidden_size)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input gate's share and the candidate, (B, T, H)."""
        forget = _minimal.applied(self.forget, x).sigmoid_()
        new = _minimal.applied(self.input, x).sigmoid_()
        # Both gates can round to zero; then nothing new comes in.
        total = forget + new + torch.finfo(new.dtype).tiny
        return new / total, _minimal.applied(self.candidate, x)

    def forward(self, x: Tensor) -> Tensor:
        """Return hidden states (B, T, H) for ``x`` (B, T, D)."""
        return _scan.mix(*self.gates(x))
