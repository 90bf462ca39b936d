"""A batch in parts, side by side in threads of their own: how recurrent layers use several cores.

A recurrent layer is thousands of small products one after the other. Where torch shares each among threads, these meet
at every step: on a quiet machine that costs what it saves, and where another program wants a core each meeting is a
turn of the scheduler (a hundred times slower, measured). Parts of a batch meet once, at its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from punar.core.runtime import available_cores, lanes
from punar.data.steps import padded_to

_FEWEST = 8  # rows of a part: with fewer, a step takes about as long
_MOST = 128  # rows of a part without gradients: its states stay in the cache
_WORK = 50_000_000  # multiply-adds of a batch below which handing it over costs what it saves

Forward = Callable[[Tensor, Any], tuple[Tensor | None, Tensor]]

_pools: dict[int, ThreadPoolExecutor] = {}  # by process: a fork has none of its parent's threads


def count(module: nn.Module, x: Tensor) -> int:
    """Return in how many parts a batch ``x`` (B, T, D) runs through ``module``; 1: as it is, in the caller's thread."""
    rows = len(x)
    side_by_side = min(lanes(), rows // _FEWEST)
    if side_by_side < 2 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return 1
    if rows * x.shape[1] * sum(p.numel() for p in module.parameters()) < _WORK:
        return 1
    # Who hooks a layer waits for the whole batch, in his own thread.
    if any(m._forward_hooks or m._forward_pre_hooks for m in module.modules() if m is not module):
        return 1
    return side_by_side if torch.is_grad_enabled() else max(side_by_side, -(-rows // _MOST))


def run(
    forward: Forward,
    parameters: Iterable[nn.Parameter],
    x: Tensor,
    lengths: Tensor | None,
    parts: int,
    prepare: Callable[[Tensor, Tensor | None], Any],
) -> tuple[Tensor | None, Tensor]:
    """Return what ``forward(x, prepare(x, lengths))`` gives, computed in parts.

    Parameters
    ----------
    forward : callable
        Steps (b, t, D) and what was prepared -> states (b, t, W), zero past a sequence's length, or None, and last
        states (b, W). A part has about as many steps as its longest sequence.
    parameters : iterable of nn.Parameter
        What ``forward`` depends on besides ``x``.
    x : Tensor of shape (B, T, D)
    lengths : Tensor of shape (B,) and int64, or None
    parts : int
    prepare : callable
        Runs in the caller's thread: in lanes, small operations wait for each other at Python's lock, each as long as
        ten of them take.
    """
    jobs: list[tuple[Tensor, Any]] = [(some, None) for some in x.tensor_split(parts)]
    if lengths is not None:
        owns, most = lengths.cpu().tensor_split(parts), x.shape[1]
        jobs = [(some[:, : padded_to(int(own.max()), most)], own) for (some, _), own in zip(jobs, owns, strict=True)]
        jobs = [(some, prepare(some, own)) for some, own in jobs]
    trained = [p for p in parameters if p.requires_grad]
    if torch.is_grad_enabled() and (trained or x.requires_grad):
        flat = _InLanes.apply(forward, [facts for _, facts in jobs], *(some for some, _ in jobs), *trained)
        states, lasts = flat[::2], flat[1::2]
    else:
        states, lasts = zip(*_each(torch.no_grad()(forward), jobs), strict=True)
    if states[0] is None:
        return None, torch.cat(lasts)
    steps = x.shape[1]
    return torch.cat([F.pad(some, (0, 0, 0, steps - some.shape[1])) for some in states]), torch.cat(lasts)


class _InLanes(torch.autograd.Function):
    # autograd walks a graph in one thread: each part has a graph of its own, kept here between the two passes.
    @staticmethod
    def forward(ctx: Any, forward: Forward, prepared: list[Any], *tensors: Tensor) -> tuple[Any, ...]:
        parts, trained = tensors[: len(prepared)], tensors[len(prepared) :]
        given = [part.detach().requires_grad_(part.requires_grad) for part in parts]
        ctx.found = _each(torch.enable_grad()(forward), zip(given, prepared, strict=True))
        ctx.given, ctx.trained = given, trained
        ctx.set_materialize_grads(False)
        return tuple(None if out is None else out.detach() for pair in ctx.found for out in pair)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        jobs = [
            (pair, grads[2 * i : 2 * i + 2], [*([part] if part.requires_grad else []), *ctx.trained])
            for i, (pair, part) in enumerate(zip(ctx.found, ctx.given, strict=True))
        ]
        ctx.found = None  # a second pass is refused by autograd, and graphs may go as they are walked
        by_part = [list(found) for found in _each(_gradients, jobs)]
        by_x = [found.pop(0) if part.requires_grad else None for found, part in zip(by_part, ctx.given, strict=True)]
        return (None, None, *by_x, *map(_sum, zip(*by_part, strict=True)))


def _gradients(outs: Iterable[Any], grads: Iterable[Tensor | None], inputs: list[Tensor]) -> Iterable[Tensor | None]:
    pairs = [(out, grad) for out, grad in zip(outs, grads, strict=True) if grad is not None]
    if not pairs:
        return [None] * len(inputs)
    return torch.autograd.grad([o for o, _ in pairs], inputs, [g for _, g in pairs], allow_unused=True)


def _sum(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return sum(known[1:], start=known[0]) if known else None


def _each(do: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return what each job gives, in their order: side by side, each in one thread."""
    waiting = [_pool().submit(do, *job) for job in jobs]
    return [one.result() for one in waiting]


def _pool() -> ThreadPoolExecutor:
    if os.getpid() not in _pools:
        _pools[os.getpid()] = ThreadPoolExecutor(
            available_cores(), thread_name_prefix="punar", initializer=torch.set_num_threads, initargs=(1,)
        )
    return _pools[os.getpid()]
