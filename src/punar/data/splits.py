"""The one rule by which a fit splits its items: what trains, and what is held out."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from punar.core.runtime import mix

_SHUFFLED, _STRATIFIED, _HALVES = 100, 102, 105  # streams of the seed


def split(
    n: int, fraction: float, seed: int, *, strata: np.ndarray | None = None, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return training and validation indices; fewer than one validation item means none.

    Parameters
    ----------
    n : int
        How many items there are.
    fraction : float in [0, 1)
        Share that is held out.
    seed : int
    strata : ndarray of shape (n,), optional
        A class per item. Both sides hold every class in its proportion where there are enough items; the training side
        always holds one item of each.
    weight : Tensor of shape (n,), optional
        An item of weight 0 is as good as absent: it is on neither side, and does not decide when to stop.

    Examples
    --------
    >>> train, valid = split(100, 0.1, seed=0)
    >>> len(train), len(valid), len(split(5, 0.1, seed=0)[1])
    (90, 10, 0)
    """
    counted = torch.arange(n) if weight is None else weight.nonzero().flatten()
    groups = None if strata is None else np.asarray(strata)[counted.numpy()]
    train, valid = _split(len(counted), fraction, seed, groups)
    return counted[train], counted[valid]


def _split(n: int, fraction: float, seed: int, groups: np.ndarray | None) -> tuple[Tensor, Tensor]:
    count = int(n * fraction)
    if groups is not None:
        _, groups = np.unique(groups, return_inverse=True)
        fewest = min(count, n - count)
        if fewest >= groups.max(initial=0) + 1 and np.bincount(groups).min() >= 2:
            state = mix(seed, _STRATIFIED) % 2**32
            train, valid = train_test_split(np.arange(n), test_size=count, stratify=groups, random_state=state)
            return torch.from_numpy(np.sort(train)), torch.from_numpy(np.sort(valid))
    return _with_every_class(*_shuffled(n, fraction, seed), groups)


def _shuffled(n: int, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    count = min(int(n * fraction), n - 1)
    if count < 1:
        return torch.arange(n), torch.arange(0)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(mix(seed, _SHUFFLED)))
    return order[count:].sort().values, order[:count].sort().values


def _with_every_class(train: Tensor, valid: Tensor, groups: np.ndarray | None) -> tuple[Tensor, Tensor]:
    """Return the split with one item of every class among those that are trained on."""
    if groups is None or not len(valid):
        return train, valid
    held = groups[valid.numpy()]
    classes, first = np.unique(held, return_index=True)
    moved = torch.zeros(len(valid), dtype=torch.bool)
    moved[torch.from_numpy(first[~np.isin(classes, groups[train.numpy()])])] = True
    return torch.cat([train, valid[moved]]).sort().values, valid[~moved]


def halves(index: Tensor, strata: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Return some items in two parts, alike in their classes.

    Parameters
    ----------
    index : Tensor of int64
    strata : ndarray, optional
        A class per item, of all items.

    Examples
    --------
    >>> [half.tolist() for half in halves(torch.arange(5))]
    [[0, 2, 4], [1, 3]]
    """
    if strata is not None:
        index = index[torch.from_numpy(np.argsort(np.asarray(strata)[index.numpy()], kind="stable"))]
    return index[0::2].sort().values, index[1::2].sort().values


def two_folds(
    n: int, seed: int, *, strata: np.ndarray | None = None, weight: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Return twice which items learn and which are answered for: one half each; nothing where a half lacks a class."""
    first, second = split(n, 0.5, mix(seed, _HALVES), strata=strata, weight=weight)
    if strata is not None:
        known = np.asarray(strata)
        if set(known[first.numpy()].tolist()) != set(known[second.numpy()].tolist()):
            return []
    return [(first, second), (second, first)] if len(second) else []
