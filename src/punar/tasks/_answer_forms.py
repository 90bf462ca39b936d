"""The forms in which people give answers to questions, and where in their contexts these stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from punar.data.missing import is_missing
from punar.errors import DataError, DataTypeError, shown
from punar.tasks._checks import described

NO_ANSWER, FOUND, ABSENT = range(3)
_KEYS = {"text", "answer_start"}


class Answers(NamedTuple):
    """The right answers of one question.

    Attributes
    ----------
    texts : list of str
        None of them is empty; an empty list means that the context has no answer.
    starts : list of int or None
        Where each begins in the context, where that was given.
    """

    texts: list[str]
    starts: list[int] | None


def listed(y: Any, where: str) -> list[Answers]:
    """Return the answers of each question.

    Parameters
    ----------
    y : sequence
        Of each item a text, a list of texts, or ``{"text": [...], "answer_start": [...]}``. "", [] and an empty
        "text" say that the context has no answer.

    Raises
    ------
    DataError, DataTypeError
        It is none of these; the message names the item.
    """
    if y is None or isinstance(y, (str, bytes, Mapping)) or not hasattr(y, "__len__") or getattr(y, "ndim", 1) != 1:
        raise DataTypeError(
            f"{where}: y must be a list with an answer for each question: a text, a list of texts, or "
            f"{{'text': [...], 'answer_start': [...]}}; got {described(y)}."
        )
    return [_answers(own, f"{where}: y[{i}]") for i, own in enumerate(y)]


def _answers(own: Any, where: str) -> Answers:
    starts: Any = None
    if isinstance(own, Mapping):
        if not {"text"} <= set(own) <= _KEYS:
            raise DataError(f"{where} must have the keys text and answer_start, got {shown(sorted(map(str, own)))}.")
        own, starts = own["text"], own.get("answer_start")
    if isinstance(own, str):
        own, starts = [own], None if starts is None else _one(starts)
    if isinstance(own, (bytes, Mapping)) or not isinstance(own, (Sequence, np.ndarray)):
        rule = "is missing; write '' where the context has no answer" if is_missing(own) else "must be text or texts"
        raise DataTypeError(f"{where} {rule}, got {shown(own)} ({type(own).__name__}).")
    texts = list(own)
    for j, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataTypeError(f"{where}[{j}] must be text, got {shown(text)} ({type(text).__name__}).")
    if starts is not None:
        starts = _starts(starts, len(texts), where)
    kept = [j for j, text in enumerate(texts) if text.strip()]
    return Answers([texts[j] for j in kept], None if starts is None else [starts[j] for j in kept])


def _one(starts: Any) -> Any:
    return starts if isinstance(starts, (list, tuple, np.ndarray)) else [starts]


def _starts(starts: Any, count: int, where: str) -> list[int]:
    found = [int(s) for s in _one(starts) if isinstance(s, (int, np.integer)) and not isinstance(s, bool) and s >= 0]
    if len(found) != len(_one(starts)) or len(found) != count:
        raise DataError(
            f"{where}: answer_start must be {count} whole numbers >= 0, one for each text, got {shown(starts)}."
        )
    return found


def check_starts(answers: Answers, context: str, where: str) -> None:
    """Raise where an answer does not stand in its context from where it is said to start.

    Raises
    ------
    DataError
    """
    for text, start in zip(answers.texts, answers.starts or (), strict=False):
        there = context[start : start + len(text)]
        if there != text:
            raise DataError(
                f"{where}: the answer {shown(text, 60)} must stand in the context from character {start:,}, where "
                f"there is {shown(there, 60)}. Mend answer_start, or give the text alone."
            )


def place_of(answers: Answers, context: str) -> tuple[int, int] | None:
    """Return first character and end of the first answer that the context holds; None where it holds none.

    Where a start is given, it stands there (:func:`check_starts`); else at the first place that cuts no word. What does
    not occur letter by letter is searched without regard to case.
    """
    for j, text in enumerate(answers.texts):
        core = text.strip()
        if answers.starts is not None:
            begin = answers.starts[j] + text.index(core)
            return begin, begin + len(core)
        for flags in (0, re.IGNORECASE):
            begins = [match.start() for match in re.finditer(f"(?={re.escape(core)})", context, flags)]
            if begins:
                begin = min(begins, key=lambda a: _cuts_words(context, a, a + len(core)))
                return begin, begin + len(core)
    return None


def _cuts_words(context: str, begin: int, end: int) -> int:
    """Return how many ends of a span lie within a word: "12" means the number, not the end of 1912."""
    cuts = [context[at - 1 : at + 1] for at in (begin, end) if 0 < at < len(context)]
    return sum(both.isalnum() for both in cuts)


def written(value: Any) -> Tensor:
    """Return a text, or texts, as the bytes of its JSON: what targets hold."""
    return torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)


def read(value: Tensor) -> Any:
    """Return what :func:`written` was given."""
    return json.loads(value.cpu().numpy().tobytes())
