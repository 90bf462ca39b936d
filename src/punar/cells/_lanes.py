"""A batch in parts, side by side in threads of their own: how recurrent layers use several cores.

A recurrent layer is thousands of small products one after the other. Where torch shares each among threads, these meet
at every step: on a quiet machine that costs what it saves, and where another program wants a core each meeting is a
turn of the scheduler (a hundred times slower, measured). Parts of a batch meet once, at its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.core.runtime import available_cores, in_lanes, lanes
from punar.data.steps import padded_to

_FEWEST = 8  # rows of a part: with fewer, a step takes about as long
_MOST = 128  # rows of a part without gradients: its states stay in the cache
_WORK = 50_000_000  # multiply-adds of a batch below which handing it over costs what it saves

Forward = Callable[[Tensor, Any], tuple[Tensor | None, Tensor]]

_pools: dict[int, ThreadPoolExecutor] = {}  # by process: a fork has none of its parent's threads


def count(module: nn.Module, x: Tensor) -> int:
    """Return in how many parts a batch ``x`` (B, T, D) runs through ``module``; 1: as it is, in the caller's thread."""
    rows = len(x)
    if x.device.type != "cpu" or rows < 2 * _FEWEST or _watched():
        return 1
    side_by_side = min(lanes(), rows // _FEWEST)
    if side_by_side < 2 or rows * x.shape[1] * sum(p.numel() for p in module.parameters()) < _WORK:
        return 1
    if any(_hooked(m) for m in module.modules() if m is not module) or any(
        p._backward_hooks for p in module.parameters()
    ):
        return 1
    return side_by_side if torch.is_grad_enabled() else max(side_by_side, -(-rows // _MOST))


def _watched() -> bool:
    """Return whether something follows the caller's thread that other threads do not know of."""
    tracing = torch.compiler.is_compiling() or torch.jit.is_tracing()
    modes = torch.utils._python_dispatch._get_current_dispatch_mode() is not None
    return tracing or modes or torch.is_autocast_enabled("cpu") or nn.modules.module._has_any_global_hook()


def _hooked(module: nn.Module) -> bool:
    """Return whether somebody waits for what a layer gives: they get it whole, and in their own thread."""
    kinds = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(kinds)


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
        ctx.again, ctx.prepared = forward, prepared
        ctx.save_for_backward(*tensors)
        ctx.kept = _passed(forward, tensors, prepared)
        ctx.set_materialize_grads(False)
        return tuple(None if out is None else out.detach() for _, pair in ctx.kept for out in pair)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors  # torch refuses here where a graph is walked again that was not to be kept
        parts, trained = tensors[: len(ctx.prepared)], tensors[len(ctx.prepared) :]
        twice, of_x = torch.is_grad_enabled(), ctx.needs_input_grad[2]
        if twice:
            # The kept graphs end at copies: a derivative of the derivative needs a graph of the tensors themselves.
            passed = [(part, ctx.again(part, facts)) for part, facts in zip(parts, ctx.prepared, strict=True)]
        else:
            passed, ctx.kept = ctx.kept or _passed(ctx.again, tensors, ctx.prepared), None
        jobs = [
            (pair, grads[2 * i : 2 * i + 2], [part, *trained] if of_x else list(trained), twice)
            for i, (part, pair) in enumerate(passed)
        ]
        by_part = [list(found) for found in ([_gradients(*job) for job in jobs] if twice else _each(_gradients, jobs))]
        by_x = [found.pop(0) if of_x else None for found in by_part]
        return (None, None, *by_x, *map(_sum, zip(*by_part, strict=True)))


def _passed(forward: Forward, tensors: tuple[Tensor, ...], prepared: list[Any]) -> list[tuple[Tensor, Any]]:
    """Return copies of the parts, and what the forward pass gives of each, with its graph."""
    given = [part.detach().requires_grad_(part.requires_grad) for part in tensors[: len(prepared)]]
    return list(zip(given, _each(torch.enable_grad()(forward), zip(given, prepared, strict=True)), strict=True))


def _gradients(
    outs: Iterable[Any], grads: Iterable[Tensor | None], inputs: list[Tensor], twice: bool
) -> Iterable[Tensor | None]:
    pairs = [(out, grad) for out, grad in zip(outs, grads, strict=True) if grad is not None]
    if not pairs:
        return [None] * len(inputs)
    ends, slopes = zip(*pairs, strict=True)
    return torch.autograd.grad(ends, inputs, slopes, allow_unused=True, create_graph=twice)


def _sum(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return sum(known[1:], start=known[0]) if known else None


def _each(do: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return what each job gives, in their order: side by side, each in one thread."""
    waiting = [_pool().submit(_alone, do, *job) for job in jobs]
    return [one.result() for one in waiting]


def _alone(do: Callable[..., Any], *job: Any) -> Any:
    # What is cut inside a lane would wait for lanes that are all taken.
    with in_lanes(1):
        return do(*job)


def _pool() -> ThreadPoolExecutor:
    if os.getpid() not in _pools:
        count = available_cores()
        together = Barrier(count)
        pool = ThreadPoolExecutor(count, thread_name_prefix="punar", initializer=_start)
        # All threads begin now, because each tells torch a number that later threads of the caller would take over.
        for begun in [pool.submit(together.wait) for _ in range(count)]:
            begun.result()
        torch.set_num_threads(torch.get_num_threads())
        _pools[os.getpid()] = pool
    return _pools[os.getpid()]


def _start() -> None:
    torch.get_num_threads()  # torch asks for the common number at a thread's first use, and would do so later
    torch.set_num_threads(1)
