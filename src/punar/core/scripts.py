"""Which characters belong together where text is split: scripts without spaces, pictographs and their parts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

# Scripts that write words side by side, as ranges of code points (Unicode 16, blocks without the ones of pictographs).
# Hangul, Ethiopic, Tibetan and the scripts of India have signs or spaces between words or syllables.
_UNSPACED = (
    (0x0E01, 0x0E4D),  # Thai
    (0x0E81, 0x0ECF),  # Lao
    (0x0EDC, 0x0EDF),
    (0x1000, 0x103F),  # Myanmar
    (0x1050, 0x108F),
    (0x109A, 0x109D),
    (0x1780, 0x17D3),  # Khmer
    (0x1950, 0x19C9),  # Tai Le, New Tai Lue
    (0x1A20, 0x1A7F),  # Tai Tham
    (0x1B00, 0x1B4C),  # Balinese
    (0x2E80, 0x2FDF),  # radicals of Han
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x303B, 0x303C),
    (0x3041, 0x3096),  # Hiragana
    (0x3099, 0x309F),
    (0x30A1, 0x30FA),  # Katakana
    (0x30FC, 0x312F),  # ..., Bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA980, 0xA9C0),  # Javanese
    (0xA9E0, 0xA9EF),  # Myanmar extended
    (0xA9FA, 0xA9FE),
    (0xAA60, 0xAA7F),
    (0xAA80, 0xAADF),  # Tai Viet
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # Katakana of half the width
    (0x1B000, 0x1B16F),
    (0x20000, 0x323AF),
)
# A sign that makes the next letter a part of the same one: stacked consonants, and the halves of Thai's and Lao's AM.
_STACKERS = (0x0E4D, 0x0ECD, 0x1039, 0x17D2, 0x1A60)
_LAST_WITH_MARKS = 0x20000
_PYTHON = "\\U{:08x}"


def unspaced_class(escape: str) -> str:
    """Return the characters of scripts without spaces between words, to stand between the brackets of a pattern.

    Parameters
    ----------
    escape : str
        How the dialect of patterns writes a code point, for ``str.format``.
    """
    return "".join(f"{escape.format(a)}-{escape.format(b)}" for a, b in _UNSPACED)


def stackers_class(escape: str) -> str:
    """Return the signs that join the next letter to their own, for a pattern as in :func:`unspaced_class`."""
    return "".join(escape.format(sign) for sign in _STACKERS)


@lru_cache(maxsize=1)
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{unspaced_class(_PYTHON)}]")


def has_unspaced(text: str) -> bool:
    """Return whether a text has letters of a script that writes no spaces between words.

    >>> has_unspaced("很好"), has_unspaced("बहुत अच्छा")
    (True, False)
    """
    return _unspaced().search(text) is not None


def mostly_unspaced(items: Iterable[str | Sequence[str]]) -> bool:
    """Return whether more than half of some texts, or lists of words, are in scripts without spaces between words."""
    found = [has_unspaced(item if isinstance(item, str) else "".join(item)) for item in items]
    return 2 * sum(found) > len(found)


@lru_cache(maxsize=1)
def marks_class() -> str:
    """Return all combining marks, to stand between the brackets of one of Python's patterns, whose letters have none.

    Vowel signs of the scripts of India are marks: without them स्त्री is three words.
    """
    ranges: list[list[int]] = []
    for code in range(0x300, _LAST_WITH_MARKS):
        if unicodedata.category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{_PYTHON.format(a)}-{_PYTHON.format(b)}" for a, b in ranges)
