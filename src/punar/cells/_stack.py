"""Layers and directions of one cell, over sequences of unequal length.

Shapes: B sequences, T steps of the longest, D values per step, H hidden units, S directions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from punar.cells import _lanes
from punar.cells._cell import Cell
from punar.core.draws import dropout
from punar.errors import ParameterError


class Stack(nn.Module):
    """One cell's layers, by direction.

    What lies past a sequence's length never reaches an answer, whatever it is: the forward direction meets it last,
    and the reverse direction reads each sequence turned around within its own length.

    Parameters
    ----------
    cell : Cell
        The recipe of every layer.
    input_width, hidden_size : int
        D and H.
    num_layers : int, default=1
    bidirectional : bool, default=False
    dropout : float in [0, 1), default=0.0
        Between layers, in training; see :func:`punar.core.draws.dropout`.
    layer_norm : bool, default=False
        Normalise each layer's output at each step over its units, both directions together (Ba, Kiros and Hinton,
        2016).

    Raises
    ------
    ParameterError
        ``layer_norm`` over one unit, which would be constant.

    Attributes
    ----------
    cell : Cell
    layers : nn.ModuleList of Layer
        ``layers[l][0]`` reads forwards, ``layers[l][1]`` backwards.
    norms : nn.ModuleList
        One per layer, or none.
    output_width : int
        H times the number of directions.
    """

    def __init__(
        self,
        cell: Cell,
        input_width: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        if layer_norm and hidden_size == 1:
            raise ParameterError(
                f"{type(cell).__name__}: hidden_size must be an integer >= 2 with layer_norm=True, got 1: a layer "
                "norm over one unit is constant. Widen the layer or use layer_norm=False."
            )
        directions = 2 if bidirectional else 1
        self.cell = cell
        self.input_width = input_width
        self.hidden_size = hidden_size
        self.output_width = hidden_size * directions
        widths = [input_width] + [self.output_width] * (num_layers - 1)
        self.layers = nn.ModuleList(
            Layer((cell.build(width, hidden_size) for _ in range(directions)), dropout if number else 0.0)
            for number, width in enumerate(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(self.output_width) for _ in widths if layer_norm)

    def forward(self, x: Tensor, lengths: Tensor | None = None, *, states: bool = True) -> tuple[Tensor | None, Tensor]:
        """Return all states and the last ones.

        Parameters
        ----------
        x : Tensor of shape (B, T, D)
        lengths : Tensor of shape (B,) and int64, optional
            Each in [1, T], on any device. None: all T. Passing None where it is known saves a look at them.
        states : bool, default=True
            False: None in place of all states, for less than they cost.

        Returns
        -------
        Tensor of shape (B, T, H * S)
            Zero past a sequence's length.
        Tensor of shape (B, H * S)
            The state after a sequence's last step; for the reverse direction, which ends there, after its first.
        """
        ragged = self._ragged(x, lengths)
        if ragged is not None:
            x = x.masked_fill(ragged.past, 0.0)
        forward = self._states if states else self._last
        # Layers between which something is dropped draw from one stream, in the order of the layers.
        drawn = self.training and any(layer.dropout for layer in self.layers)
        parts = 1 if drawn else _lanes.count(self, x)
        if parts == 1:
            return forward(x, ragged)
        return _lanes.run(forward, self.parameters(), x, lengths, parts, self._ragged)

    def _states(self, x: Tensor, ragged: _Ragged | None) -> tuple[Tensor, Tensor]:
        out, last = self._through(x, ragged)
        return out if ragged is None else out.masked_fill(ragged.past, 0.0), last

    def _last(self, x: Tensor, ragged: _Ragged | None) -> tuple[None, Tensor]:
        return None, self._through(x, ragged)[1]

    def _through(self, out: Tensor, ragged: _Ragged | None) -> tuple[Tensor, Tensor]:
        """Return states, of any value past a length, and last states, from steps that are zero there."""
        for number in range(len(self.layers)):
            out = self._normed(number, self.layers[number](out, None if ragged is None else ragged.turn))
        last = out[:, -1] if ragged is None else out[ragged.rows, ragged.ends]
        if self.output_width > self.hidden_size:
            last = torch.cat([last[:, : self.hidden_size], out[:, 0, self.hidden_size :]], 1)
        return out, last

    def look(self, x: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Return what happens inside every layer and direction, without dropout.

        Parameters
        ----------
        x : Tensor of shape (B, T, D)
        lengths : Tensor of shape (B,) and int64, optional

        Returns
        -------
        dict of str to Tensor of shape (B, T, H)
            The cell's names, with torch's suffixes: none for the first layer, ``_l1``, then ``_reverse`` for the
            reverse direction. Steps stand where they stand in ``x``; past a sequence's length is NaN. ``hidden`` is
            before the layer norm. Differentiable.
        """
        ragged = self._ragged(x, lengths)
        turn = None if ragged is None else ragged.turn
        out = x if ragged is None else x.masked_fill(ragged.past, 0.0)
        found: dict[str, Tensor] = {}
        for number in range(len(self.layers)):
            pair: Any = self.layers[number]
            states = []
            for direction, module in enumerate(pair):
                seen = self.cell.look(module, _turned(out, turn) if direction else out)
                if direction:
                    seen = {name: _turned(value, turn) for name, value in seen.items()}
                suffix = (f"_l{number}" if number else "") + ("_reverse" if direction else "")
                found |= {name + suffix: value for name, value in seen.items()}
                states.append(seen["hidden"])
            out = self._normed(number, _beside(states))
        if ragged is None:
            return found
        return {name: value.masked_fill(ragged.past, torch.nan) for name, value in found.items()}

    def _ragged(self, x: Tensor, lengths: Tensor | None) -> _Ragged | None:
        return _ragged(x, lengths, turned=self.output_width > self.hidden_size)

    def _normed(self, number: int, out: Tensor) -> Tensor:
        return self.norms[number](out) if len(self.norms) else out


