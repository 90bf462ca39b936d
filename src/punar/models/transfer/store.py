"""A transfer model as facts and tensors: the network, its preparation and the task, without hub, files or network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from punar.backbones import Backbone, Body
from punar.core import plugins
from punar.core.weights import load_weights
from punar.errors import DamagedModelError, ModelFolderError
from punar.models.codec.model import as_damage
from punar.models.transfer.module import Transfer
from punar.tasks import Task
from punar.training.report import FitReport

# The tokenizer's text may be larger than a config file should be.
_TOKENIZER = "tokenizer"
# Parameters that a source makes and throws away, such as those of its classifier.


def to_stored(model: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fitted model's facts and tensors."""
    about = {k: v for k, v in model._body.about.items() if k != "input"}
    given = dict(model._body.about["input"])
    tensors = {f"module.{k}": v for k, v in model.module_.state_dict().items()}
    if isinstance(given.get(_TOKENIZER), str):
        text = given.pop(_TOKENIZER).encode()
        tensors[_TOKENIZER] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    facts = {
        "backbone": plugins.to_dict(without_paths(model._body.recipe, model._body.about)),
        "about": about,
        "input": given,
        "provenance": model._body.provenance,
        "task": plugins.to_dict(model._task),
        "task_state": model._task.state(),
        "width": model.module_.head.in_features,
        "outputs": model.module_.head.out_features,
        "history": model.history_,
        "report": dict(model.fit_report_),
        "seed": model.seed_,
        "rates": model.learning_rates_,
        "skipped": {str(k): v for k, v in model.skipped_.items()},
    }
    return facts, tensors


def from_stored(facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...]) -> Any:
    """Return what a fit left behind, from a folder that nobody vouches for."""
    from punar.models.transfer.fit import Fitted

    with as_damage(where):
        recipe, about = stored_backbone(facts, tensors, parts)
        task = plugins.from_dict(facts["task"], parts=parts, allowed=("tasks",))
        if not isinstance(task, Task):
            raise DamagedModelError(f"{where}: task must be a task, found {type(task).__name__}.")
        task.restore(facts["task_state"])
        width, outputs = int(facts["width"]), int(facts["outputs"])
        if outputs != task.outputs:
            raise DamagedModelError(f"{where}: the head must have {task.outputs} outputs, found {outputs}.")
        report = FitReport.from_stored(facts["report"], where)
        history, seed = facts["history"], int(facts["seed"])
        if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
            raise DamagedModelError(f"{where}: history must be a list of objects, one per epoch.")
        rates = {str(k): float(v) for k, v in facts["rates"].items()}
        skipped = {int(k): str(v) for k, v in facts["skipped"].items()}

        class Shell(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.backbone = recipe.build(about)
                self.head = nn.Linear(width, outputs)

        own = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
        shell: Any = load_weights(Shell, own, where)
        plan = recipe.plan(shell.backbone, about)
        if plan.width != width:
            raise DamagedModelError(f"{where}: the backbone gives {plan.width} features, the head takes {width}.")
        module = Transfer(shell.backbone, shell.head, plan, frozenset(), batch_norm=False).eval()
        body = Body(recipe, about, shell.backbone, plan, str(facts["provenance"]))
    return Fitted(body, module, task, history, report, seed, skipped, rates)


def stored_backbone(
    facts: dict[str, Any], tensors: dict[str, Tensor], parts: tuple[type, ...]
) -> tuple[Backbone, dict[str, Any]]:
    """Return recipe and description of a stored backbone."""
    recipe = plugins.from_dict(facts["backbone"], parts=parts, allowed=("backbones",))
    if not isinstance(recipe, Backbone):
        raise ModelFolderError(f"backbone must be a backbone, found {type(recipe).__name__}.")
    given = dict(facts["input"])
    if _TOKENIZER in tensors:
        given[_TOKENIZER] = bytes(tensors[_TOKENIZER].numpy().tobytes()).decode()
    return recipe, {**facts["about"], "input": given}


def without_paths(recipe: Backbone, about: Mapping[str, Any]) -> Backbone:
    """Return the recipe without paths of this machine; the folder holds the weights itself."""
    params = recipe.get_params(deep=False)
    if params["weights"] is not None and params["weights"] != "default":
        params["weights"] = None
    # A folder's own name only: a path says where somebody keeps their files.
    return type(recipe)(**{**params, "name": about.get("name", params["name"])})
