"""Windows over a long item: where each begins, and which of them answers for a token or step."""

from __future__ import annotations

import numpy as np


def overlap(window: int) -> int:
    """Return how many tokens or steps two neighbouring windows of this length share: a quarter."""
    return window // 4


def starts(length: int, window: int) -> list[int]:
    """Return where windows begin that cover ``length`` tokens or steps; the last one may be shorter."""
    step = max(window - overlap(window), 1)
    return [0, *range(step, max(length - overlap(window), 0), step)]


def owners(length: int, window: int) -> np.ndarray:
    """Return for each token or step the number of the window in which it lies furthest from a cut, int64 (length,).

    Where the item itself begins or ends, nothing is cut off. Of two equal ones the first answers.
    """
    found = np.zeros(length, dtype=np.int64)
    depth = np.full(length, -1.0)
    for k, start in enumerate(starts(length, window)):
        stop = min(start + window, length)
        at = np.arange(start, stop, dtype=np.float64)
        before = at - start if start else np.full(len(at), np.inf)
        after = stop - 1 - at if stop < length else np.full(len(at), np.inf)
        inside = np.minimum(before, after)
        better = inside > depth[start:stop]
        found[start:stop][better] = k
        depth[start:stop][better] = inside[better]
    return found
