"""The output of a module inside a network, and the network run again from that output on.

Both leave the library's own ``forward`` in charge: :func:`captured` stops it once the wanted outputs are there, and
:func:`replayed` runs it whole, with the modules that come earlier replaced by stubs. Classes, attributes and
state-dict names of the modules stay as they are. Other threads may run a module while one captures its outputs; one
that is replayed belongs to one thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn


class HasModules(Protocol):
    """A stage: dotted names of modules in order of execution."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Dotted names of modules."""


class _Enough(BaseException):
    """Everything wanted is there. Not an Exception, so that no library's own handler takes it for a failure."""


# What each stubbed module returns for inputs of given shapes: learnt once, by running it.
_FORMS: WeakKeyDictionary[nn.Module, dict[Any, Any]] = WeakKeyDictionary()


@contextmanager
def captured(module: nn.Module, *names: str) -> Iterator[dict[str, Any]]:
    """Collect what named submodules return, and leave the ``with`` block as soon as all have returned.

    Parameters
    ----------
    module : nn.Module
        Called by the code inside the ``with`` block.
    *names : str
        Dotted names of submodules; ``""`` is ``module`` itself.

    Yields
    ------
    dict
        Name -> output, in the order of execution; filled when the block has ended. What follows the last named
        module is not run. A module that is called twice gives its last output up to then. Where the network runs on
        after an output, a copy is kept: what follows may change tensors in place.

    Raises
    ------
    RuntimeError
        The block ended and some of the modules had not been called.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> with captured(net, "1") as found:
    ...     _ = net(torch.zeros(4, 3))
    >>> found["1"].shape
    torch.Size([4, 2])
    """
    found: dict[str, Any] = {}
    wanted = set(names)
    enough, caller = _Enough(), threading.get_ident()

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if threading.get_ident() != caller:  # whoever else answers with the same network
                return
            found[name] = output
            if wanted <= found.keys():
                raise enough
            found[name] = _map(output, torch.clone)

        return hook

    hooks = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        yield found
    except _Enough as stop:
        if stop is not enough:
            raise
        # Its frames hold every output so far, and one of them holds it: a circle that would outlive this pass.
        stop.__traceback__ = None
    finally:
        for handle in hooks:
            handle.remove()
    missing = [name for name in names if name not in found]
    if missing:
        raise RuntimeError(f"these modules were not called: {', '.join(missing)}")


@contextmanager
def replayed(
    module: nn.Module, stages: Sequence[HasModules], boundary: int, value: Tensor | Mapping[int, Tensor]
) -> Iterator[None]:
    """Inside the ``with`` block, calls of ``module`` take up from the output of an earlier stage, or of several.

    The block's code calls ``module`` as usual, with inputs of the usual shapes. Where the stages were shown to be
    boundaries, the values of pixels and samples do not matter, those of integer ids and masks may. The last
    module of ``stages[boundary - 1]`` returns ``value``, and the modules before it return zeros of the shape that
    they would have returned. That shape is learnt by running them once, without gradients, for each new shape of
    input; they should be in eval mode, as frozen stages are. Where the network reads several stages, as a U-Net and a
    feature pyramid do, zeros would be read too: ``value`` then holds the output of each of them.

    Parameters
    ----------
    module : nn.Module
    stages : sequence
        Objects with ``modules``, such as a plan's stages.
    boundary : int
        How many stages lie below, from 1 to ``len(stages)``.
    value : Tensor, or mapping of int to Tensor
        The output of ``stages[boundary - 1]`` for the batch; or outputs by the position of their stage, for stages
        below the boundary.

    Raises
    ------
    ValueError
        ``boundary`` is not among the stages, or a value's stage is not below it.
    """
    if not 1 <= boundary <= len(stages):
        raise ValueError(f"boundary must be in [1, {len(stages)}], got {boundary}")
    values = value if isinstance(value, Mapping) else {boundary - 1: value}
    if not values or not all(0 <= at < boundary for at in values):
        raise ValueError(f"values must be of stages in [0, {boundary - 1}], got {sorted(values)}")
    below = [name for stage in stages[:boundary] for name in stage.modules]
    ends = {id(module.get_submodule(stages[at].modules[-1])): found for at, found in values.items()}
    own: list[tuple[nn.Module, Any]] = []
    try:
        for name in below:
            part = module.get_submodule(name)
            # An instance attribute stands before the class's method, and nn.Module.__call__ looks it up so.
            own.append((part, part.__dict__.get("forward")))
            part.__dict__["forward"] = _giving(ends[id(part)]) if id(part) in ends else _stub(part)
        yield
    finally:
        for part, forward in reversed(own):
            if forward is None:
                part.__dict__.pop("forward", None)
            else:
                part.__dict__["forward"] = forward


