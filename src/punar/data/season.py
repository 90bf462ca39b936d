"""The season of a series, found by autocorrelation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# A peak must be this high, and clear the noise of so few steps: white noise of 40 steps reaches 0.3 one time in ten.
_LEAST, _NOISE = 0.3, 2.5
# Peaks this near to the highest one count as it: a pattern of 7 steps has one at 14 too.
_NEARLY = 0.9
_LONGEST = 400
_MOST_SERIES = 100


def find_season(series: Sequence[np.ndarray]) -> int:
    """Return the length of the season in steps, 1 where there is none.

    The rule: a straight line is taken out of each series and channel, and the autocorrelations are averaged. Among the
    lags after the first at which they turn negative, up to a third of the series (at most 400), the season is the
    highest local peak, or an earlier one at least 0.9 as high. It must reach 0.3 and 2.5 / sqrt(steps). Where nothing
    is found, the steps from one value to the next are taken the same way, from lag 2 on: a daily course inside a
    yearly one shows there. Cycles of changing length blur their peak: for a long season, pass it.

    Parameters
    ----------
    series : sequence of ndarray of shape (t, channels)
        Without NaN.

    Examples
    --------
    >>> t = np.arange(120.0)[:, None]
    >>> find_season([np.sin(2 * np.pi * t / 12) + 0.1 * t]), find_season([t])
    (12, 1)
    """
    steps = int(np.median([len(s) for s in series]))
    some = [series[i] for i in np.linspace(0, len(series) - 1, min(len(series), _MOST_SERIES)).astype(int)]
    columns = [s[:, channel] for s in some for channel in range(s.shape[1]) if len(s) >= steps]
    longest = min(steps // 3, _LONGEST)
    if longest < 3:
        return 1
    found = _peak(_mean(columns, _straightened, longest), steps, after_negative=True)
    return found if found > 1 else _peak(_mean(columns, np.diff, longest), steps, after_negative=False)


def _peak(r: np.ndarray | None, steps: int, *, after_negative: bool) -> int:
    if r is None:
        return 1
    first = 2
    if after_negative:
        negative = np.flatnonzero(r < 0)
        if not len(negative):
            return 1
        first = max(first, int(negative[0]))
    peaks = [lag for lag in range(first, len(r) - 1) if r[lag] >= r[lag - 1] and r[lag] >= r[lag + 1]]
    if not peaks:
        return 1
    top = max(r[lag] for lag in peaks)
    if top < max(_LEAST, _NOISE / np.sqrt(steps)):
        return 1
    return next(lag for lag in peaks if r[lag] >= _NEARLY * top)


def _straightened(x: np.ndarray) -> np.ndarray:
    t = np.linspace(-1.0, 1.0, len(x))
    away = x - x.mean()
    return away - t * (t @ away) / (t @ t)


def _mean(columns: list[np.ndarray], change: Callable[[np.ndarray], np.ndarray], longest: int) -> np.ndarray | None:
    """Return the mean autocorrelation at lags 0 .. longest of what ``change`` leaves of columns, None where nothing."""
    found = []
    for x in columns:
        away = change(x)
        away = away - away.mean()
        # What is left of a straight line is rounding, and rounding has autocorrelations too.
        if away.std() <= 1e-9 * np.abs(x).max():
            continue
        power = np.abs(np.fft.rfft(away, 2 * len(away))) ** 2
        r = np.fft.irfft(power)[: longest + 1]
        found.append(r / r[0])
    return np.mean(found, axis=0) if found else None
