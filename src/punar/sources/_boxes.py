"""Boxes as formats write them: checked, and collected by picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from punar.core.words import counted, listed
from punar.data.decode import BadItem, picture_size
from punar.errors import DataError, shown

LARGEST = 1_000_000.0  # pixels of a side: more than any picture that can be opened


@dataclass
class Boxes:
    """The boxes of one picture.

    Attributes
    ----------
    corners : list of (x1, y1, x2, y2)
        In pixels of the picture.
    labels : list of str
    size : (width, height) or None
        Of the picture that they were drawn on, where the file says so.
    """

    corners: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None

    def add(self, corners: Sequence[float], label: str, where: str) -> None:
        """Take one box.

        Raises
        ------
        DataError
            Its numbers are no box.
        """
        x1, y1, x2, y2 = corners
        if not all(math.isfinite(v) and abs(v) <= LARGEST for v in corners):
            raise DataError(
                f"{where}: a box needs four finite numbers of at most {LARGEST:,.0f} pixels, found {shown(corners)}."
            )
        if x2 < x1 or y2 < y1:
            raise DataError(
                f"{where}: a box runs from its left upper corner to its right lower one, found x from {x1:g} to "
                f"{x2:g} and y from {y1:g} to {y2:g}. Mend it."
            )
        self.corners.append((x1, y1, x2, y2))
        self.labels.append(label)

    @property
    def flat(self) -> int:
        """How many of them have no area."""
        return sum(x1 == x2 or y1 == y2 for x1, y1, x2, y2 in self.corners)

    def target(self) -> dict[str, Any]:
        """Return them as a task takes them: boxes (m, 4) float64 and m labels."""
        return {"boxes": np.array(self.corners, dtype=np.float64).reshape(-1, 4), "labels": list(self.labels)}


def number(value: Any, what: str, where: str) -> float:
    """Return a number as a file spells it.

    Raises
    ------
    DataError
        It is none.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: {what} must be a number, found {shown(value, 40)}.") from None


def check_size(picture: Path, said: tuple[Any, Any] | None, file: Path, what: str) -> None:
    """Raise where boxes were drawn on a picture of another size than the file has.

    Parameters
    ----------
    picture : Path
    said : (width, height) or None
        Of the picture that was labelled, as the boxes' file has it.
    file : Path
        That of the boxes.
    what : str
        Its format, for the message.

    Raises
    ------
    DataError
    """
    if said is None or not all(type(side) is int and side > 0 for side in said):
        return  # optional, and zeros stand for unknown in some tools' files
    try:
        height, width = picture_size(picture)
    except BadItem:
        return  # whoever reads the picture says why
    # A tag (EXIF) that turns the picture exchanges its sides, and tools differ in whether they count before or after.
    if sorted(said) != sorted((height, width)):
        drawn = " x ".join(shown(side, 20) for side in said)
        raise DataError(
            f"{file}: the picture {picture.name} is {drawn} pixels (width x height) in its {what}, and {width} x "
            f"{height} in its file: the boxes belong to another copy of it. Use the pictures that were labelled, or "
            "scale the boxes."
        )


def said(found: Sequence[Boxes], names: Sequence[str]) -> list[str]:
    """Return notes on the boxes of pictures: how many of which label, none at all, and those without area."""
    labels = [label for each in found for label in each.labels]
    kinds = sorted(set(labels))
    counts = [f"{kind} {labels.count(kind):,}" for kind in kinds[:10]]
    more = f" and {len(kinds) - 10} labels more" if len(kinds) > 10 else ""
    notes = [f"{counted(len(labels), 'box').replace('boxs', 'boxes')}: {', '.join(counts)}{more}"] if labels else []
    empty = [name for name, each in zip(names, found, strict=True) if not each.labels]
    if empty:
        notes.append(f"{counted(len(empty), 'picture')} without any box: {listed(empty)}")
    flat = [name for name, each in zip(names, found, strict=True) if each.flat]
    if flat:
        notes.append(f"boxes without area are in {listed(flat)}")
    return notes
