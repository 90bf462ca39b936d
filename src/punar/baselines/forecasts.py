"""Forecasts that need no network: the last value, the last season, the drift and a linear autoregression.

Each learns from series (t_i, channels) whose end is known, and continues them: ``fit(series)``, then ``predict()``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.base import BaseEstimator

from punar.baselines.linear_autoregression import fit_linear
from punar.data.windows import split_in_time
from punar.errors import DataError
from punar.preparations.histories import Histories

_ROUNDING = 1e-6  # of a step's change
_CHECKED = 0.2  # of the windows choose the autoregression's penalty, the last ones


class LastValue(BaseEstimator):
    """Every step to come equals the last one.

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    """

    def __init__(self, horizon: int = 1) -> None:
        self.horizon = horizon

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> LastValue:
        """Remember the last step of each series (t, channels)."""
        self.last_ = np.stack([x[-1] for x in X])
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        return np.repeat(self.last_[:, None], self.horizon, axis=1)


class LastSeason(BaseEstimator):
    """Every step to come equals that of a season before (the seasonal naive forecast).

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    season : int, default=1
        Steps after which a series repeats itself; no series is shorter.
    """

    def __init__(self, horizon: int = 1, season: int = 1) -> None:
        self.horizon = horizon
        self.season = season

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> LastSeason:
        """Remember the last season of each series (t, channels)."""
        self.last_ = np.stack([x[-self.season :] for x in X])
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        return self.last_[:, np.arange(self.horizon) % self.season]


class Drift(BaseEstimator):
    """The line from the first step to the last goes on.

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    """

    def __init__(self, horizon: int = 1) -> None:
        self.horizon = horizon

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> Drift:
        """Learn the mean change of each series (t, channels)."""
        self.last_ = np.stack([x[-1] for x in X])
        self.slope_ = np.stack([(x[-1] - x[0]) / max(1, len(x) - 1) for x in X])
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        step = np.arange(1, self.horizon + 1)[None, :, None]
        return np.asarray(self.last_[:, None] + step * self.slope_[:, None])


class Autoregression(BaseEstimator):
    """A linear map from the last steps to those that follow; see :func:`punar.baselines.fit_linear`.

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    context : int, default=12
        Steps to look at.
    season : int, default=1
        The map is added to the last season, where the context holds one; to the last value otherwise.
    """

    def __init__(self, horizon: int = 1, context: int = 12, season: int = 1) -> None:
        self.horizon = horizon
        self.context = context
        self.season = season

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> Autoregression:
        """Fit on every window of every series (t, channels), with a penalty chosen on the last of them.

        Raises
        ------
        DataError
            No series has a window and a horizon after it.
        """
        counts = [max(0, len(x) - self.context - self.horizon + 1) for x in X]
        if not any(counts):
            raise DataError(
                f"Autoregression.fit: context={self.context} and horizon={self.horizon} need a series of at least "
                f"{self.context + self.horizon} steps, and the longest has {max(map(len, X))}. Take a smaller context."
            )
        facts = Histories(channels=X[0].shape[1], context=self.context)
        origins = [np.arange(self.context - 1, self.context - 1 + n) for n in counts]
        windows = facts.windows(X, self.horizon, self.season, origins)
        inner, check, start = [], [], 0
        for n in counts:
            fits, checks = split_in_time(n, self.horizon, _CHECKED)
            inner.append(torch.arange(start, start + fits))
            check.append(torch.arange(start + n - checks, start + n))
            start += n
        self._map = fit_linear(windows, torch.arange(start), torch.cat(inner), torch.cat(check))
        self.coef_, self.intercept_ = self._map.weight.T.numpy(), self._map.bias.numpy()
        self._ends = facts.windows(X, self.horizon, self.season)
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        every = torch.arange(len(self._ends))
        found: np.ndarray = self._ends.undone(every, self._map(self._ends, every)).numpy()
        return found


def mase_scale(known: Sequence[np.ndarray], season: int) -> np.ndarray:
    """Return the mean change of each series (t, channels) over a season, (series, channels).

    Over one step where there is no season, or no more than one, and where each season is like the last to rounding (a
    pure sine). A series that never changed takes the others' mean.

    References
    ----------
    Hyndman and Koehler (2006). Another look at measures of forecast accuracy. International Journal of Forecasting.
    """
    found = np.full((len(known), known[0].shape[1]), np.nan)
    for i, x in enumerate(known):
        over = _mean_change(x, season if len(x) > season else 1)
        step = _mean_change(x, 1)
        found[i] = np.where(over > _ROUNDING * step, over, step)
    varies = found > 0
    return np.where(varies, found, found[varies].mean() if varies.any() else 1.0)


def _mean_change(x: np.ndarray, lag: int) -> np.ndarray:
    change = np.abs(x[lag:] - x[:-lag])
    there = ~np.isnan(change)
    found: np.ndarray = np.where(there, change, 0.0).sum(0) / np.maximum(there.sum(0), 1)
    return found
