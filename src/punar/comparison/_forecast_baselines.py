"""Forecasts that need no network: the last value, the last season, and a linear autoregression."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeCV

_STRENGTHS = np.logspace(-3, 3, 7)
_MOST_WINDOWS = 20_000


class LastValue(BaseEstimator):
    """Every step to come equals the last one.

    Parameters
    ----------
    horizon : int
    """

    def __init__(self, horizon: int = 1) -> None:
        self.horizon = horizon

    def fit(self, X: Any, y: object = None) -> LastValue:
        """Remember the last step of each series (t, channels)."""
        self.last_ = np.stack([x[-1] for x in X])
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        return np.repeat(self.last_[:, None], self.horizon, axis=1)


class SeasonalNaive(BaseEstimator):
    """Every step to come equals that of a season before.

    Parameters
    ----------
    horizon, season : int
    """

    def __init__(self, horizon: int = 1, season: int = 1) -> None:
        self.horizon = horizon
        self.season = season

    def fit(self, X: Any, y: object = None) -> SeasonalNaive:
        """Remember the last season of each series (t, channels)."""
        self.last_ = np.stack([x[-self.season :] for x in X])
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        return self.last_[:, np.arange(self.horizon) % self.season]


class LinearAutoregression(BaseEstimator):
    """A ridge regression from the last steps to each step to come, one for all series and channels.

    Values are counted from the last step of their window, in deviations of their series.

    Parameters
    ----------
    horizon, context : int
        Steps to forecast, and to look at.
    """

    def __init__(self, horizon: int = 1, context: int = 12) -> None:
        self.horizon = horizon
        self.context = context

    def fit(self, X: Any, y: object = None) -> LinearAutoregression:
        """Fit on every window of every series (t, channels)."""
        width = self.context + self.horizon
        rows = []
        self.scales_ = []
        for x in X:
            scale = np.where(x.std(0) > 0, x.std(0), 1.0)
            self.scales_.append(scale)
            windows = np.lib.stride_tricks.sliding_window_view(x / scale, width, axis=0)
            rows.append(windows.reshape(-1, width))
        every = np.concatenate(rows)
        if len(every) > _MOST_WINDOWS:
            every = every[np.linspace(0, len(every) - 1, _MOST_WINDOWS).astype(int)]
        every = every - every[:, self.context - 1 : self.context]
        self.model_ = RidgeCV(_STRENGTHS).fit(every[:, : self.context - 1], every[:, self.context :])
        self.coef_, self.intercept_ = self.model_.coef_, self.model_.intercept_
        self._ends = [x[-self.context :] for x in X]
        return self

    def predict(self) -> np.ndarray:
        """Return (series, horizon, channels)."""
        found = []
        for end, scale in zip(self._ends, self.scales_, strict=True):
            known = (end / scale).T  # channels, context
            last = known[:, -1:]
            coming = np.asarray(self.model_.predict((known - last)[:, :-1])).reshape(len(known), self.horizon)
            found.append((coming + last).T * scale)
        return np.stack(found)
