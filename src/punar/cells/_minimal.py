"""What the minimal cells share: linear maps of the input alone, in float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LOW = (torch.float16, torch.bfloat16)


def linear(input_width: int, hidden_size: int, bias: float = 0.0) -> nn.Linear:
    """Return a layer with Glorot's weights (Glorot and Bengio, 2010) and one number as bias."""
    layer = nn.Linear(input_width, hidden_size)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, bias)
    return layer


def applied(layer: nn.Linear, x: Tensor) -> Tensor:
    """Return ``W x + b`` as a new tensor, in float32 where autocast would go on in half precision.

    A share of 1/1000, a memory of a thousand steps, is lost beside 1 in bfloat16.
    """
    out: Tensor = layer(x)
    return out.float() if out.dtype in _LOW else out


def walked(share: Tensor, candidate: Tensor, nudge: Tensor | None) -> Tensor:
    """Return the states step by step, as :func:`punar.cells._scan.mix` gives them at once."""
    hidden = torch.zeros_like(share[:, 0])
    steps = []
    for t in range(share.shape[1]):
        hidden = torch.lerp(hidden, candidate[:, t], share[:, t])
        if nudge is not None:
            hidden = hidden + nudge[:, t]
        steps.append(hidden)
    return torch.stack(steps, 1)
