"""Two texts side by side: which words, or letters, are the same."""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher
from typing import NamedTuple

_VIRAMAS = ("\u094d", "\u09cd", "\u0a4d", "\u0acd", "\u0b4d", "\u0bcd", "\u0c4d", "\u0ccd", "\u0d4d", "\u200d")


class Piece(NamedTuple):
    """A run of words or letters of one side.

    Attributes
    ----------
    text : str
    right : bool
        Whether the other side has it too, in its place.
    """

    text: str
    right: bool


def letters(text: str) -> list[str]:
    """Return a text as its letters with the signs that belong to them, so that none is torn apart.

    >>> letters("नमस्ते"), letters("né") == ["n", "é"]
    (['न', 'म', 'स्ते'], True)
    """
    found: list[str] = []
    for sign in text:
        joins = unicodedata.category(sign).startswith("M") or sign in _VIRAMAS or "\ufe00" <= sign <= "\ufe0f"
        if found and (joins or found[-1][-1] in _VIRAMAS):
            found[-1] += sign
        else:
            found.append(sign)
    return found


class Aligned(NamedTuple):
    """Two texts in pieces.

    Attributes
    ----------
    truth, found : list of Piece
    space : str
        What stands between pieces: nothing where they are letters of one word.
    """

    truth: list[Piece]
    found: list[Piece]
    space: str


def aligned(truth: str, found: str) -> Aligned:
    """Return both texts in pieces that are the same or differ: words, and letters where there is one word.

    >>> [piece for piece in aligned("the cat sat", "the cow sat").found if not piece.right]
    [Piece(text='cow', right=False)]
    """
    by_letter = len(truth.split()) <= 1 and len(found.split()) <= 1
    left, right = (letters(text) if by_letter else text.split() for text in (truth, found))
    space = "" if by_letter else " "
    pieces = Aligned([], [], space)
    for kind, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        for own, part in zip(pieces[:2], (left[a:b], right[c:d]), strict=True):
            if part:
                own.append(Piece(space.join(part), kind == "equal"))
    return pieces