class Layer(nn.ModuleList):
    """One layer: a module per direction, forwards first.

    Parameters
    ----------
    directions : iterable of nn.Module
    dropout : float in [0, 1), default=0.0
        Share of the values it reads that is dropped in training.
    """

    def __init__(self, directions: Iterable[nn.Module] = (), dropout: float = 0.0) -> None:
        super().__init__(directions)
        self.dropout = dropout

    def forward(self, x: Tensor, turn: Tensor | None = None) -> Tensor:
        """Return states (B, T, H * S), not zero past a sequence's length.

        Parameters
        ----------
        x : Tensor of shape (B, T, D)
        turn : Tensor of shape (B, T) and int64, optional
            The flattened batch's step that stands at each place once every sequence is turned around. None: all
            sequences have T steps.
        """
        if self.dropout:
            x = dropout(x, self.dropout, self.training)
        states = [self[0](x)]
        if len(self) == 2:
            states.append(_turned(self[1](_turned(x, turn)), turn))
        return _beside(states)


def _beside(states: list[Tensor]) -> Tensor:
    return states[0] if len(states) == 1 else torch.cat(states, 2)


@dataclass(frozen=True)
class _Ragged:
    """Indices of a batch of unequal lengths, computed once for all layers."""

    past: Tensor  # (B, T, 1), True after the end
    rows: Tensor  # (B,)
    ends: Tensor  # (B,), the last step of each sequence
    turn: Tensor | None  # (B, T), rows of the flattened batch with each sequence turned around, where that is asked


def _ragged(x: Tensor, lengths: Tensor | None, *, turned: bool) -> _Ragged | None:
    """Return the indices, or None where every sequence has all steps."""
    count, steps = x.shape[:2]
    if lengths is None or bool((lengths == steps).all()):
        return None
    lengths = lengths.to(x.device)[:, None]
    step = torch.arange(steps, device=x.device)
    rows = torch.arange(count, device=x.device)
    past = step >= lengths
    turn = torch.where(past, step, lengths - 1 - step) + rows[:, None] * steps if turned else None
    return _Ragged(past[:, :, None], rows, lengths[:, 0] - 1, turn)


def _turned(x: Tensor, turn: Tensor | None) -> Tensor:
    """Return (B, T, D) with every sequence turned around within its length."""
    return x.flip(1) if turn is None else _Turn.apply(x, turn.flatten())


class _Turn(torch.autograd.Function):
    # Turning twice changes nothing, so that the gradient is turned by the same index: a gather where autograd
    # would scatter and add.
    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return x.reshape(-1, x.shape[2]).index_select(0, index).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _Turn.apply(grads[0], index), None
