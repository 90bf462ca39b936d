"""Which model carries a sequence model's task, and the methods that only a forecaster has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from punar.core.params import Rule, check_params, either, instance, none, number
from punar.errors import DamagedModelError, NotSupportedError, ParameterError, shown
from punar.estimators._tasked import task_class
from punar.models import assemble
from punar.models.forecaster.carrier import Forecasts
from punar.models.recurrent.carrier import Recurrent
from punar.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

    from punar.models.forecaster.backtest import Backtest

# Which of ``models`` carries a task, by the name that the task gives.
_CARRIERS: dict[str, Any] = {"recurrent": Recurrent(), "forecaster": Forecasts()}


def carrier(estimator: Any) -> Any:
    """Return what carries the estimator's task.

    Raises
    ------
    ParameterError
        A task that no sequence model can carry.
    """
    known = getattr(task_class(estimator), "models", ("recurrent",))
    for name in known:
        if name in _CARRIERS:
            return _CARRIERS[name]
    raise ParameterError(
        f"{type(estimator).__name__}: task={estimator.task!r} is for pretrained networks. Use "
        f"punar.TransferLearner(backbone, task={estimator.task!r})."
    )


def _can(method: str) -> Callable[[Any], bool]:
    def check(estimator: Any) -> bool:
        if not hasattr(carrier(estimator), method):
            raise NotSupportedError(
                f"{type(estimator).__name__}.{method} is for task='forecasting', not task={estimator.task!r}."
            )
        return True

    return check


def given_ahead(estimator: Any, future: Any) -> dict[str, Any]:
    """Return ``future`` as an argument for what carries the task, where it was given.

    Raises
    ------
    ParameterError
        The task is not forecasting.
    """
    if future is None:
        return {}
    if not hasattr(carrier(estimator), "predict_interval"):
        raise ParameterError(
            f"{type(estimator).__name__}.predict: future is for task='forecasting', not task={estimator.task!r}."
        )
    return {"future": future}


CHANNEL = either(none(), instance(str, int, list, tuple, np.ndarray, text="names or numbers of channels"))
# Settings of forecasts, and of tables and their times, and their rules.
OWN_RULES: dict[str, Rule] = {
    "target": CHANNEL,
    "known_ahead": CHANNEL,
    "lower": either(none(), number()),
    "upper": either(none(), number()),
    "id_column": either(none(), instance(str, text="a column's name")),
    "time_column": either(none(), instance(str, text="a column's name")),
    "time_format": either(none(), instance(str, text="a format as of strftime")),
    "freq": either(none(), instance(str, text="a frequency"), number(0, open_low=True)),
}


# All settings that say something to a forecaster alone, and what they are where nobody sets them.
_UNSET: dict[str, Any] = {
    **dict.fromkeys(["horizon", "context", "quantiles", "target", "known_ahead", "lower", "upper"]),
    "season": "auto",
    "relative_to": "linear",
}


def check_forecast_settings(estimator: Any) -> None:
    """Raise where a setting of forecasts breaks its rule, or is given and the task is another one.

    Raises
    ------
    ParameterError
        Also where it would change nothing, and so is meant for another task.
    """
    if hasattr(carrier(estimator), "predict_interval"):
        check_params(estimator, OWN_RULES)
        return
    for name, unset in _UNSET.items():
        value = getattr(estimator, name)
        if not (value is None if unset is None else isinstance(value, str) and value == unset):
            raise ParameterError(
                f"{type(estimator).__name__}: {name}={shown(value)} is for task='forecasting', not "
                f"task={shown(estimator.task)}. Leave it out, or set task='forecasting'."
            )


class StoredByCarrier:
    """How a sequence model becomes facts and tensors and comes back: as what carries its task says."""

    _known: Callable[[], Any]
    _take: Callable[[Any], None]

    def to_stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return facts and tensors for :func:`punar.save`."""
        found: tuple[dict[str, Any], dict[str, Tensor]] = carrier(self).to_stored(self._known())
        return found

    def from_stored(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]
    ) -> None:
        """Take untrusted facts and tensors that :meth:`to_stored` may have given."""
        fitted = carrier(self).from_stored(facts, tensors, where, parts)
        if type(fitted.task) is not type(assemble.part(self, "task", "tasks", Task)):
            raise DamagedModelError(
                f"{where}: the model must be fitted to its own task, found {type(fitted.task).__name__}."
            )
        self._take(fitted)


