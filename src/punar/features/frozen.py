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
from punar.features.batches import Run, at_once, is_few
from punar.features.cache import Cache
from punar.features.engine import Engine, Rows
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


def extract(
    body: Body,
    compute: Compute,
    what: Mapping[str, Any],
    *,
    items: Sequence[Any],
    device: torch.device,
    cache: Cache | None,
    where: str,
    batch_size: int | None = None,
    preparation: Preparation | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Rows:
    """Return one row per item: of a few directly, of many by the engine, which looks them up and remembers them.

    Parameters
    ----------
    body, compute, what, items, device, cache, batch_size, preparation
        As :func:`engine` takes them.
    where : str
        The caller, for messages.
    progress : callable, optional
        See :meth:`punar.features.engine.Engine.rows`.

    Raises
    ------
    DataError
        An item cannot be read.
    """
    how: dict[str, Any] = {"device": device, "batch_size": batch_size, "preparation": preparation}
    if is_few(len(items), _size(preparation or body.plan.preparation, body, batch_size)):
        return direct(body, compute, items, where=where, **how)
    return engine(body, compute, what, items=items, cache=cache, **how).rows(items, where=where, progress=progress)


def direct(
    body: Body,
    compute: Compute,
    items: Sequence[Any],
    *,
    device: torch.device,
    where: str,
    batch_size: int | None = None,
    preparation: Preparation | None = None,
) -> Rows:
    """Return one row per item at the cost of the network's pass: no weights are hashed or copied, nothing is looked up.

    The rows are those of :func:`engine`, to the bit. For few items (:func:`punar.features.batches.is_few`): what is
    answered this way is not remembered.

    Parameters
    ----------
    body, compute, items, device, batch_size, preparation
        As :func:`engine` takes them.
    where : str
        The caller, for messages.

    Raises
    ------
    DataError
        An item cannot be read.
    """
    prepare = preparation or body.plan.preparation
    run = runtime.eager(body.module, compute, device, mixed=_mixed(device))
    found = at_once(run, prepare, items, _size(prepare, body, batch_size), where)
    return Rows(list(range(len(items))), {}, len(items), [row.numpy() for row in found])


def engine(
    body: Body,
    compute: Compute,
    what: Mapping[str, Any],
    *,
    items: Sequence[Any],
    device: torch.device,
    cache: Cache | None,
    batch_size: int | None = None,
    preparation: Preparation | None = None,
) -> Engine:
    """Return the engine for one computation on a body.

    Parameters
    ----------
    body : Body
        Its module is put in eval mode, on ``device``, where it is not.
    compute : callable
        From :func:`features` or :func:`boundary`.
    what : mapping
        JSON values that name the computation, for the cache.
    items : sequence
        What the job is about: its size decides whether a faster runtime is worth its start.
    device : torch.device
    cache : Cache or None
    batch_size : int, optional
    preparation : Preparation, optional
        In place of the plan's.
    """
    prepare = preparation or body.plan.preparation
    size = _size(prepare, body, batch_size)
    name, run = _fastest(body, compute, what, items, device, prepare, size)
    key = {
        # A pass over every weight: for the cache alone.
        "weights": None if cache is None else body.hash,
        "what": dict(what),
        "machine": platform.machine(),
        "torch": str(torch.__version__),
        "device": device.type,
        "bfloat16": _mixed(device),
        "threads": available_cores(),
        "rows_per_pass": runtime.ROWS_PER_PASS,
        "runtime": name,
    }
    in_passes = name == "eager" and device.type == "cpu" and prepare.domain == "vision"
    passes = runtime.ROWS_PER_PASS if in_passes else None
    return Engine(run, prepare, key, batch_size=size, cache=cache, pass_size=passes)


def _fastest(
    body: Body,
    compute: Compute,
    what: Mapping[str, Any],
    items: Sequence[Any],
    device: torch.device,
    prepare: Preparation,
    size: int,
) -> tuple[str, Run]:
    """Return torch, or for large jobs on the CPU the fastest runtime, by name and as a function."""
    plain = runtime.eager(body.module, compute, device, mixed=_mixed(device))
    domain, count = prepare.domain, len(items)
    if device.type != "cpu" or count < size or not body.plan.export or not runtime.can_export():
        return "eager", plain
    # Pictures are all of one size; of others a few are read to learn how long they are.
    some = [] if prepare.domain == "vision" else _sample(prepare, items)
    bucket = prepare.bucket(some[len(some) // 2]) if some else 0
    if not runtime.is_large(domain, _work(body, bucket), count):
        return "eager", plain
    alike = [p for p in some or _sample(prepare, items) if prepare.bucket(p) == bucket]
    if not alike:
        return "eager", plain
    sample = prepare.collate([alike[i % len(alike)] for i in range(size)], bucket)
    signature = json.dumps([repr(body.recipe), dict(what), size], sort_keys=True)
    return runtime.fastest(body.module, compute, body.plan.export, sample, signature, body.hash)


def _size(prepare: Preparation, body: Body, batch_size: int | None) -> int:
    return batch_size or body.plan.batch_size or BATCH_SIZE.get(prepare.domain, 256)


def _mixed(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


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
    return count_work(body.module, lambda net: body.plan.forward(net, batch))
