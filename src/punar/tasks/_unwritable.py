"""Texts that a network is to write, of which it knows little or nothing."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence
from typing import Any

from punar.errors import DataError, PunarWarning, shown
from punar.preparations import unknown_tokens
from punar.texts import items as texts

_SHARE = 0.1  # from which on it is said


def refuse_unwritable(tokenizer: str, y: Sequence[str], where: str) -> None:
    """Raise where the tokenizer of what is written knows no part of a text that is to be learned.

    Raises
    ------
    DataError
    """
    none = unknown_tokens(tokenizer, y).wholly
    if none:
        said = {"count": f"{len(none):,}", "n": f"{len(y):,}", "first": none[0], "text": shown(y[none[0]], 40)}
        raise DataError(texts.UNWRITABLE.format(where=where, **said))


def say_unwritable(tokenizer: str, y: Sequence[Sequence[str]], where: str) -> None:
    """Warn where a tenth or more of the tokens of texts are none that the network writes.

    Parameters
    ----------
    tokenizer : str
    y : sequence of sequences of str
        The texts that are right for each item; the one that is known best counts.
    where : str
        The caller, for messages.
    """
    each = [unknown_tokens(tokenizer, own) for own in y]
    best = [min(zip(found.unknown, found.total, strict=True), key=_part) for found in each]
    _say(_part((sum(own for own, _ in best), sum(every for _, every in best))), "tokens", where)


def say_unspelled(dictation: Any, letters: Any, y: Sequence[str], where: str) -> None:
    """Warn where a tenth or more of what transcripts hold is nothing that the network writes.

    Parameters
    ----------
    dictation : Dictation or None
        Where a decoder writes.
    letters : Letters or None
        Where letters are said; a small one stands for its capital, and the other way round. Punctuation does not count.
    y : sequence of str
    where : str
        The caller, for messages.
    """
    if dictation is not None:
        say_unwritable(dictation.tokenizer, [[text] for text in y], where)
    elif letters is not None and any(letters.letters):
        there = {form for letter in letters.letters for form in (letter, letter.upper(), letter.lower())}
        said = [letter for text in y for letter in text if unicodedata.category(letter)[0] in "LMN"]
        _say(_part((sum(letter not in there for letter in said), len(said))), "letters", where)


def _part(counts: tuple[int, int]) -> float:
    return counts[0] / max(counts[1], 1)


def _say(share: float, what: str, where: str) -> None:
    if share >= _SHARE:
        warnings.warn(texts.UNKNOWN_TARGETS.format(where=where, share=share, what=what), PunarWarning, stacklevel=4)
