"""Which frozen computation a backbone is asked for, and the engine that runs it."""

from __future__ import annotations

import contextlib
import functools
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import Body, Plan, Stage, View
from punar.core.replay import captured
from punar.core.runtime import available_cores, count_work
from punar.data.decode import BadItem
from punar.errors import NotSupportedError, ParameterError, ParameterTypeError, shown, suggest
from punar.features import runtime
from punar.features.cache import Cache
from punar.features.engine import Engine
from punar.preparations import Preparation

BATCH_SIZE = {"vision": 32, "text": 32, "audio": 8}
_SAMPLED = 9
POOLINGS = ("default", "mean", "max", "first")
Compute = Callable[[nn.Module, Mapping[str, Tensor]], Tensor]


def features(plan: Plan, layers: Sequence[Stage] = (), pooling: str = "default") -> Compute:
    """Return a function that gives (n, width) features: the network's own, or stages pooled and put side by side."""
    if not layers and pooling == "default":
        return plan.forward

    def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        names = [stage.modules[-1] for stage in layers or plan.stages[-1:]]
        with captured(module, *names) as found:
            plan.forward(module, batch)
        return torch.cat([_pooled(found[name], batch, plan, pooling) for name in names], 1)

    return compute


def of_view(view: View) -> Compute:
    """Return a function that gives what a view shows of each item, one tensor with the items first."""
    if view.form == "tokens":
        return lambda module, batch: view.compute(module, batch).values
    return view.compute


def boundary(plan: Plan, stages: int) -> Compute:
    """Return a function that gives the raw output of the last of the first ``stages`` stages."""

    def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        name = plan.stages[stages - 1].modules[-1]
        with captured(module, name) as found:
            plan.forward(module, batch)
        value: Tensor = found[name]
        return value

    return compute


def engine(
    body: Body,
    compute: Compute,
    what: Mapping[str, Any],
    *,
    items: Sequence[Any],
    device: torch.device,
    cache: Cache | None,
    batch_size: int | None = None,
    per_bucket: bool = False,
    preparation: Preparation | None = None,
) -> Engine:
    """Return the engine for one computation on a body.

    Parameters
    ----------
    body : Body
        Its module is in eval mode, on ``device``.
    compute : callable
        From :func:`features` or :func:`boundary`.
    what : mapping
        JSON values that name the computation, for the cache.
    items : sequence
        What the job is about: its size decides whether a faster runtime is worth its start.
    device : torch.device
    cache : Cache or None
    batch_size : int, optional
    per_bucket : bool, default=False
    preparation : Preparation, optional
        In place of the plan's.
    """
    prepare = preparation or body.plan.preparation
    size = batch_size or body.plan.batch_size or BATCH_SIZE.get(prepare.domain, 256)
    mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
    key: dict[str, Any] = {
        "weights": body.hash,
        "what": dict(what),
        "machine": platform.machine(),
        "torch": str(torch.__version__),
        "device": device.type,
        "bfloat16": mixed,
        "threads": available_cores(),
        "rows_per_pass": runtime.ROWS_PER_PASS,
    }
    name, plain = "eager", runtime.eager(body.module, compute, device, mixed=mixed)
    run = plain
    exports = device.type == "cpu" and len(items) >= size and bool(body.plan.export)
    some = _sample(prepare, items) if exports else []
    bucket = prepare.bucket(some[len(some) // 2]) if some else 0
    if some and runtime.is_large(prepare.domain, _work(body, bucket), len(items)):
        alike = [p for p in some if prepare.bucket(p) == bucket]
        sample = prepare.collate([alike[i % len(alike)] for i in range(size)], bucket)
        signature = json.dumps([repr(body.recipe), dict(what), size], sort_keys=True)
        name, run = runtime.fastest(body.module, compute, body.plan.export, sample, signature, key["weights"])
    return Engine(
        run,
        prepare,
        key | {"runtime": name},
        batch_size=size,
        cache=cache,
        per_bucket=per_bucket,
        probe=plain,
    )


def pick_layers(plan: Plan, layer: Any, where: str) -> tuple[Stage, ...]:
    """Return the stages that ``layer`` names: None for the network's own features, a name, an index, or several.

    Raises
    ------
    ParameterError, ParameterTypeError
        No such stage; the message lists those there are.
    """
    if layer is None:
        return ()
    several = list(layer) if isinstance(layer, (list, tuple)) else [layer]
    names = [stage.name for stage in plan.stages]
    found = []
    for each in several:
        if isinstance(each, bool) or not isinstance(each, (str, int)):
            raise ParameterTypeError(f"{where}: layer must be a stage's name or number, or a list, got {shown(layer)}.")
        if isinstance(each, int) and -len(names) <= each < len(names):
            found.append(each % len(names))
        elif isinstance(each, str) and each in names:
            found.append(names.index(each))
        else:
            raise ParameterError(
                f"{where}: layer must be one of {', '.join(names)} or a number in [-{len(names)}, {len(names) - 1}], "
                f"got {shown(each)}.{suggest(each, names)}"
            )
    if not found:
        raise ParameterError(f"{where}: layer must name at least one stage, got an empty list.")
    return tuple(plan.stages[i] for i in sorted(set(found)))


def _pooled(output: Any, batch: Mapping[str, Tensor], plan: Plan, pooling: str) -> Tensor:
    value = output[0] if isinstance(output, (tuple, list)) else output
    if pooling in ("default", "mean") or value.dim() == 2:
        return plan.pool(value, batch)
    if pooling == "max":
        if value.dim() == 4:
            return value.amax((2, 3))
        mask = _own_steps(batch, value)
        if mask is not None and mask.shape[1] == value.shape[1]:
            value = value.masked_fill(mask.unsqueeze(2) == 0, torch.finfo(value.dtype).min)
        return value.amax(1)
    if value.dim() == 4:
        raise NotSupportedError("pooling='first' takes the first token; a picture's map has none. Use 'mean' or 'max'.")
    first: Tensor = value[:, 0]
    return first


def _own_steps(batch: Mapping[str, Tensor], value: Tensor) -> Tensor | None:
    """Return which steps of each row are its own, not padding, (n, t); None where the batch does not say."""
    if "lengths" in batch:
        return torch.arange(value.shape[1], device=value.device) < batch["lengths"].unsqueeze(1)
    return batch.get("attention_mask")


def _sample(prepare: Preparation, items: Sequence[Any]) -> list[Tensor]:
    """Return a few items prepared, the shortest first; those that cannot be read are passed over."""
    found = []
    for i in range(0, len(items), max(1, len(items) // _SAMPLED)):
        with contextlib.suppress(BadItem):
            found.append(prepare.prepare(items[i]))
    return sorted(found, key=prepare.bucket)


@functools.lru_cache(maxsize=8)
def _work(body: Body, bucket: int) -> int:
    """Multiply-adds per item of a length."""
    prepare = body.plan.preparation
    batch = prepare.collate([prepare.blank(bucket)], bucket)
    return count_work(body.module, lambda: body.plan.forward(body.module, batch))
