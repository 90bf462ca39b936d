"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _fused
from punar.cells._cell import Cell


class Gru(Cell):
    """A hidden state that two gates keep, renew and cut off from its past: an LSTM's memory in three quarters of
    its parameters.

    ::

        r, z = sigmoid(W x_t + U h_(t-1) + b)                reset and update gate
        n    = tanh(W x_t + b + r * (U h_(t-1) + b'))        candidate
        h_t  = (1 - z) * n + z * h_(t-1)                     hidden

    It has no settings.

    Notes
    -----
    Runs ``nn.GRU``: torch's loop on the CPU, cuDNN on a GPU. Both apply the reset gate after the matrix product, to
    ``U h + b'``, where Cho et al. (2014) apply it before, ``U (r * h)``. After the product one matrix multiplication
    serves all three, which is why cuDNN has it so; the reset gate then mutes what each unit *hears* from the state,
    not what each unit *says*, and needs a bias of its own inside. The two are different functions of the same
    weights, so that weights from a network of Cho's form (Keras with ``reset_after=False``) do not carry over. No
    difference in accuracy is known. ``z`` is the share that is kept, as with Cho et al.; others swap ``z`` and
    ``1 - z``.

    First weights: an orthogonal recurrent matrix per gate (Saxe et al., 2014), Glorot's rule for the input
    matrices, zero biases, so that half of the state is kept at first.

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical machine
    translation; Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent neural networks on
    sequence modeling.

    Examples
    --------
    >>> import torch
    >>> Gru().build(3, 8)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 8])
    """

    gates = 2

    def check(self) -> None:
        """There is nothing to check."""

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return an ``nn.GRU`` layer."""
        fused = nn.GRU(input_width, hidden_size, batch_first=True)
        _fused.initialise(fused)
        return _fused.Fused(fused)

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``reset``, ``update``, ``candidate`` and ``hidden``."""
        fused: Any = module.fused
        hidden = x.new_zeros(len(x), fused.hidden_size)
        steps = []
        for step, more in zip(_fused.inputs(fused, x), _fused.nudges(nudge, x.shape[1]), strict=True):
            # torch stacks the matrices in this order.
            r, z, n = step.chunk(3, 1)
            r_past, z_past, n_past = _fused.recurrent(fused, hidden).chunk(3, 1)
            r, z = (r + r_past).sigmoid(), (z + z_past).sigmoid()
            n = (n + r * n_past).tanh()
            hidden = (1 - z) * n + z * hidden + more
            steps.append({"reset": r, "update": z, "candidate": n, "hidden": hidden})
        return _fused.gathered(steps)

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the hidden state after one step; see :class:`Cell`."""
        fused: Any = module.fused
        return (torch.gru_cell(x, state[0], *_fused.parameters(fused)),)
