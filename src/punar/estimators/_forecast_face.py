"""What a :class:`punar.SequenceModel` has for ``task="forecasting"`` only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from punar.errors import NotSupportedError

if TYPE_CHECKING:
    import pandas as pd

    from punar.models.forecaster.backtest import Backtest


def _forecasts(estimator: Any) -> bool:
    if not estimator._forecasts():
        raise NotSupportedError(
            f"{type(estimator).__name__}: this method is for task='forecasting', not task={estimator.task!r}."
        )
    return True


class Forecasts:
    """Methods that exist where the task is forecasting."""

    @available_if(_forecasts)
    def predict_quantiles(self, X: Any = None) -> np.ndarray:
        """Return forecast quantiles, as :meth:`predict` with an axis for ``quantiles`` behind.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.

        Raises
        ------
        punar.errors.ParameterError
            The model was fitted without ``quantiles``.
        """
        from punar.models.forecaster import answer as _forecast_predict

        return _forecast_predict.predict_quantiles(self, X)

    @available_if(_forecasts)
    def predict_interval(self, X: Any = None, coverage: float = 0.9) -> np.ndarray:
        """Return intervals, as :meth:`predict` with an axis (low, high) behind.

        Split-conformal: forecasts plus and minus an error that ``coverage`` of the held-out windows did not exceed, by
        step and channel, as a share of what each series moves. Where ``quantiles`` has the pair that encloses
        ``coverage`` (0.05 and 0.95 for 0.9), these are corrected instead (conformalised quantile regression). The
        held-out windows also decided when training stopped, they overlap, and the future may differ from them: check
        with :meth:`backtest` where it matters.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.
        coverage : float in (0, 1), default=0.9
            Share of values that shall lie inside, at each step.

        Raises
        ------
        punar.errors.DataError
            Too few windows were held out for this coverage: 9 are needed for 0.9, 19 for 0.95.

        References
        ----------
        Vovk, Gammerman and Shafer (2005). Algorithmic learning in a random world. Springer.
        Romano, Patterson and Candès (2019). Conformalized quantile regression. NeurIPS.
        """
        from punar.models.forecaster import answer as _forecast_predict

        return _forecast_predict.predict_interval(self, X, coverage)

    @available_if(_forecasts)
    def predict_table(self, X: Any = None, *, coverage: float | None = None) -> pd.DataFrame:
        """Return forecasts as a table with a row for each series, step and channel.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.
        coverage : float in (0, 1), optional
            Adds the columns ``low`` and ``high`` of :meth:`predict_interval`.

        Returns
        -------
        DataFrame
            The id (where there are several series), ``step`` from 1, the time (where times are known), the channel
            (where there are several), ``forecast``, ``low`` and ``high``.
        """
        from punar.models.forecaster import answer as _forecast_predict

        return _forecast_predict.predict_table(self, X, coverage)

    @available_if(_forecasts)
    def backtest(self, X: Any = None, *, origins: Any = None, stride: int = 1, refit: bool = False) -> Backtest:
        """Forecast from several points in the past, beside what came and beside the baselines.

        Without ``refit`` the fitted model answers, as it is: its forecasts at an origin are those of
        ``predict(series[:origin])``. Of the series that it was fitted on, the held-out windows at the end are a fair
        question; the column ``seen`` marks the others.

        Parameters
        ----------
        X : array-like, optional
            By default the series that were fitted on.
        origins : int or list of int, optional
            How many origins, the last one a horizon before the end; or how many steps are known at each, negative
            from the end. By default all that were held out, or 10 for other series.
        stride : int, default=1
            Steps between origins that are counted.
        refit : bool, default=False
            Fit a new model at every origin, on what is known there, with the same seed, context and season.

        Returns
        -------
        Backtest
            ``table`` (a row for each origin and step: actual, forecast, baselines) and ``errors`` (MAE, MASE and
            skill of the model and the baselines), two DataFrames.

        Raises
        ------
        punar.errors.DataError, ParameterError
            Series shorter than context and horizon, or fewer origins than asked for.
        """
        from punar.models.forecaster import answer as _forecast_predict
        from punar.models.forecaster import backtest as _forecast_backtest

        forecaster = _forecast_predict.forecaster_of(self, "backtest")
        return _forecast_backtest.backtest(self, forecaster, X, origins, stride, refit)
