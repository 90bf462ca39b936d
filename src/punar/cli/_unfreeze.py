"""What ``--unfreeze`` means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def stages(given: Sequence[str] | None) -> Any:
    """Turn ``--unfreeze`` words into what :func:`punar.layers` and estimators take.

    >>> stages(["2"]), stages(["last"]), stages(["layer3", "layer4"]), stages(None)
    (2, 'last', ['layer3', 'layer4'], None)
    """
    words = list(given or ())
    if len(words) != 1:
        return words or None
    word = words[0]
    if word.lstrip("-").isdecimal():
        return int(word)
    return word if word in ("all", "last") else words
