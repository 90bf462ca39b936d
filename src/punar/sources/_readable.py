"""Which items can be opened: a look at each before a job that must not stop in its middle."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.preparations import Preparation
from punar.preparations.pictures import Pictures
from punar.preparations.sounds import Sounds
from punar.sources._userdata import UserItems, UserSequences

_MOST_NAMED = 5
_Found = TypeVar("_Found", UserItems, UserSequences)


def unreadable(items: Sequence[Any], kind: str) -> dict[int, str]:
    """Return the items that cannot be decoded, with the reason; too large pictures and too long recordings too.

    Parameters
    ----------
    items : sequence
    kind : {"vision", "text", "audio", "series"}
        Texts and series can always be read.
    """
    if kind in ("text", "series"):
        return {}
    # A small size: large photographs are then decoded at a fraction of theirs.
    preparation: Preparation = Pictures(size=(32, 32), crop=1.0) if kind == "vision" else Sounds()

    def reason(item: Any) -> str:
        try:
            preparation.prepare(item)
        except BadItem as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(max(1, available_cores())) as pool:
        found = list(pool.map(reason, items))
    return {i: text for i, text in enumerate(found) if text}


def said(bad: dict[int, str], names: Sequence[str], total: int) -> str:
    """Return a sentence that counts the unreadable items and names the first ones with their reasons."""
    named = "; ".join(f"{names[i]}: {reason}" for i, reason in sorted(bad.items())[:_MOST_NAMED])
    more = f"; and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    return f"{len(bad)} of {total:,} items cannot be read: {named}{more}"


def leave_out_unreadable(found: _Found) -> _Found:
    """Return the pictures or recordings that can be opened; a note counts and names the others.

    Raises
    ------
    DataError
        None can be opened.
    """
    bad = unreadable(found.items, found.kind)
    if not bad:
        return found
    names = found.row_names or tuple(str(i) for i in range(len(found)))
    sentence = said(bad, names, len(found))
    if len(bad) == len(found):
        raise DataError(f"{found.description}: {sentence}.")
    kept: _Found = found.take([i for i in range(len(found)) if i not in bad])
    return replace(kept, notes=[*kept.notes, f"left out: {sentence}"])
