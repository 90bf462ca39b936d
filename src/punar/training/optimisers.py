"""Optimisers by name and learning-rate schedules as functions of progress, so that a resumed run needs no state."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

NAMES = ("adam", "adamw", "sgd")
SCHEDULES = ("cosine", "constant")

# Share of the training in which the learning rate rises from zero: enough for Adam's second moments to settle.
_WARMUP = 0.05
_MOST_DECAY = 1e15  # the square of what Adam adds to a gradient overflows in float32 above it


def build(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
    rate_of: Callable[[nn.Parameter], float] | None = None,
) -> torch.optim.Optimizer:
    """Return the optimiser ``name``, with torch's fused kernel where the device has one.

    Parameters
    ----------
    name : {"adam", "adamw", "sgd"}
    parameters : iterable of nn.Parameter
    learning_rate : float
    weight_decay : float
        Decoupled for "adamw"; added to the gradient for the others.
    rate_of : callable, optional
        ``rate_of(parameter)`` -> factor on the learning rate. Parameters of one factor are a group, which carries it
        as ``group["factor"]``.
    """
    params = [p for p in parameters if p.requires_grad]
    fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps") for p in params)
    by_factor: dict[float, list[nn.Parameter]] = {}
    for p in params:
        by_factor.setdefault(1.0 if rate_of is None else rate_of(p), []).append(p)
    groups: list[dict[str, Any]] = [{"params": ps, "factor": factor} for factor, ps in by_factor.items()]
    if name == "sgd":
        return _light(torch.optim.SGD)(
            groups, lr=learning_rate, momentum=0.9, nesterov=True, weight_decay=weight_decay, fused=fused
        )
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return _light(kind)(groups, lr=learning_rate, weight_decay=weight_decay, fused=fused)


@cache
def _light(kind: type[torch.optim.Optimizer]) -> Any:
    """Return ``kind`` with the same arithmetic and without what torch wraps around it for its compiler.

    Those wrappers import torch._dynamo and with it sympy: two seconds of processor time in the first fit of every
    process, more than most fits take. A loop that is never compiled has no use for them.
    """
    inner = inspect.unwrap(kind.step)

    def step(self: torch.optim.Optimizer, closure: Any = None) -> Any:
        with torch.no_grad():
            return inner(self, closure)

    wrapped = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    own: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in wrapped}
    return type(kind.__name__, (kind,), {"step": step, **own})


def rate(schedule: str, progress: float) -> float:
    """Return the factor on the learning rate at ``progress`` in [0, 1].

    >>> rate("constant", 0.3), rate("cosine", 0.05), round(rate("cosine", 1.0), 6)
    (1.0, 1.0, 0.0)
    """
    if schedule == "constant":
        return 1.0
    if progress < _WARMUP:
        return max(progress, 0.01) / _WARMUP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - _WARMUP) / (1.0 - _WARMUP)))


def advice(learning_rate: float, weight_decay: float) -> str:
    """Return what to do where training diverged.

    Each step takes ``learning_rate * weight_decay`` of a weight away: from 1 on it grows instead of shrinking.

    >>> advice(0.01, 0.1)
    'Lower learning_rate (a tenth is a good next try), or set gradient_clip=1.0.'
    """
    large = learning_rate * weight_decay >= 1 and weight_decay > learning_rate
    if not large and weight_decay < _MOST_DECAY:
        return "Lower learning_rate (a tenth is a good next try), or set gradient_clip=1.0."
    return (
        f"Lower weight_decay={weight_decay:g}: learning_rate * weight_decay must be far below 1, and is "
        f"{learning_rate * weight_decay:g}. 0.01 is usual, 0 switches it off."
    )


def ordered(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Return the parameters by the places that :func:`stored` names: by group, not as the module has them."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def stored(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers of each parameter, named by the parameter's place."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{k}": v for i, slots in state.items() for k, v in slots.items() if v is not None}


def restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser what :func:`stored` returned."""
    places = ordered(optimizer)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        i, _, slot = name.partition(".")
        # The fused kernels walk through memory: what they keep must be laid out as the parameter is.
        own = places[int(i)]
        if value.shape == own.shape:
            value = torch.empty_like(own, dtype=value.dtype).copy_(value)
        slots.setdefault(int(i), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
