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
