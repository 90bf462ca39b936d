"""A transfer model as facts and tensors: the network, its preparation and the task, without hub, files or network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from torch import Tensor, nn

from punar import stored
from punar.backbones import Backbone, Body, OwnModule, View
from punar.core import plugins
from punar.core.weights import load_weights
from punar.errors import DamagedModelError
from punar.models.transfer.fit import Fitted
from punar.models.transfer.freezing import named_stages
from punar.models.transfer.job import met
from punar.tasks import Task
from punar.training.report import FitReport

_OWN = "own"  # the fact that holds a module of a person's own


class _Facts(msgspec.Struct):
    about: dict[str, Any]
    input: dict[str, Any]
    provenance: str
    width: int
    outputs: int
    rates: dict[str, float]
    skipped: dict[str, str]


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fitted model's facts and tensors."""
    body = fitted.body
    about, preparation = dict(body.about), body.plan.preparation
    described = about.pop("input")
    given, text = stored.without_text(described)
    if stored.is_own(preparation):
        given, text = stored.preparation_facts(preparation)
        if described != preparation.facts():  # what the backbone's own plan reads
            about["input"] = described
    facts = {
        "backbone": _described(body.recipe, body.about),
        "about": about,
        "input": given,
        "provenance": body.provenance,
        **stored.task_facts(fitted.task),
        "width": _width(body.plan.view(fitted.task.form(body.plan))),
        "outputs": fitted.task.outputs,
        **stored.record_facts(fitted.history, fitted.report, fitted.seed),
        "rates": fitted.rates,
        "skipped": {str(k): v for k, v in fitted.skipped.items()},
    }
    return facts, stored.module_tensors(fitted.module) | text


def from_stored(
    facts: dict[str, Any],
    tensors: dict[str, Tensor],
    where: str,
    parts: tuple[type, ...],
    *,
    wrap: Callable[..., Any],
) -> Fitted:
    """Return what a fit left behind, from untrusted facts; trained stages can be trained on, and are shown as such.

    Parameters
    ----------
    facts, tensors, where, parts
        See :func:`punar.load`.
    wrap : callable
        ``wrap(task, backbone, head, plan, view, trained)`` -> the module.

    Raises
    ------
    DamagedModelError
        A field is missing or wrong, or facts and tensors do not describe one model.
    UnknownPartError
        A part is not here.
    """
    found, record = stored.convert(facts, _Facts, where), stored.read_record(facts, where)
    recipe = _recipe(facts, parts, where)
    task: Task = stored.read_task(facts, Task, parts, where)
    with stored.as_damage(where):
        if found.outputs != task.outputs:
            raise DamagedModelError(f"{where}: the head must have {task.outputs} outputs, found {found.outputs}.")
        skipped = {int(k): v for k, v in found.skipped.items()}
        given = stored.with_text(found.input, tensors, where)
        own = stored.read_preparation(given, where, parts) if stored.PART in given else None
        about = {"input": {k: v for k, v in given.items() if k != stored.PART}} | found.about

        def planned(backbone: nn.Module) -> tuple[Body, View]:
            plan = recipe.plan(backbone, about)
            plan = plan if own is None else replace(plan, preparation=own)
            body = met(task, Body(recipe, about, backbone, plan, found.provenance), where)
            return body, body.plan.view(task.form(body.plan))

        class Shell(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.backbone = recipe.build(about)
                view = planned(self.backbone)[1]
                if _width(view) != found.width:
                    raise DamagedModelError(
                        f"{where}: the backbone gives {_width(view)} features, the head takes {found.width}."
                    )
                self.head = task.build(view, None)

        shell: Any = load_weights(Shell, stored.own_tensors(tensors), where)
        body, view = planned(shell.backbone)
        # What has a learning rate was trained.
        trained = named_stages(body.plan.stages, found.rates)
        module = wrap(task, shell.backbone, shell.head, body.plan, view, trained).eval()
    return Fitted(body, module, task, record.history, FitReport(record.report), record.seed, skipped, found.rates)


def _width(view: View) -> int:
    """Return the channels of a view, all levels together; 0 of a native one."""
    return sum(view.widths)


def _described(recipe: Backbone, about: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(recipe, OwnModule):
        return {_OWN: plugins.to_value(recipe.module, "backbone"), "options": recipe.options}
    return plugins.to_dict(without_paths(recipe, about))


def _recipe(facts: Mapping[str, Any], parts: tuple[type, ...], where: str) -> Backbone:
    with stored.as_damage(where):
        described = facts["backbone"]
        if _OWN in described:
            module = plugins.from_value(described[_OWN], parts=parts)
            return OwnModule(module, options=described.get("options"))
    found: Backbone = stored.read_part(facts, "backbone", Backbone, ("backbones",), parts, where)
    return found


def without_paths(recipe: Backbone, about: Mapping[str, Any]) -> Backbone:
    """Return the recipe without paths of this machine; the folder holds the weights itself."""
    params = recipe.get_params(deep=False)
    if params["weights"] is not None and params["weights"] != "default":
        params["weights"] = None
    # A folder's own name only: a path says where somebody keeps their files.
    return type(recipe)(**{**params, "name": about.get("name", params["name"])})
