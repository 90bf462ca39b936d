"""Intervals around forecasts: wide enough from few held-out errors, and wider or narrower with every value that comes.

Errors of all steps of a horizon are measured in one unit for each step and ranked together: windows are few, and those
that overlap say much the same. Above and below the forecast have an end of their own, since errors of a series that
grows lie on one side.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from punar.errors import DataError

# How fast ends follow what comes: with no value outside they come nearer by this share, per time.
RATE = 0.025
# No end is nearer to the forecast than this share of the usual error: bias in a few windows is no promise.
_LEAST = 0.1
_TINY = 1e-12
_FARTHEST = 20.0  # of the logarithm: errors of 0 for ever do not make a distance of 0


def sides(errors: np.ndarray, coverage: float, where: str) -> np.ndarray:
    """Return how far below and above a forecast an interval must reach, from errors on data that was held out.

    Each side takes the finite-sample quantile at ``(1 + coverage) / 2`` of all steps' errors, in units of their step's
    root mean square, times Student's t over the normal quantile with as many degrees of freedom as there are windows:
    the unit is estimated from these windows too. Where they are too few for that quantile it is their largest error,
    and no less than Student's t has it.

    Parameters
    ----------
    errors : ndarray of shape (windows, horizon, channels)
        Actual minus forecast. NaN does not count.
    coverage : float in (0, 1)
    where : str
        For messages.

    Returns
    -------
    ndarray of shape (2, horizon, channels)
        Distances >= 0, below and above.

    Raises
    ------
    DataError
        No error is known.

    References
    ----------
    Vovk, Gammerman and Shafer (2005). Algorithmic learning in a random world. Springer.

    Examples
    --------
    >>> errors = np.random.default_rng(0).normal(size=(2000, 2, 1)) * [[1.0], [3.0]]
    >>> sides(errors, 0.9, "here").round()[:, :, 0]
    array([[2., 5.],
           [2., 5.]])
    """
    unit = unit_of(errors, where)
    scaled = errors / unit
    found = np.empty((2, errors.shape[2]))
    for channel in range(errors.shape[2]):
        own = scaled[..., channel]
        count = int((~np.isnan(own)).any(1).sum())
        own, upper = np.sort(own[~np.isnan(own)]), (1 + coverage) / 2
        least = _LEAST * _ranked(np.sort(np.abs(own)), count, coverage)
        if (count + 1) * upper > count:
            least = max(least, float(stats.norm.ppf(upper)))
        ends = (_ranked(-own[::-1], count, upper), _ranked(own, count, upper))
        found[:, channel] = [student(count, coverage) * max(end, least) for end in ends]
    return found[:, None] * unit


def beyond(outside: np.ndarray, unit: np.ndarray, coverage: float) -> np.ndarray:
    """Return by how much an interval that is there must be widened, (horizon, channels); negative where it is too wide.

    Parameters
    ----------
    outside : ndarray of shape (windows, horizon, channels)
        How far values lie outside of it, negative inside; see :func:`punar.core.conformal.beyond`.
    unit : ndarray of shape (horizon, channels)
        Of the errors; see :func:`unit_of`.
    coverage : float in (0, 1)

    References
    ----------
    Romano, Patterson and Candès (2019). Conformalized quantile regression. NeurIPS.
    """
    scaled = outside / unit
    found = np.empty(unit.shape[1])
    for channel in range(len(found)):
        own = scaled[..., channel]
        count = int((~np.isnan(own)).any(1).sum())
        end = _ranked(np.sort(own[~np.isnan(own)]), count, coverage)
        found[channel] = end * (student(count, coverage) if end > 0 else 1.0)
    return found * unit


def unit_of(errors: np.ndarray, where: str) -> np.ndarray:
    """Return the root mean square of each step's errors, (horizon, channels); tiny where all are 0.

    Raises
    ------
    DataError
        A channel has no error at all. A step without one takes the others' mean.
    """
    there = ~np.isnan(errors)
    if not there.any((0, 1)).all():
        raise DataError(
            f"{where}: an interval needs held-out windows to calibrate on, there are 0. Give longer series, or a "
            "validation_fraction above 0."
        )
    counts = there.sum(0)
    squares = np.where(there, errors, 0.0) ** 2
    every = np.broadcast_to(squares.sum((0, 1)) / counts.sum(0), counts.shape)
    unit: np.ndarray = np.sqrt(np.where(counts > 0, squares.sum(0) / np.maximum(counts, 1), every))
    return np.maximum(unit, _TINY)


def student(count: int, coverage: float) -> float:
    """Return Student's t quantile over the normal one: how much wider an interval is whose scale is an estimate.

    >>> [round(student(n, 0.8), 2) for n in (2, 10, 1000)]
    [1.47, 1.07, 1.0]
    """
    upper = (1 + coverage) / 2
    return float(stats.t.ppf(upper, max(1, count)) / stats.norm.ppf(upper))


def followed(ratios: np.ndarray, level: float, rate: float = RATE) -> np.ndarray:
    """Return how much farther out an end must be after each time, as the logarithm of a factor, (times,).

    The quantile tracker of conformal PID control, on the logarithm of the distance: where a share ``m`` of a time's
    values lies beyond the end, it moves by ``rate * (m / level - 1)``. In the long run a share near ``level`` does,
    whatever the errors do.

    Parameters
    ----------
    ratios : ndarray of shape (times, horizon)
        Errors of the forecasts of each time, made 1 to horizon steps before, over their end's distance when it does
        not move. NaN does not count.
    level : float in (0, 1)
        Share that shall lie beyond the end.
    rate : float, default=0.025

    References
    ----------
    Gibbs and Candès (2021). Adaptive conformal inference under distribution shift. NeurIPS.
    Angelopoulos, Candès and Tibshirani (2023). Conformal PID control for time series prediction. NeurIPS.

    Examples
    --------
    >>> followed(np.array([[0.5, 0.5], [2.0, 0.5]]), 0.1).round(2)
    array([-0.02,  0.08])
    """
    found, now = np.zeros(len(ratios)), 0.0
    for t, row in enumerate(ratios):
        known = row[~np.isnan(row)]
        if len(known):
            now += rate * (float((known > math.exp(now)).mean()) / level - 1)
            now = min(max(now, -_FARTHEST), _FARTHEST)
        found[t] = now
    return found


def _ranked(ordered: np.ndarray, windows: int, level: float) -> float:
    """Return the quantile of sorted errors at the finite-sample level of so many windows; the largest beyond that."""
    at = min(1.0, (windows + 1) * level / windows)
    return float(ordered[max(0, math.ceil(at * len(ordered) - 1e-9) - 1)])
