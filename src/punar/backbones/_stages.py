"""Whether a network may be cut where a source says: shown by running it, once for each thing that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Stage
from punar.core.draws import seeded
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
    with torch.no_grad(), seeded(0):
        calls, whole = _watch(module, [name for s in stages for name in s.modules], forward)
        again = forward()
        if not torch.equal(whole, again):
            raise BackboneError("the network gives other numbers on each run in eval mode; it has no fixed features.")
        return _merge(module, [_ordered(s, calls) for s in stages], calls, whole, forward)


def prove_view(
    module: nn.Module,
    stages: Sequence[Stage],
    compute: Callable[[nn.Module, Mapping[str, Tensor]], Any],
    batch: Mapping[str, Tensor],
) -> tuple[tuple[int, ...], ...]:
    """Return, for each boundary, which frozen stages' outputs must be remembered for what a network shows.

    Parameters
    ----------
    module : nn.Module
        In eval mode, with random or trained weights, which stay as they are.
    stages : sequence of Stage
    compute : callable
        ``compute(module, batch)`` -> tensors, in any nesting of tuples, lists and dicts; as :class:`View` has it, or
        with a head on top.
    batch : mapping of str to Tensor
        At least two items. Integers and masks in it are taken to be known when it is replayed; other numbers are not.

    Returns
    -------
    tuple of tuple of int
        One for each boundary from 1 on: positions of stages that are enough to give the same bits, the last frozen
        one alone where it is; empty where even all of them together are not, so that this is no boundary.
    """
    with torch.no_grad(), seeded(0):
        other = {k: torch.rand_like(v) if v.is_floating_point() else v for k, v in batch.items()}
        whole = _cloned(compute(module, batch))

        def enough(boundary: int, kept: tuple[int, ...]) -> bool:
            return _replays(
                module, stages[:boundary], kept, whole, lambda: compute(module, batch), lambda: compute(module, other)
            )

        # What is shown may stop before the last stages.
        calls, _ = _watch(module, [s.modules[-1] for s in stages], lambda: compute(module, batch))
        run = [at for at, stage in enumerate(stages) if calls[stage.modules[-1]]]
        return tuple(
            _fewest([at for at in run if at < boundary], lambda kept, b=boundary: enough(b, kept))  # type: ignore[misc]
            for boundary in range(1, len(stages) + 1)
        )


def _fewest(run: Sequence[int], enough: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
    if run and enough((run[-1],)):
        return (run[-1],)
    kept = tuple(run)
    if not kept or not enough(kept):
        return ()
    for at in run:
        fewer = tuple(k for k in kept if k != at)
        kept = fewer if fewer and enough(fewer) else kept
    return kept


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

    def elsewhere() -> Tensor:
        with _other_input(module):
            return forward()

    return _replays(module, below, (len(below) - 1,), whole, forward, elsewhere)


def _replays(
    module: nn.Module,
    below: Sequence[Stage],
    kept: Sequence[int],
    whole: Any,
    plain: Callable[[], Any],
    elsewhere: Callable[[], Any],
) -> bool:
    """Return whether the outputs of the stages ``kept`` stand for all stages below.

    ``plain()`` runs the network on its batch, which gives ``whole``; ``elsewhere()`` on other numbers.
    """
    names = {at: below[at].modules[-1] for at in kept}
    try:
        with captured(module, *names.values()) as found:
            plain()
        values = {at: found[name] for at, name in names.items()}
        given = _cloned(values)
        with replayed(module, below, len(below), given):
            same = _equal(elsewhere(), whole)
        untouched = _equal(given, values)
        # Were the output blind to the values, equal bits would say nothing.
        noisy = {at: value + torch.rand_like(value) for at, value in values.items()}
        with replayed(module, below, len(below), noisy):
            follows = not _equal(plain(), whole)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        return False
    return same and untouched and follows


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {k: _cloned(v) for k, v in value.items()}
    return tuple(map(_cloned, value)) if isinstance(value, (tuple, list)) else value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)


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


def _watch(module: nn.Module, names: list[str], forward: Callable[[], Any]) -> tuple[dict[str, list[int]], Any]:
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
        whole = _cloned(forward())
    finally:
        for handle in hooks:
            handle.remove()
    for name, _, items in outputs:
        if isinstance(whole, Tensor) and items != whole.shape[0]:
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
