"""The network of a saved transfer model as a backbone: what it learned on one task, for the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Backbone, Plan
from punar.backbones._weights import put_weights
from punar.core import plugins
from punar.core.weights import at_most, most_parameters
from punar.errors import DamagedModelError, shown

ARCHITECTURE = "transfer"
_PREFIX, _TOKENIZER = "module.backbone.", "tokenizer"


def describe(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what the other functions here need, as JSON values.

    Raises
    ------
    DamagedModelError
        The folder does not describe a transfer model.
    """
    try:
        fitted = config["fitted"]
        given = dict(fitted["input"])
        if _TOKENIZER in tensors:
            given[_TOKENIZER] = tensors[_TOKENIZER].numpy().tobytes().decode()
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
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedModelError(f"{folder}: config.json does not describe a transfer model: {shown(error)}.") from None
    _recipe(found)
    with torch.device("meta"):
        needed = sum(p.numel() for p in build(found).parameters())
    if needed > sum(t.numel() for t in tensors.values()):
        raise DamagedModelError(f"{folder}: config.json describes a larger network than the folder holds.")
    return found


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return the network with random weights."""
    recipe, inner = _recipe(about)
    with at_most(int(about["most_parameters"]), "config.json"):
        return recipe.build(inner)


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put the stored network in, without the head."""
    own = {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
    put_weights(module, own, where)


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls."""
    recipe, inner = _recipe(about)
    return recipe.plan(module, inner)


def _recipe(about: Mapping[str, Any]) -> tuple[Backbone, dict[str, Any]]:
    recipe = plugins.from_dict(about["inner"], allowed=("backbones",))
    if not isinstance(recipe, Backbone):
        raise DamagedModelError(f"config.json: backbone must be a backbone, found {type(recipe).__name__}.")
    return recipe, {**about["about"], "input": about["input"]}
