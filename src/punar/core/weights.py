"""Weights into a module that is built from untrusted settings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from punar.core.draws import seeded
from punar.errors import DamagedModelError, MissingExtraError, ModelFolderError, shown

# Buffers that a module computes instead of storing them: tables of positions and the like.
_MAX_COMPUTED_BYTES = 2**28
_SPARE = 1000  # parameters that a network may register and drop while it is built


def load_weights(module_factory: Callable[[], nn.Module], tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """Build a module without memory, compare it with ``tensors``, and only then put them in.

    Parameters
    ----------
    module_factory : callable
        Makes the module; it is called with the meta device as torch's default, and its sizes are not trusted.
    tensors : mapping of str to Tensor
        By state-dict name. They become the module's parameters and buffers, without a copy.
    where : str
        The folder or file, for messages.

    Returns
    -------
    nn.Module
        On the tensors' device, in training mode. torch's random state is as before.

    Raises
    ------
    DamagedModelError
        The settings do not build, names, shapes or dtypes differ, or a weight is not finite.
    """
    with at_most(most_parameters(tensors), where):
        module = _build(module_factory, where, torch.device("meta"))
    # Without keep_vars, tied parameters would come as different objects.
    wanted = module.state_dict(keep_vars=True)
    differences = _differences(wanted, tensors)
    if differences:
        rest = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise DamagedModelError(
            f"{where}: the weights must be those of the model that config.json describes; "
            f"{'; '.join(differences[:3])}{rest}. Get the folder again from where it came."
        )
    tied: dict[int, Tensor] = {}
    state: dict[str, Tensor] = {}
    for name, slot in wanted.items():
        value = tensors[name]
        if isinstance(slot, nn.Parameter):
            value = tied.setdefault(id(slot), nn.Parameter(value.detach(), requires_grad=slot.requires_grad))
        state[name] = value
    module.load_state_dict(state, assign=True)
    refuse_not_finite(module, where)
    _fill_computed(module, module_factory, where)
    return module


def refuse_not_finite(module: nn.Module, where: str) -> None:
    """Raise DamagedModelError where a parameter is NaN or infinite, or a buffer NaN (a mask may hold -inf)."""
    wrong = [n for n, p in module.named_parameters() if not bool(torch.isfinite(p).all())]
    wrong += [n for n, b in module.named_buffers() if not b.is_meta and bool(torch.isnan(b).any())]
    if wrong:
        rest = f" and {len(wrong) - 3} more tensors" if len(wrong) > 3 else ""
        raise DamagedModelError(
            f"{where}: the weights must be finite, found NaN or infinity in {', '.join(wrong[:3])}{rest}. "
            "Get them again from where they came, or fit again."
        )


def most_parameters(tensors: Mapping[str, Tensor]) -> int:
    """Return how many parameters a network may have whose weights are ``tensors``."""
    return 2 * len(tensors) + _SPARE


def refuse_larger(module_factory: Callable[[], nn.Module], tensors: Mapping[str, Tensor], where: str) -> None:
    """Raise DamagedModelError where a module has more parameters than all of ``tensors``; it is built without memory.

    For a caller that will build it in memory next, before its tensors are compared by name.
    """
    needed = sum(p.numel() for p in _build(module_factory, where, torch.device("meta")).parameters())
    if needed > sum(t.numel() for t in tensors.values()):
        raise DamagedModelError(f"{where}: config.json describes a larger network than the folder holds.")


@contextlib.contextmanager
def at_most(parameters: int, where: str) -> Iterator[None]:
    """Refuse to build networks of more parameters: a stored number of layers may be any number."""
    _watch_parameters()
    left = _Left(parameters, where)
    token = _LEFT.set((*_LEFT.get(), left))
    try:
        yield
    finally:
        _LEFT.reset(token)


@dataclass
class _Left:
    """How many parameters a thread may still register, and for which folder."""

    count: int
    where: str


_LEFT: ContextVar[tuple[_Left, ...]] = ContextVar("punar_parameters_left", default=())


def _count(*_: object) -> None:
    for left in _LEFT.get():
        left.count -= 1
        if left.count < 0:
            raise DamagedModelError(f"{left.where}: config.json describes a far larger network than its weights.")


@functools.cache
def _watch_parameters() -> None:
    """Count parameters from now on: a hook that came and went would disturb networks that other threads build."""
    register_module_parameter_registration_hook(_count)


def _build(module_factory: Callable[[], nn.Module], where: str, device: torch.device) -> nn.Module:
    try:
        with seeded(0), device:
            return module_factory()
    except (ModelFolderError, MissingExtraError):
        raise
    except Exception as e:  # hostile sizes end in every kind of error, from overflow to recursion
        raise DamagedModelError(f"{where}: no model can be built from config.json: {shown(str(e), 300)}") from e


def _differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    lines = [f"{name} is missing" for name in wanted if name not in found]
    lines += [f"{shown(name)} is not part of it" for name in found if name not in wanted]
    for name, slot in wanted.items():
        value = found.get(name)
        if value is not None and (value.shape != slot.shape or value.dtype != slot.dtype):
            lines.append(f"{name} must be {tuple(slot.shape)} {slot.dtype}, found {tuple(value.shape)} {value.dtype}")
    return lines


def _fill_computed(module: nn.Module, module_factory: Callable[[], nn.Module], where: str) -> None:
    empty = {name: b for name, b in module.named_buffers() if b.is_meta}
    if not empty:
        return
    size = sum(b.numel() * b.element_size() for b in empty.values())
    if size > _MAX_COMPUTED_BYTES:
        raise DamagedModelError(
            f"{where}: buffers that are not stored may take {_MAX_COMPUTED_BYTES} bytes, "
            f"{', '.join(list(empty)[:3])} need {size}."
        )
    real = dict(_build(module_factory, where, torch.device("cpu")).named_buffers())
    for name in empty:
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, real[name])
