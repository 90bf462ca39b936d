"""From a tokenizer's windows of one item back to its words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from punar.preparations._windows import overlap, owners, starts

_JOINERS = "\u200c\u200d"
_NO_WORD = (-1, 0, 0, 0)


def word_spans(windows: Sequence[Any], text: str) -> dict[int, tuple[int, int]]:
    """Return first character and end of each word of a text, by the number that the tokenizer gives it.

    Parameters
    ----------
    windows : sequence of tokenizers.Encoding
        Together the whole text.
    text : str

    Returns
    -------
    dict of int to (int, int)
        White space at a word's ends, which some tokenizers count as its own, is left out; a word that is nothing else
        is missing. Combining marks at its end, which some tokenizers drop, belong to it.
    """
    found: dict[int, tuple[int, int]] = {}
    for window in windows:
        for word, (a, b) in zip(window.word_ids, window.offsets, strict=True):
            if word is not None:
                low, high = found.get(word, (a, b))
                found[word] = min(low, a), max(high, b)
    stripped: dict[int, tuple[int, int]] = {}
    taken = {a for a, _ in found.values()}
    for word, (a, b) in found.items():
        piece = text[a:b]
        if core := piece.strip():
            begin = a + len(piece) - len(piece.lstrip())
            stripped[word] = begin, _with_marks(text, begin + len(core), taken)
    return stripped


def _with_marks(text: str, end: int, taken: set[int]) -> int:
    """Return the end of a word with the marks after it, which a normaliser such as BERT's drops: the vowel of ``ते``.

    GPT-2's splitter drops none, and takes marks as words of their own; those begin in ``taken``.
    """
    while end < len(text) and end not in taken and (unicodedata.category(text[end])[0] == "M" or text[end] in _JOINERS):
        end += 1
    return end


def traces(windows: Sequence[Any], spans: Mapping[int, tuple[int, int]] | None) -> list[Tensor]:
    """Return the trace of each window, int64 (t, 4); see :class:`punar.preparations.Sample`.

    Parameters
    ----------
    windows : sequence of tokenizers.Encoding
        Of one item, in order; neighbours share :func:`punar.preparations._windows.overlap` of their tokens.
    spans : mapping of int to (int, int) or None
        Of each word, where it stands in the text. None takes each piece's place in its own word.
    """
    # Tokens that the text holds; what the tokenizer puts around them belongs to no sequence.
    inside = [[i for i, sequence in enumerate(w.sequence_ids) if sequence is not None] for w in windows]
    longest = len(inside[0])
    length = sum(map(len, inside)) - overlap(longest) * (len(windows) - 1)
    owner, begins = owners(length, longest), starts(length, longest)
    words = [window.word_ids for window in windows]
    first: dict[int, int] = {}
    for begin, places, word in zip(begins, inside, words, strict=True):
        for at, place in enumerate(places, begin):
            first.setdefault(word[place], at)
    found = []
    for k, (begin, window) in enumerate(zip(begins, windows, strict=True)):
        rows, offsets = [_NO_WORD] * len(window.ids), window.offsets
        for at, place in enumerate(inside[k], begin):
            word = words[k][place]
            span = offsets[place] if spans is None else spans.get(word)
            if word is not None and span is not None:
                rows[place] = (word, *span, int(first[word] == at and owner[at] == k))
        found.append(torch.tensor(rows or [_NO_WORD], dtype=torch.int64))
    return found
