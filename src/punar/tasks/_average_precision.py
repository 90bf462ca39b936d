"""Mean average precision of boxes by the rules of COCO, kept picture by picture so that pictures can be drawn again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from punar.tasks._meter import bootstrap
from punar.tasks._targets import Targets

# As pycocotools has them.
THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)
_MOST = 100  # boxes of a class that count in a picture
_TINY = np.spacing(1)


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes (n, 4) and (m, 4), (n, m)."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    inner = np.clip(high - low, 0.0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - inner
    return np.divide(inner, union, out=np.zeros_like(inner), where=union > 0)


def matched(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return which found boxes of a class are right, bool (thresholds, n).

    Each, from the surest on, takes the true box that it overlaps most of those that are left; of equals the last.

    Parameters
    ----------
    found : ndarray of shape (n, 4)
        The surest first.
    true : ndarray of shape (m, 4)
    """
    right = np.zeros((len(THRESHOLDS), len(found)), dtype=bool)
    if not len(true) or not len(found):
        return right
    every = overlaps(found, true)
    for row, threshold in zip(right, THRESHOLDS, strict=True):
        free = every.copy()
        for j, own in enumerate(free):
            best = len(own) - 1 - int(own[::-1].argmax())
            if own[best] >= threshold:
                row[j] = True
                free[:, best] = -1.0
    return right


class _Class:
    """Boxes of one class over all pictures, the surest first.

    Attributes
    ----------
    score, picture : ndarray of shape (n,)
    right : ndarray of bool, (thresholds, n)
    true : ndarray of shape (pictures,)
        How many boxes there are.
    """

    def __init__(self, score: np.ndarray, picture: np.ndarray, right: np.ndarray, true: np.ndarray) -> None:
        order = np.argsort(-score, kind="stable")
        self.score, self.picture, self.right, self.true = score[order], picture[order], right[:, order], true

    def precision(self, weight: np.ndarray, times: np.ndarray, thresholds: int) -> float:
        """Return the average precision, the mean over the first thresholds; NaN where there is no box.

        Parameters
        ----------
        weight : ndarray of shape (n,)
            How often each found box counts.
        times : ndarray of shape (pictures,)
            How often each picture does.
        thresholds : int
        """
        total = float(self.true @ times)
        if not total:
            return np.nan
        counts = np.cumsum(weight)
        return float(np.mean([_area(np.cumsum(weight * row), counts, total) for row in self.right[:thresholds]]))


def _area(right: np.ndarray, counts: np.ndarray, total: float) -> float:
    """Return the mean precision at 101 recalls, each the best at this recall or a higher one."""
    if not len(right):
        return 0.0
    best = np.maximum.accumulate((right / (counts + _TINY))[::-1])[::-1]
    at = np.searchsorted(right / total, _RECALLS, side="left")
    return float(best[at[at < len(best)]].sum() / len(_RECALLS))


class PrecisionMeter:
    """Mean average precision at an overlap of 0.5, as pycocotools counts it, over pictures.

    Where no picture has a box, nothing found is right (1) and anything found is wrong (0).

    Parameters
    ----------
    names : sequence
        Of the classes.

    References
    ----------
    Lin et al. (2014). Microsoft COCO: common objects in context. ECCV.
    """

    def __init__(self, names: Sequence[Any]) -> None:
        self._names = names
        self._rows: list[dict[int, tuple[np.ndarray, np.ndarray, int]]] = []
        self._flat: list[_Class] | None = None
        self._both: tuple[PrecisionMeter, list[_Class]] | None = None

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Match the boxes of each picture: dicts of boxes, labels and scores as tensors, beside the true ones."""
        columns = (targets.columns["boxes"], targets.columns["labels"])
        for answer, boxes, labels in zip(answers, *columns, strict=True):
            self.count(answer, boxes, labels)

    def count(self, answer: Mapping[str, Any], boxes: Any, labels: Any) -> None:
        """Match the boxes of one picture."""
        found, own = np.asarray(answer["boxes"], np.float64), np.asarray(answer["labels"])
        score = np.asarray(answer["scores"], np.float64)
        true, named = np.asarray(boxes, np.float64), np.asarray(labels)
        row = {}
        for number in {*own.tolist(), *named.tolist()}:
            at = np.flatnonzero(own == number)
            at = at[np.argsort(-score[at], kind="stable")[:_MOST]]
            mine = named == number
            row[number] = score[at], matched(found[at], true[mine]), int(mine.sum())
        self._rows.append(row)
        self._flat = self._both = None

    def value(self) -> float:
        """Return the mean over classes of the average precision at 0.5."""
        return self._measured(np.ones(len(self._rows)))

    def details(self) -> dict[str, Any]:
        """Return ``map_50_95``, the mean over ten overlaps, and the value of each class at 0.5."""
        ones = np.ones(len(self._rows))
        each = {str(n): c.precision(ones[c.picture], ones, 1) for n, c in zip(self._names, self._classes, strict=True)}
        return {
            "map_50_95": self._measured(ones, len(THRESHOLDS)),
            "per_class": {name: value for name, value in each.items() if not np.isnan(value)},
        }

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the metric, by resampling pictures."""
        count = len(self._rows)
        return bootstrap(count, lambda drawn: self._measured(np.bincount(drawn, minlength=count)), level, seed)

    def exchanged(self, other: PrecisionMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both metrics after the answers for some pictures were exchanged."""
        if self._both is None or self._both[0] is not other:
            count = len(self._rows)
            self._both = other, _classes([*self._rows, *other._rows], len(self._names), count)
        given, times = swap.astype(np.float64), np.ones(len(swap))
        mine = np.concatenate([1.0 - given, given])
        return (
            _mean(self._both[1], lambda c: c.precision(mine[c.picture], times, 1)),
            _mean(self._both[1], lambda c: c.precision(1.0 - mine[c.picture], times, 1)),
        )

    @property
    def _classes(self) -> list[_Class]:
        if self._flat is None:
            self._flat = _classes(self._rows, len(self._names), len(self._rows))
        return self._flat

    def _measured(self, times: np.ndarray, thresholds: int = 1) -> float:
        weights = times.astype(np.float64)
        return _mean(self._classes, lambda c: c.precision(weights[c.picture], weights, thresholds))


def _mean(classes: Sequence[_Class], precision: Callable[[_Class], float]) -> float:
    each = np.array([precision(c) for c in classes])
    if len(each) and not np.isnan(each).all():
        return float(np.nanmean(each))
    return float(not any(len(c.score) for c in classes))


def _classes(
    rows: Sequence[Mapping[int, tuple[np.ndarray, np.ndarray, int]]], classes: int, pictures: int
) -> list[_Class]:
    """Return the boxes of each class; the true ones are those of the first ``pictures`` rows."""
    found = []
    for number in range(classes):
        own = [(i, row[number]) for i, row in enumerate(rows) if number in row]
        true = np.zeros(pictures)
        for i, (_, _, count) in own:
            if i < pictures:
                true[i] = count
        score = np.concatenate([scores for _, (scores, _, _) in own] or [np.zeros(0)])
        picture = np.concatenate([np.full(len(scores), i) for i, (scores, _, _) in own] or [np.zeros(0)])
        right = np.concatenate([hits for _, (_, hits, _) in own] or [np.zeros((len(THRESHOLDS), 0), bool)], axis=1)
        found.append(_Class(score, picture.astype(np.int64), right, true))
    return found
