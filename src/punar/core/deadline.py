"""When work has to be done: a moment that whatever runs inside a block may ask for, however deep.

>>> with within(3600):
...     seconds_left() > 3000
True
>>> seconds_left()
inf
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar

_END: ContextVar[float] = ContextVar("punar_deadline", default=math.inf)


def clock() -> float:
    """Return seconds, from any beginning: by what deadlines count."""
    return time.perf_counter()


@contextlib.contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Have the block end within so many seconds; None sets no further limit. Of nested limits the first counts."""
    end = _END.get() if seconds is None else min(_END.get(), clock() + seconds)
    token = _END.set(end)
    try:
        yield
    finally:
        _END.reset(token)


def seconds_left() -> float:
    """Return the seconds that are left, below 0 where time is over; infinite where there is no limit."""
    end = _END.get()
    return end - clock() if math.isfinite(end) else math.inf


def is_set() -> bool:
    """Return whether there is a limit."""
    return math.isfinite(_END.get())
