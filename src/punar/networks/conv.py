"""Convolutional encoder and decoder, for pictures of 1 to 256 pixels a side."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar

from torch import nn

from punar.core.draws import Dropout, Dropout2d
from punar.core.params import Rule, check_params, either, none, number, one_of, widths
from punar.errors import ParameterError
from punar.networks._layers import ACTIVATIONS, BatchNorm2d, group_norm, initialise, linear
from punar.networks._network import Network

_LARGEST_SIDE = 256
_SMALLEST_MAP = 7


class Conv(Network):
    """Stages of stride-2 convolutions; the decoder returns to the exact sides by transposed convolutions.

    A stage halves each side, rounding up; a side that is 1 stays 1.

    Parameters
    ----------
    channels : tuple of int or None, default=None
        Channels after each stage. ``None``: as many stages as bring the longer side to 7 pixels or fewer, at
        least one, ending in 64 channels and halved towards the full resolution, not below 8. 28 x 28 gives
        (32, 64).
    kernel_size : odd int >= 3, default=3
        Side of the kernels, in pixels.
    activation : str, default="silu"
        "relu", "gelu", "silu", "tanh", "elu", "leaky_relu", "sigmoid" or "identity".
    hidden : tuple of int, default=(128,)
        Widths of dense layers between the last stage and the code; ``()`` for none.
    norm : {None, "batch", "group"}, default=None
        Normalisation before each stage's activation.
    dropout : float in [0, 1), default=0.0
        Share dropped in training: channels after a stage, units after a dense layer.

    References
    ----------
    Masci, Meier, Ciresan and Schmidhuber (2011), Stacked convolutional auto-encoders for hierarchical feature
    extraction.

    Examples
    --------
    >>> import torch
    >>> Conv().build_decoder(8, (3, 17, 30))(torch.zeros(5, 8)).shape
    torch.Size([5, 3, 17, 30])
    """

    pictures_only: ClassVar[bool] = True

    def __init__(
        self,
        channels: tuple[int, ...] | None = None,
        kernel_size: int = 3,
        activation: str = "silu",
        hidden: tuple[int, ...] = (128,),
        norm: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.channels = channels
        self.kernel_size = kernel_size
        self.activation = activation
        self.hidden = hidden
        self.norm = norm
        self.dropout = dropout

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise where a setting breaks its rule or ``input_shape`` is no such picture."""
        check_params(
            self,
            {
                "channels": either(none(), widths()),
                "kernel_size": _odd(3),
                "activation": one_of(*ACTIVATIONS),
                "hidden": widths(),
                "norm": either(none(), one_of("batch", "group")),
                "dropout": number(0, 1, open_high=True),
            },
        )
        if self.channels is not None and len(self.channels) == 0:
            raise ParameterError(
                "Conv: channels must have at least one stage, got (). For a network without convolutions use "
                "network='dense'."
            )
        if self.norm == "group" and self.channels is not None and 1 in self.channels:
            raise ParameterError(
                f"Conv: channels must be >= 2 with norm='group', got {self.channels!r}: a group of one "
                "channel can be constant. Use more channels or norm=None."
            )
        if len(input_shape) != 3:
            raise ParameterError(
                "Conv: each row must be a picture of shape (channels, height, width), got rows of shape "
                f"{tuple(input_shape)!r}. Reshape the data to pictures or use network='dense'."
            )
        for side, pixels in zip(("height", "width"), input_shape[1:], strict=True):
            if not 1 <= pixels <= _LARGEST_SIDE:
                raise ParameterError(
                    f"Conv: the pictures' {side} must be 1 to {_LARGEST_SIDE} pixels, got {pixels} (rows of "
                    f"shape {tuple(input_shape)!r}). Resize or crop the pictures first."
                )
        if input_shape[0] < 1:
            raise ParameterError(
                f"Conv: pictures must have at least one channel, got rows of shape {tuple(input_shape)!r}."
            )

    def build_encoder(self, input_shape: tuple[int, ...], code_width: int) -> nn.Module:
        """Return the stages, flatten, dense layers and a linear layer to the code."""
        sides, channels = self._plan(input_shape)
        layers: list[nn.Module] = []
        fed_by = "identity"
        for (before, after), inputs, outputs in zip(
            pairwise(sides), [input_shape[0], *channels], channels, strict=False
        ):
            conv = nn.Conv2d(inputs, outputs, self.kernel_size, _stride(before, after), padding=self.kernel_size // 2)
            initialise(conv, self.activation, fed_by)
            layers += [conv, *self._tail(outputs)]
            fed_by = self.activation
        flat = channels[-1] * math.prod(sides[-1])
        return nn.Sequential(*layers, nn.Flatten(), *self._dense([flat, *self.hidden], code_width, fed_by))

    def build_decoder(self, latent_dim: int, input_shape: tuple[int, ...]) -> nn.Module:
        """Return dense layers, unflatten and the transposed stages, the last one without activation."""
        sides, channels = self._plan(input_shape)
        small = (channels[-1], *sides[-1])
        layers = self._dense([latent_dim, *reversed(self.hidden)], math.prod(small), "identity", self.activation)
        layers += [ACTIVATIONS[self.activation](), nn.Unflatten(1, small)]
        widths_out = [*reversed(channels[:-1]), input_shape[0]]
        for i, ((after, before), inputs, outputs) in enumerate(
            zip(pairwise(sides[::-1]), reversed(channels), widths_out, strict=True)
        ):
            stride = _stride(before, after)
            conv = nn.ConvTranspose2d(
                inputs,
                outputs,
                self.kernel_size,
                stride,
                padding=self.kernel_size // 2,
                output_padding=(
                    before[0] - (after[0] - 1) * stride[0] - 1,
                    before[1] - (after[1] - 1) * stride[1] - 1,
                ),
            )
            last = i == len(widths_out) - 1
            taps = self.kernel_size**2 / math.prod(stride)
            initialise(conv, "identity" if last else self.activation, self.activation, taps=taps)
            layers += [conv] if last else [conv, *self._tail(outputs)]
        return nn.Sequential(*layers)

    def _plan(self, input_shape: tuple[int, ...]) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
        channels = self.channels
        if channels is None:
            stages, longer = 1, -(-max(input_shape[1:]) // 2)
            while longer > _SMALLEST_MAP:
                stages, longer = stages + 1, -(-longer // 2)
            channels = tuple(max(8, 64 >> (stages - 1 - i)) for i in range(stages))
        sides = [(input_shape[1], input_shape[2])]
        for _ in channels:
            height, width = sides[-1]
            sides.append((-(-height // 2), -(-width // 2)))
        return sides, tuple(channels)

    def _tail(self, channels: int) -> list[nn.Module]:
        tail: list[nn.Module] = []
        if self.norm is not None:
            tail.append(BatchNorm2d(channels) if self.norm == "batch" else group_norm(channels))
        tail.append(ACTIVATIONS[self.activation]())
        if self.dropout:
            tail.append(Dropout2d(self.dropout))
        return tail

    def _dense(self, sizes: list[int], outputs: int, fed_by: str, activation: str = "identity") -> list[nn.Module]:
        layers: list[nn.Module] = []
        for inputs, width in pairwise(sizes):
            layers += [linear(inputs, width, self.activation, fed_by), ACTIVATIONS[self.activation]()]
            if self.dropout:
                layers.append(Dropout(self.dropout))
            fed_by = self.activation
        return [*layers, linear(sizes[-1], outputs, activation, fed_by)]


def _stride(before: tuple[int, int], after: tuple[int, int]) -> tuple[int, int]:
    return (1 if before[0] == after[0] else 2, 1 if before[1] == after[1] else 2)


def _odd(low: int) -> Rule:
    return Rule(
        f"an odd integer >= {low}",
        lambda v: isinstance(v, int) and not isinstance(v, bool),
        lambda v: v >= low and v % 2 == 1,  # type: ignore[operator]
    )
