"""Seed, device and threads: fixed once per job, so that a job can be repeated."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from punar.core import shared
from punar.core.shared import threads as threads
from punar.errors import ParameterError, shown, suggest

M = TypeVar("M", bound=nn.Module)

# Multiply-adds per step for each further thread: below, synchronisation costs more than the thread saves, most of all
# where another program wants the core (measured: a tenth of the speed). At 80 million two threads are twice as fast.
_WORK_PER_THREAD = 30_000_000

_MASK = (1 << 64) - 1


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return the integer that stands for ``random_state``: itself, or a number drawn from it."""
    if random_state is None:
        return int.from_bytes(os.urandom(4), "little") >> 1
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**31 - 1))
    return int(random_state)


def mix(*numbers: int) -> int:
    """Hash integers to a 63-bit seed (splitmix64), so that every (seed, epoch, step) has its own stream.

    >>> mix(0, 1) == mix(0, 1), mix(0, 1) == mix(1, 0)
    (True, False)
    """
    state = 0
    for n in numbers:
        state = (state ^ (n & _MASK)) + 0x9E3779B97F4A7C15 & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def pick_device(device: str | torch.device) -> torch.device:
    """Return the device for ``device``; "auto" takes cuda, then mps, then cpu.

    Raises
    ------
    ParameterError
        The name is not a device, or that device is not on this machine.
    """
    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        hint = suggest(device, ["auto", "cpu", "cuda", "mps"])
        raise ParameterError(
            f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got {shown(device)}.{hint}"
        ) from None
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    # To count the GPUs takes longer than a small network's layer: asked only where a number is given.
    number = found.index or 0
    if not present.get(found.type, False) or (number and number >= torch.cuda.device_count()):
        raise ParameterError(f"device={shown(str(device))} is not on this machine; use device='auto' or 'cpu'.")
    return found


def half_precision(device: torch.device, precision: str = "auto") -> bool:
    """Return whether a network is trained with products in bfloat16: where they are the device's own, and so faster.

    On processors that know them, by AVX-512 or AMX, a decoder's step takes half the time; others would imitate them.

    Parameters
    ----------
    device : torch.device
    precision : {"auto", "float32"}, default="auto"
        With "float32" nowhere.
    """
    if precision == "float32":
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch has no public question
    return device.type == "cpu" and asked is not None and bool(asked())


def moved(module: M, device: torch.device) -> M:
    """Return the module on a device; one that is there is not touched, for other threads may be in it."""
    first = next(module.parameters(), None)
    if first is not None and first.device.type == device.type and device.index in (None, first.device.index):
        return module
    return module.to(device)


def available_cores() -> int:
    """Return how many cores this process may use; ``OMP_NUM_THREADS`` may say fewer, as joblib's workers do."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(found, int(told)) if told.isdecimal() and int(told) > 0 else found


_lanes: ContextVar[int | None] = ContextVar("lanes", default=None)


def lanes() -> int:
    """Return how many parts of a batch may run side by side: what :func:`in_lanes` says, or one for each core."""
    return _lanes.get() or available_cores()


@contextlib.contextmanager
def in_lanes(count: int) -> Iterator[None]:
    """Run the block with so many lanes: the same number gives the same rounding on every machine."""
    token = _lanes.set(count)
    try:
        yield
    finally:
        _lanes.reset(token)


def count_work(module: nn.Module, run: Callable[[Any], object]) -> int:
    """Return the multiply-adds that ``run`` does in the linear, convolution and recurrent layers of ``module``.

    Parameters
    ----------
    module : nn.Module
        Left as it is: other threads may be running it.
    run : callable
        Calls the module that it is given, on as few rows as it takes: a twin in eval mode.
    """
    total = 0

    def add(layer: nn.Module, given: tuple[torch.Tensor, ...], out: Any) -> None:
        nonlocal total
        if isinstance(layer, nn.RNNBase):
            # One step only: threads meet at each, and where another program has a core, every meeting is a wait.
            count = out[0].shape[0 if layer.batch_first else 1] if out[0].dim() == 3 else 1
            total += count * sum(p.numel() for p in layer.parameters() if p.dim() == 2)
            return
        # A transposed convolution spreads its kernel at each input position, the others gather at each output.
        places = given[0] if isinstance(layer, nn.ConvTranspose2d) else out
        channels = places.shape[-1] if isinstance(layer, nn.Linear) else places.shape[1]
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        total += weight.numel() * places.numel() // channels

    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.RNNBase)
    twin = _twin(module, {}).eval()
    for layer in twin.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(add)
    with torch.no_grad():
        run(twin)
    return total


def _twin(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    """Return a module of the same parameters and buffers whose modes and hooks are its own, all modules inside too."""
    if id(module) not in known:
        found = known[id(module)] = module.__class__.__new__(module.__class__)
        found.__dict__.update(module.__dict__)
        found._forward_hooks, found._forward_hooks_with_kwargs = OrderedDict(), OrderedDict()
        found._modules = {
            name: None if inner is None else _twin(inner, known) for name, inner in module._modules.items()
        }
    return known[id(module)]


def choose_threads(multiply_adds_per_step: int) -> int:
    """Return a thread count from the work of one step: a rule, not a timing, so that it is the same every time."""
    return int(max(1, min(available_cores(), multiply_adds_per_step // _WORK_PER_THREAD)))


@contextlib.contextmanager
def as_usual() -> Iterator[None]:
    """Run the block with float32 as torch's default and outside inference mode, whatever the caller has set.

    Leaving inference mode turns gradients on: ``torch.no_grad()`` goes inside this one, not around it.
    """
    with shared.default_float32(), torch.inference_mode(False):
        yield
