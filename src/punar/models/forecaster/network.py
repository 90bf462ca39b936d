"""The network of a forecaster, whose head reads what is known of each step to come."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from punar.backbones import View
from punar.cells import Cell
from punar.models.recurrent.module import Design, SequenceModule
from punar.preparations.histories import Histories
from punar.tasks.forecasting import Forecasting

_WIDTH = 32


class AheadHead(nn.Module):
    """A linear map of the state, and for each step what the state and that step's known values give together.

    Parameters
    ----------
    width : int
        Of the state.
    known : int
        Values known of each step.
    horizon, per_step : int
        Steps, and outputs for each.
    """

    def __init__(self, width: int, known: int, horizon: int, per_step: int) -> None:
        super().__init__()
        self.known, self.horizon = known, horizon
        self.state = nn.Linear(width, horizon * per_step)
        self.mixed = nn.Linear(width + known, _WIDTH)
        self.ahead = nn.Linear(_WIDTH, per_step)

    def forward(self, state: Tensor, ahead: Tensor | None = None) -> Tensor:
        """Return raw outputs, (n, horizon * per_step).

        Parameters
        ----------
        state : Tensor of shape (n, width)
        ahead : Tensor of shape (n, horizon, known), optional
            Relative to the last step; by default what is known stays as it is there.
        """
        if ahead is None:
            ahead = state.new_zeros(len(state), self.horizon, self.known)
        both = torch.cat([state.unsqueeze(1).expand(-1, self.horizon, -1), ahead], dim=2)
        return self.state(state) + self.ahead(torch.tanh(self.mixed(both))).flatten(1)


def build(design: Design, cell: Cell, seed: int | None, histories: Histories, task: Forecasting) -> SequenceModule:
    """Return an untrained network, the same for the same seed; see :meth:`Design.build`."""
    if not histories.known_ahead:
        return design.build(cell, seed)

    def head(cell: Cell, view: View, seed: int | None) -> nn.Module:
        horizon = int(task.horizon or 0)
        return AheadHead(view.widths[0], len(histories.known_ahead), horizon, design.outputs // horizon)

    return design.build(cell, seed, head)


def silence(module: SequenceModule) -> None:
    """Make the network's outputs 0: training begins at the forecast that it is to improve."""
    head = module.head
    last = [head.state, head.ahead] if isinstance(head, AheadHead) else [head]
    for layer in last:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
