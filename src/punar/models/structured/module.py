"""Backbone and head as one module, for heads that are trained: what is frozen stays frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.replay import replayed
from punar.models.transfer.module import Staged


class Structured(Staged):
    """A backbone, one of its views, and a head that may read the batch beside it: ``head(shown, batch)``.

    See :class:`punar.models.transfer.module.Staged`; of a native view the backbone has its own head or decoder.
    """

    def __init__(self, backbone: nn.Module, *given: Any, **named: Any) -> None:
        if any(isinstance(module, nn.Conv2d) for module in backbone.modules()):
            # Twice the speed of the usual layout on a CPU with AVX-512, and what tensor cores want. A loaded model has
            # it too, and so the same bits.
            backbone.to(memory_format=torch.channels_last)
        super().__init__(backbone, *given, **named)

    def modes(self) -> dict[str, bool]:
        """Return the mode of every module; what the library has above all stages is trained with the head."""
        modes = super().modes()
        for name in self._plan.head:
            for inner, _ in self.backbone.get_submodule(name).named_modules():
                modes[f"{name}.{inner}" if inner else name] = True
        if self._plan.head:
            modes[""] = True  # the library's own forward asks it what to give
        return modes

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