class ForecastMethods:
    """What a sequence model has where its model carries forecasts."""

    _known: Callable[[], Any]

    @available_if(_can("predict_quantiles"))
    def predict_quantiles(self, X: Any = None, *, future: Any = None) -> np.ndarray:
        """Return forecast quantiles, as :meth:`predict` with an axis for ``quantiles`` at the end.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.
        future : DataFrame or array-like, optional
            Of models with ``known_ahead``; see :meth:`predict`.

        Raises
        ------
        punar.errors.ParameterError
            The model was fitted without ``quantiles``.
        """
        fitted = self._known()
        return carrier(self).predict_quantiles(self, fitted, X, future)

    @available_if(_can("predict_interval"))
    def predict_interval(self, X: Any = None, coverage: float = 0.9, *, future: Any = None) -> np.ndarray:
        """Return intervals, as :meth:`predict` with an axis (low, high) at the end.

        Conformal: the ends lie where errors on held-out windows lay, above and below apart, with the errors of all
        steps ranked together in the unit of their step and as a share of what each series moves. These windows did not
        decide when training stopped: with 20 or more of them each half is forecast by the weights that were best on the
        other, with fewer the fit is repeated without them (``evidence="cheap"`` repeats nothing, and takes them as they
        are). Few windows make wider intervals. Where ``quantiles`` has the pair that encloses ``coverage`` (0.05 and
        0.95 for 0.9), these are corrected instead (conformalised quantile regression).

        Where X goes on from the end of a series that was fitted on, the ends follow the errors of what came since
        (conformal PID's quantile tracker): wider after values outside, narrower without. The future may still differ
        from all that was seen; :meth:`backtest` with ``coverage`` tells how it went.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.
        coverage : float in (0, 1), default=0.9
            Share of values that shall lie inside, at each step.
        future : DataFrame or array-like, optional
            Of models with ``known_ahead``; see :meth:`predict`.

        Raises
        ------
        punar.errors.DataError
            No window was held out. Of older models, too few for this coverage: 9 are needed for 0.9.

        References
        ----------
        Vovk, Gammerman and Shafer (2005). Algorithmic learning in a random world. Springer.
        Romano, Patterson and Candès (2019). Conformalized quantile regression. NeurIPS.
        Angelopoulos, Candès and Tibshirani (2023). Conformal PID control for time series prediction. NeurIPS.
        """
        fitted = self._known()
        return carrier(self).predict_interval(self, fitted, X, coverage, future)

    @available_if(_can("predict_table"))
    def predict_table(self, X: Any = None, *, coverage: float | None = None, future: Any = None) -> pd.DataFrame:
        """Return forecasts as a table with a row for each series, step and channel.

        Parameters
        ----------
        X : array-like, optional
            Series to continue; by default those that were fitted on.
        coverage : float in (0, 1), optional
            Adds the columns ``low`` and ``high`` of :meth:`predict_interval`.
        future : DataFrame or array-like, optional
            Of models with ``known_ahead``; see :meth:`predict`.

        Returns
        -------
        DataFrame
            The id (where there are several series), ``step`` from 1, the time (where the times of the series go on by
            a calendar: days and moments as timestamps in their zone, quarters and other periods in the form that they
            came in), the channel (where several are forecast), ``forecast``, ``low`` and ``high``.
        """
        fitted = self._known()
        return carrier(self).predict_table(self, fitted, X, coverage, future)

    @available_if(_can("backtest"))
    def backtest(
        self,
        X: Any = None,
        *,
        origins: Any = None,
        stride: int = 1,
        refit: bool = False,
        coverage: float | None = None,
    ) -> Backtest:
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
        coverage : float in (0, 1), optional
            Adds the columns ``low`` and ``high`` of :meth:`predict_interval`, as it would have given them at each
            origin, and ``covered``, the share of values inside. Without X the held-out windows are those that
            intervals are calibrated on: pass later values for a fair count.

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
        fitted = self._known()
        return carrier(self).backtest(self, fitted, X, origins, stride, refit, coverage)
