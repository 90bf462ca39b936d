"""The forms in which people have a label for each token or step, and the likeliest sequence of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from punar.errors import DataError, DataTypeError, shown

FORMS = ("tokens", "spans", "steps")


def form_of(y: Any, items: Sequence[Any], where: str) -> str:
    """Return "tokens" (lists of words), "spans" (texts with character spans) or "steps" (series)."""
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    if not len(items):
        raise DataError(f"{where}: X must hold at least one item.")
    first = items[0]
    if isinstance(first, str):
        return "spans"
    return "tokens" if isinstance(first, (list, tuple)) and first and isinstance(first[0], str) else "steps"


def listed(y: Any, items: Sequence[Any], form: str, where: str) -> list[list[Any]]:
    """Return the labels of each item as a list: one for each token or step, or spans (begin, end, label).

    Raises
    ------
    DataError, DataTypeError
        Another number of labels than tokens, a span outside its text or over another, a missing label; the message
        names item and place.
    """
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    if not _is_list(y):
        raise DataTypeError(f"{where}: y must be a list with the labels of each item, got {shown(y)}.")
    if len(y) != len(items):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(items)}, y {len(y)}."
        )
    found = []
    for i, (own, item) in enumerate(zip(y, items, strict=True)):
        if not _is_list(own):
            raise DataTypeError(
                f"{where}: y[{i}] must be a list of {'spans' if form == 'spans' else 'labels'}, got {shown(own)}."
            )
        found.append(
            _spans(own, item, f"{where}: y[{i}]") if form == "spans" else _labels(own, item, f"{where}: y[{i}]")
        )
    return found


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping)) and getattr(value, "ndim", 1) != 0


def _labels(own: Any, item: Any, where: str) -> list[Any]:
    # numpy's numbers, which JSON lacks, become Python's.
    labels = [label.item() if isinstance(label, np.generic) else label for label in own]
    if len(labels) != len(item):
        raise DataError(
            f"{where} has {len(labels)} labels, X has {len(item)} tokens or steps there; each needs one label."
        )
    for j, label in enumerate(labels):
        if label is None or type(label).__name__ == "NAType" or label != label:
            raise DataError(f"{where}[{j}] is missing ({shown(label)}). Give every token a label, such as 'O'.")
        if not isinstance(label, (str, Real)):
            raise DataTypeError(f"{where}[{j}] must be text or a whole number, got {shown(label)}.")
    return labels


def _span(span: Any, where: str) -> tuple[int, int, str]:
    if isinstance(span, Mapping):
        span = tuple(span.get(name) for name in ("start", "end", "label"))
    sound = isinstance(span, (list, tuple)) and len(span) == 3 and isinstance(span[2], str) and span[2] != ""
    if not sound or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in span[:2]):
        raise DataTypeError(f"{where} must be a span (first character, one past the last, label), got {shown(span)}.")
    return int(span[0]), int(span[1]), span[2]


def _spans(own: Any, text: str, where: str) -> list[tuple[int, int, str]]:
    found = [_span(span, f"{where}[{j}]") for j, span in enumerate(own)]
    for j, (begin, end, _) in enumerate(found):
        if not 0 <= begin < end <= len(text):
            raise DataError(
                f"{where}[{j}] is the span {begin} to {end}; it must lie within the text's {len(text)} characters and "
                "hold at least one."
            )
    found.sort()
    for a, b in pairwise(found):
        if b[0] < a[1]:
            raise DataError(
                f"{where}: the spans {shown(a)} and {shown(b)} overlap; each character has one label at most."
            )
    return found


def distinct(labels: Sequence[Sequence[Any]], where: str) -> list[Any]:
    """Return the different labels, sorted.

    Raises
    ------
    DataError, DataTypeError
        Fewer than two, text beside numbers, or numbers that are not whole.
    """
    known = {label for own in labels for label in own}
    if not (all(isinstance(v, str) for v in known) or not any(isinstance(v, str) for v in known)):
        odd = next(v for v in known if not isinstance(v, str))
        raise DataTypeError(f"{where}: labels must all be text or all whole numbers, got text and {shown(odd)}.")
    broken = [v for v in known if isinstance(v, float) and not v.is_integer()]
    if broken:
        raise DataError(f"{where}: labels must be whole numbers or text, got {shown(broken[0])}.")
    if len(known) < 2:
        raise DataError(f"{where}: y must have at least 2 different labels, got {len(known)}: {shown(sorted(known))}.")
    return sorted(known)


def entities_begin_with_b(tags: Sequence[str]) -> bool:
    """Return whether no entity of a sequence begins with an I, as every first one does in the oldest data (IOB1)."""
    return not any(
        tag.startswith("I-") and before not in (f"B-{tag[2:]}", tag) for before, tag in pairwise(["O", *tags])
    )


def plain_pairs(y: Any, predictions: Any, form: str) -> list[tuple[list[Any], list[Any]]]:
    """Return what is right and what is predicted for each item, as lists that can be compared.

    Raises
    ------
    DataError, DataTypeError
        No labels, labels of another form, or another number of items, or of labels of an item, than predictions.
    """
    if y is None:
        raise DataError("score: requires y to be passed, but the target y is None.")
    if not _is_list(y):
        raise DataTypeError(f"score: y must be a list with the labels of each item, got {shown(y)}.")
    if len(y) != len(predictions):
        raise DataError(f"score: y has {len(y)} items, X has {len(predictions)}.")
    found = []
    for i, (true, own) in enumerate(zip(y, predictions, strict=True)):
        if not _is_list(true):
            what = "spans" if form == "spans" else "labels"
            raise DataTypeError(f"score: y[{i}] must be a list of {what}, got {shown(true)}.")
        if form == "spans":
            true = [_span(span, f"score: y[{i}][{j}]") for j, span in enumerate(true)]
        elif len(true) != len(own):
            raise DataError(f"score: y[{i}] has {len(true)} labels, X has {len(own)} tokens or steps there.")
        found.append((list(true), list(own)))
    return found


def likeliest(sure: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    """Return the likeliest sequence of tags in which each may follow the one before (Viterbi, 1967).

    Parameters
    ----------
    sure : ndarray of shape (t, tags)
        Log-probabilities.
    allowed : ndarray of bool, (1 + tags, tags), or None
        Row 0 says which tag may be first, row 1 + k which may follow tag k. None allows all.
    """
    if allowed is None or len(sure) == 0:
        return sure.argmax(1)
    barred = np.where(allowed, 0.0, -np.inf)
    best, came = sure[0] + barred[0], []
    for step in sure[1:]:
        through = best[:, None] + barred[1:]
        came.append(through.argmax(0))
        best = through.max(0) + step
    path = [int(best.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return np.array(path[::-1])
