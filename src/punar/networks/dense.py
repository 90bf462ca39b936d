"""Fully connected encoder and decoder, for tables and small pictures."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from punar.core.draws import Dropout
from punar.core.params import boolean, check_params, either, none, number, one_of, widths
from punar.errors import ParameterError
from punar.networks._layers import ACTIVATIONS, BatchNorm1d, linear
from punar.networks._network import Network


class Dense(Network):
    """Fully connected layers; the decoder mirrors the encoder.

    Parameters
    ----------
    hidden : tuple of int, default=(128, 64)
        Widths of the encoder's hidden layers, from the input to the code. ``()`` is a linear map.
    activation : str, default="silu"
        "relu", "gelu", "silu", "tanh", "elu", "leaky_relu", "sigmoid" or "identity". The first weights follow
        it.
    residual : bool, default=True
        Each hidden layer becomes a residual block, ``skip(x) + linear(act(linear(x)))``, whose skip is a
        projection where widths differ (He et al., 2016). The skips alone are a linear autoencoder, which is
        where training starts.
    norm : {None, "batch", "layer"}, default=None
        Normalisation before each activation.
    dropout : float in [0, 1), default=0.0
        Share of hidden units dropped in training.

    References
    ----------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition.

    Examples
    --------
    >>> import torch
    >>> Dense(hidden=(32,)).build_encoder((64,), 8)(torch.zeros(5, 64)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (128, 64),
        activation: str = "silu",
        residual: bool = True,
        norm: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.residual = residual
        self.norm = norm
        self.dropout = dropout

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise where a setting breaks its rule; every shape is taken, pictures are flattened."""
        check_params(
            self,
            {
                "hidden": widths(),
                "activation": one_of(*ACTIVATIONS),
                "residual": boolean(),
                "norm": either(none(), one_of("batch", "layer")),
                "dropout": number(0, 1, open_high=True),
            },
        )
        if self.norm == "layer" and 1 in self.hidden:
            raise ParameterError(
                f"Dense: hidden must have widths >= 2 with norm='layer', got {self.hidden!r}: a layer norm "
                "over one unit is constant. Widen the layer or use norm=None."
            )

    def build_encoder(self, input_shape: tuple[int, ...], code_width: int) -> nn.Module:
        """Return flatten, hidden layers and a linear layer to the code."""
        layers = self._layers([math.prod(input_shape), *self.hidden], code_width)
        return nn.Sequential(nn.Flatten(), *layers)

    def build_decoder(self, latent_dim: int, input_shape: tuple[int, ...]) -> nn.Module:
        """Return the mirrored widths, a linear layer to the row, and unflatten for pictures."""
        layers = self._layers([latent_dim, *reversed(self.hidden)], math.prod(input_shape))
        return nn.Sequential(*layers, nn.Unflatten(1, input_shape))

    def _layers(self, sizes: list[int], outputs: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        fed_by = "identity"
        for inputs, width in pairwise(sizes):
            if self.residual:
                layers.append(_Residual(inputs, width, self._tail(width), self.activation))
            else:
                layers += [linear(inputs, width, self.activation, fed_by), *self._tail(width)]
                fed_by = self.activation
        return [*layers, linear(sizes[-1], outputs, fed_by=fed_by)]

    def _tail(self, width: int) -> list[nn.Module]:
        tail: list[nn.Module] = []
        if self.norm is not None:
            tail.append(BatchNorm1d(width) if self.norm == "batch" else nn.LayerNorm(width))
        tail.append(ACTIVATIONS[self.activation]())
        if self.dropout:
            tail.append(Dropout(self.dropout))
        return tail


class _Residual(nn.Module):
    def __init__(self, inputs: int, width: int, tail: list[nn.Module], activation: str) -> None:
        super().__init__()
        last = linear(width, width, fed_by=activation)
        # A small branch: training starts near the linear map, yet every parameter has a gradient.
        for parameter in last.parameters():
            parameter.data.mul_(0.1)
        self.branch = nn.Sequential(linear(inputs, width, activation), *tail, last)
        self.skip = nn.Identity() if inputs == width else linear(inputs, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.branch(x)
