"""Tasks with one row of numbers per item: a network's pooled vector, a linear head, an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from punar.backbones import View
from punar.core.draws import seeded
from punar.preparations import Sample
from punar.tasks._linear_head import LinearHead
from punar.tasks._meter import RowsMeter
from punar.tasks._targets import Targets
from punar.tasks._task import Column, Net, Table, Task, Term
from punar.texts import predictions as texts


class VectorTask(Task):
    """What is predicted from one vector of features per item.

    Subclasses say how targets are encoded as rows, and what a row of raw outputs means. An item that is read in several
    windows has the mean of their outputs.

    Attributes
    ----------
    loss_name : str
        The name of :meth:`loss` in the history.
    """

    view: ClassVar[str] = "vector"
    loss_name: ClassVar[str]

    # -- what a subclass says -----------------------------------------------------------------------------------------

    @abstractmethod
    def learn_rows(self, y: Any, where: str) -> Tensor:
        """Check targets, keep what decoding needs and return them encoded, one row per item; see :meth:`Task.learn`."""

    @abstractmethod
    def encode_rows(self, y: Any, where: str) -> Tensor:
        """Return targets encoded as :meth:`learn_rows` encoded those of the fit; see :meth:`Task.encode`."""

    @abstractmethod
    def loss(self, raw: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean loss of raw outputs (n, outputs), a scalar; ``weight`` is (n,)."""

    @abstractmethod
    def fit_head(self, features: np.ndarray, target: Tensor, weight: np.ndarray | None, seed: int) -> LinearHead:
        """Fit a linear head to convergence, its regularisation chosen by validation; see :meth:`Task.start`."""

    @abstractmethod
    def decode(self, raw: Tensor) -> np.ndarray:
        """Return predictions in the user's terms from raw outputs (n, outputs)."""

    @abstractmethod
    def measure(self, raw: Tensor, target: Tensor) -> float:
        """Return the metric of raw outputs (n, outputs); larger is better."""

    @abstractmethod
    def constant_row(self, target: Tensor) -> Tensor:
        """Return the raw outputs (1, outputs) of the best answer that is the same for every item: chance."""

    @abstractmethod
    def itself_rows(self, raw: Tensor) -> Tensor:
        """Return target rows that agree with raw outputs; see :meth:`Task.itself`."""

    # -- what follows from it -----------------------------------------------------------------------------------------

    def learn(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return encoded targets, named ``y``; see :class:`Task`."""
        return Targets({"y": self.learn_rows(y, where)})

    def encode(self, y: Any, where: str, items: Sequence[Any] = ()) -> Targets:
        """Return targets encoded as those of the fit; see :class:`Task`."""
        return Targets({"y": self.encode_rows(y, where)})

    def place(self, target: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        """Return the target as it is: it belongs to the whole item."""
        return dict(target)

    def collate(self, placed: Sequence[Mapping[str, Tensor]], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {"y": (n, ...)}."""
        return {"y": torch.stack([target["y"] for target in placed])}

    def build(self, view: View, seed: int | None) -> nn.Module:
        """Return a linear map, which begins with torch's usual weights."""
        if seed is None:
            return nn.Linear(view.width, self.outputs)
        with seeded(seed):
            return nn.Linear(view.width, self.outputs)

    def start(self, features: Column, placed: Mapping[str, Column], weight: np.ndarray | None, seed: int) -> LinearHead:
        """Return a linear head fitted to convergence; see :meth:`fit_head`."""
        rows = features if isinstance(features, Tensor) else torch.stack(list(features))
        target = placed["y"] if isinstance(placed["y"], Tensor) else torch.stack(list(placed["y"]))
        return self.fit_head(rows.numpy(), target, weight, seed)

    def losses(
        self,
        net: Net,
        batch: Mapping[str, Tensor],
        target: Mapping[str, Tensor],
        weight: Tensor | None,
        *,
        progress: float,
        generator: Any,
    ) -> dict[str, Term]:
        """Return the loss under its name, weighed by rows."""
        return {self.loss_name: Term(self.loss(net(batch).float(), target["y"], weight), len(target["y"]))}

    def answer(self, net: Net, batch: Mapping[str, Tensor], traces: Sequence[Tensor | None]) -> list[Any]:
        """Return a row of raw outputs for each sample."""
        return list(net(batch).float().cpu())

    def merge(self, parts: Sequence[Any], item: Any) -> Any:
        """Return the mean of the rows of an item's windows."""
        return parts[0] if len(parts) == 1 else torch.stack(list(parts)).mean(0)

    def predictions(self, answers: Sequence[Any], items: Sequence[Any]) -> np.ndarray:
        """Return classes, numbers or indicators, an array with a row per item."""
        return self.decode(_rows(answers, self.outputs))

    def table(self, answers: Sequence[Any], items: Sequence[Any]) -> Table:
        """Return a row for each item: its prediction, and where the task has them the probability of each class."""
        found = self.predictions(answers, items)
        if found.ndim == 1:
            columns: dict[str, Any] = {texts.PREDICTION: found}
        else:
            names = getattr(self, "target_names_", ()) or range(found.shape[1])
            columns = {f"{texts.PREDICTION} {name}": found[:, i] for i, name in enumerate(names)}
        return Table(np.arange(len(items)), columns | self._probabilities(answers))

    def _probabilities(self, answers: Sequence[Any]) -> dict[str, np.ndarray]:
        proba, classes = getattr(self, "proba", None), getattr(self, "classes_", None)
        if proba is None or classes is None:
            return {}
        sure = proba(_rows(answers, self.outputs))
        return {texts.PROBABILITY.format(name=name): sure[:, i] for i, name in enumerate(classes)}

    def constant(self, targets: Targets) -> list[Any]:
        """Return the same row for every item; see :meth:`constant_row`."""
        target = targets.columns["y"]
        assert isinstance(target, Tensor)
        return list(self.constant_row(target).expand(len(targets), -1))

    def itself(self, raw: Any) -> dict[str, Tensor]:
        """Return {"y": ...}; see :meth:`itself_rows`."""
        return {"y": self.itself_rows(raw.detach())}

    def meter(self) -> RowsMeter:
        """Return a meter that keeps rows and measures them together."""
        return RowsMeter(self.measure)


def _rows(answers: Sequence[Any], outputs: int) -> Tensor:
    return torch.stack(list(answers)) if len(answers) else torch.empty(0, outputs)
