"""Any number of labels per item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from torch import Tensor
from torch.nn import functional as F

from punar.errors import DataError, shown
from punar.tasks._checks import as_array, column_names, finite, in_order, plain, weighted_mean
from punar.tasks._label_sets import as_matrix, label_sets, names_of
from punar.tasks._linear_head import LinearHead, fit_logistic
from punar.tasks._task import Table
from punar.tasks._vector import VectorTask
from punar.texts import predictions as texts


class Multilabel(VectorTask):
    """Which labels does an item carry?

    Targets are an indicator matrix (n, labels) of 0 and 1, or a list of labels for each item, such as
    ``[["red", "round"], ["red"], []]``; predictions come back in the same form. A DataFrame's columns are the names of
    the labels: answers have them, and later targets are matched by them.
    """

    estimator_type: ClassVar[str | None] = "classifier"
    loss_name: ClassVar[str] = "binary_cross_entropy"
    metric: ClassVar[str] = "f1_micro"
    target_form: ClassVar[str] = "sets"
    multi_output: ClassVar[bool] = True

    names_: list[Any] | None

    def learn_rows(self, y: Any, where: str) -> Tensor:
        """Return the indicators, float32 (n, labels)."""
        sets = label_sets(y, where)
        if sets is not None:
            self.names_ = names_of(sets, where)
            self.labels_, self.classes_ = len(self.names_), np.array(self.names_)
            return torch.from_numpy(as_matrix(sets, self.names_, where)).float()
        names = column_names(y)
        values = as_array(y, where)
        if values.ndim != 2 or values.shape[1] == 0:
            raise DataError(
                f"{where}: y must be an indicator matrix (n, labels) for task='multilabel', got shape {values.shape}. "
                "Or a list of labels for each item, such as [['red', 'round'], ['red'], []]."
            )
        values = finite(values, where)
        wrong = values[(values != 0) & (values != 1)]
        if len(wrong):
            raise DataError(f"{where}: y must hold 0 and 1 only for task='multilabel', got {shown(float(wrong[0]))}.")
        self.labels_, self.names_ = values.shape[1], None
        self.classes_ = np.arange(self.labels_) if names is None else np.array(names, dtype=str)
        return torch.from_numpy(values).float()

    def encode_rows(self, y: Any, where: str) -> Tensor:
        """Return the indicators, of the labels of the fit; a table's columns are matched by name."""
        sets = label_sets(y, where, learned=self.names_ is not None)
        if sets is not None and self.classes_.dtype.kind != "U" and self.names_ is None:
            raise DataError(
                f"{where}: y must be an indicator matrix (n, {self.labels_}) as in the fit, got lists of labels."
            )
        if sets is not None:
            return torch.from_numpy(as_matrix(sets, self.classes_.tolist(), where)).float()
        found = clone(self).learn_rows(self._in_order(y, where), where)
        if found.shape[1] != self.labels_:
            raise DataError(f"{where}: y must have {self.labels_} columns, got {found.shape[1]}.")
        return found

    def _in_order(self, y: Any, where: str) -> Any:
        """Return a table with its columns as in the fit, and anything else as it is."""
        return y if self.classes_.dtype.kind != "U" else in_order(y, self.classes_.tolist(), where)

    def from_names(self, labels: Sequence[str]) -> None:
        """Take the names as labels; answers are lists of them. See :class:`Task`."""
        self.names_, self.labels_ = list(labels), len(labels)
        self.classes_ = np.array(self.names_)

    def state(self) -> dict[str, Any]:
        """Return the number of labels, and their names where they have some."""
        named = {"names": self.classes_.tolist()} if self.classes_.dtype.kind == "U" else {}
        listed_ = {} if self.names_ is None else {"names": self.names_, "lists": True}
        return {"labels": self.labels_} | named | listed_

    def restore(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state` gave."""
        if type(state["labels"]) is not int or state["labels"] < 1:
            raise ValueError("labels must be a whole number >= 1")
        names, lists = state.get("names"), state.get("lists", False)  # older folders have neither
        if names is not None and (
            not isinstance(names, list)
            or len(names) != state["labels"]
            or len({*names}) != len(names)
            or {type(name) for name in names} not in ({str}, {int})
        ):
            raise ValueError("names must be a list of different texts or whole numbers, one for each label")
        if type(lists) is not bool or (lists and names is None):
            raise ValueError("lists must say whether labels are given as lists of names")
        self.labels_, self.names_ = state["labels"], names if lists else None
        self.classes_ = np.arange(self.labels_) if names is None else np.array(names)

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> Any:
        """Return the indicator matrix, or lists of labels where the fit was given such."""
        found = super().predictions(answers, items)
        return found if self.names_ is None else [self.classes_[row == 1].tolist() for row in found]

    @property
    def outputs(self) -> int:
        """One per label."""
        return self.labels_

    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the binary cross-entropy, averaged over labels."""
        each = F.binary_cross_entropy_with_logits(raw, target, reduction="none").mean(1)
        return weighted_mean(each, weight)

    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a logistic regression per label; a label that all or none carry gets a constant."""
        parts: list[tuple[np.ndarray, Any, dict[str, Any]]] = []
        held_out: list[np.ndarray] = []
        for column in target.numpy().astype(np.int64).T:
            if column.min() == column.max():
                sign = 10.0 if column[0] else -10.0
                parts.append((np.zeros(features.shape[1], np.float32), np.float32(sign), {}))
                held_out.append(np.full(len(column), sign))
                continue
            head = fit_logistic(features, column, weight, seed)
            parts.append((head.weight[1] - head.weight[0], head.bias[1] - head.bias[0], head.facts))
            # Labels are split each in their own way: rows without a held-out answer for one stay unknown.
            known = np.full(len(column), np.nan)
            if head.held_out is not None:
                index, raw = head.held_out
                known[index] = raw[:, 1] - raw[:, 0]
            held_out.append(known)
        weights, biases, facts = zip(*parts, strict=True)
        table = np.stack(held_out, 1)
        rows = np.flatnonzero(np.isfinite(table).all(1))
        return LinearHead(
            np.stack(weights),
            np.asarray(biases, np.float32),
            {"C": [f.get("C") for f in facts]},
            (rows, table[rows]) if len(rows) else None,
        )

    def decode(self, raw: Tensor) -> np.ndarray:
        """Return the indicator matrix, int64."""
        return (raw > 0).cpu().numpy().astype(np.int64)

    def proba(self, raw: Tensor) -> np.ndarray:
        """Return each label's probability, (n, labels)."""
        return torch.sigmoid(raw.double()).cpu().numpy()

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each item: its labels in one field, and the probability of each label."""
        chosen = super().predictions(answers, items)
        named = ["; ".join(str(name) for name in self.classes_[row == 1]) for row in chosen]
        columns = {texts.PREDICTION: np.array(named, dtype=object)}
        return Table(np.arange(len(items)), columns | self._probabilities(answers))

    def measure(self, raw: Tensor, target: Tensor) -> float:
        """Return the micro-averaged F1."""
        # By scikit-learn's rules, in a fraction of its time: a report asks some hundred times.
        given, true = raw > 0, target > 0.5
        both = float((given & true).sum())
        every = float(given.sum() + true.sum())
        return 2 * both / every if every else 0.0

    def constant_row(self, target: Tensor) -> Tensor:
        """Return 1 for the labels that, given to every item, reach the highest F1, and -1 for the others.

        These are the commonest ones: how many is tried, as the threshold for F1 is below a frequency of one half.
        """
        carried, order = target.sum(0).sort(descending=True, stable=True)
        given = torch.arange(1, len(order) + 1)
        f1 = 2 * carried.cumsum(0) / (given * len(target) + carried.sum())
        row = -torch.ones(1, len(order))
        row[0, order[: int(f1.argmax()) + 1]] = 1.0
        return row

    def itself_rows(self, raw: Tensor) -> Tensor:
        """Return the predicted labels."""
        return (raw > 0).float()

    def score(self, y: Any, predictions: Any, sample_weight: Any = None) -> float:
        """Return the share of items whose labels are all right."""
        y = self._matrix(self._in_order(y, "score"))
        return float(accuracy_score(y, self._matrix(predictions), sample_weight=sample_weight))

    def _matrix(self, y: Any) -> np.ndarray:
        sets = label_sets(y, "score", learned=self.names_ is not None)
        if sets is None:
            return plain(y)
        return as_matrix(sets, self.classes_.tolist(), "score")
