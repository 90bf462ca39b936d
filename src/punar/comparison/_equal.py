"""Hidden sizes that give every cell about as many parameters as an LSTM has."""

from __future__ import annotations

from typing import Any

from punar.cells import Cell
from punar.core.draws import seeded
from punar.models.recurrent.module import Design

_WIDEST = 8192


def hidden_size(cell: Cell, reference: Cell, size: int, width: int, outputs: int) -> int:
    """Return the hidden size at which ``cell`` has as many parameters as ``reference`` of ``size``, or nearly.

    Parameters
    ----------
    cell, reference : Cell
    size : int
        Hidden size of ``reference``.
    width : int
        Numbers per step.
    outputs : int
        Width of the head.

    Notes
    -----
    Stack and head are counted: an embedding of words is the same for all.
    """
    wanted = parameters(reference, size, width, outputs)
    # Parameters grow with the size: the last that has no more, or the one after it.
    low, high = 1, 2
    while high < _WIDEST and parameters(cell, high, width, outputs) <= wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if parameters(cell, middle, width, outputs) <= wanted:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda h: abs(parameters(cell, h, width, outputs) - wanted))


def parameters(cell: Cell, size: int, width: int, outputs: int) -> int:
    """Return how many numbers a stack of one layer and its head train."""
    facts: dict[str, Any] = {"width": width, "tokens": None, "hidden_size": size, "num_layers": 1, "outputs": outputs}
    facts |= {"bidirectional": False, "layer_norm": False, "dropout": 0.0, "pooling": "last"}
    with seeded(0):
        return sum(p.numel() for p in Design(**facts).build(cell).parameters())
