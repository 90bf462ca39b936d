"""The Dice coefficient of class scores (Milletari, Navab and Ahmadi 2016), as a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def dice(sure: Tensor, true: Tensor, share: Tensor) -> Tensor:
    """Return 1 minus the mean Dice coefficient of the classes that the batch holds; 0 where it holds none."""
    classes = sure.shape[1]
    # (k, pixels): of each class how much is said, how much is so, and how much is both.
    said = (sure * share.unsqueeze(1)).sum((0, 2, 3))
    flat, known = share.flatten(), true.flatten().clamp(max=classes - 1)
    own = sure.gather(1, true.clamp(max=classes - 1).unsqueeze(1)).flatten()
    so = torch.zeros(classes, dtype=sure.dtype, device=sure.device).index_add_(0, known, flat)
    both = torch.zeros_like(so).index_add_(0, known, flat * own)
    there = so > 0
    each = 1 - 2 * both / (said + so).clamp(min=torch.finfo(sure.dtype).tiny)
    return (each * there).sum() / there.sum().clamp(min=1)