def _giving(value: Tensor) -> Any:
    return lambda *_, **__: value


def _stub(part: nn.Module) -> Any:
    forward = part.forward
    forms = _FORMS.setdefault(part, {})

    def stub(*args: Any, **kwargs: Any) -> Any:
        # Under autocast the same inputs give another type.
        key = (_form(args), _form(kwargs), *map(torch.is_autocast_enabled, ("cpu", "cuda")))
        if key not in forms:
            forms[key] = _learn(forward, args, kwargs)
        return _zeros(forms[key])

    return stub


def _learn(forward: Any, args: Any, kwargs: Any) -> Any:
    """Return the form of what ``forward`` gives: from two and three rows where the batch has more, else by running it.

    Two small runs tell which axes are the batch; a whole batch through the frozen part would cost as much as computing
    it anew.
    """

    def run(rows: int | None) -> Any:
        def some(value: Tensor) -> Tensor:
            # Copies, because a zero that stands for a whole tensor cannot be changed in place.
            return value[:rows].clone() if rows and value.dim() and len(value) == n else value.clone()

        with torch.no_grad():
            return _form(forward(*_map(args, some), **_map(kwargs, some)))

    n = next((len(value) for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value.dim()), 0)
    if n > 5:
        # A tensor whose first axis is as long as the batch by chance is cut too; then the part may refuse it.
        with contextlib.suppress(Exception):
            grown = _grown(run(2), run(3), n)
            if grown is not None:
                return grown
    return run(None)


def _grown(two: Any, three: Any, n: int) -> Any:
    """Return the form for ``n`` rows from those for two and three, or None where more than the first axis differs."""
    if isinstance(two, _Shape) and isinstance(three, _Shape):
        shape, other = two[0], three[0]
        if two[1:] != three[1:] or len(shape) != len(other) or shape[1:] != other[1:]:
            return None
        if shape == other:
            return two
        return _Shape(((n, *shape[1:]), *two[1:])) if (shape[0], other[0]) == (2, 3) else None
    if isinstance(two, tuple) and isinstance(three, tuple) and len(two) == len(three):
        parts = [_grown(a, b, n) for a, b in zip(two, three, strict=True)]
        return None if any(p is None and a is not None for p, a in zip(parts, two, strict=True)) else tuple(parts)
    return two if two == three else None


class _Shape(tuple[Any, ...]):
    """Shape, dtype and device of a tensor."""


def _form(value: Any) -> Any:
    """Return a hashable outline of nested tensors: what their replacement must look like."""
    if isinstance(value, Tensor):
        return _Shape((tuple(value.shape), value.dtype, value.device))
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(_form(v) for v in value))
    if isinstance(value, dict):
        return (dict, tuple((k, _form(v)) for k, v in value.items()))
    return value if isinstance(value, (int, float, str, bool, type(None))) else type(value)


def _zeros(form: Any) -> Any:
    if isinstance(form, _Shape):
        shape, dtype, device = form
        return torch.zeros((), dtype=dtype, device=device).expand(shape)
    if isinstance(form, tuple):
        kind, inner = form
        return {k: _zeros(v) for k, v in inner} if kind is dict else kind(_zeros(v) for v in inner)
    return None if isinstance(form, type) else form


def _map(value: Any, change: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(_map(v, change) for v in value)
    return {k: _map(v, change) for k, v in value.items()} if type(value) is dict else value
