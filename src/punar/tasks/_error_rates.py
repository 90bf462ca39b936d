"""Word and letter error rates of transcripts: counts of each item, their sums, and the best constant transcript."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from punar.errors import DataError, DataTypeError, shown
from punar.tasks._checks import bare
from punar.tasks._meter import bootstrap, exchanged_counts
from punar.tasks._targets import Targets


def transcripts(y: Any, where: str) -> list[str]:
    """Return transcripts as texts: composed letters (Unicode NFC), one space between words.

    Raises
    ------
    DataError, DataTypeError
        None, no list, or an entry that is no text.
    """
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    y = bare(y, where)
    if isinstance(y, (str, bytes)) or not (hasattr(y, "__len__") and hasattr(y, "__iter__")) or np.ndim(y) == 0:
        raise DataTypeError(f"{where}: y must be a list of transcripts, one for each recording, got {shown(y)}.")
    found = list(y)
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise DataTypeError(f"{where}: y[{i}] must be the text of a transcript, got {shown(text)}.")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise DataError(f"{where}: y[{i}] holds half of a character (a lone surrogate), which is not text.")
    return [tidy(text) for text in found]


def with_words(y: Any, where: str) -> list[str]:
    """Return transcripts, of which one at least has a word that can be measured; see :func:`transcripts`."""
    found = transcripts(y, where)
    if not any(found):
        raise DataError(f"{where}: every transcript of y is empty; there is no word to measure.")
    return found


def tidy(text: str) -> str:
    """Return a text with composed letters and one space between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def plain(text: str) -> str:
    """Return a text in lower case without punctuation, in which error rates are usually compared.

    >>> plain("Well-known: it's 3 o'clock, Śrī!")
    "well known it's 3 o'clock śrī"
    """
    kept = (c if _spoken(c) else " " for c in unicodedata.normalize("NFC", text.lower().replace("’", "'")))
    words = ("".join(kept)).split()
    return " ".join(word for word in (w.strip("'") for w in words) if word)


def _spoken(letter: str) -> bool:
    return letter == "'" or unicodedata.category(letter)[0] in "LMN"


def edits(found: Sequence[Any], true: Sequence[Any]) -> int:
    """Return the fewest insertions, deletions and substitutions that make one sequence of the other.

    References
    ----------
    Levenshtein (1966). Binary codes capable of correcting deletions, insertions and reversals.

    Examples
    --------
    >>> edits("a cat sat".split(), "the cat sat down".split())
    2
    """
    begin, after, least = 0, 0, min(len(found), len(true))
    while begin < least and found[begin] == true[begin]:  # what agrees at both ends costs nothing
        begin += 1
    while after < least - begin and found[-1 - after] == true[-1 - after]:
        after += 1
    found, true = found[begin : len(found) - after], true[begin : len(true) - after]
    number: dict[Any, int] = {}
    a, b = (np.array([number.setdefault(x, len(number)) for x in s], dtype=np.int64) for s in (found, true))
    along = np.arange(len(b) + 1)
    row = along.copy()
    for at, own in enumerate(a, 1):
        fresh = np.minimum(row[1:] + 1, row[:-1] + (b != own))
        row = np.concatenate([[at], fresh])
        # An insertion goes on from what stands to the left, however far.
        row = np.minimum.accumulate(row - along) + along
    return int(row[-1])


def counts(found: str, true: str) -> tuple[int, int, int, int]:
    """Return wrong words, true words, wrong letters and true letters; a space is a letter."""
    return edits(found.split(), true.split()), len(true.split()), edits(found, true), len(true)


class ErrorRates:
    """1 - word error rate of encoded answers, over all words of all items.

    Parameters
    ----------
    normalise : bool
        Whether case and punctuation are left out of the comparison.
    """

    def __init__(self, normalise: bool) -> None:
        self._normalise = normalise
        self._counts: list[tuple[int, int, int, int]] = []

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count encoded answers beside what was said, item by item."""
        for found, true in zip(answers, targets.columns["said"], strict=True):
            self.count(found.text, text_of(true))

    def count(self, found: str, true: str) -> None:
        """Count one transcript."""
        if self._normalise:
            found, true = plain(found), plain(true)
        self._counts.append(counts(found, true))

    def value(self) -> float:
        """Return 1 - word error rate: below 0 where more words are wrong than were said."""
        return _words_right(self._array())

    def letter_error_rate(self) -> float:
        """Return the share of letters that are wrong, inserted or left out."""
        return _rate(self._array()[:, 2:])

    def details(self) -> dict[str, float]:
        """Return what a report says beside the score."""
        return {"word_error_rate": _rate(self._array()), "character_error_rate": self.letter_error_rate()}

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the score, by resampling items."""
        every = self._array()
        return bootstrap(len(every), lambda index: _words_right(every[index]), level, seed)

    def exchanged(self, other: ErrorRates, swap: np.ndarray) -> tuple[float, float]:
        """Return both scores after the answers for some items were exchanged."""
        return exchanged_counts(self._counts, other._counts, swap, _words_right)

    def _array(self) -> np.ndarray:
        return np.asarray(self._counts, dtype=np.float64).reshape(-1, 4)


def measured(y: Any, predictions: Any, normalise: bool, where: str) -> ErrorRates:
    """Return a meter of transcripts beside what was said, both as the user has them.

    Raises
    ------
    DataError, DataTypeError
        They are no transcripts, or not as many.
    """
    said, found = transcripts(y, where), transcripts(predictions, where)
    if len(said) != len(found):
        raise DataError(f"{where}: y has {len(said)} transcripts, the predictions {len(found)}.")
    meter = ErrorRates(normalise)
    for own, true in zip(found, said, strict=True):
        meter.count(own, true)
    return meter


def _words_right(every: np.ndarray) -> float:
    return 1.0 - _rate(every)


def _rate(every: np.ndarray) -> float:
    wrong, true = every[:, :2].sum(0)
    return float(wrong / max(true, 1.0))


def text_of(codes: Any) -> str:
    """Return the text that a target holds as code points."""
    return "".join(map(chr, codes.tolist()))


def best_constant(said: Sequence[str]) -> str:
    """Return the transcript that, given for every recording, makes the fewest word errors of three.

    These are the commonest transcript, the word that most transcripts hold, and none at all.
    """
    words = [text.split() for text in said]
    whole = Counter(said).most_common(1)[0][0]
    held = Counter(word for own in words for word in sorted(set(own))).most_common(1)
    candidates = [whole, *(word for word, _ in held), ""]
    # A transcript that is often the same is compared once.
    often = Counter(map(tuple, words))
    return min(candidates, key=lambda c: sum(n * edits(c.split(), own) for own, n in often.items()))
