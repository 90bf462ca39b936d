"""Lists and counts in messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from punar.errors import shown

MOST_SHOWN = 5
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def listed(names: Sequence[str], *, quoted: bool = True) -> str:
    """Return names for a message, the first few of them, in quotation marks or as they are.

    >>> listed(list("abcdefg"))
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    head = ", ".join(shown(str(n), 40) if quoted else str(n) for n in names[:MOST_SHOWN])
    return head if len(names) <= MOST_SHOWN else f"{head} and {len(names) - MOST_SHOWN} more"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def snake(name: str) -> str:
    """Return a class's name as a file's, which is what a task is called.

    >>> snake("WeighWords"), snake("GRUCell")
    ('weigh_words', 'gru_cell')
    """
    return _WORD.sub("_", name).lower()
