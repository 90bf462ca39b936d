"""The one rule by which a fit splits its items: what trains, and what is held out."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from punar.core.runtime import mix

_SHUFFLED, _STRATIFIED, _HALVES, _GROUPED = 100, 102, 105, 106  # streams of the seed
_DRAWS = 50  # orders of the groups, of which the one that splits best is taken


def split(
    n: int,
    fraction: float,
    seed: int,
    *,
    strata: np.ndarray | None = None,
    weight: Tensor | None = None,
    groups: np.ndarray | None = None,
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
    groups : ndarray of shape (n,), optional
        Items of one group are on one side, whatever that does to the share.

    Examples
    --------
    >>> train, valid = split(100, 0.1, seed=0)
    >>> len(train), len(valid), len(split(5, 0.1, seed=0)[1])
    (90, 10, 0)
    """
    counted = torch.arange(n) if weight is None else weight.nonzero().flatten()
    classes = None if strata is None else np.asarray(strata)[counted.numpy()]
    if groups is not None:
        train, valid = _by_group(np.asarray(groups)[counted.numpy()], fraction, seed, classes)
    else:
        train, valid = _split(len(counted), fraction, seed, classes)
    return counted[train], counted[valid]


def _split(n: int, fraction: float, seed: int, classes: np.ndarray | None) -> tuple[Tensor, Tensor]:
    count = int(n * fraction)
    if classes is not None:
        _, classes = np.unique(classes, return_inverse=True)
        fewest = min(count, n - count)
        if fewest >= classes.max(initial=0) + 1 and np.bincount(classes).min() >= 2:
            state = mix(seed, _STRATIFIED) % 2**32
            train, valid = train_test_split(np.arange(n), test_size=count, stratify=classes, random_state=state)
            return torch.from_numpy(np.sort(train)), torch.from_numpy(np.sort(valid))
    return _with_every_class(*_shuffled(n, fraction, seed), classes)


def _by_group(groups: np.ndarray, fraction: float, seed: int, classes: np.ndarray | None) -> tuple[Tensor, Tensor]:
    """Return the split in whole groups that is nearest to the share, and to the classes' proportions on both sides."""
    n, (_, number) = len(groups), np.unique(groups, return_inverse=True)
    sizes = np.bincount(number, minlength=1)
    count = int(n * fraction)
    if count < 1 or len(sizes) < 2:
        return torch.arange(n), torch.arange(0)
    known = None if classes is None else np.unique(classes, return_inverse=True)[1]
    best: tuple[float, np.ndarray] | None = None
    for draw in range(_DRAWS):
        generator = np.random.default_rng(mix(seed, _GROUPED, draw))
        held = np.isin(number, _chosen(generator.permutation(len(sizes)), sizes, count))
        off = _off(held, count, known)
        if best is None or off < best[0]:
            best = off, held
    assert best is not None
    return torch.from_numpy(np.flatnonzero(~best[1])), torch.from_numpy(np.flatnonzero(best[1]))


def _chosen(order: np.ndarray, sizes: np.ndarray, count: int) -> list[int]:
    """Return groups, in an order of chance, that hold ``count`` items together or a little less; one at least."""
    found: list[int] = []
    left = count
    for group in order.tolist():
        if sizes[group] <= left:
            found.append(group)
            left -= int(sizes[group])
    return found or [int(sizes.argmin())]


def _off(held: np.ndarray, count: int, classes: np.ndarray | None) -> float:
    """Return how far a split is from what was asked for; a class that nobody trains on outweighs all else."""
    off = abs(int(held.sum()) - count) / len(held)
    if classes is None:
        return off
    most = int(classes.max()) + 1
    trained, asked = (np.bincount(classes[side], minlength=most) for side in (~held, held))
    shares = [side / max(1, side.sum()) for side in (trained, asked)]
    return off + float(np.abs(shares[0] - shares[1]).sum()) + 10.0 * int((trained == 0).sum())


def _shuffled(n: int, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    count = min(int(n * fraction), n - 1)
    if count < 1:
        return torch.arange(n), torch.arange(0)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(mix(seed, _SHUFFLED)))
    return order[count:].sort().values, order[:count].sort().values


def _with_every_class(train: Tensor, valid: Tensor, classes: np.ndarray | None) -> tuple[Tensor, Tensor]:
    """Return the split with one item of every class among those that are trained on."""
    if classes is None or not len(valid):
        return train, valid
    held = classes[valid.numpy()]
    present, first = np.unique(held, return_index=True)
    moved = torch.zeros(len(valid), dtype=torch.bool)
    moved[torch.from_numpy(first[~np.isin(present, classes[train.numpy()])])] = True
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


def halves_of_groups(index: Tensor, groups: np.ndarray) -> tuple[Tensor, Tensor] | None:
    """Return some items in two parts of about one size that have no group in common; None where all are of one group.

    >>> [half.tolist() for half in halves_of_groups(torch.arange(5), np.array([7, 7, 7, 8, 9]))]
    [[0, 1, 2], [3, 4]]
    """
    names, number = np.unique(np.asarray(groups)[index.numpy()], return_inverse=True)
    if len(names) < 2:
        return None
    sizes, second = np.bincount(number), np.zeros(len(names), dtype=bool)
    ahead = 0
    for group in np.argsort(-sizes, kind="stable"):
        second[group] = ahead > 0
        ahead += -int(sizes[group]) if second[group] else int(sizes[group])
    side = torch.from_numpy(second[number])
    return index[~side], index[side]


def two_folds(
    n: int,
    seed: int,
    *,
    strata: np.ndarray | None = None,
    weight: Tensor | None = None,
    groups: np.ndarray | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """Return twice which items learn and which are answered for: one half each; nothing where a half lacks a class.

    Parameters are those of :func:`split`.
    """
    first, second = split(n, 0.5, mix(seed, _HALVES), strata=strata, weight=weight, groups=groups)
    if strata is not None:
        known = np.asarray(strata)
        if set(known[first.numpy()].tolist()) != set(known[second.numpy()].tolist()):
            return []
    return [(first, second), (second, first)] if len(second) else []
