"""A sequence model as facts and tensors, and back from a folder that nobody vouches for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.cells import Cell
from punar.core import plugins
from punar.core.weights import load_weights
from punar.errors import DamagedModelError
from punar.models.codec.model import as_damage
from punar.models.recurrent.fit import Fitted
from punar.models.recurrent.module import Design, SequenceModule
from punar.preparations import Preparation
from punar.preparations import _vocabulary as vocabulary
from punar.preparations.frames import Frames
from punar.preparations.sentences import Sentences
from punar.preparations.series import Series
from punar.tasks import Task
from punar.texts import card
from punar.training.report import FitReport

_PREPARATIONS: dict[str, Any] = {"series": Series, "text": Sentences, "audio": Frames}
# The tokenizer's text may be larger than a config file should be.
_TOKENIZER = "tokenizer"


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fit's facts and tensors."""
    tensors = {f"module.{k}": v for k, v in fitted.module.state_dict().items()}
    given = fitted.preparation.facts()
    if _TOKENIZER in given:
        text = given.pop(_TOKENIZER).encode()
        tensors[_TOKENIZER] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    facts = {
        "cell": plugins.to_dict(fitted.cell),
        "design": fitted.design.facts(),
        "input": given,
        "task": plugins.to_dict(fitted.task),
        "task_state": fitted.task.state(),
        "history": fitted.history,
        "report": dict(fitted.report),
        "seed": fitted.seed,
    }
    return facts | ({"holds": card.HOLDS_WORDS} if _TOKENIZER in tensors else {}), tensors


def from_stored(facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]) -> Fitted:
    """Return what a fit left behind.

    Raises
    ------
    DamagedModelError
        Facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    with as_damage(where):
        preparation = stored_preparation(facts["input"], tensors, where)
        cell, design = stored_network(facts, parts, where)
        task = plugins.from_dict(facts["task"], parts=parts, allowed=("tasks",))
        if not isinstance(task, Task):
            raise DamagedModelError(f"{where}: task must be a task, found {type(task).__name__}.")
        task.restore(facts["task_state"])
        if design.outputs != task.outputs:
            raise DamagedModelError(f"{where}: the head must have {task.outputs} outputs, found {design.outputs}.")
        check_input(preparation, design, where)
        history, seed = facts["history"], int(facts["seed"])
        if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
            raise DamagedModelError(f"{where}: history must be a list of objects, one per epoch.")
        report = FitReport.from_stored(facts["report"], where)
    module = stored_module(cell, design, tensors, where)
    return Fitted(cell, design, module, preparation, task, history, report, seed)


def stored_preparation(given: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> Preparation:
    """Return the preparation that a folder describes."""
    facts = dict(given)
    kind = _PREPARATIONS.get(str(facts.get("domain")))
    if kind is None:
        raise DamagedModelError(f"{where}: input must be series, text or audio.")
    if kind is Sentences:
        facts[_TOKENIZER] = tensors[_TOKENIZER].numpy().tobytes().decode()
    found: Preparation = kind.from_facts(facts)
    return found


def stored_network(facts: Mapping[str, Any], parts: tuple[type, ...], where: str) -> tuple[Cell, Design]:
    """Return cell and sizes that a folder describes."""
    cell = plugins.from_dict(facts["cell"], parts=parts, allowed=("cells",))
    if not isinstance(cell, Cell):
        raise DamagedModelError(f"{where}: cell must be a cell, found {type(cell).__name__}.")
    cell.check()
    return cell, Design.from_facts(facts["design"])


def check_input(preparation: Preparation, design: Design, where: str) -> None:
    """Raise where a preparation gives steps of another width, or tokens of another vocabulary, than a network reads."""
    if isinstance(preparation, Sentences):
        found, wanted = vocabulary.size(preparation), design.tokens
    else:
        found, wanted = preparation.width, None if design.tokens is not None else design.width  # type: ignore[attr-defined]
    if found != wanted:
        raise DamagedModelError(f"{where}: the input has {found} numbers or tokens, the network reads {wanted}.")


def stored_module(cell: Cell, design: Design, tensors: Mapping[str, Tensor], where: str) -> SequenceModule:
    """Return the network with its stored weights."""
    own = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    module = load_weights(lambda: design.build(cell), own, where)
    assert isinstance(module, SequenceModule)
    return module.eval()
