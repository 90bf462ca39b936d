"""The network of a saved transfer model as a backbone: what it learned on one task, for the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar import stored
from punar.backbones._backbone import Backbone, Plan
from punar.backbones._weights import put_weights
from punar.core.weights import at_most, most_parameters, refuse_larger
from punar.errors import BackboneError, shown

ARCHITECTURE = "transfer"
_PREFIX = f"{stored.MODULE}backbone."


def describe(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what the other functions here need, as JSON values.

    Raises
    ------
    BackboneError
        Its preparation is not one of punar's.
    DamagedModelError
        The folder does not describe a transfer model.
    """
    where = str(folder)
    with stored.as_damage(where):
        fitted = config["fitted"]
        given = stored.with_text(fitted["input"], tensors, where)
        own = given.get(stored.PART)
        found = {
            "architecture": ARCHITECTURE,
            "most_parameters": most_parameters(tensors),
            "inner": fitted["backbone"],
            "about": dict(fitted["about"]),
            "input": given,
            "domain": str(given["domain"]),
            "made_by": "you, with punar",
            "licence": str(fitted["about"].get("licence", "yours")),
        }
        kept = found["about"].get("native")
        if found["about"].get("form") == "native" and isinstance(kept, dict):
            found["native"] = kept
        _recipe(found)
    if own is not None:
        raise BackboneError(
            f"{folder} was saved with a preparation of somebody's own, {shown(own)}. Backbones are made of punar's own "
            "preparations."
        )
    refuse_larger(lambda: build(found), tensors, where)
    with torch.device("meta"):
        plan(build(found), found)  # what it reads must be there before anything is fitted on it
    return found


def native(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return ``about`` of the network with the head that it kept; None where it kept none."""
    return {**about, "form": "native"} if about.get("native") else None


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return the network with random weights."""
    recipe, inner = _recipe(about)
    with stored.as_damage("config.json"), at_most(int(about["most_parameters"]), "config.json"):
        return recipe.build(inner)


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put the stored network in, without the head."""
    put_weights(module, stored.own_tensors(tensors, _PREFIX), where)


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls; a head that was kept for the old task is only shown to one that asks for it."""
    recipe, inner = _recipe(about)
    with stored.as_damage("config.json"):
        found = recipe.plan(module, inner)
    if about.get("form") == "native":
        return found
    return replace(found, views=tuple(view for view in found.views if view.form != "native"), head=())


def _recipe(about: Mapping[str, Any]) -> tuple[Backbone, dict[str, Any]]:
    recipe: Backbone = stored.read_part(about, "inner", Backbone, ("backbones",), (), "config.json")
    return recipe, {**about["about"], "input": about["input"]}
