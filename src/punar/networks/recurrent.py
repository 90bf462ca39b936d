"""Recurrent encoder and decoder, for sequences of several lengths."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from punar.cells import Cell, Stack
from punar.core.params import boolean, check_params, integer, number
from punar.data.steps import lengths, padded_to
from punar.errors import ParameterError, shown
from punar.networks._layers import linear
from punar.networks._network import Network

# From half a period to four over the longest sequence. Without them a decoder must count steps before it can write
# anything else: sine waves of random speed and phase, 128 steps, were explained to 10 % instead of 86 % in 60 epochs.
_WAVES = 4


class Recurrent(Network):
    """Layers of a recurrent cell read a sequence into a code, and others write it out again.

    The encoder's code is a linear map of the last state, at the sequence's own end: neither padding nor the length of
    other sequences changes it. The decoder reads the code at every step, beside the time since the start, and writes
    as many steps as it is asked for, at most those of the longest sequence in training.

    Parameters
    ----------
    cell : Cell
        Such as ``punar.cells.lstm.Lstm()``. An estimator takes a name for it, and "lstm" for ``None``.
    hidden_size : int, default=64
        Units of each layer and direction.
    num_layers : int, default=1
    bidirectional : bool, default=False
        The encoder reads in both directions. The decoder writes forwards.
    dropout : float in [0, 1), default=0.0
        Share of values dropped between layers, in training.
    layer_norm : bool, default=False
        Normalise each layer's output.

    References
    ----------
    Srivastava, Mansimov and Salakhutdinov (2015), Unsupervised learning of video representations using LSTMs; Malhotra
    et al. (2016), LSTM-based encoder-decoder for multi-sensor anomaly detection.

    Examples
    --------
    >>> import torch
    >>> from punar.cells.lstm import Lstm
    >>> network = Recurrent(Lstm(), hidden_size=16)
    >>> network.build_encoder((20, 3), 2)(torch.zeros(5, 30, 3)).shape
    torch.Size([5, 2])
    >>> network.build_decoder(2, (20, 3))(torch.zeros(5, 2)).shape
    torch.Size([5, 20, 3])
    """

    sequences_only: ClassVar[bool] = True

    def __init__(
        self,
        cell: Any = None,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.layer_norm = layer_norm

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise where a setting breaks its rule or ``input_shape`` is not (steps, channels)."""
        if not isinstance(self.cell, Cell):
            raise ParameterError(
                f"Recurrent: cell must be a cell object such as punar.cells.lstm.Lstm(), got {shown(self.cell)}."
            )
        check_params(
            self,
            {
                "hidden_size": integer(1),
                "num_layers": integer(1),
                "bidirectional": boolean(),
                "dropout": number(0, 1, open_high=True),
                "layer_norm": boolean(),
            },
        )
        self.cell.check()
        if len(input_shape) != 2 or min(input_shape) < 1:
            raise ParameterError(
                "Recurrent: each row must be a sequence of shape (steps, channels), got rows of shape "
                f"{tuple(input_shape)!r}. Pass X of shape (n, time, channels) or a list of (time_i, channels), or use "
                "network='dense'."
            )

    def build_encoder(self, input_shape: tuple[int, ...], code_width: int) -> nn.Module:
        """Return layers of the cell and a linear map of the last state; it takes any number of steps."""
        stack = Stack(
            self.cell,
            input_shape[1],
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            layer_norm=self.layer_norm,
        )
        return _Encoder(stack, linear(stack.output_width, code_width))

    def build_decoder(self, latent_dim: int, input_shape: tuple[int, ...]) -> nn.Module:
        """Return layers of the cell and a linear map to each step; see :class:`Network` for its second argument."""
        clock = _clock(input_shape[0])
        stack = Stack(
            self.cell,
            latent_dim + clock.shape[1],
            self.hidden_size,
            num_layers=self.num_layers,
            dropout=self.dropout,
            layer_norm=self.layer_norm,
        )
        return _Decoder(stack, linear(stack.output_width, input_shape[1]), clock)


class _Encoder(nn.Module):
    def __init__(self, stack: nn.Module, code: nn.Linear) -> None:
        super().__init__()
        self.stack = stack
        self.code = code

    def forward(self, rows: Tensor) -> Tensor:
        missing, known = rows.isnan(), None
        if bool(missing.any()):
            known = lengths(rows).clamp_min(1)
            longest = padded_to(int(known.max()), rows.shape[1])
            # In scaled rows zero is the mean.
            rows = rows[:, :longest].masked_fill(missing[:, :longest], 0.0)
        return self.code(self.stack(rows, known, states=False)[1])


class _Decoder(nn.Module):
    def __init__(self, stack: nn.Module, values: nn.Linear, clock: Tensor) -> None:
        super().__init__()
        self.stack = stack
        self.values = values
        self.clock: Tensor
        self.register_buffer("clock", clock, persistent=False)

    def forward(self, code: Tensor, steps: int | None = None) -> Tensor:
        clock = self.clock[:steps]
        given = torch.cat([code[:, None].expand(-1, len(clock), -1), clock.expand(len(code), -1, -1)], 2)
        return self.values(self.stack(given)[0])


def _clock(steps: int) -> Tensor:
    """Return the time since the start as the decoder reads it, (steps, 9): straight, and as slow and fast waves."""
    time = torch.linspace(0.0, 1.0, steps)[:, None]
    waves = time * torch.pi * 2.0 ** torch.arange(_WAVES)
    return torch.cat([2.0 * time - 1.0, waves.sin(), waves.cos()], 1)
