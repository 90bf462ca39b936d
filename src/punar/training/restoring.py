"""What a checkpoint must say before a loop goes on from it: the form of its facts, and tensors that fit the job."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from torch import Tensor, nn

from punar.errors import shown
from punar.training.best import BESTS
from punar.training.checkpoint_file import FILE, damaged

_Count = Annotated[int, msgspec.Meta(ge=0)]
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=2**16)]


class _Report(msgspec.Struct):
    verdict: str
    learned: bool | None


class _Finished(msgspec.Struct):
    """A fit that was finished: its tensors are the model's, not a loop's."""

    history: list[dict[str, int | float]]
    report: _Report
    seed: int


class _Facts(msgspec.Struct):
    epoch: _Count
    step: _Count
    history: list[dict[str, int | float]]
    best_loss: list[float | None]
    stale: _Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    seed: int
    threads: _AtLeastOne
    lanes: _AtLeastOne = 1
    between: bool = False
    report: _Report | None = None


def check_facts(facts: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError where a fact is missing or has another type or value than a fit writes."""
    try:
        if facts.get("finished") is True:
            msgspec.convert(facts, _Finished)
            return
        found = msgspec.convert(facts, _Facts)
    except msgspec.ValidationError as error:
        raise damaged(path, str(error)) from None
    if len(found.history) != found.epoch:
        raise damaged(path, f"{found.epoch} epochs with a history of {len(found.history)} entries")


def checked_parts(
    facts: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    module: nn.Module,
    trained: Collection[str],
    parameters: Sequence[nn.Parameter],
    limits: tuple[int, int, int],
    folder: str | Path,
) -> dict[str, dict[str, Tensor]]:
    """Return a state's tensors by what they belong to, if it is one of this job.

    Parameters
    ----------
    facts : mapping
        Of the form that :func:`check_facts` accepts.
    tensors : mapping of str to Tensor
    module : nn.Module
    trained : collection of str
        Names of the module's tensors of which the best are kept.
    parameters : sequence of Parameter
        Those that are trained, in the optimiser's order.
    limits : tuple of int
        The job's epochs, its steps per epoch, and how many best weights it keeps.
    folder : path
        For messages.

    Raises
    ------
    CheckpointError
        A tensor is missing, left over or of another shape, or the place is past the job's end.
    """
    epochs, steps, bests = limits
    path, parts, slots = Path(folder) / FILE, _parts_of(tensors), module.state_dict()
    if facts["epoch"] > epochs or facts["step"] > steps or len(facts["best_loss"]) != bests:
        raise damaged(path, f"epoch {facts['epoch']}, step {facts['step']} of {epochs} epochs of {steps} steps")
    kept = [set(trained) if loss is not None else set() for loss in facts["best_loss"]]
    for part, names in zip(("module", *BESTS), (set(slots), *kept), strict=False):
        found = {f"{part}.{name}": value for name, value in parts[part].items()}
        check_like({f"{part}.{name}": slots[name] for name in names}, found, folder)
    _check_optimizer(parts["optimizer"], parameters, path, begun=facts["epoch"] + facts["step"] > 0)
    return parts


def check_like(slots: Mapping[str, Tensor], tensors: Mapping[str, Tensor], folder: str | Path) -> None:
    """Raise CheckpointError where the tensors are not those of ``slots`` by name, shape and type."""
    path = Path(folder) / FILE
    if differ := slots.keys() ^ tensors.keys():
        raise damaged(path, f"the tensor {shown(min(differ))} is missing or belongs to nothing")
    for name, value in tensors.items():
        slot = slots[name]
        if slot.shape != value.shape or slot.dtype != value.dtype:
            wanted, got = f"{tuple(slot.shape)} {slot.dtype}", f"{tuple(value.shape)} {value.dtype}"
            raise damaged(path, f"the tensor {shown(name)} must be {wanted}, found {got}")


def _parts_of(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return tensors by what they belong to; those that are not the loop's are left out."""
    parts: dict[str, dict[str, Tensor]] = {n: {} for n in ("module", "total", "optimizer", *BESTS)}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part in parts:
            parts[part][rest] = value
    return parts


def _check_optimizer(
    slots: Mapping[str, Tensor], parameters: Sequence[nn.Parameter], path: Path, *, begun: bool
) -> None:
    if begun and not slots:
        raise damaged(path, "what the optimiser remembers is missing")
    for name, value in slots.items():
        place = name.partition(".")[0]
        own = parameters[int(place)] if place.isdecimal() and int(place) < len(parameters) else None
        if own is None or value.shape not in ((), own.shape):
            raise damaged(path, f"what the optimiser remembers, {shown(name)}, fits no parameter")
