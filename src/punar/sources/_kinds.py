"""What items are by their look: pictures, texts or recordings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from punar.data.decode import PICTURES, SOUNDS
from punar.errors import DataError, shown

ITEM_KINDS = {"vision": "pictures", "text": "texts", "audio": "recordings"}
SUFFIXES = {"vision": PICTURES, "audio": SOUNDS}
LOOKED_AT = 200
_SHORTEST_TEXT = 15  # characters; names and categories are shorter


def is_text(value: str) -> bool:
    """Return whether a value reads like a sentence rather than a name, a category or a word."""
    # Long words without spaces are identifiers, except in scripts that write without them.
    return len(value) >= _SHORTEST_TEXT and (" " in value.strip() or not value.isascii())


def kind_of(values: Any) -> str:
    """Return what items in memory are: "vision", "text" or "audio".

    Raises
    ------
    DataError
        They are rows of a table, or nothing known.
    """
    if hasattr(values, "columns"):
        raise DataError("a table was given; pass one column of texts or of paths.")
    shape = getattr(values, "shape", None)
    if shape is not None and getattr(getattr(values, "dtype", None), "kind", "f") not in "OUT":
        if len(shape) in (3, 4):
            return "vision"
        raise DataError(f"an array of shape {tuple(shape)} was given; pictures are (n, h, w) or (n, h, w, channels).")
    some = list(values)[:LOOKED_AT]
    if some and all(isinstance(v, (str, os.PathLike)) for v in some):
        for kind, suffixes in SUFFIXES.items():
            if sum(Path(v).suffix.lower() in suffixes for v in some) * 2 > len(some):
                return kind
        return "text"
    return _kind_of_object(some[0] if some else None)


def _kind_of_object(first: Any) -> str:
    axes = len(getattr(first, "shape", ()))
    if isinstance(first, list) and first and all(isinstance(token, str) for token in first):
        return "text"
    if isinstance(first, tuple) or axes == 1:
        return "audio"
    if hasattr(first, "getexif") or axes in (2, 3):
        return "vision"
    raise DataError(f"items must be paths, pictures, texts or sound samples, got {shown(first)}.")
