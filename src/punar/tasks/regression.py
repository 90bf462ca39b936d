"""One number, or several, per item."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.metrics import r2_score
from torch import Tensor

from punar.errors import DataError, shown
from punar.tasks._checks import as_array, finite, in_order, plain, weighted_mean
from punar.tasks._linear_head import LinearHead, fit_ridge
from punar.tasks._vector import VectorTask

_SMALLEST = 1e-100  # deviation


class Regression(VectorTask):
    """Which number belongs to an item? Targets are (n,) or (n, outputs); they are standardised inside."""

    estimator_type: ClassVar[str | None] = "regressor"
    loss_name: ClassVar[str] = "squared_error"
    metric: ClassVar[str] = "r2"
    target_form: ClassVar[str] = "amounts"
    multi_output: ClassVar[bool] = True

    target_names_: tuple[str, ...]

    def learn_rows(self, y: Any, where: str) -> Tensor:
        """Return standardised targets, float32 (n, outputs)."""
        values = finite(as_array(y, where), where)
        if values.ndim > 2 or not values.size:
            raise DataError(f"{where}: y must be (n,) or (n, outputs), got shape {values.shape}.")
        self.flat_ = values.ndim == 1
        self.target_names_ = _names(y, values)
        columns = values.reshape(len(values), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean_, deviation = columns.mean(0), columns.std(0)
            # Squares of very small numbers leave the range of floats; in a unit of their own none do.
            unit = np.abs(columns - self.mean_).max(0)
            unit = np.where(unit > 0, unit, 1.0)
            own = ((columns - self.mean_) / unit).std(0) * unit
        if not np.isfinite(deviation).all():
            raise DataError(
                f"{where}: y is too large, up to {np.abs(columns).max():g}: its variance must be a finite number. "
                "Divide y by a constant."
            )
        deviation = np.where(deviation > _SMALLEST, deviation, own)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        return torch.from_numpy((columns - self.mean_) / self.scale_).float()

    def encode_rows(self, y: Any, where: str) -> Tensor:
        """Return targets standardised as those of the fit."""
        values = finite(as_array(self._in_order(y, where), where), where)
        columns = values.reshape(len(values), -1)
        if values.ndim > 2 or columns.shape[1] != self.outputs:
            raise DataError(f"{where}: y must have {self.outputs} columns, got {columns.shape[1]}.")
        return torch.from_numpy((columns - self.mean_) / self.scale_).float()

    def _in_order(self, y: Any, where: str) -> Any:
        return in_order(y, list(self.target_names_), where) if self.target_names_ and not self.flat_ else y

    def state(self) -> dict[str, Any]:
        """Return mean, scale, whether y was (n,), and what its columns were called where they had names."""
        found = {"mean": self.mean_.tolist(), "scale": self.scale_.tolist(), "flat": self.flat_}
        return found | ({"names": list(self.target_names_)} if self.target_names_ else {})

    def restore(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state` gave."""
        self.mean_, self.scale_ = np.asarray(state["mean"], float), np.asarray(state["scale"], float)
        self.flat_ = state["flat"]
        sound = self.mean_.ndim == 1 and self.mean_.shape == self.scale_.shape and len(self.mean_) > 0
        if not sound or not (np.isfinite([self.mean_, self.scale_]).all() and (self.scale_ > 0).all()):
            raise ValueError("mean and scale must be lists of finite numbers, scale > 0")
        if not isinstance(self.flat_, bool) or (self.flat_ and len(self.mean_) > 1):
            raise ValueError(f"flat must be true or false, and false of several outputs, found {shown(state['flat'])}")
        names = state.get("names", [])  # older folders have none
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"names must be a list of text, found {shown(names)}")
        if names and len(set(names)) != len(self.mean_):
            raise ValueError(f"names must be one for each of {len(self.mean_)} outputs, found {shown(names)}")
        self.target_names_ = tuple(names)

    @property
    def outputs(self) -> int:
        """One per column of y."""
        return len(self.mean_)

    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean squared error of standardised targets."""
        return weighted_mean(((raw - target) ** 2).mean(1), weight)

    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a ridge regression."""
        return fit_ridge(features, target.numpy().astype(np.float64), weight, seed)

    def decode(self, raw: Tensor) -> np.ndarray:
        """Return numbers in y's units and shape."""
        values = raw.double().cpu().numpy() * self.scale_ + self.mean_
        return values[:, 0] if self.flat_ else values

    def measure(self, raw: Tensor, target: Tensor) -> float:
        """Return the coefficient of determination; 0 where it is not defined (one row)."""
        # By scikit-learn's rules, in a tenth of its time: a report asks some hundred times.
        if len(target) < 2:
            return 0.0
        true, found = target.double(), raw.detach().double()
        off, spread = ((true - found) ** 2).sum(0), ((true - true.mean(0)) ** 2).sum(0)
        each = torch.where(spread > 0, 1 - off / spread.clamp(min=1e-300), (off <= 0).double())
        return float(each.mean())

    def constant_row(self, target: Tensor) -> Tensor:
        """Return the mean."""
        return target.mean(0, keepdim=True)

    def itself_rows(self, raw: Tensor) -> Tensor:
        """Return the training mean: against itself the loss of a number has no slope."""
        return torch.zeros_like(raw)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination."""
        true, found = plain(self._in_order(y, "score")), predictions
        if not ((self.scale_ > _SMALLEST) & (self.scale_ < 1 / _SMALLEST)).all():
            # The score does not depend on the unit of a column, but squares in these units leave the range of floats.
            true, found = (
                (finite(as_array(v, "score"), "score").reshape(len(v), -1) - self.mean_) / self.scale_
                for v in (true, found)
            )
        return float(r2_score(true, found, sample_weight=sample_weight))


def _names(y: Any, values: np.ndarray) -> tuple[str, ...]:
    """Return what the columns of a table of targets are called; nothing where they have no names of their own."""
    names = tuple(str(name) for name in getattr(y, "columns", ()) if isinstance(name, str))
    return names if values.ndim == 2 and len(set(names)) == values.shape[1] == len(names) else ()
