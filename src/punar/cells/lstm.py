"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _fused
from punar.cells._cell import Cell
from punar.core.params import check_params, number


class Lstm(Cell):
    """A cell state that is kept, forgotten and read through three gates.

    ::

        i, f, o = sigmoid(W x_t + U h_(t-1) + b)       input, forget and output gate
        g       = tanh(W x_t + U h_(t-1) + b)          candidate
        c_t     = f * c_(t-1) + i * g                  cell
        h_t     = o * tanh(c_t)                        hidden

    Parameters
    ----------
    forget_bias : float, default=1.0
        The forget gate's first bias. At 1 it starts at 0.73 instead of 0.5, so that the cell remembers before it
        has learned to: Gers et al. (2000) made it positive when they added the gate, and Jozefowicz et al. (2015)
        found that it closes the gap between an LSTM and a GRU.

    Notes
    -----
    Runs ``nn.LSTM``: oneDNN on the CPU, cuDNN on a GPU. torch adds two biases, ``bias_ih`` and ``bias_hh``; the
    forget bias stands in the first alone. First weights: an orthogonal recurrent matrix per gate (Saxe et al., 2014),
    Glorot's rule for the input matrices, other biases zero. The network of 1997 had no forget gate, which is
    ``f = 1``.

    References
    ----------
    Hochreiter and Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber and Cummins (2000), Learning to
    forget: continual prediction with LSTM; Jozefowicz, Zaremba and Sutskever (2015), An empirical exploration of
    recurrent network architectures.

    Examples
    --------
    >>> import torch
    >>> Lstm().build(3, 8)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 8])
    """

    gates = 3

    def __init__(self, forget_bias: float = 1.0) -> None:
        self.forget_bias = forget_bias

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"forget_bias": number()})

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return an ``nn.LSTM`` layer."""
        fused: Any = nn.LSTM(input_width, hidden_size, batch_first=True)
        _fused.initialise(fused)
        with torch.no_grad():
            fused.bias_ih_l0[hidden_size : 2 * hidden_size] = self.forget_bias
        return _fused.Fused(fused)

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``input``, ``forget``, ``output``, ``candidate``, ``cell`` and ``hidden``."""
        fused: Any = module.fused
        hidden = cell = x.new_zeros(len(x), fused.hidden_size)
        steps = []
        for step, more in zip(_fused.inputs(fused, x), _fused.nudges(nudge, x.shape[1]), strict=True):
            # torch stacks the matrices in this order.
            i, f, g, o = (step + _fused.recurrent(fused, hidden)).chunk(4, 1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            cell = f * cell + i * g
            hidden = o * cell.tanh() + more
            steps.append({"input": i, "forget": f, "output": o, "candidate": g, "cell": cell, "hidden": hidden})
        return _fused.gathered(steps)

    def begin(self, module: nn.Module, hidden: Tensor) -> tuple[Tensor, ...]:
        """Return hidden and cell state, which begins as the hidden one."""
        return hidden, hidden

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return hidden and cell state after one step; see :class:`Cell`."""
        fused: Any = module.fused
        hidden, cell = torch.lstm_cell(x, list(state), *_fused.parameters(fused))
        return hidden, cell
