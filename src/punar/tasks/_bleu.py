"""BLEU, a score of texts by the n-grams of words that they share with what is right, as sacrebleu has it by default."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np

_ORDER = 4
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# WMT's mteval-v13a: signs stand alone, full stops and commas where they are not between digits, dashes behind digits.
_APART = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def words(text: str) -> list[str]:
    """Return the words and signs of a text.

    >>> words("It rained 1,5 mm, she said.")
    ['It', 'rained', '1,5', 'mm', ',', 'she', 'said', '.']
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, apart in _APART:
        text = pattern.sub(apart, text)
    return text.split()


def statistics(found: str, true: str) -> list[int]:
    """Return the words of both texts, and how many groups of 1 to 4 words agree and were found: 10 counts."""
    own, wanted = words(found), words(true)
    right, every = [], []
    for n in range(1, _ORDER + 1):
        a, b = (Counter(tuple(each[i : i + n]) for i in range(len(each) - n + 1)) for each in (own, wanted))
        right.append((a & b).total())
        every.append(a.total())
    return [len(own), len(wanted), *right, *every]


def bleu(counts: np.ndarray) -> float:
    """Return BLEU in [0, 1] from the sums of :func:`statistics`.

    A length of which no group is right counts half a group, a quarter the next time, and so on (mteval-v13a).
    """
    found, true, *rest = (int(v) for v in np.asarray(counts))
    right, every = rest[:_ORDER], rest[_ORDER:]
    if not any(right) or not all(every):
        return 0.0
    logs, less = 0.0, 1.0
    for agree, total in zip(right, every, strict=True):
        less = less if agree else 2 * less
        logs += math.log((agree or 1 / less) / total)
    return math.exp(min(0.0, 1 - true / found) + logs / _ORDER)
