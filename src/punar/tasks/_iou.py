"""Intersection over union of masks, class by class (Everingham et al. 2010, 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.tasks._masks import IGNORED
from punar.tasks._meter import bootstrap, exchanged_counts
from punar.tasks._targets import Targets


def counts_of(found: Tensor, true: Tensor, classes: int) -> np.ndarray:
    """Return pixels in both, pixels that are so, and pixels that are said to be so, of each class, int64 (3, classes).

    Pixels that are :data:`IGNORED` in ``true`` do not count.
    """
    known = true != IGNORED
    is_, said = true[known].long(), found[known].long()
    both = torch.bincount(is_[is_ == said], minlength=classes)
    return torch.stack([both, torch.bincount(is_, minlength=classes), torch.bincount(said, minlength=classes)]).numpy()


def per_class(counts: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each class; NaN of one that is neither there nor said to be.

    Parameters
    ----------
    counts : ndarray of shape (3, classes)
        Of :func:`counts_of`, added over pictures.
    """
    both, true, found = counts
    union = true + found - both
    return np.where(union > 0, both / np.maximum(union, 1), np.nan)


def mean_iou(counts: np.ndarray) -> float:
    """Return the mean over the classes that are there or said to be; 0 where there is none."""
    each = per_class(counts)
    return float(np.nanmean(each)) if np.isfinite(each).any() else 0.0


class IouMeter:
    """Mean intersection over union of encoded masks, over the pixels of all pictures together.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._counts: list[list[int]] = []

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers beside what was right, picture by picture."""
        for found, true in zip(answers, targets.columns["masks"], strict=True):
            self._counts.append(counts_of(found, true, len(self._names)).ravel().tolist())

    def value(self) -> float:
        """Return the mean over classes."""
        return self._value(np.asarray(self._counts))

    def details(self) -> dict[str, dict[str, float | None]]:
        """Return the intersection over union of each class by its name; None of one that does not occur."""
        found = per_class(np.asarray(self._counts).sum(0).reshape(3, -1))
        each = {name: None if np.isnan(v) else float(v) for name, v in zip(self._names, found, strict=True)}
        return {"iou_per_class": each}

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the mean, by resampling pictures."""
        counts = np.asarray(self._counts)
        return bootstrap(len(counts), lambda index: self._value(counts[index]), level, seed)

    def exchanged(self, other: IouMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both means after the answers for some pictures were exchanged."""
        return exchanged_counts(self._counts, other._counts, swap, self._value)

    def _value(self, counts: np.ndarray) -> float:
        return mean_iou(counts.sum(0).reshape(3, -1))
