"""Whether a network may be cut where a source says: shown by running it, once, when the source describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Stage
from punar.core.replay import captured, replayed
from punar.errors import BackboneError


def prove_stages(module: nn.Module, stages: Sequence[Stage], forward: Callable[[], Tensor]) -> tuple[Stage, ...]:
    """Return those stages whose output is all that the rest of the network needs.

    A stage is kept as a boundary if its last module runs exactly once, returns one tensor with the items first, and
    the network run from that tensor on, with everything below replaced (:func:`punar.core.replay.replayed`) and other
    numbers at its input, gives the same bits as the whole run. Integer inputs, such as token ids and masks, are left
    as they are: whoever replays must have them. Otherwise the stage is merged into the stage after it, under that
    one's name.

    Parameters
    ----------
    module : nn.Module
        With random weights, on the CPU. It is **used up**: its constant parameters are changed, so that a branch that
        starts at zero cannot hide what depends on it.
    stages : sequence of Stage
        Proposed. Inside a stage, modules are brought into the order of execution; those that do not run come first.
    forward : callable
        ``forward()`` calls ``module`` on a small batch of at least two items and returns (n, width) features.
        It must give the same numbers each time.

    Returns
    -------
    tuple of Stage
        At least one. All modules of ``stages`` are among them; where the last one has no module that gives its
        output, the network is one stage, ``all``, whose module is ``""``, the network itself.

    Raises
    ------
    BackboneError
        The network gives other numbers on each run in eval mode.
    """
    _stir(module)
    module.eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        calls, whole = _watch(module, [name for s in stages for name in s.modules], forward)
        again = forward()
        if not torch.equal(whole, again):
            raise BackboneError("the network gives other numbers on each run in eval mode; it has no fixed features.")
        return _merge(module, [_ordered(s, calls) for s in stages], calls, whole, forward)


def _merge(
    module: nn.Module,
    stages: list[Stage],
    calls: dict[str, list[int]],
    whole: Tensor,
    forward: Callable[[], Tensor],
) -> tuple[Stage, ...]:
    if not _once(stages[-1], calls):
        return (Stage("all", ("",)),)
    kept: list[Stage] = []
    waiting: tuple[str, ...] = ()
    for at, stage in enumerate(stages):
        whole_stage = Stage(stage.name, waiting + stage.modules)
        proposal = [*kept, whole_stage]
        late = [name for s in stages[at + 1 :] for name in s.modules]
        last = at == len(stages) - 1
        if last or (_once(stage, calls) and _cuts(module, proposal, late, calls, whole, forward)):
            kept, waiting = proposal, ()
        else:
            waiting = whole_stage.modules
    return tuple(kept)


def _cuts(
    module: nn.Module,
    below: list[Stage],
    late: list[str],
    calls: dict[str, list[int]],
    whole: Tensor,
    forward: Callable[[], Tensor],
) -> bool:
    early = [name for s in below for name in s.modules]
    end = calls[early[-1]][0]
    if any(at > end for name in early for at in calls[name]) or any(at < end for name in late for at in calls[name]):
        return False
    # A parameter on both sides would go stale in what is cached.
    tied = {id(p) for n in early for p in module.get_submodule(n).parameters()}
    if tied & {id(p) for n in late for p in module.get_submodule(n).parameters()}:
        return False
    try:
        with captured(module, early[-1]) as found:
            forward()
        value = found[early[-1]]
        given = value.clone()
        with _other_input(module), replayed(module, below, len(below), given):
            same = torch.equal(forward(), whole)
        untouched = torch.equal(given, value)
        # Were the output blind to the value, equal bits would say nothing.
        with replayed(module, below, len(below), value + torch.rand_like(value)):
            follows = not torch.equal(forward(), whole)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        return False
    return same and untouched and follows


@contextmanager
def _other_input(module: nn.Module) -> Iterator[None]:
    """Replace the numbers that ``module`` is called with, so that a way around the boundary shows."""

    def other(value: Any) -> Any:
        return torch.rand_like(value) if isinstance(value, Tensor) and value.is_floating_point() else value

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return tuple(map(other, args)), {name: other(value) for name, value in kwargs.items()}

    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _watch(module: nn.Module, names: list[str], forward: Callable[[], Tensor]) -> tuple[dict[str, list[int]], Tensor]:
    """Return when each module returned (a negative time: not one tensor), and the features."""
    calls: dict[str, list[int]] = {name: [] for name in names}
    clock = [0]
    outputs: list[tuple[str, int, int]] = []

    def note(name: str):  # type: ignore[no-untyped-def]
        def hook(_: nn.Module, __: object, output: object) -> None:
            clock[0] += 1
            calls[name].append(clock[0])
            items = output.shape[0] if isinstance(output, Tensor) and output.dim() else -1
            outputs.append((name, clock[0], items))

        return hook

    hooks = [module.get_submodule(name).register_forward_hook(note(name)) for name in names]
    try:
        whole = forward().clone()
    finally:
        for handle in hooks:
            handle.remove()
    for name, _, items in outputs:
        if items != whole.shape[0]:
            calls[name].append(calls[name][-1])  # counts as a second call: it cannot be a stage's end
    return calls, whole


def _ordered(stage: Stage, calls: dict[str, list[int]]) -> Stage:
    return Stage(stage.name, tuple(sorted(stage.modules, key=lambda name: max(calls[name], default=0))))


def _once(stage: Stage, calls: dict[str, list[int]]) -> bool:
    return len(calls[stage.modules[-1]]) == 1


def _stir(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point() and parameter.numel() and parameter.min() == parameter.max():
                noise = torch.rand(parameter.shape, generator=generator).to(parameter.dtype)
                parameter.add_(0.02 + 0.1 * noise)
