"""Random numbers of a fit: drawn from generators of its own, also by code that asks torch for its global one.

The global generator belongs to the whole process. Two fits that seed it side by side disturb each other and whoever
else draws from it, so that nothing here touches it on the CPU: layers that are ours ask :func:`dropout` and
:func:`uniform`, and for all other code each operation of this thread that would draw from it is given another
generator on its way to the kernel. The numbers are those that the global generator would give for the same seed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode, _pop_mode, _push_mode

# What this thread's layers draw from; None: the caller's stream, as torch's own layers do.
_OWN: ContextVar[torch.Generator | None] = ContextVar("punar_draws", default=None)
# Held while a GPU's generator is seeded for one step: fused kernels there take no other one.
_GPU = threading.RLock()
# Whether a network has layers that draw by themselves.
_DRAWS: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run the block with what it draws from torch's global generators drawn from seeded ones instead.

    Only for this thread. The caller's streams are left as they are, on errors too.
    """
    with _Redirected(seed):
        yield


@contextlib.contextmanager
def drawing_from(generator: torch.Generator, net: nn.Module | None = None) -> Iterator[None]:
    """Let everything in the block that draws from torch's global stream, such as dropout, follow ``generator``.

    Parameters
    ----------
    generator : torch.Generator
        One number of it seeds the block's stream.
    net : nn.Module, optional
        What the block runs. Where all its layers that draw are ours, other operations need not be watched, which
        costs some microseconds each.
    """
    device = generator.device
    number = int(torch.randint(2**62, (1,), generator=generator, device=device))
    if device.type != "cpu":
        with _GPU, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(number)
            yield
        return
    own = torch.Generator().manual_seed(number)
    token = _OWN.set(own)
    try:
        with _Redirected(number, own) if net is None or draws_by_itself(net) else contextlib.nullcontext():
            yield
    finally:
        _OWN.reset(token)


def draws_by_itself(net: nn.Module) -> bool:
    """Return whether a network may draw in training in ways that are not :func:`dropout` and :func:`uniform`.

    Layers of torch and of libraries of pretrained networks do so where they have a share to drop; what a layer of
    the user's own does is not known.
    """
    if net not in _DRAWS:
        _DRAWS[net] = any(_may_draw(module) for module in net.modules())
    return _DRAWS[net]


_KNOWN = ("punar", "torch", "torchvision", "timm", "transformers", "peft")


def _may_draw(module: nn.Module) -> bool:
    if isinstance(module, (Dropout, Dropout2d)):
        return False
    home = type(module).__module__.partition(".")[0]
    if home == "punar":
        return False
    if home not in _KNOWN:
        return True
    shares = [value for name, value in vars(module).items() if "drop" in name or name == "p"]
    return any(isinstance(share, (int, float)) and share > 0 for share in shares) or "RReLU" in type(module).__name__


# -- layers of our own ----------------------------------------------------------------------------------------------


def dropout(x: Tensor, share: float, training: bool = True, *, whole_maps: bool = False) -> Tensor:
    """Return ``torch.nn.functional.dropout`` of ``x``, drawn from the fit's generator where one is set.

    Parameters
    ----------
    x : Tensor
    share : float in [0, 1)
        Of the values that become 0.
    training : bool, default=True
        False returns ``x``.
    whole_maps : bool, default=False
        Drop whole maps of (n, channels, ...), as ``dropout2d`` does.
    """
    own = _OWN.get()
    if own is None or own.device != x.device or not training or share <= 0:
        usual = functional.dropout2d if whole_maps else functional.dropout
        return usual(x, share, training)
    kept = x.new_empty((*x.shape[:2], *(1 for _ in x.shape[2:]))) if whole_maps else torch.empty_like(x)
    return x * kept.bernoulli_(1.0 - share, generator=own).div_(1.0 - share)


def uniform(shape: Sequence[int], device: torch.device) -> Tensor:
    """Return ``torch.rand``, drawn from the fit's generator where one is set."""
    own = _OWN.get()
    return torch.rand(tuple(shape), device=device, generator=own if own is not None and own.device == device else None)


