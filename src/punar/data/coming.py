"""Which rows of a calendar are those of the steps to come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from punar.data.clock import Clock


def coming(times: list[Any], clock: Clock | None, horizon: int) -> list[int]:
    """Return the rows of a table that reaches further than the horizon, back or ahead, that are the steps to come.

    Parameters
    ----------
    times : list
        Sorted: numbers or timestamps.
    clock : Clock or None
        Of the series that goes on; None, or a guessed one, takes all rows.
    horizon : int

    Returns
    -------
    list of int
        All rows where the steps to come are not among them: what is wrong is said where they are checked.

    Examples
    --------
    >>> coming([1, 2, 3, 4, 5, 6], Clock(3, 1), 2)
    [3, 4]
    """
    every = list(range(len(times)))
    if len(times) <= horizon or clock is None or clock.guessed:
        return every
    if not isinstance(clock.last, str):
        return _of_numbers(times, clock, horizon) or every
    if not all(isinstance(t, pd.Timestamp) for t in times):
        return every
    moments = [in_zone(t, clock.zone) for t in times]
    last = clock_end(clock)
    if any((m.tz is None) != (last.tz is None) for m in moments):
        return every
    if not clock.regular:
        # A calendar that lacks some times may lack some of those to come: the first ones after the end.
        after = [i for i, m in enumerate(moments) if m > last][:horizon]
        return after if len(after) == horizon else every
    at = {m: i for i, m in enumerate(moments)}
    wanted = clock.after(horizon)
    return [at[t] for t in wanted] if all(t in at for t in wanted) else every


def clock_end(clock: Clock) -> pd.Timestamp:
    """Return the last time of a clock of dates, in its zone."""
    last = pd.Timestamp(clock.last)
    return last if clock.zone is None else last.tz_convert(clock.zone)


def in_zone(time: pd.Timestamp, zone: str | None) -> pd.Timestamp:
    """Return a time; without a zone it means ``zone``."""
    if time.tz is not None or zone is None:
        return time
    return time.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


def _of_numbers(times: list[Any], clock: Clock, horizon: int) -> list[int]:
    if any(isinstance(t, pd.Timestamp) for t in times):
        return []
    numbers = np.asarray(times, np.float64)
    if not clock.regular:
        after = np.flatnonzero(numbers > float(clock.last))[:horizon].tolist()
        return after if len(after) == horizon else []
    found = [np.flatnonzero(np.isclose(numbers, float(t), rtol=1e-9, atol=1e-9)) for t in clock.after(horizon)]
    return [int(f[0]) for f in found] if all(len(f) for f in found) else []
