"""What is remembered of the frozen part: the outputs of every stage that the view reads, as one row for each sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from punar.backbones import Plan, View
from punar.core.replay import captured
from punar.features.frozen import Compute
from punar.preparations import Batch

_MOST_BYTES = 4 * 2**30  # more than that costs more to keep than to compute again


def compute_of(plan: Plan, kept: Sequence[int]) -> Compute:
    """Return a function that gives the outputs of some stages: as it is of one, flat and side by side of several.

    Parameters
    ----------
    plan : Plan
    kept : sequence of int
        Positions of stages, from :meth:`punar.backbones.View.kept`.
    """
    names = [plan.stages[at].modules[-1] for at in kept]

    def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        with captured(module, *names) as found:
            plan.forward(module, batch)
        if len(names) == 1:
            only: Tensor = found[names[0]]
            return only
        return torch.cat([found[name].flatten(1) for name in names], 1)

    return compute


class Unpacked:
    """From one row of each sample back to the outputs of stages.

    Parameters
    ----------
    module : nn.Module
        The backbone, in eval mode.
    plan : Plan
    kept : sequence of int
    """

    def __init__(self, module: nn.Module, plan: Plan, kept: Sequence[int]) -> None:
        self._module, self._plan, self._kept = module, plan, tuple(kept)
        self._shapes: dict[tuple[int, ...], list[tuple[int, ...]]] = {}

    def __call__(self, value: Tensor, batch: Batch) -> dict[int, Tensor]:
        """Return outputs by the position of their stage."""
        if len(self._kept) == 1:
            return {self._kept[0]: value}
        shapes = self._of(batch)
        parts = value.split([math.prod(shape) for shape in shapes], 1)
        pairs = zip(self._kept, parts, shapes, strict=True)
        return {at: part.reshape(len(value), *shape) for at, part, shape in pairs}

    def _of(self, batch: Batch) -> list[tuple[int, ...]]:
        """Return the shape of each output of one sample, learned by running one of each size."""
        key = tuple(size for value in batch.values() for size in value.shape[1:])
        if key not in self._shapes:
            names = [self._plan.stages[at].modules[-1] for at in self._kept]
            with torch.no_grad(), captured(self._module, *names) as found:
                self._plan.forward(self._module, {k: v[:1].clone() for k, v in batch.items()})
            self._shapes[key] = [tuple(found[name].shape[1:]) for name in names]
        return self._shapes[key]


def worth_it(view: View, module: nn.Module, plan: Plan, kept: Sequence[int], batch: Batch, samples: int) -> bool:
    """Return whether the outputs of so many samples are few enough to be kept.

    Parameters
    ----------
    view : View
    module : nn.Module
    plan : Plan
    kept : sequence of int
    batch : Batch
        Of one sample.
    samples : int
    """
    with torch.no_grad():
        row = compute_of(plan, kept)(module, batch)
    return row[:1].nbytes * samples <= _MOST_BYTES
