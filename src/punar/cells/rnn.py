"""The plain recurrent network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _fused
from punar.cells._cell import Cell
from punar.core.params import check_params, one_of


class Rnn(Cell):
    """A hidden state that is a function of the step's values and the state before, without gates.

    ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``

    It is the reference that gated cells are measured against: what it saw some dozen steps ago has little
    influence on its training (Bengio, Simard and Frasconi, 1994).

    Parameters
    ----------
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Elman's network had a sigmoid; "tanh" is the same shape around zero, and bounded, so that a state cannot
        blow up. "relu" starts from the identity as its recurrent matrix (Le et al., 2015), which remembers longer
        and can overflow on long sequences.

    Notes
    -----
    Runs ``nn.RNN``: cuDNN on a GPU. First weights: an orthogonal recurrent matrix for "tanh" (Saxe et al., 2014),
    Glorot's rule for the input matrix, zero biases.

    References
    ----------
    Elman (1990), Finding structure in time; Bengio, Simard and Frasconi (1994), Learning long-term dependencies
    with gradient descent is difficult; Le, Jaitly and Hinton (2015), A simple way to initialize recurrent networks
    of rectified linear units; Saxe, McClelland and Ganguli (2014), Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks.

    Examples
    --------
    >>> import torch
    >>> Rnn().build(3, 8)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 8])
    """

    gates = 0

    def __init__(self, nonlinearity: str = "tanh") -> None:
        self.nonlinearity = nonlinearity

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(self, {"nonlinearity": one_of("tanh", "relu")})

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return an ``nn.RNN`` layer."""
        fused = nn.RNN(input_width, hidden_size, nonlinearity=self.nonlinearity, batch_first=True)
        _fused.initialise(fused, identity=self.nonlinearity == "relu")
        return _fused.Fused(fused)

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``hidden``."""
        fused: Any = module.fused
        squash = torch.tanh if fused.nonlinearity == "tanh" else torch.relu
        hidden = x.new_zeros(len(x), fused.hidden_size)
        steps = []
        for step, more in zip(_fused.inputs(fused, x), _fused.nudges(nudge, x.shape[1]), strict=True):
            hidden = squash(step + _fused.recurrent(fused, hidden)) + more
            steps.append({"hidden": hidden})
        return _fused.gathered(steps)

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the hidden state after one step; see :class:`Cell`."""
        fused: Any = module.fused
        run = torch.rnn_tanh_cell if fused.nonlinearity == "tanh" else torch.rnn_relu_cell
        return (run(x, state[0], *_fused.parameters(fused)),)
