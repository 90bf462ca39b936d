"""A sequence model as facts and tensors, and back from untrusted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from punar import stored
from punar.cells import Cell, check_design
from punar.core import plugins
from punar.core.weights import load_weights
from punar.errors import DamagedModelError
from punar.models.recurrent.fit import Fitted
from punar.models.recurrent.module import Design, SequenceModule
from punar.tasks import Task
from punar.texts import card
from punar.training.report import FitReport


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fit's facts and tensors."""
    given, text = stored.preparation_facts(fitted.preparation)
    facts = {
        "cell": plugins.to_dict(fitted.cell),
        "design": fitted.design.facts(),
        "input": given,
        **stored.task_facts(fitted.task),
        **stored.record_facts(fitted.history, fitted.report, fitted.seed),
    }
    return facts | ({"holds": card.HOLDS_WORDS} if text else {}), stored.module_tensors(fitted.module) | text


def from_stored(facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]) -> Fitted:
    """Return what a fit left behind, from untrusted facts.

    Raises
    ------
    DamagedModelError
        A field is missing or wrong, or facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    with stored.as_damage(where):
        preparation = stored.read_preparation(stored.with_text(facts["input"], tensors, where), where, parts)
        cell, design = stored_network(facts, parts, where)
        stored.check_steps(preparation, design.width, design.tokens, where)
        task: Task = stored.read_task(facts, Task, parts, where)
        if design.outputs != task.outputs:
            raise DamagedModelError(f"{where}: the head must have {task.outputs} outputs, found {design.outputs}.")
    record = stored.read_record(facts, where)
    module = stored_module(cell, design, tensors, where, task)
    return Fitted(cell, design, module, preparation, task, record.history, FitReport(record.report), record.seed)


def stored_network(facts: Mapping[str, Any], parts: tuple[type, ...], where: str) -> tuple[Cell, Design]:
    """Return cell and sizes that untrusted facts describe."""
    cell: Cell = stored.read_part(facts, "cell", Cell, ("cells",), parts, where)
    with stored.as_damage(where):
        cell.check()
        design = stored.convert(facts["design"], Design, where, "design")
        check_design(asdict(design))
        if design.branch < 0 or (design.branch and (design.tokens is not None or design.pooling == "steps")):
            raise ValueError(f"branch must be 0, or the steps of a block beside one answer, found {design.branch}")
    return cell, design


def stored_module(cell: Cell, design: Design, tensors: Mapping[str, Tensor], where: str, task: Task) -> SequenceModule:
    """Return the network with its stored weights."""
    module = load_weights(lambda: design.build(cell, None, task.build_with), stored.own_tensors(tensors), where)
    assert isinstance(module, SequenceModule)
    return module.eval()
