"""The steps after an origin, several at once, as one number or as quantiles."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from punar.core.params import check_params, either, integer, none
from punar.errors import DataError, NotSupportedError, ParameterError, ParameterTypeError, shown
from punar.tasks._checks import weighted_mean
from punar.tasks._linear_head import LinearHead, fit_ridge
from punar.tasks._vector import VectorTask

# Below this share of the usual error the loss is quadratic: a forecast that is right already is left alone.
_SMOOTH = 0.02
_LEAST_UNIT = 1e-3
_MEDIAN = 0.5


class Forecasting(VectorTask):
    """What are the next ``horizon`` steps?

    Targets are (n, horizon, channels), counted from a forecast that needs no network: the answer 0 is that forecast.
    Trained by the pinball loss of every quantile, for the median half the absolute error.

    Parameters
    ----------
    horizon : int, default=None
        Steps to forecast. The estimator sets it.
    quantiles : sequence of float in (0, 1), default=None
        Quantiles beside the median; None gives the median alone.

    References
    ----------
    Koenker and Bassett (1978). Regression quantiles. Econometrica.
    Chernozhukov, Fernandez-Val and Galichon (2010). Quantile and probability curves without crossing. Econometrica.
    """

    estimator_type: ClassVar[str | None] = None
    loss_name: ClassVar[str] = "pinball"
    metric: ClassVar[str] = "skill"
    domains: ClassVar[tuple[str, ...]] = ("series",)
    models: ClassVar[tuple[str, ...]] = ("forecaster",)
    target_form: ClassVar[str] = "none"

    def __init__(self, horizon: int | None = None, quantiles: Any = None) -> None:
        self.horizon = horizon
        self.quantiles = quantiles

    def check(self, where: str | None = None) -> None:
        """Raise where a setting breaks its rule."""
        where = where or type(self).__name__
        check_params(self, {"horizon": either(none(), integer(1))}, where)
        if self.quantiles is None:
            return
        rule = f"{where}: quantiles must be None or different numbers between 0 and 1, such as (0.1, 0.9), got "
        try:
            values = list(self.quantiles)
        except TypeError:
            raise ParameterTypeError(f"{rule}{shown(self.quantiles)}.") from None
        if isinstance(self.quantiles, str) or not all(isinstance(q, Real) and not isinstance(q, bool) for q in values):
            raise ParameterTypeError(f"{rule}{shown(self.quantiles)}.")
        if not values or not all(0 < float(q) < 1 for q in values) or len(set(values)) < len(values):
            raise ParameterError(f"{rule}{shown(self.quantiles)}.")

    @property
    def levels(self) -> list[float]:
        """The quantiles that the head has, sorted, the median among them."""
        return sorted({_MEDIAN, *(float(q) for q in self.quantiles or ())})

    def learn_rows(self, y: Any, where: str) -> Tensor:
        """Keep the usual size of targets (n, horizon, channels) and return them encoded; NaN is not there.

        The head then gives numbers of about 1, whatever is left to explain.
        """
        self.check(where)
        if self.horizon is None:
            raise ParameterError(
                f"{where}: task='forecasting' says what follows in a series: use "
                "punar.SequenceModel(task='forecasting', horizon=...)."
            )
        values = np.asarray(y, dtype=np.float64)
        if values.ndim != 3 or values.shape[1] != self.horizon or not len(values):
            raise DataError(
                f"{where}: targets must be (n, {self.horizon}, channels), got shape {values.shape}: they are the "
                f"{self.horizon} steps after each window."
            )
        known = ~np.isnan(values)
        size = np.where(known, np.abs(values), 0.0).sum((0, 1)) / np.maximum(known.sum((0, 1)), 1)
        self.unit_ = np.maximum(size, _LEAST_UNIT)
        return self.encoded(torch.from_numpy(values))

    def encoded(self, target: Tensor) -> Tensor:
        """Return targets (n, horizon, channels) as float32 (n, horizon * channels)."""
        return (target / torch.from_numpy(self.unit_)).flatten(1).float()

    def encode_rows(self, y: Any, where: str) -> Tensor:
        """Raise: what a forecast is compared with lies in the series itself."""
        raise NotSupportedError(f"{where}: y is not for task='forecasting'; leave it out.")

    def state(self) -> dict[str, Any]:
        """Return the usual size of each channel's target."""
        return {"unit": self.unit_.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state` gave."""
        self.check()
        unit = np.asarray(state["unit"], float)
        if unit.ndim != 1 or not len(unit) or not (np.isfinite(unit).all() and (unit > 0).all()):
            raise ValueError(f"unit must be a list of finite numbers > 0, found {shown(state['unit'])}")
        if self.horizon is None:
            raise ValueError("horizon must be a whole number")
        self.unit_ = unit

    @property
    def channels(self) -> int:
        """Numbers per step."""
        return len(self.unit_)

    @property
    def outputs(self) -> int:
        """One per step, channel and quantile."""
        assert self.horizon is not None
        return int(self.horizon) * self.channels * len(self.levels)

    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return twice the mean pinball loss of what is there, quadratic near zero."""
        off = target.unsqueeze(2) - raw.unflatten(1, (target.shape[1], len(self.levels)))
        there = ~off.isnan()
        off = torch.where(there, off, 0.0)
        level = torch.tensor(self.levels, dtype=raw.dtype, device=raw.device)
        size = off.abs()
        bent = torch.where(size < _SMOOTH, size**2 / (2 * _SMOOTH), size - _SMOOTH / 2)
        each = 2 * bent * torch.where(off < 0, 1 - level, level)
        rows = each.sum((1, 2)) / there.sum((1, 2)).clamp(min=1)
        return weighted_mean(rows, weight)

    def quantiles_of(self, raw: Tensor) -> Tensor:
        """Return raw outputs as quantiles in the units of the targets, float64 (n, horizon, channels, levels).

        Those that cross are sorted, which never makes them worse.
        """
        shape = (int(self.horizon or 0), self.channels, len(self.levels))
        values = raw.double().unflatten(1, shape).sort(dim=3).values
        return values * torch.from_numpy(self.unit_).unsqueeze(1)

    def decode(self, raw: Tensor) -> np.ndarray:
        """Return medians in the units of the targets, (n, horizon, channels)."""
        return self.quantiles_of(raw.cpu())[..., self.levels.index(_MEDIAN)].numpy()

    def measure(self, raw: Tensor, target: Tensor) -> float:
        """Return 1 − MAE / MAE of the answer 0, where targets are counted from; 0 where that is right already."""
        median = raw.unflatten(1, (target.shape[1], len(self.levels)))[..., self.levels.index(_MEDIAN)]
        naive = float(target.abs().nanmean())
        return 1.0 - float((target - median).abs().nanmean()) / naive if naive > 0 else 0.0

    def constant_row(self, target: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros(1, self.outputs)

    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a ridge regression, the same for every quantile, on the rows whose targets are all there."""
        whole = ~torch.isnan(target).any(1).numpy()
        values = target.numpy().astype(np.float64)[whole]
        head = fit_ridge(features[whole], values, None if weight is None else weight[whole], seed)
        count = len(self.levels)
        return LinearHead(np.repeat(head.weight, count, 0), np.repeat(head.bias, count), head.facts)

    def itself_rows(self, raw: Tensor) -> Tensor:
        """Return zeros: the forecast that the network adds to."""
        return raw.new_zeros(len(raw), self.outputs // len(self.levels))

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Raise: a forecaster scores series, not targets."""
        raise NotSupportedError("Forecasting has no score of targets; use score(series) or backtest(series).")
