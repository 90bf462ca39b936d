"""Folders that somebody has split already: train, val and test beside each other, each with its own content."""

from __future__ import annotations

import os
from pathlib import Path

_CALLED = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}


def splits_of(source: str | os.PathLike[str]) -> dict[str, Path]:
    """Return the parts of a folder that holds train, and val or test, and no other folder; in capitals or not.

    Returns
    -------
    dict of str to Path
        "train", and "val" and "test" where they are there.
    """
    root = Path(source)
    try:
        entries = [p for p in root.iterdir() if not p.name.startswith(".")] if root.is_dir() else []
        folders = [p for p in entries if p.is_dir()]
    except OSError:
        return {}  # whoever reads it says why
    found = {part: p for p in folders for part, names in _CALLED.items() if p.name.lower() in names}
    return found if "train" in found and len(found) == len(folders) > 1 else {}
