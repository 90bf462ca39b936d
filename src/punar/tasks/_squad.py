"""How SQuAD measures answers: F1 over words and exact match, and the best answers that look at no question."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from punar.tasks._meter import bootstrap, exchanged_counts
from punar.tasks._targets import Targets

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]*(?: (?:of |the )?[A-Z][\w'-]*)*")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_BETWEEN = re.compile(r"(?<=[.!?।])\s+")  # sentences
_WORDS = (1, 2, 3, 5, 8, 12)

Rule = Callable[[str], str]


def normal(text: str) -> str:
    """Return a text as answers are compared: lower case, no punctuation, no articles, single spaces.

    >>> normal(" The  Cat's hat! ")
    'cats hat'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def word_f1(found: str, true: str) -> float:
    """Return F1 of the words of two answers, as often as each occurs; of an empty one, whether the other is empty.

    >>> round(word_f1("the red box", "a red round box"), 3)
    0.8
    """
    ours, theirs = normal(found).split(), normal(true).split()
    if not ours or not theirs:
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2.0 * common / (len(ours) + len(theirs))


def measured(found: str, answers: Sequence[str]) -> tuple[float, float]:
    """Return F1 and exact match of an answer beside those that are right, the best counts; no answers mean ""."""
    right = list(answers) or [""]
    return max(word_f1(found, true) for true in right), max(float(normal(found) == normal(true)) for true in right)


class SquadMeter:
    """Mean F1 over words of the answers to questions.

    Parameters
    ----------
    texts_of : callable
        ``texts_of(targets)`` -> the right answers of each item, a list of texts.
    """

    def __init__(self, texts_of: Callable[[Targets], Sequence[Sequence[str]]]) -> None:
        self._texts_of = texts_of
        self._rows: list[tuple[float, float]] = []

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers (begin, end, text) beside what was right, item by item."""
        pairs = zip(answers, self._texts_of(targets), strict=True)
        self._rows += [measured(answer[2], right) for answer, right in pairs]

    def value(self) -> float:
        """Return mean F1."""
        return self._mean(np.asarray(self._rows).reshape(-1, 2))

    def details(self) -> dict[str, float]:
        """Return the share of answers that match exactly."""
        return {"exact_match": float(np.mean([exact for _, exact in self._rows])) if self._rows else 0.0}

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of mean F1, by resampling items."""
        rows = np.asarray(self._rows).reshape(-1, 2)
        return bootstrap(len(rows), lambda index: self._mean(rows[index]), level, seed)

    def exchanged(self, other: SquadMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both means after the answers for some items were exchanged; see :class:`punar.tasks.Meter`."""
        return exchanged_counts(self._rows, other._rows, swap, self._mean)  # type: ignore[arg-type]

    @staticmethod
    def _mean(rows: np.ndarray) -> float:
        return float(rows[:, 0].mean()) if len(rows) else 0.0


# -- answers that look at no question -------------------------------------------------------------------------------


def best_rule(contexts: Sequence[str], answers: Sequence[Sequence[str]]) -> Rule:
    """Return the rule from context to answer that looks at no question and scores best on these.

    The rules: no answer; the first or last words, sentence or number of the context; its first, last, longest or most
    frequent name; the whole context; and the commonest answer, whatever the context.

    Parameters
    ----------
    contexts : sequence of str
    answers : sequence of sequence of str
        The right ones of each item.
    """
    return max(
        _rules(answers),
        key=lambda rule: sum(measured(rule(c), right)[0] for c, right in zip(contexts, answers, strict=True)),
    )


def _rules(answers: Sequence[Sequence[str]]) -> Iterator[Rule]:
    yield lambda context: ""
    commonest = Counter(text for right in answers for text in dict.fromkeys(right)).most_common(1)
    if commonest:
        yield lambda context: commonest[0][0]
    for count in _WORDS:
        yield lambda context, count=count: _words(context, 0, count)  # type: ignore[misc]
        yield lambda context, count=count: _words(context, -count, None)  # type: ignore[misc]
    for parts in (_BETWEEN.split, _NUMBER.findall, _NAME.findall):
        for choose in (_first, _last, _longest, _usual):
            yield lambda context, parts=parts, choose=choose: choose(parts(context))  # type: ignore[misc]
    yield lambda context: context


def _words(context: str, begin: int, end: int | None) -> str:
    return " ".join(context.split()[begin:end])


def _first(found: Sequence[str]) -> str:
    return found[0].strip() if found else ""


def _last(found: Sequence[str]) -> str:
    return found[-1].strip() if found else ""


def _longest(found: Sequence[str]) -> str:
    return max(found, key=len).strip() if found else ""


def _usual(found: Sequence[str]) -> str:
    return Counter(found).most_common(1)[0][0].strip() if found else ""
