"""What of some items no network will read: their ends, where they are too long, and texts that are empty."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

from punar.data.decode import BadItem
from punar.errors import PunarWarning
from punar.preparations._preparation import Preparation
from punar.texts import items as texts


def say_unread(preparation: Preparation, items: Sequence[Any], where: str) -> None:
    """Warn, once, of items whose end is cut off, and of texts without a word, each with their number.

    Parameters
    ----------
    preparation : Preparation
    items : sequence
        What its ``check`` returned.
    where : str
        The caller, for messages.
    """
    cut = sum(_cuts(preparation, item) for item in items)
    if cut:
        _say(
            texts.CUT,
            cut,
            len(items),
            where,
            kind=texts.KINDS.get(preparation.domain, texts.ITEMS),
            limit=_limit(preparation),
        )
    empty = sum(isinstance(item, str) and not item.strip() for item in items) if preparation.domain == "text" else 0
    if empty:
        _say(texts.EMPTY, empty, len(items), where)


def _cuts(preparation: Preparation, item: Any) -> bool:
    # An item that cannot be read is named where it is prepared.
    with contextlib.suppress(BadItem):
        return preparation.cuts(item)
    return False


def _limit(preparation: Any) -> str:
    if getattr(preparation, "seconds", None) is not None:
        return texts.SECONDS.format(most=preparation.seconds)
    most = getattr(preparation, "max_length", None)
    return texts.BEGINNING if most is None else texts.LIMITS.get(preparation.domain, texts.STEPS).format(most=most)


def _say(text: str, count: int, n: int, where: str, **words: str) -> None:
    are, them = ("is", "it") if count == 1 else ("are", "them")
    message = text.format(where=where, count=f"{count:,}", n=f"{n:,}", are=are, them=them, **words)
    warnings.warn(message, PunarWarning, stacklevel=4)
