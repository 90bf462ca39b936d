"""Batches of rows of about one length: less padding, less work."""

from __future__ import annotations

import torch
from torch import Tensor

# Batches that are sorted among themselves: enough that neighbours are equally long, few enough that order is random.
_POOL = 50


def by_length(lengths: Tensor, order: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """Return ``order`` rearranged so that rows of one batch are of about one length.

    The shuffled rows are sorted by length inside pools of 50 batches, cut into batches, and the batches shuffled. Rows
    that fill no whole batch are the last of ``order`` and stay last: chosen by chance, not the longest.

    Parameters
    ----------
    lengths : Tensor of shape (n,)
        Of every row.
    order : Tensor of int64
        Shuffled rows.
    batch_size : int
    generator : torch.Generator
    """
    full = len(order) // batch_size * batch_size
    known = lengths[order]
    if full == 0 or bool((known == known[0]).all()):
        return order
    body, pool = order[:full], _POOL * batch_size
    ordered = [part[lengths[part].sort(stable=True).indices] for part in body.split(pool)]
    batches = torch.cat(ordered).reshape(-1, batch_size)
    batches = batches[torch.randperm(len(batches), generator=generator)]
    return torch.cat([batches.reshape(-1), order[full:]])


def sorted_by_length(lengths: Tensor, index: Tensor) -> Tensor:
    """Return ``index`` by rising length, for passes in which order does not matter."""
    return index[lengths[index].sort(stable=True).indices]
