"""One class per item."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional as F

from punar.core.words import listed
from punar.errors import DataError, DataTypeError, ParameterError, PunarWarning, shown
from punar.tasks._checks import as_array, bare, plain, weighted_mean
from punar.tasks._linear_head import LinearHead, fit_logistic
from punar.tasks._targets import Targets
from punar.tasks._vector import VectorTask


class Classification(VectorTask):
    """Which class does an item belong to?

    Targets are numbers or text, (n,). The head is a softmax; two classes have two outputs, as everywhere in the field.
    """

    estimator_type: ClassVar[str | None] = "classifier"
    loss_name: ClassVar[str] = "cross_entropy"
    metric: ClassVar[str] = "accuracy"
    target_form: ClassVar[str] = "classes"

    def learn_rows(self, y: Any, where: str) -> Tensor:
        """Return class numbers, int64 (n,)."""
        values = _column(y, where)
        if values.dtype.kind == "f":
            if not np.isfinite(values).all():
                raise DataError(f"{where}: Input y contains NaN or infinity.")
            if not np.array_equal(values, np.round(values)):
                raise DataError(
                    f"{where}: Unknown label type: continuous; classes must be whole numbers or text, got "
                    f"{shown(float(values[values != np.round(values)][0]))}. For numbers use task='regression'."
                )
        if values.dtype.kind not in "biufU":
            raise DataTypeError(f"{where}: classes must be whole numbers or text, got {values.dtype}.")
        classes, label = np.unique(values, return_inverse=True)
        if len(classes) < 2:
            raise DataError(f"{where}: y must have at least 2 classes, got 1 class: {shown(classes[0])}.")
        if len(classes) > max(2, len(values) // 2) and values.dtype.kind == "f":
            raise DataError(f"{where}: y has {len(classes)} classes in {len(values)} items. Use task='regression'.")
        self.classes_ = classes
        return torch.from_numpy(label.reshape(-1).astype(np.int64))

    def encode_rows(self, y: Any, where: str) -> Tensor:
        """Return the numbers that the classes had in the fit."""
        values = _column(y, where)
        known = np.isin(values, self.classes_)
        if not known.all():
            raise DataError(f"{where}: y holds {shown(values[~known].tolist()[0])}, which is not a class of the model.")
        order = np.argsort(self.classes_)
        label = order[np.searchsorted(self.classes_, values.astype(self.classes_.dtype), sorter=order)]
        return torch.from_numpy(label.astype(np.int64))

    def from_names(self, labels: Sequence[str]) -> None:
        """Take the names as classes; see :class:`Task`."""
        self.classes_ = np.asarray(labels, dtype=str)

    def state(self) -> dict[str, Any]:
        """Return the classes and their type."""
        return {"classes": self.classes_.tolist(), "dtype": "str" if self.classes_.dtype.kind in "UO" else "number"}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the classes."""
        classes = state["classes"]
        if (
            not isinstance(classes, list)
            or len(classes) < 2
            or not all(isinstance(c, (str, int, float)) for c in classes)
        ):
            raise ValueError(f"classes must be a list of at least two names or numbers, found {shown(classes)}")
        text = [isinstance(c, str) for c in classes]
        if not (all(text) and state["dtype"] == "str") and (any(text) or state["dtype"] != "number"):
            raise ValueError(f"classes must all be names, or all numbers, and dtype say which, found {shown(state)}")
        if len(set(classes)) < len(classes) or not all(c == c for c in classes):
            raise ValueError(f"classes must differ, found {shown(classes)}")
        self.classes_ = np.asarray(classes, dtype=str if state["dtype"] == "str" else None)

    @property
    def outputs(self) -> int:
        """One per class."""
        return len(self.classes_)

    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the cross-entropy."""
        return weighted_mean(F.cross_entropy(raw, target, reduction="none"), weight)

    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a multinomial logistic regression."""
        return fit_logistic(features, target.numpy(), weight, seed)

    def decode(self, raw: Tensor) -> np.ndarray:
        """Return the likeliest class of each row."""
        found: np.ndarray = self.classes_[raw.argmax(1).cpu().numpy()]
        return found

    def proba(self, raw: Tensor) -> np.ndarray:
        """Return class probabilities, (n, classes), in the order of ``classes_``."""
        return torch.softmax(raw.double(), 1).cpu().numpy()

    def measure(self, raw: Tensor, target: Tensor) -> float:
        """Return the accuracy."""
        return float((raw.argmax(1) == target).double().mean())

    def constant_row(self, target: Tensor) -> Tensor:
        """Return the log-frequencies: the majority class."""
        return torch.bincount(target, minlength=self.outputs).clamp(min=1e-6).log()[None].float()

    def weights_of_rows(self, targets: Targets, class_weight: Any, where: str) -> Tensor | None:
        """Return each row's class weight: None, "balanced" or a dict of classes."""
        if class_weight is None:
            return None
        target = targets.columns["y"]
        assert isinstance(target, Tensor)
        labels = self.classes_[target.numpy()]
        if isinstance(class_weight, dict):
            unknown = [c for c in class_weight if c not in set(self.classes_.tolist())]
            if unknown:
                raise ParameterError(f"{where}: class_weight names {shown(unknown[0])}, which is not a class of y.")
        elif not isinstance(class_weight, str) or class_weight != "balanced":
            raise ParameterError(
                f"{where}: class_weight must be None, 'balanced' or a dict, got {shown(class_weight)}."
            )
        for name, value in class_weight.items() if isinstance(class_weight, dict) else ():
            sound = isinstance(value, Real) and math.isfinite(value) and float(value) >= 0
            if not sound:
                raise ParameterError(
                    f"{where}: class_weight of {shown(name)} must be a finite number >= 0, got {shown(value)}."
                )
        each = compute_class_weight(class_weight, classes=self.classes_, y=labels)
        return torch.from_numpy(each).float()[target]

    def strata(self, targets: Targets) -> np.ndarray | None:
        """Return the classes."""
        return np.asarray(targets.columns["y"])

    def itself_rows(self, raw: Tensor) -> Tensor:
        """Return the predicted classes."""
        return raw.argmax(1)

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return the accuracy."""
        true = plain(_one_kind(y, "score"))
        if true.dtype.kind == "f" and not np.isfinite(true).all():
            raise DataError("score: y contains NaN or infinity. Drop those items.")
        if (true.dtype.kind in "US") != (self.classes_.dtype.kind in "US"):
            kinds = [_kinds(v.ravel().tolist()) for v in (true, self.classes_)]
            raise DataTypeError(f"score: y holds {kinds[0]}, and the model's classes are {kinds[1]}.")
        if true.size and not np.isin(true, self.classes_).any():
            warnings.warn(
                f"score: none of the labels of y is a class of the model, so that no answer is right: y holds "
                f"{listed(np.unique(true).tolist())}, the classes are {listed(self.classes_.tolist())}.",
                PunarWarning,
                stacklevel=3,
            )
        return float(accuracy_score(true, predictions, sample_weight=sample_weight))


def _column(y: Any, where: str) -> np.ndarray:
    """Return targets as one class per item, (n,)."""
    values = _one_kind(y, where)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(
            f"{where}: y should be a 1d array of classes, got an array of shape {values.shape} instead; "
            "for several labels per item use task='multilabel'."
        )
    return values


def _one_kind(y: Any, where: str) -> np.ndarray:
    """Return targets as an array whose type says what they are, in a stored model too: text, whole numbers, bool.

    numpy would turn a list of texts with None, NaN or numbers among them into texts, and keep a column of texts or
    numbers as objects.
    """
    values, y = as_array(y, where), bare(y, where)
    if values.dtype.kind not in "OU" or (values.dtype.kind == "U" and isinstance(y, np.ndarray)) or values.ndim > 2:
        return values
    given = np.asarray(y, dtype=object)
    if pd.isna(given).any():
        raise DataError(f"{where}: y has missing labels (None or NaN). Drop those items.")
    flat = given.ravel().tolist()
    if not (all(isinstance(v, str) for v in flat) or all(isinstance(v, (Real, np.bool_)) for v in flat)):
        raise DataTypeError(f"{where}: y must hold text or whole numbers, not a mix or others, got {_kinds(flat)}.")
    return np.asarray(flat).reshape(given.shape)


def _kinds(values: list[Any]) -> str:
    return ", ".join(sorted({type(v).__name__ for v in values}))
