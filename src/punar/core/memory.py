"""What training a network takes of memory, known before it is taken."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from punar.errors import ParameterError, PunarWarning
from punar.texts import memory as texts

_BYTES = 16  # for each weight: itself, its gradient, and Adam's two averages, of 4 bytes each
_MUCH = 2**30  # bytes that are worth a word
_GB = 1e9
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
_DRAWS = ("normal_", "uniform_", "trunc_normal_", "bernoulli_", "exponential_")
_GROUPS = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Return the bytes of free memory, by the system and the limits of process and container; None where not known."""
    found = [_of_system(), _of_process(), *(_of_container(*names) for names in _LIMITS)]
    known = [value for value in found if value is not None]
    return min(known, default=None)


def check_memory(build: Callable[[], nn.Module], where: str, settings: str) -> None:
    """Raise where a network's weights alone are too many to be trained in the memory that is free; say what many take.

    Parameters
    ----------
    build : callable
        Makes the network; it is called with torch's meta device as the default, so that nothing is allocated.
    where : str
        The estimator, for messages.
    settings : str
        The settings that make it smaller, for messages.

    Raises
    ------
    ParameterError
        Weights, gradients and the optimizer's averages need more than there is.
    """
    free = available()
    try:
        weights = _count(build, None if free is None else free // _BYTES)
    except Exception as error:  # of a part of somebody's own; what is wrong shows where it is built
        if "overflow" not in str(error).lower():
            return
        raise ParameterError(f"{where}: {texts.NO_SUCH_SIZE} {texts.SMALLER.format(settings=settings)}") from None
    need = _BYTES * weights
    if free is not None and need > free:
        message = texts.TOO_MANY.format(weights=weights, need=need / _GB, free=free / _GB)
        raise ParameterError(f"{where}: {message} {texts.SMALLER.format(settings=settings)}")
    if need > _MUCH:
        warnings.warn(texts.MUCH.format(where=where, weights=weights, need=need / _GB), PunarWarning, stacklevel=4)


def _count(build: Callable[[], nn.Module], most: int | None) -> int:
    """Return the number of weights, or of those built by the time when they are more than ``most``."""
    thread, weights = threading.get_ident(), [0]

    def count(_: object, __: str, value: Tensor | None) -> None:
        if value is None or threading.get_ident() != thread:
            return  # of a network that another thread builds
        weights[0] += value.numel()
        if most is not None and weights[0] > most:
            raise _Enough

    handle = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"), _Undrawn():
            build()
    except _Enough:
        pass
    finally:
        handle.remove()
    return weights[0]


class _Undrawn(TorchFunctionMode):
    """First weights that nobody sees are not drawn: on the meta device torch loads its compiler for that."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _DRAWS:
            return args[0] if args else kwargs["tensor"]  # as torch.nn.init passes it
        return func(*args, **(kwargs or {}))


class _Enough(Exception):
    """More weights than fit; ends a build."""


def _of_system() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _of_process() -> int | None:
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return None
        return max(0, limit - resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0]))
    except (ImportError, OSError, ValueError):  # not on Windows
        return None


def _of_container(limit: str, used: str) -> int | None:
    try:
        return max(0, int((_GROUPS / limit).read_text()) - int((_GROUPS / used).read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return None
