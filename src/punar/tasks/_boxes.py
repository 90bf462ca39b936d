"""Boxes as people give them: checked, clipped to their pictures, and what has no area left out and named."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError, PunarWarning, shown
from punar.preparations.letterboxed import seen_size
from punar.texts import detection as texts

Boxes = tuple[np.ndarray, list[Any]]  # (m, 4) float64 as left, top, right, bottom; m labels
_FORM = "a dict with 'boxes' (m, 4), as left, top, right, bottom in pixels, and 'labels' (m,)"
_NAMED = 5
_TOLERATED = 1.0  # pixels: many tools count the last pixel's number as the right edge, or one more


def read(y: Any, where: str, items: Sequence[Any] = ()) -> list[Boxes]:
    """Return boxes and labels of each picture.

    Parameters
    ----------
    y : sequence of mapping
        A dict for each picture. Without boxes both are empty.
    where : str
    items : sequence, optional
        The pictures, whose sizes boxes are clipped to; one that cannot be opened is passed over.

    Raises
    ------
    DataError, DataTypeError
        Another form, NaN, a box whose right lies left of its left; the message names the first.

    Warns
    -----
    PunarWarning
        Boxes without area, which are left out, and boxes that reach beyond their picture, which are clipped.
    """
    found = as_given(y, where)
    given = [boxes for boxes, _ in found if len(boxes)]
    if given and all(float(boxes.max()) <= 1.0 for boxes in given):
        warnings.warn(texts.SHARES.format(where=where), PunarWarning, stacklevel=5)
    sizes = [_size(item) for item in items]
    empty, outside = [], []
    for i, (boxes, labels) in enumerate(found):
        clipped = boxes if i >= len(sizes) or sizes[i] is None else _clipped(boxes, sizes[i])
        beyond = np.abs(clipped - boxes).max(1, initial=0.0) > _TOLERATED
        kept = np.asarray((clipped[:, 2:] > clipped[:, :2]).all(1))
        empty += [(i, j) for j in np.flatnonzero(~kept)]
        outside += [(i, j) for j in np.flatnonzero(beyond & kept)]
        found[i] = clipped[kept], [label for label, keep in zip(labels, list(kept), strict=True) if keep]
    for places, sentence in ((empty, texts.NO_AREA), (outside, texts.OUTSIDE)):
        if places:
            named = ", ".join(f"y[{i}]['boxes'][{j}]" for i, j in places[:_NAMED])
            more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
            warnings.warn(sentence.format(where=where, named=named + more), PunarWarning, stacklevel=5)
    return found


def as_given(y: Any, where: str) -> list[Boxes]:
    """Return boxes and labels of each picture, nothing clipped or left out.

    Raises
    ------
    DataError, DataTypeError
        As :func:`read`.
    """
    found = [_one(own, f"{where}: y[{i}]") for i, own in enumerate(_listed(y, where))]
    if not found:
        raise DataError(f"{where}: y must hold {_FORM} for each picture, got none.")
    return found


def scores_of(predictions: Sequence[Mapping[str, Any]], found: Sequence[Boxes], where: str) -> list[np.ndarray]:
    """Return the score of each box of each picture.

    Raises
    ------
    DataError
        They are missing, or of another number than the boxes.
    """
    scores = []
    for i, (own, (boxes, _)) in enumerate(zip(predictions, found, strict=True)):
        value = np.asarray(own.get("scores", ()), dtype=np.float64)
        if value.shape != (len(boxes),):
            raise DataError(
                f"{where}: prediction {i} must have 'scores', one for each of its {len(boxes)} boxes, got "
                f"{shown(own.get('scores'))}."
            )
        scores.append(value)
    return scores


def sizes_of(items: Sequence[Any]) -> list[tuple[int, int]]:
    """Return (width, height) of the pictures that can be opened."""
    return [size for size in map(_size, items) if size is not None]


def names_of(found: Sequence[Boxes], where: str) -> list[Any]:
    """Return the distinct labels, sorted.

    Raises
    ------
    DataTypeError
        Texts and numbers among each other.
    """
    known = {label for _, labels in found for label in labels}
    if len({type(label) for label in known}) > 1:
        raise DataTypeError(f"{where}: labels must be all texts or all whole numbers, got {shown(list(known)[:8])}.")
    return sorted(known)


def clip(boxes: Tensor, item: Any) -> Tensor:
    """Return boxes within the picture, where it can be opened."""
    size = _size(item)
    if size is None:
        return boxes
    clipped = boxes.clamp(min=0)
    clipped[:, 0::2].clamp_(max=size[0])
    clipped[:, 1::2].clamp_(max=size[1])
    return clipped


def _clipped(boxes: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    assert size is not None
    return np.clip(boxes, 0.0, [*size, *size])


def _size(item: Any) -> tuple[int, int] | None:
    try:
        return seen_size(item)
    except BadItem:
        return None


def _listed(y: Any, where: str) -> list[Any]:
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None: {_FORM} for each picture.")
    if isinstance(y, pd.Series):
        y = y.tolist()
    if isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1:
        y = y.tolist()
    if not isinstance(y, (list, tuple)):
        raise DataTypeError(f"{where}: y must be a list, {_FORM} for each picture, got {shown(y)}.")
    return list(y)


def _one(own: Any, at: str) -> Boxes:
    if not isinstance(own, Mapping) or "boxes" not in own or "labels" not in own:
        raise DataTypeError(f"{at} must be {_FORM}, got {shown(own)}.")
    boxes = _numbers(own["boxes"], at)
    crowd = own.get("iscrowd", 0)
    if np.asarray(crowd.detach().cpu() if isinstance(crowd, Tensor) else crowd).astype(bool).any():
        raise DataError(f"{at}['iscrowd'] {texts.CROWD}")
    labels = [_label(label, f"{at}['labels'][{j}]") for j, label in enumerate(_labels(own["labels"], at))]
    if len(labels) != len(boxes):
        raise DataError(f"{at} must have a label for each box, got {len(boxes)} boxes and {len(labels)} labels.")
    bad = np.flatnonzero(~np.isfinite(boxes).all(1))
    if len(bad):
        raise DataError(f"{at}['boxes'][{bad[0]}] contains NaN or infinity: {shown(boxes[bad[0]].tolist())}.")
    reversed_ = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(1))
    if len(reversed_):
        j = reversed_[0]
        raise DataError(
            f"{at}['boxes'][{j}] must be left, top, right, bottom with left <= right and top <= bottom, got "
            f"{shown(boxes[j].tolist())}. Boxes given as left, top, width, height become so by boxes[:, 2:] += "
            "boxes[:, :2]."
        )
    return boxes, labels


def _numbers(value: Any, at: str) -> np.ndarray:
    try:
        boxes = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
        if boxes.size == 0 and boxes.dtype != object:
            return np.zeros((0, 4))
        if boxes.dtype.kind not in "fui":
            raise TypeError
        boxes = boxes.astype(np.float64)
    except (TypeError, ValueError):
        raise DataTypeError(f"{at}['boxes'] must hold four numbers for each box, got {shown(value)}.") from None
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{at}['boxes'] must have shape (m, 4), one row for each box, got {boxes.shape}.")
    return boxes


def _labels(value: Any, at: str) -> list[Any]:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, pd.Series)):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise DataTypeError(f"{at}['labels'] must be a list of texts or whole numbers, got {shown(value)}.")
    return list(value)


def _label(label: Any, at: str) -> Any:
    if isinstance(label, (np.str_, str)) and label:
        return str(label)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return int(label)
    raise DataTypeError(f"{at} must be a text or a whole number, got {shown(label)}.")
