"""What follows in a series, carried by a recurrent network that corrects a linear autoregression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from punar.errors import DataTypeError, NotSupportedError
from punar.models.division import Wanted
from punar.models.forecaster import answer, backtest, fit, store
from punar.models.forecaster.backtest import Backtest
from punar.models.forecaster.fit import Fitted
from punar.tasks import Task


class Forecasts:
    """What an estimator asks of a forecaster that was, or will be, fitted."""

    def fit(
        self, estimator: Any, task: Task, X: Any, y: Any, sample_weight: Any, checkpoint: Any, wanted: Wanted
    ) -> Fitted:
        """Fit; see :func:`punar.models.forecaster.fit.fit`."""
        fit.refuse_targets(estimator, y, sample_weight)
        fit.refuse_division(wanted)
        return fit.fit(estimator, task, X, checkpoint)

    def predict(self, estimator: Any, fitted: Fitted, X: Any, future: Any = None) -> np.ndarray:
        """Return the steps after the end of each series."""
        return answer.predict(estimator, fitted.forecaster, X, future)

    def predict_quantiles(self, estimator: Any, fitted: Fitted, X: Any, future: Any = None) -> np.ndarray:
        """Return the quantiles that were asked for, in their order, as a last axis."""
        return answer.predict_quantiles(estimator, fitted.forecaster, X, future)

    def predict_interval(
        self, estimator: Any, fitted: Fitted, X: Any, coverage: float, future: Any = None
    ) -> np.ndarray:
        """Return intervals that are calibrated on held-out windows, low and high as a last axis."""
        return answer.predict_interval(estimator, fitted.forecaster, X, coverage, future)

    def predict_table(
        self, estimator: Any, fitted: Fitted, X: Any, coverage: float | None, future: Any = None
    ) -> pd.DataFrame:
        """Return forecasts as a table with a row for each series, step and channel."""
        return answer.predict_table(estimator, fitted.forecaster, X, coverage, future)

    def backtest(
        self, estimator: Any, fitted: Fitted, X: Any, origins: Any, stride: int, refit: bool, coverage: float | None
    ) -> Backtest:
        """Forecast from rolling origins."""
        return backtest.backtest(estimator, fitted.forecaster, X, origins, stride, refit, coverage)

    def score(self, estimator: Any, fitted: Fitted, X: Any, y: Any, sample_weight: Any) -> float:
        """Return 1 − MASE / MASE of the last value, on the last horizon of each series."""
        return answer.score(estimator, fitted.forecaster, X)

    def transform(self, estimator: Any, fitted: Fitted, X: Any) -> np.ndarray:
        """Return the pooled state of the last window of each series, (n, width)."""
        if X is None:
            raise DataTypeError(f"{type(estimator).__name__}.transform: X is needed, got None.")
        return answer.states(estimator, fitted.forecaster, X)

    def predict_proba(self, estimator: Any, fitted: Fitted, X: Any) -> np.ndarray:
        """Raise: a forecast is a number."""
        raise NotSupportedError(f"{type(estimator).__name__}: a forecast has no classes; use predict_interval.")

    def to_stored(self, fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for a model folder."""
        return store.to_stored(fitted)

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> Fitted:
        """Return what a fit left behind, from untrusted facts."""
        return store.from_stored(facts, tensors, where, parts)
