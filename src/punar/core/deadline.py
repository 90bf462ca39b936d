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
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from numbers import Real

from punar.errors import ParameterError, ParameterTypeError, shown

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
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


def seconds_in(duration: object, name: str) -> float:
    """Return the seconds of ``60``, ``"60s"``, ``"2min"`` or ``"1h"``.

    Parameters
    ----------
    duration : float or str
    name : str
        Of what is said in this way, for messages.

    Raises
    ------
    ParameterError
        The text is not a number with one of these units, or not above 0.

    Examples
    --------
    >>> seconds_in("2min", "budget"), seconds_in(90, "budget")
    (120.0, 90.0)
    """
    rule = f"{name} must be a number of seconds or text such as '60s', '2min' or '1h'"
    if isinstance(duration, bool) or not isinstance(duration, (str, Real)):
        raise ParameterTypeError(f"{rule}, got {shown(duration)}.")
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", str(duration).lower())
    if match is None or match[2] not in _UNITS or float(match[1]) <= 0:
        raise ParameterError(f"{rule}, and above 0, got {shown(duration)}.")
    return float(match[1]) * _UNITS[match[2]]
