"""The sides of the pictures that a decoder of masks reads: multiples of its coarsest stride."""

from __future__ import annotations

from typing import Any

import numpy as np

MULTIPLE, MOST = 32, 4096


def both(size: Any) -> tuple[int, int]:
    """Return (height, width) of one number, or of two.

    >>> both(96), both([64, 128])
    ((96, 96), (64, 128))
    """
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    return int(height), int(width)


def is_size(size: Any) -> bool:
    """Return whether this is one whole number or (height, width), multiples of 32 up to 4,096."""
    found = list(size) if isinstance(size, (tuple, list)) else [size, size]
    return len(found) == 2 and all(
        isinstance(s, (int, np.integer)) and not isinstance(s, bool) and 0 < s <= MOST and s % MULTIPLE == 0
        for s in found
    )


def rounded_up(side: float) -> int:
    """Return the next multiple of 32.

    >>> rounded_up(1), rounded_up(64), rounded_up(65)
    (32, 64, 96)
    """
    return max(MULTIPLE, int(-(-side // MULTIPLE)) * MULTIPLE)
