"""How large a detector sees pictures: large enough for their boxes, small enough for a processor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Side = tuple[int, int]

_STEP = 32  # pixels per step of the coarsest map: sides are multiples of it
_SHORT, _LONGEST = 320, 1344
_SMALL = 16.0  # pixels: smaller boxes than this are enlarged, or read from a finer map
_FINE, _USUAL = 4, 8  # pixels per step of the finest map that is read


def canvas_of(sizes: Sequence[Side], smallest: float, size: object) -> Side:
    """Return (height, width) that pictures are fitted into.

    Parameters
    ----------
    sizes : sequence of (width, height)
        Of the pictures, as people see them; a square canvas where there are none.
    smallest : float
        Side in the pictures' pixels that nine tenths of the boxes reach.
    size : "auto", int or (height, width)
        The short side of the usual picture, or the whole canvas. "auto" takes 320, or the pictures' own where they are
        smaller, and up to twice that where boxes would be smaller than 16 pixels.
    """
    if isinstance(size, (tuple, list)):
        return _rounded(size[0]), _rounded(size[1])
    wide, high = _usual(sizes)
    short = float(min(wide, high))
    if isinstance(size, str):
        wanted = min(_SHORT, short)
        if 0 < smallest * wanted / short < _SMALL:
            wanted = min(_SMALL * short / smallest, 2.0 * wanted)
    else:
        wanted = float(size)  # type: ignore[arg-type]
    scale = min(wanted / short, _LONGEST / max(wide, high))
    return _rounded(high * scale), _rounded(wide * scale)


def finest_of(canvas: Side, sizes: Sequence[Side], smallest: float) -> int:
    """Return the pixels per step of the finest map that is read: 4 where boxes are small on the canvas, else 8."""
    wide, high = _usual(sizes)
    return _FINE if 0 < smallest * min(canvas[0] / high, canvas[1] / wide) < _SMALL else _USUAL


def smallest_of(boxes: Sequence[np.ndarray]) -> float:
    """Return the side, as the root of the area, that nine tenths of the boxes reach; 0 where there are none."""
    sides = [math.sqrt((r - x) * (b - y)) for own in boxes for x, y, r, b in own.tolist()]
    return float(np.quantile(sides, 0.1)) if sides else 0.0


def _usual(sizes: Sequence[Side]) -> Side:
    """Return width and height of the usual picture; a square where some stand and some lie."""
    if not sizes:
        return _SHORT, _SHORT
    wide, high = (np.median([size[axis] for size in sizes]) for axis in (0, 1))
    lying = np.mean([width > height for width, height in sizes])
    standing = np.mean([width < height for width, height in sizes])
    if min(lying, standing) > 0.1:
        wide = high = float(np.median([max(size) for size in sizes]))
    return int(wide), int(high)


def _rounded(side: float) -> int:
    return max(_STEP, min(math.ceil(round(side, 3) / _STEP) * _STEP, 4096))
