"""Which stages of a backbone are trained: one rule for estimators and for ``punar.layers``.

Below the boundary everything is frozen: parameters, buffers and mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any

from torch import nn

from punar.backbones import Stage
from punar.errors import ParameterError, ParameterTypeError, shown, suggest

# The head is no stage and is always trained; naming it beside stages, as textbooks do, changes nothing.
HEAD = "head"
BATCH_NORM = nn.modules.batchnorm._BatchNorm


def trainable_stages(stages: Sequence[Stage], unfreeze: Any, where: str) -> frozenset[int]:
    """Return the positions of the stages that ``unfreeze`` makes trainable.

    Parameters
    ----------
    stages : sequence of Stage
        In order of execution.
    unfreeze : "all", "last", int or sequence of str
        Every stage; the last one; the last k, 0 for none (the head alone is trained); or names: of stages, or of what
        holds whole stages (``encoder.layer`` stands for all of ``encoder.layer.0``, ``encoder.layer.1``, ...).
        ``"head"`` may be named too. One name may stand without a list.
    where : str
        The estimator, for messages.

    Returns
    -------
    frozenset of int
        Later stages than a named one stay frozen unless they are named as well.

    Raises
    ------
    punar.errors.ParameterError
        A number below 0 or above the number of stages, an unknown name, or a name inside a stage.
    """
    n = len(stages)
    if isinstance(unfreeze, Integral) and not isinstance(unfreeze, bool):
        k = int(unfreeze)
        if not 0 <= k <= n:
            raise ParameterError(
                f"{where}: unfreeze, as a number of stages, must be from 0 (the head alone is trained) to {n} (this "
                f"backbone's stages: {_listed(stages)}), got {k}."
            )
        return frozenset(range(n - k, n))
    if isinstance(unfreeze, str) and unfreeze == "all":
        return frozenset(range(n))
    if isinstance(unfreeze, str) and unfreeze == "last":
        return frozenset({n - 1}) if n else frozenset()
    names = [unfreeze] if isinstance(unfreeze, str) else unfreeze
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(isinstance(name, str) for name in names):
        raise ParameterTypeError(
            f"{where}: unfreeze must be 'all', 'last', a number of stages or a list of names, got {shown(unfreeze)}."
        )
    return frozenset(i for name in names for i in _named(stages, name, where))


def named_stages(stages: Sequence[Stage], names: Iterable[str]) -> frozenset[int]:
    """Return the positions of the stages that are called like this; other names say nothing."""
    wanted = frozenset(names)
    return frozenset(at for at, stage in enumerate(stages) if stage.name in wanted)


def norms_learn(strategy: str, batch_norm: str) -> bool:
    """Return whether batch norms of trained stages use and update the statistics of batches.

    Parameters
    ----------
    strategy : str
    batch_norm : {"auto", "train", "frozen"}
        "auto" is "train" from scratch only: few pictures make poor statistics.
    """
    return strategy == "scratch" if batch_norm == "auto" else batch_norm == "train"


def stage_modules(module: nn.Module, stage: Stage) -> list[nn.Module]:
    """Return the modules of a stage, in order of execution."""
    return [module.get_submodule(name) for name in stage.modules]


def stage_parameters(module: nn.Module, stages: Sequence[Stage]) -> list[list[nn.Parameter]]:
    """Return the parameters of each stage; each parameter once.

    Those in no stage count as the first stage's, and one that stages share as the earliest of them's, so that a frozen
    stage never changes through another one.
    """
    place: dict[int, int] = {}
    known: dict[int, nn.Parameter] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        at = _stage_of(name, stages)
        known[id(parameter)] = parameter
        place[id(parameter)] = min(place.get(id(parameter), len(stages)), 0 if at is None else at)
    found: list[list[nn.Parameter]] = [[] for _ in stages]
    for key, parameter in known.items():
        if stages:
            found[place[key]].append(parameter)
    return found


def set_trainable(module: nn.Module, stages: Sequence[Stage], trainable: Iterable[int]) -> None:
    """Make exactly these stages trainable; the others are in eval mode and need no gradient.

    A module that holds stages of both kinds is in eval mode, since what its mode decides (dropping whole layers,
    masking the input) would reach the frozen ones. ``module.train()`` undoes the modes: call this after it.
    """
    chosen = frozenset(trainable)
    for at, parameters in enumerate(stage_parameters(module, stages)):
        for parameter in parameters:
            parameter.requires_grad_(at in chosen)
    modes = planned_modes(module, stages, chosen)
    for name, inner in module.named_modules():
        inner.training = modes[name]


def planned_modes(
    module: nn.Module, stages: Sequence[Stage], trainable: frozenset[int], *, batch_norm: bool = True
) -> dict[str, bool]:
    """Return the name of every module within and whether training would have it in train mode.

    With ``batch_norm=False`` batch norms are in eval mode in trained stages too.
    """
    return {
        name: _covers(name, stages) <= trainable and (batch_norm or not isinstance(inner, BATCH_NORM))
        for name, inner in module.named_modules()
    }


def _covers(name: str, stages: Sequence[Stage]) -> frozenset[int]:
    """Return the stages whose state decides a module's mode: its own, those it holds, or else the first."""
    at = _stage_of(name, stages)
    if at is not None:
        return frozenset({at})
    held = frozenset(i for i, stage in enumerate(stages) if any(_within(m, name) for m in stage.modules))
    return held or frozenset({0})


def _stage_of(name: str, stages: Sequence[Stage]) -> int | None:
    return next((i for i, stage in enumerate(stages) if any(_within(name, m) for m in stage.modules)), None)


def _within(name: str, outer: str) -> bool:
    return not outer or name == outer or name.startswith(f"{outer}.")


def _named(stages: Sequence[Stage], name: str, where: str) -> Iterator[int]:
    if name == HEAD:
        return
    found = [i for i, stage in enumerate(stages) if name == stage.name]
    if not found and name:
        found = [
            i
            for i, stage in enumerate(stages)
            if _within(stage.name, name) or all(_within(m, name) for m in stage.modules)
        ]
    if not found:
        at = _stage_of(name, stages)
        why = (
            f"{name!r} is a piece of the stage {stages[at].name!r}, which is frozen or trained as one: name that"
            if at is not None
            else f"this backbone has no stage {shown(name)}"
        )
        hint = "" if at is not None else suggest(name, [stage.name for stage in stages])
        raise ParameterError(
            f"{where}: unfreeze: {why}.{hint} The stages are {_listed(stages)}; the head is always trained."
        )
    yield from found


def _listed(stages: Sequence[Stage], most: int = 16) -> str:
    names = [stage.name for stage in stages]
    return ", ".join(names if len(names) <= most else [*names[:2], "...", *names[-(most - 3) :]])
