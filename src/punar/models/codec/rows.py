"""Padded sequences as the loop takes them: batches of about one length."""

from __future__ import annotations

import torch
from torch import Tensor

from punar.data.rows import TensorRows
from punar.data.steps import lengths
from punar.models.recurrent.rows import by_length


class PaddedRows(TensorRows):
    """Scaled sequences with NaN after each one's end, on the training device.

    Parameters
    ----------
    rows : Tensor of shape (n, steps, channels), float32
    """

    def __init__(self, rows: Tensor) -> None:
        super().__init__(rows)
        self._lengths = lengths(rows).cpu()

    def arrange(self, order: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """Return shuffled rows in an order whose batches hold rows of about one length."""
        return by_length(self._lengths, order.cpu(), batch_size, generator).to(order.device)
