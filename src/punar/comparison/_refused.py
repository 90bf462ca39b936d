"""Data whose answers are no class and no amount, which no question compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from punar.errors import DataError
from punar.texts import compare as texts


def refuse_structured(X: Any, y: Any) -> None:
    """Raise where the answers are masks, boxes or parts of texts.

    Raises
    ------
    DataError
        With the task that they belong to.
    """
    item, answer = _first(X), _first(y)
    found = None
    if isinstance(answer, Mapping) and "boxes" in answer:
        found = texts.BOXES, "detection"
    elif len(getattr(answer, "shape", ())) > 1:
        found = texts.MASKS, "segmentation"
    elif isinstance(item, tuple) and len(item) == 2 and all(isinstance(text, str) for text in item):
        found = texts.PAIRS, "question_answering"
    if found is not None:
        raise DataError(texts.ONE_BY_ONE.format(what=found[0], task=found[1]))


def _first(values: Any) -> Any:
    if hasattr(values, "iloc"):
        values = list(values.iloc[:1]) if getattr(values, "ndim", 1) == 1 else None
    return values[0] if hasattr(values, "__getitem__") and not hasattr(values, "keys") and len(values) else None
