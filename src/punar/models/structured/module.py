"""Backbone and head as one module, for heads that are trained: what is frozen stays frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import Plan, View
from punar.core.replay import replayed
from punar.models.transfer.freezing import planned_modes, set_trainable
from punar.models.transfer.lora import freeze_all_but_lora


class Structured(nn.Module):
    """A backbone, one of its views, and a head that may read the batch beside it.

    Parameters
    ----------
    backbone : nn.Module
        The source library's module; of a native view with its own head or decoder.
    head : nn.Module
        ``head(shown, batch)`` -> raw outputs.
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
        if any(isinstance(module, nn.Conv2d) for module in backbone.modules()):
            # Twice the speed of the usual layout on a CPU with AVX-512, and what tensor cores want. A loaded model has
            # it too, and so the same bits.
            backbone.to(memory_format=torch.channels_last)
        self.backbone = backbone
        self.head = head
        self._plan, self._view, self._batch_norm = plan, view, batch_norm
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

    def train(self, mode: bool = True) -> Structured:
        """Set training mode for what is trained; the frozen part stays in eval mode."""
        super().train(mode)
        set_trainable(self.backbone, self._plan.stages, self._trainable)
        modes = planned_modes(self.backbone, self._plan.stages, self._trainable, batch_norm=self._batch_norm)
        freeze_all_but_lora(self.backbone)
        for parameter in self.above():
            parameter.requires_grad_(True)
        for name in self._plan.head:
            for inner, _ in self.backbone.get_submodule(name).named_modules():
                modes[f"{name}.{inner}" if inner else name] = True
        if self._plan.head:
            modes[""] = True  # the library's own forward asks it what to give
        self.head.requires_grad_(True)
        for name, module in self.backbone.named_modules():
            module.training = mode and modes[name]
        return self

    def above(self) -> list[nn.Parameter]:
        """Return the parameters of the head, and of the library's own above all stages.

        A table that a stage shares with the head, such as an embedding, is the stage's.
        """
        stages = [self.backbone.get_submodule(name) for stage in self._plan.stages for name in stage.modules]
        own = {id(p) for stage in stages for p in stage.parameters()}
        kept = [p for name in self._plan.head for p in self.backbone.get_submodule(name).parameters()]
        return [*self.head.parameters(), *(p for p in kept if id(p) not in own)]

    def forward(self, batch: Mapping[str, Tensor], value: Mapping[int, Tensor] | None = None) -> Any:
        """Return raw outputs.

        Parameters
        ----------
        batch : mapping of str to Tensor
        value : mapping of int to Tensor, optional
            Outputs of stages below the boundary for this batch, by position; then ``batch`` gives shapes.
        """
        if not value:
            return self.head(self._view.compute(self.backbone, batch), batch)
        with replayed(self.backbone, self._plan.stages, self.boundary, value):
            return self.head(self._view.compute(self.backbone, batch), batch)


class Net:
    """A module as tasks call it: ``net(batch)``, with the module itself as an attribute.

    Parameters
    ----------
    module : Structured
    value : mapping of int to Tensor, optional
        See :meth:`Structured.forward`.
    """

    def __init__(self, module: Structured, value: Mapping[int, Tensor] | None = None) -> None:
        self.module = module
        self._value = value

    @property
    def remembered(self) -> bool:
        """Whether the frozen part's outputs are known, so that the batch is asked for as it is."""
        return bool(self._value)

    def __call__(self, batch: Mapping[str, Tensor]) -> Any:
        """Return raw outputs of a batch; what is remembered stands for its frozen part."""
        return self.module(batch, self._value)


class Passed(nn.Module):
    """The head of a native view: what the library's own head gave."""

    def forward(self, shown: Any, batch: Mapping[str, Tensor]) -> Any:
        """Return ``shown``."""
        return shown
