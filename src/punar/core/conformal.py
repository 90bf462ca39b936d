"""Split-conformal prediction: how wide an interval must be, from errors on data that was held out.

Where calibration and new errors are exchangeable, an interval of this width covers at least the asked share of new
values, whatever the model and the distribution (Vovk et al. 2005; Lei et al. 2018). Errors of a forecast that drift
with time are not exchangeable: the share is then a promise about the held-out past only.
"""

from __future__ import annotations

import math

import numpy as np

from punar.errors import DataError

# (n + 1) * coverage is a whole number more often than floats say so: 10 * 0.9 is 9, (9 + 1) * 0.7 is 7.000000000000001.
_ROUNDING = 1e-9


def rank(n: int, coverage: float) -> int:
    """Return which of ``n`` sorted errors is the radius: the ceil((n + 1) · coverage)-th, counted from 1.

    >>> [rank(n, 0.9) for n in (9, 10, 19, 99)]
    [9, 10, 18, 90]
    """
    return max(1, math.ceil((n + 1) * coverage - _ROUNDING))


def fewest(coverage: float) -> int:
    """Return how many held-out errors ``coverage`` needs at least, so that its rank is not beyond the largest.

    >>> [fewest(c) for c in (0.5, 0.8, 0.9, 0.95, 0.99)]
    [1, 4, 9, 19, 99]
    """
    return max(1, math.ceil(coverage / (1.0 - coverage) - _ROUNDING))


def radius(errors: np.ndarray, coverage: float, where: str) -> np.ndarray:
    """Return the finite-sample quantile of held-out errors.

    Parameters
    ----------
    errors : ndarray of shape (n, ...)
        Nonconformity: absolute residuals, or :func:`beyond`. NaN does not count.
    coverage : float in (0, 1)
    where : str
        For messages.

    Returns
    -------
    ndarray of shape (...)

    Raises
    ------
    DataError
        Fewer errors than ``coverage`` needs.
    """
    known = ~np.isnan(errors)
    counts = known.sum(0)
    n, needed = int(counts.min(initial=len(errors))), fewest(coverage)
    if n < needed:
        possible = f"coverage up to {n / (n + 1):.3g}" if n else "no coverage"
        raise DataError(
            f"{where}: coverage={coverage:g} needs at least {needed} held-out windows to calibrate on, there are {n}: "
            f"enough for {possible}. Give longer series, a larger validation_fraction or a lower coverage."
        )
    ranks = np.vectorize(rank, otypes=[np.int64])(counts, coverage)
    ordered = np.sort(errors, axis=0)  # NaN is sorted after everything else
    found: np.ndarray = np.take_along_axis(ordered, ranks[None] - 1, axis=0)[0]
    return found


def beyond(actual: np.ndarray | float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return how far values lie outside an interval, negative inside: the error of conformalised quantile regression.

    References
    ----------
    Romano, Patterson and Candès (2019). Conformalized quantile regression. NeurIPS.
    """
    found: np.ndarray = np.maximum(low - actual, actual - high)
    return found


def p_values(held_out: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return for each score which share of held-out ones, itself counted, is at least as high.

    Where held-out and new rows are exchangeable, at most a share ``alpha`` of new rows gets a value of at most
    ``alpha`` (Vovk et al. 2005; Laxhammar 2014 for anomalies).

    >>> p_values(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.5, 9.0])).tolist()
    [1.0, 0.8, 0.4, 0.2]
    """
    ordered = np.sort(held_out)
    found: np.ndarray = (1 + len(ordered) - np.searchsorted(ordered, scores, side="left")) / (len(ordered) + 1)
    return found


def highest_usual(held_out: np.ndarray, alpha: float) -> float:
    """Return the score above which, and nowhere else, :func:`p_values` are at most ``alpha``.

    It needs ``alpha >= 1 / (len(held_out) + 1)``.

    >>> highest_usual(np.array([1.0, 2.0, 3.0, 4.0]), 0.2), highest_usual(np.array([1.0, 2.0, 3.0, 4.0]), 0.4)
    (4.0, 3.0)
    """
    beyond_it = math.floor((len(held_out) + 1) * alpha + _ROUNDING) - 1
    return float(np.sort(held_out)[len(held_out) - 1 - beyond_it])


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """Return which p-values are discoveries, of which an expected share of ``rate`` at most is false.

    References
    ----------
    Benjamini and Hochberg (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B 57.
    Bates, Candès, Lei, Romano and Sesia (2023). Testing for outliers with conformal p-values. Annals of Statistics 51.

    Examples
    --------
    >>> discoveries(np.array([0.01, 0.5, 0.02, 0.9]), 0.1).tolist()
    [True, False, True, False]
    """
    ordered = np.sort(p)
    passes = np.flatnonzero(ordered <= rate * np.arange(1, len(p) + 1) / len(p) + _ROUNDING)
    if not len(passes):
        return np.zeros(len(p), dtype=bool)
    found: np.ndarray = p <= ordered[passes[-1]]
    return found
