"""torch's own recurrent modules as a stack of cells, around the same weights, and what they read as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from punar.cells import Cell, Stack
from punar.cells.gru import Gru
from punar.cells.lstm import Lstm
from punar.cells.rnn import Rnn
from punar.errors import DataError, DataTypeError, NotSupportedError, shown

KINDS = (nn.LSTM, nn.GRU, nn.RNN)


class _View(nn.Module):
    """One layer and direction, as a cell's ``look`` reads it."""

    def __init__(self, rnn: Any, cell: Cell, suffix: str) -> None:
        super().__init__()
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = {f"{name}_l0": getattr(rnn, f"{name}_{suffix}", None) for name in names}
        # Not a module of its own: the weights stay where they are, and are nobody else's parameters.
        self.fused = SimpleNamespace(
            hidden_size=rnn.hidden_size, nonlinearity=getattr(rnn, "nonlinearity", "tanh"), **weights
        )
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        return self.cell.look(self, x)["hidden"]


class _Borrowed(Cell):
    """A recipe that hands out the layers of a torch module, in order, instead of new ones."""

    def __init__(self, rnn: Any, cell: Cell) -> None:
        self.rnn = rnn
        self.cell = cell
        self.gates = cell.gates  # type: ignore[misc]
        directions = ["", "_reverse"] if rnn.bidirectional else [""]
        self._suffixes = iter([f"l{layer}{d}" for layer in range(rnn.num_layers) for d in directions])

    def check(self) -> None:
        """There is nothing to check."""

    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return a view of the next layer and direction."""
        return _View(self.rnn, self.cell, next(self._suffixes))

    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return what the cell of that kind shows."""
        return self.cell.look(module, x, nudge=nudge)


def borrow(rnn: Any, where: str) -> Stack:
    """Return a stack that looks at the weights of ``rnn``; nothing is copied.

    Parameters
    ----------
    rnn : nn.LSTM, nn.GRU or nn.RNN
    where : str

    Raises
    ------
    NotSupportedError
        ``proj_size``: the hidden state is then no longer the gates' width.
    """
    if rnn.proj_size > 0:
        raise NotSupportedError(
            f"{where}: an nn.LSTM with proj_size={rnn.proj_size} is not supported; only proj_size=0 is."
        )
    cell: Cell = Lstm() if isinstance(rnn, nn.LSTM) else Gru() if isinstance(rnn, nn.GRU) else Rnn()
    stack = Stack(
        _Borrowed(rnn, cell),
        rnn.input_size,
        rnn.hidden_size,
        num_layers=rnn.num_layers,
        bidirectional=rnn.bidirectional,
    )
    return stack.eval()


def read(x: Any, like: Tensor, width: int, where: str, *, batch_first: bool = True) -> tuple[Tensor, Tensor]:
    """Return what a module is called with as (n, time, width) on the module's device, and lengths (n,).

    Parameters
    ----------
    x : Tensor, array, PackedSequence, or list of (time_i, width)
        (n, time, width), or (time, n, width) without ``batch_first``; (time, width) is one sequence.
    like : Tensor
        A weight; its type and device are taken.
    width : int
    where : str
    batch_first : bool, default=True

    Raises
    ------
    DataError, DataTypeError
        Another shape or width, no step, or numbers that are not finite.
    """
    if isinstance(x, PackedSequence):
        values, lengths = pad_packed_sequence(x, batch_first=True)
    elif isinstance(x, (list, tuple)) and len({np.shape(item)[:1] for item in x}) > 1:
        items = [_tensor(item, f"{where}: x[{i}]") for i, item in enumerate(x)]
        _check_ragged(items, width, where)
        values, lengths = pad_sequence(items, batch_first=True), torch.tensor([len(item) for item in items])
    else:
        values = _tensor(x, f"{where}: x")
        if values.dim() == 2:
            values = values[None] if batch_first else values[:, None]
        if values.dim() != 3 or values.shape[2] != width or 0 in values.shape:
            wanted = f"(n, time, {width})" if batch_first else f"(time, n, {width}) (batch_first=False)"
            raise DataError(
                f"{where}: x must have shape {wanted} or (time, {width}), with at least one step, got "
                f"{tuple(np.shape(x))}."
            )
        values = values if batch_first else values.transpose(0, 1)
        lengths = torch.full((len(values),), values.shape[1])
    values = values.detach().to(like)
    if not bool(torch.isfinite(values).all()):
        row, step, channel = (int(i) for i in (~torch.isfinite(values)).nonzero()[0])
        raise DataError(
            f"{where}: x holds {float(values[row, step, channel])} in sequence {row}, step {step}, column {channel}; "
            "values must be finite. Sequences of unequal length are a list of arrays, or a PackedSequence."
        )
    return values, lengths


def _tensor(x: Any, where: str) -> Tensor:
    try:
        values = x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))
    except (TypeError, ValueError):
        raise DataTypeError(f"{where} must be numbers, got {shown(x)}.") from None
    if values.is_complex():
        raise DataTypeError(f"{where} must be real numbers, got {values.dtype}.")
    return values


def _check_ragged(items: Sequence[Tensor], width: int, where: str) -> None:
    for i, item in enumerate(items):
        if item.dim() != 2 or item.shape[1] != width or len(item) == 0:
            raise DataError(
                f"{where}: x[{i}] must have shape (time, {width}) with at least one step, got {tuple(item.shape)}."
            )
