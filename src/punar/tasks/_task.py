"""The contract of a task: target encoding, head, loss, decoding, metric.

A task is a recipe and, once it has seen the targets, what it learned of them (:meth:`Task.learn`); nothing else in
punar knows what a label is. To add one, add one file here whose class is the file's name in CamelCase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from punar.tasks._linear_head import LinearHead


class Task(BaseEstimator, ABC):
    """What is predicted from a row of features.

    Attributes
    ----------
    kind : {"classifier", "regressor"}
        For scikit-learn's tags.
    metric : str
        The name of :meth:`score`.
    loss_name : str
        The name of :meth:`loss` in the history.
    """

    kind: ClassVar[str]
    metric: ClassVar[str]
    loss_name: ClassVar[str]

    @abstractmethod
    def learn(self, y: Any, where: str) -> Tensor:
        """Check targets, keep what decoding needs and return them encoded, one row per item.

        Raises
        ------
        DataError, DataTypeError
            NaN, one class, a wrong shape; the message names rule and value.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what :meth:`learn` kept, as JSON values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state` gave, checking it; ValueError, KeyError or TypeError where it is not that."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Width of the head."""

    @abstractmethod
    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean loss of raw outputs (n, outputs), a scalar; ``weight`` is (n,)."""

    @abstractmethod
    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a linear head to convergence, its regularisation chosen by validation.

        Parameters
        ----------
        features : ndarray of shape (n, width)
        target : Tensor
            As :meth:`learn` gives.
        weight : ndarray of shape (n,) or None
        seed : int
            Of the validation folds.
        """

    @abstractmethod
    def decode(self, raw: Tensor) -> np.ndarray:
        """Return predictions in the user's terms."""

    @abstractmethod
    def score(self, raw: Tensor, target: Tensor) -> float:
        """Return the metric; larger is better."""

    @abstractmethod
    def constant(self, target: Tensor) -> Tensor:
        """Return the raw outputs (1, outputs) of the best answer that looks at no input: chance."""

    def weights_of_rows(self, target: Tensor, class_weight: Any, where: str) -> Tensor | None:
        """Return the weight of each row that ``class_weight`` asks for; None where it asks for none."""
        if class_weight is not None:
            from punar.errors import ParameterError

            raise ParameterError(f"{where}: class_weight is for task='classification'; use sample_weight here.")
        return None

    def groups(self, target: Tensor) -> np.ndarray | None:
        """Return a class per row by which a split is stratified, or None."""
        return None


def as_array(y: Any, where: str) -> np.ndarray:
    """Return targets as an array of at least one row.

    Raises
    ------
    DataError
        None, or no rows.
    """
    from punar.errors import DataError

    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    try:
        values = np.asarray(y)
    except ValueError:  # lists of several lengths
        raise DataError(f"{where}: y must have one value per item, or rows of one length.") from None
    if values.ndim == 0 or len(values) == 0:
        raise DataError(f"{where}: y must have one value per item, got {np.shape(values)}.")
    return values


def finite(values: np.ndarray, where: str) -> np.ndarray:
    """Return targets as float64, or name the first that is no finite number."""
    from punar.errors import DataError, DataTypeError, shown

    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataTypeError(f"{where}: y must hold numbers, got {shown(values.ravel()[0])}.") from None
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        at = tuple(map(int, bad[0]))
        raise DataError(f"{where}: Input y contains NaN or infinity, first at row {at[0]} ({numbers[at]}).")
    return numbers


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of losses per row (n,), weighted where weights are given."""
    if weight is None:
        return losses.mean()
    return (losses * weight).sum() / weight.sum().clamp(min=torch.finfo(losses.dtype).tiny)
