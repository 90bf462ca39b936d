"""The fits that one fit of a forecaster is made of: the one that stays, and those that answer for held-out windows."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from punar.baselines.linear_autoregression import LinearAutoregression
from punar.cells import Cell
from punar.core.memory import check_memory
from punar.models.forecaster import network
from punar.models.forecaster.model import ForecastRows
from punar.models.forecaster.split import Split
from punar.models.recurrent.fit import SIZES, losses_of, train_module
from punar.models.recurrent.module import Design, SequenceModule
from punar.preparations.histories import Histories
from punar.tasks.forecasting import Forecasting
from punar.training.checkpoint import Checkpoint
from punar.training.loop import Loop

_OWNER = "SequenceModel.fit"


@dataclass(frozen=True, eq=False)
class Trainer:
    """What all fits on one split have in common.

    Attributes
    ----------
    split : Split
    histories : Histories
    task : Forecasting
        It has learned the size of targets.
    relative_to : {"linear", "naive"}
    cell : Cell
    design : Design
    chosen : SimpleNamespace
        From :func:`punar.models.recurrent.fit.settings`.
    seed : int
    device : torch.device
    """

    split: Split
    histories: Histories
    task: Forecasting
    relative_to: str
    cell: Cell
    design: Design
    chosen: SimpleNamespace
    seed: int
    device: torch.device

    def trained(
        self,
        linear: LinearAutoregression,
        train: Tensor,
        valid: Tensor,
        *,
        halves: tuple[Tensor, Tensor] | None = None,
        store: Checkpoint | None = None,
        epochs: int | None = None,
    ) -> Loop:
        """Return the finished loop of a network on top of a linear part; ``valid`` windows stop it."""
        chosen = self.chosen if epochs is None else SimpleNamespace(**(vars(self.chosen) | {"epochs": epochs}))
        check_memory(lambda: network.build(self.design, self.cell, None, self.histories, self.task), _OWNER, SIZES)
        module = network.build(self.design, self.cell, self.seed, self.histories, self.task).to(self.device)
        # The untrained network adds nothing: training begins at the forecast that it is to improve.
        network.silence(module)
        rows = ForecastRows(self.split.windows, self.histories, self.task, self.relative_to, linear, self.device)
        return train_module(
            chosen,
            module,
            losses_of(self.task),
            rows,
            (train, valid),
            halves=halves,
            seed=self.seed,
            device=self.device,
            store=store,
        )

    def unstopped(self, linear: LinearAutoregression) -> Loop:
        """Return a loop on all training windows that no held-out window stopped.

        It has as many epochs as were best on the last of the training windows, for a fit on those before them.
        """
        before, stops = self.split.before()
        epochs = int(self.chosen.epochs)
        if len(stops):
            epochs = _best_epoch(self.trained(self.split.linear_of(before), before, stops))
        return self.trained(linear, self.split.train, self.split.valid[:0], epochs=epochs)


def module_of(loop: Loop) -> SequenceModule:
    """Return a finished loop's module with its best weights, on the CPU."""
    module = loop.module.cpu().eval()
    assert isinstance(module, SequenceModule)
    return module


def _best_epoch(loop: Loop) -> int:
    """Return the epoch, counted from 1, after which the held-out loss was least."""
    return 1 + int(np.argmin([entry["valid_loss"] for entry in loop.history]))
