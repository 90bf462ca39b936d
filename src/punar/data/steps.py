"""Sequences of several lengths in one tensor: (n, steps, channels), with NaN after each one's end."""

from __future__ import annotations

import torch
from torch import Tensor


def are_sequences(rows: Tensor) -> bool:
    """Return whether rows have the axes of sequences: a table has one fewer, pictures one more."""
    return rows.dim() == 3


def lengths(rows: Tensor) -> Tensor:
    """Return the steps of each sequence up to the last with a value, int64 (n,).

    >>> lengths(torch.tensor([[[1.0], [torch.nan], [2.0]], [[1.0], [torch.nan], [torch.nan]]]))
    tensor([3, 1])
    """
    steps = torch.arange(1, rows.shape[1] + 1, device=rows.device)
    return (steps * ~rows.isnan().all(2)).amax(1)


def padded_to(longest: int, most: int) -> int:
    """Return how many steps a batch gets whose longest sequence has ``longest``, where no sequence has over ``most``.

    Few different numbers, each at most a sixteenth more than asked: oneDNN compiles a recurrent layer's kernels for
    every new number of steps, which takes as long as a training step or two.

    >>> [padded_to(n, 200) for n in (1, 31, 33, 100, 101, 199)]
    [1, 31, 34, 100, 104, 200]
    """
    grain = 1 << max(0, longest.bit_length() - 5)
    return min(-(-longest // grain) * grain, most)


def trimmed(batch: Tensor) -> Tensor:
    """Return a batch with few steps at which no sequence has a value; a table's or pictures' as it is."""
    if not are_sequences(batch) or not len(batch) or not bool(batch[:, -1].isnan().all()):
        return batch
    return batch[:, : padded_to(max(1, int(lengths(batch).max())), batch.shape[1])]


def as_missing_as(noisy: Tensor, batch: Tensor) -> Tensor:
    """Return ``noisy`` with NaN where sequences have none of their own: noise neither fills nor lengthens them."""
    return torch.where(batch.isnan(), batch, noisy) if are_sequences(batch) else noisy