class Dropout(nn.Dropout):
    """torch's layer, which draws by :func:`dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with a share of its values dropped in training."""
        return dropout(input, self.p, self.training)


class Dropout2d(nn.Dropout2d):
    """torch's layer, which draws by :func:`dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with a share of its maps dropped in training."""
        return dropout(input, self.p, self.training, whole_maps=True)


# -- code that draws by itself ----------------------------------------------------------------------------------------


class _Redirected(TorchDispatchMode):
    """Gives another generator to each operation of this thread that would take torch's global one.

    Parameters
    ----------
    seed : int
        Of the generators, one for each device.
    own : torch.Generator, optional
        The one of its device.
    """

    def __init__(self, seed: int, own: torch.Generator | None = None) -> None:
        super().__init__()
        self._seed = seed
        self._of = {} if own is None else {own.device: own}

    # torch's own way in and out also writes flags of the whole process, which two threads would leave behind set; only
    # its compiler reads them.
    def __enter__(self) -> _Redirected:
        _push_mode(self)
        return self

    def __exit__(self, *_: object) -> None:
        _pop_mode()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation would import the compiler

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        draw = _draw_of(func)
        return func(*args, **kwargs) if draw is None else draw(self, func, args, kwargs)

    def generator(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Generator | None:
        """Return the generator for an operation's device; None on the meta device, where nothing is drawn."""
        tensor = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)), None)
        device = torch.device(kwargs.get("device") or (tensor.device if tensor is not None else "cpu"))
        if device.type == "meta":
            return None
        if device not in self._of:
            self._of[device] = torch.Generator(device=device).manual_seed(self._seed)
        return self._of[device]


def _given(mode: _Redirected, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation that takes a generator."""
    if kwargs.get("generator") is None and not any(isinstance(a, torch.Generator) for a in args):
        kwargs = kwargs | {"generator": mode.generator(args, kwargs)}
    return func(*args, **kwargs)


def _made(mode: _Redirected, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation that makes a tensor by its size, and has a twin that takes a generator."""
    own = mode.generator(args, kwargs)
    if own is None:
        return func(*args, **kwargs)
    twin = "generator" if func._overloadname == "default" else f"{func._overloadname}_generator"
    return getattr(func.overloadpacket, twin)(*args, **kwargs, generator=own)


def _alike(mode: _Redirected, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation that makes a tensor like another."""
    own = mode.generator(args, kwargs)
    if own is None:
        return func(*args, **kwargs)
    found, name = torch.empty_like(args[0], **kwargs), func.overloadpacket.__name__
    if name == "rand_like":
        return found.uniform_(generator=own)
    if name == "randn_like":
        return found.normal_(generator=own)
    low, high = (0, args[1]) if len(args) == 2 else args[1:3]
    return found.random_(int(low), int(high), generator=own)


def _dropped(mode: _Redirected, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the fused dropout, which takes no generator, in two steps."""
    own = mode.generator(args, kwargs)
    x, share, training = (*args, *kwargs.values())[:3]
    if own is None or training is False or not 0 < share < 1:
        return func(*args, **kwargs)
    kept = torch.empty_like(x, dtype=torch.bool).bernoulli_(1.0 - share, generator=own)
    return x * kept / (1.0 - share), kept


_MAKERS = {"rand": _made, "randn": _made, "randint": _made, "randperm": _made}
_MAKERS |= {"rand_like": _alike, "randn_like": _alike, "randint_like": _alike, "native_dropout": _dropped}
_KINDS: dict[Any, Any] = {}


def _draw_of(func: Any) -> Any:
    """Return how an operation that draws is run; None where it does not, or was given a generator by its name."""
    if func not in _KINDS:
        takes = any(argument.name == "generator" for argument in func._schema.arguments)
        name = func.overloadpacket.__name__
        _KINDS[func] = _given if takes else _MAKERS.get(name)
    return _KINDS[func]


def _after_fork() -> None:
    global _GPU
    _GPU = threading.RLock()  # whoever held it is not there any more


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
