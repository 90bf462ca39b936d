"""Backbone and head as one module that keeps what is frozen frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from punar.backbones import Plan, View
from punar.core.replay import replayed
from punar.features.frozen import of_view
from punar.models.transfer.freezing import planned_modes, set_trainable
from punar.models.transfer.lora import freeze_all_but_lora


class Staged(nn.Module):
    """A backbone, one of its views, and a head, of which stages are trained.

    Parameters
    ----------
    backbone : nn.Module
        The source library's module, without its classifier.
    head : nn.Module
        What the view shows -> raw outputs.
    plan : Plan
    view : View
        Of the plan.
    trainable : frozenset of int
        Positions of the trained stages. The others are frozen: parameters, buffers and mode.
    batch_norm : bool
        Whether batch norms of trained stages use and update the statistics of batches.

    Attributes
    ----------
    boundary : int
        How many leading stages are frozen for good, so that their output may be computed once.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        plan: Plan,
        view: View,
        trainable: frozenset[int],
        *,
        batch_norm: bool,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self._plan = plan
        self._view = view
        self._batch_norm = batch_norm
        self.boundary = min(trainable, default=len(plan.stages))
        self.thaw(trainable)

    def __getstate__(self) -> dict[str, Any]:
        # Plan and view hold functions that cannot be pickled: whoever unpickles gives them back (`planned`).
        return {k: v for k, v in vars(self).items() if k not in ("_plan", "_view")}

    def planned(self, plan: Plan, form: str) -> None:
        """Take the plan after unpickling, and the form of the view."""
        self._plan, self._view = plan, plan.view(form)

    def thaw(self, trainable: frozenset[int]) -> None:
        """Make exactly these stages trainable, and set every module's mode accordingly."""
        self._trainable = trainable
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode for what is trained; the frozen part stays in eval mode."""
        super().train(mode)
        set_trainable(self.backbone, self._plan.stages, self._trainable)
        freeze_all_but_lora(self.backbone)
        for parameter in self.above():
            parameter.requires_grad_(True)
        modes = self.modes()
        for name, module in self.backbone.named_modules():
            module.training = mode and modes[name]
        return self

    def above(self) -> list[nn.Parameter]:
        """Return the parameters above all stages, which are always trained: the head's."""
        return list(self.head.parameters())

    def modes(self) -> dict[str, bool]:
        """Return the name of every module of the backbone and whether it is in train mode while the head is."""
        return planned_modes(self.backbone, self._plan.stages, self._trainable, batch_norm=self._batch_norm)


class Transfer(Staged):
    """A backbone, one of its views, and a head of what it shows; see :class:`Staged`."""

    def forward(self, batch: Mapping[str, Tensor], value: Tensor | None = None) -> Any:
        """Return raw outputs.

        Parameters
        ----------
        batch : mapping of str to Tensor
        value : Tensor, optional
            The output of the stages below the boundary for this batch, computed before; then ``batch`` gives shapes.
        """
        return self.head(self.shown(batch, value))

    def shown(self, batch: Mapping[str, Tensor], value: Tensor | None = None) -> Any:
        """Return what the head sees: what the view shows of the batch, from ``value`` on where that is given."""
        if value is None:
            return of_view(self._view)(self.backbone, batch)
        with replayed(self.backbone, self._plan.stages, self.boundary, value):
            return of_view(self._view)(self.backbone, batch)


def set_head(head: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Give a linear head the weights that a closed form found."""
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)


def rates(
    module: Transfer, stages: int, decay: float, parameters: Sequence[Sequence[nn.Parameter]]
) -> dict[int, float]:
    """Return each parameter's factor on the learning rate: 1 for the head, falling by ``decay`` per stage below it.

    Parameters
    ----------
    module : Transfer
    stages : int
        How many stages there are.
    decay : float in (0, 1]
    parameters : sequence of sequence of nn.Parameter
        By stage.
    """
    found = {id(p): 1.0 for p in module.head.parameters()}
    for at, group in enumerate(parameters):
        found |= {id(p): decay ** (stages - at) for p in group}
    return found
