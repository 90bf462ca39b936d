"""What every kind of model keeps: parts, a task with what it learned, weights, and how the fit went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from torch import Tensor, nn

from punar.core import plugins
from punar.errors import DamagedModelError
from punar.stored._facts import as_damage, convert
from punar.stored._preparation import estimator_parts

MODULE = "module."  # before the names of a network's tensors


class _Report(msgspec.Struct):
    verdict: str


class Record(msgspec.Struct, frozen=True):
    """How a fit went.

    Attributes
    ----------
    history : list of dict
        One entry per epoch.
    report : dict
        Of the fit; its ``verdict`` is text.
    seed : int
    """

    history: list[dict[str, int | float]]
    report: dict[str, Any]
    seed: int


def record_facts(history: list[dict[str, float]], report: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return how a fit went, as JSON values."""
    return {"history": history, "report": dict(report), "seed": seed}


def read_record(facts: Mapping[str, Any], where: str) -> Record:
    """Return what :func:`record_facts` gave, among other facts.

    Raises
    ------
    DamagedModelError
        A field is missing or has another type.
    """
    found = convert(facts, Record, where)
    convert(found.report, _Report, where, "report")
    return found


def read_part(
    facts: Mapping[str, Any], name: str, kind: type, folders: tuple[str, ...], parts: Iterable[object], where: str
) -> Any:
    """Return the part that a fact describes.

    Parameters
    ----------
    facts : mapping
    name : str
        The fact: "task", "cell", ...
    kind : type
        The part's contract.
    folders : tuple of str
        Part folders that may be named, at every level.
    parts : iterable of classes
        The user's own parts.
    where : str
        The folder, for messages.

    Raises
    ------
    DamagedModelError
        It is missing, or no such part.
    UnknownPartError
        It is not here.
    """
    with as_damage(where):
        part = plugins.from_dict(facts[name], parts=estimator_parts(parts), allowed=folders)
    if not isinstance(part, kind):
        raise DamagedModelError(f"{where}: {name} must be a {kind.__name__}, found {type(part).__name__}.")
    return part


def task_facts(task: Any) -> dict[str, Any]:
    """Return a task and what it learned, as JSON values."""
    return {"task": plugins.to_dict(task), "task_state": task.state()}


def read_task(facts: Mapping[str, Any], kind: type, parts: Iterable[object], where: str) -> Any:
    """Return the task that :func:`task_facts` described; as :func:`read_part`."""
    task = read_part(facts, "task", kind, ("tasks",), parts, where)
    with as_damage(where):
        task.restore(facts["task_state"])
    return task


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return a network's tensors by the names that they have in files."""
    return {f"{MODULE}{name}": value for name, value in module.state_dict().items()}


def own_tensors(tensors: Mapping[str, Tensor], prefix: str = MODULE) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
