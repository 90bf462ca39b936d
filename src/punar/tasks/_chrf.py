"""chrF, a score of texts by the n-grams of characters that they share with what is right, and its meter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from punar.tasks import _bleu as words
from punar.tasks._meter import bootstrap, exchanged_counts
from punar.tasks._targets import Targets

_ORDER = 6
_BETA = 2
Grams = list[Counter[str]]


def grams(text: str) -> Grams:
    """Return how often each group of 1 to 6 characters occurs, white space left out, by its length."""
    plain = "".join(text.split())
    return [Counter(plain[i : i + n] for i in range(len(plain) - n + 1)) for n in range(1, _ORDER + 1)]


def statistics(found: Grams, true: Grams) -> list[int]:
    """Return, for each length, how many groups were found, how many there are, and how many agree: 18 counts."""
    counts: list[int] = []
    for own, wanted in zip(found, true, strict=True):
        every = sum(own.values())
        right = sum(min(count, wanted[gram]) for gram, count in own.items() if gram in wanted)
        counts += [every if wanted else 0, sum(wanted.values()), right]
    return counts


def chrf(counts: np.ndarray) -> float:
    """Return chrF in [0, 1] from the sums of :func:`statistics`: F2 of mean precision and mean recall."""
    found, true, right = np.asarray(counts, dtype=np.float64).reshape(-1, 3).T
    both = (found > 0) & (true > 0)
    if not both.any():
        return 0.0
    precision, recall = float((right[both] / found[both]).mean()), float((right[both] / true[both]).mean())
    total = _BETA**2 * precision + recall
    return (1 + _BETA**2) * precision * recall / total if total > 0 else 0.0


def best_statistics(found: str, references: Sequence[str]) -> list[int]:
    """Return the counts beside the reference that the text is nearest to."""
    own = grams(found)
    each = [statistics(own, grams(reference)) for reference in references]
    return max(each, key=lambda counts: chrf(np.asarray(counts)))


def nearest_to_all(texts: Sequence[str], candidates: int = 8) -> str:
    """Return the text with the best chrF as the only answer for all of them; of many, one of the likeliest.

    Parameters
    ----------
    texts : sequence of str
    candidates : int, default=8
        How many texts are tried: those whose groups of characters occur in most of the others.
    """
    every = [grams(text) for text in texts]
    occurs = Counter(gram for own in every for order in own for gram in order)
    # What a text would share with the others if none repeated a group, as F2 weighs it: by precision and by recall.
    total, size = len(texts), sum(occurs.values()) / len(texts)
    chance = {}
    for text, own in zip(texts, every, strict=True):
        if text not in chance:
            length = sum(map(len, own))
            shared = sum(occurs[gram] for order in own for gram in order) / total
            chance[text] = (1 + _BETA**2) * shared / (length + _BETA**2 * size) if length else 0.0
    likeliest = sorted(chance, key=lambda text: (-chance[text], text))[:candidates]

    def value(text: str) -> float:
        own = grams(text)
        return chrf(np.sum([statistics(own, true) for true in every], 0))

    return max(likeliest, key=value)


class ChrfMeter:
    """chrF of all answers together, with the sufficient statistics of each; BLEU beside it.

    Parameters
    ----------
    column : str
        Name of the targets: for each item the UTF-8 bytes of the text that is right.
    """

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts: list[list[int]] = []
        self._of_words: list[list[int]] = []

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers, or bytes as targets have them, beside what was right, item by item."""
        for answer, true in zip(answers, targets.columns[self._column], strict=True):
            found = text_of(answer) if isinstance(answer, Tensor) else str(answer.text)
            self._counts.append(statistics(grams(found), grams(text_of(true))))
            self._of_words.append(words.statistics(found, text_of(true)))

    def value(self) -> float:
        """Return chrF in [0, 1]."""
        return chrf(np.sum(self._counts, 0))

    def details(self) -> dict[str, float]:
        """Return BLEU in [0, 1], the score by words, as sacrebleu's default has it."""
        return {"bleu": words.bleu(np.sum(self._of_words, 0))} if self._of_words else {}

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of chrF, by resampling items."""
        counts = np.asarray(self._counts)
        return bootstrap(len(counts), lambda index: chrf(counts[index].sum(0)), level, seed)

    def exchanged(self, other: ChrfMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both chrF after the answers for some items were exchanged; see :meth:`RowsMeter.exchanged`."""
        return exchanged_counts(self._counts, other._counts, swap, lambda counts: chrf(counts.sum(0)))


def text_of(encoded: Any) -> str:
    """Return the text whose UTF-8 bytes a tensor holds."""
    text: str = encoded.numpy().tobytes().decode()
    return text
