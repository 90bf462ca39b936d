"""Detectors of torchvision: the trunk as a backbone; the whole, with pyramid, proposals and boxes, as native form."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Plan, Stage, mean_of_map
from punar.backbones._maps import find_maps, picture_views
from punar.backbones._stages import prove_stages
from punar.backbones._view import View
from punar.backbones._vision import features_of_pixels, input_facts, on_any_device, propose_stages, stages_as_json
from punar.backbones._weights import put_weights
from punar.core.draws import seeded
from punar.errors import ParameterError, shown
from punar.preparations.pictures import Pictures

NAMES = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
)
RESERVED = ("weights", "progress", "weights_backbone", "trainable_backbone_layers", "image_mean", "image_std")
# Of the published weights of these, the frozen norms divide by the bare deviation.
_NO_EPS = ("fasterrcnn_resnet50_fpn",)
_TRUNK = "backbone.body"
_ABOVE = ("backbone.fpn", "rpn", "roi_heads")


class Trunk(nn.Module):
    """A detector's trunk under the names that it has there: pixels -> the mean of its last map.

    Parameters
    ----------
    body : nn.Module
        Pixels -> maps by name, as the detector has it.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.body = body

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (n, channels of the last map)."""
        maps: dict[str, Tensor] = self.backbone.body(pixels)  # type: ignore[operator]
        return list(maps.values())[-1].mean((2, 3))


def describe(
    models: Any, name: str, options: dict[str, Any], changes: Mapping[str, Any], weights: Any
) -> dict[str, Any]:
    """Return what the other functions here need, as JSON values.

    Parameters
    ----------
    models : torchvision.models
    name : str
        One of ``NAMES``.
    options : dict
        torchvision's own; ``num_classes``, the background counted, for weights of one's own.
    changes : mapping
        The user's own input facts.
    weights : "default", None or path
        Norms of weights that are trained already stay as they are, as in torchvision, but those of version 2.
    """
    where = f"torchvision:{name}"
    published = models.get_model_weights(name).DEFAULT
    categories = list(published.meta["categories"])
    if options.get("num_classes", len(categories)) != len(categories):
        categories = []  # of weights of the user's own
    about: dict[str, Any] = {
        "architecture": name,
        "options": options,
        "source": "torchvision",
        "weights": published.name,
        "provenance": f"torchvision {published.name}",
        "licence": "BSD-3-Clause",
        "made_by": "torchvision",
        "frozen_norms": weights is not None and not name.endswith("_v2"),
        "eps": 0.0 if isinstance(weights, str) and weights == "default" and name in _NO_EPS else 1e-5,
        "native": {"class": "FasterRCNN", "categories": categories},
    }
    with seeded(0), torch.device("cpu"):
        module = _detector(models, about)
        side = int(module.transform.min_size[-1])
        trunk = Trunk(module.backbone.body).eval()
        pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        proposed = propose_stages(module.backbone.body)
        stages = [Stage(s.name, tuple(f"{_TRUNK}.{m}" for m in s.modules)) for s in proposed]
        proven = prove_stages(trunk, stages, lambda: trunk(pixels))
        facts = Pictures(size=(side, side), crop=1.0)
        about["num_features"] = trunk(pixels).shape[1]
        about["input"] = input_facts(facts, changes, where)
        about["stages"] = stages_as_json(proven)
        about["views"] = find_maps(trunk, proven, 3, (256, 256))
    about["reads"] = [
        at
        for at, stage in enumerate(proven)
        if any(f"{_TRUNK}.{layer}" in stage.modules for layer in module.backbone.body.return_layers)
    ]
    return about


def native(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``about`` of the whole detector, which normalises pictures itself."""
    given = dict(about["input"])
    scaling = {"image_mean": given["mean"], "image_std": given["std"]}
    return {**about, "form": "native", "scaling": scaling, "input": {**given, "mean": [0.0] * 3, "std": [1.0] * 3}}


def build(models: Any, about: Mapping[str, Any]) -> nn.Module:
    """Return the trunk, or the whole detector, with random weights."""
    module: Any = _detector(models, about)
    whole: nn.Module = module
    return whole if _is_native(about) else Trunk(module.backbone.body)


def fill(module: nn.Module, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> None:
    """Put stored weights in; all of them into a detector."""
    slots = module.state_dict()
    found = {_present(name, slots): value for name, value in tensors.items()}
    put_weights(module, found, where, () if _is_native(about) else _ABOVE)


def plan(about: Mapping[str, Any]) -> Plan:
    """Return stages of the trunk, and what it and the detector show."""
    whole = _is_native(about)
    detect = View("native", (), _detect, reads=tuple(about["reads"]))
    return Plan(
        stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
        width=int(about["num_features"]),
        preparation=Pictures.from_facts(about["input"]),
        forward=_features if whole else features_of_pixels,
        pool=mean_of_map,
        export=() if whole else ("pixels",),
        views=(detect,) if whole else picture_views(about),
        head=_ABOVE if whole else (),
    )


def _is_native(about: Mapping[str, Any]) -> bool:
    return about.get("form") == "native"


def _detect(module: Any, batch: Mapping[str, Tensor]) -> Any:
    """Return a dict of boxes, labels and scores for each picture, or losses where the batch has ``targets``.

    By the flag of train mode torchvision's parts choose between the two: it is set here, whatever mode their layers
    are in.
    """
    targets = batch.get("targets")
    parts = (module, module.rpn, module.roi_heads)
    before = [part.training for part in parts]
    try:
        for part in parts:
            part.training = targets is not None
        return module(list(batch["pixels"]), targets)
    finally:
        for part, mode in zip(parts, before, strict=True):
            part.training = mode


def _features(module: Any, batch: Mapping[str, Tensor]) -> Tensor:
    maps = module.backbone.body(module.transform.normalize(batch["pixels"]))
    return list(maps.values())[-1].mean((2, 3))


def _detector(models: Any, about: Mapping[str, Any]) -> Any:
    from torchvision.ops import FrozenBatchNorm2d

    name, given = about["architecture"], {**about["options"], **about.get("scaling", {})}
    if name not in NAMES:
        raise ParameterError(f"torchvision has no detector {shown(name)}.")
    make = functools.partial(models.get_model, name, weights=None, weights_backbone=None, **given)
    try:
        module: Any = on_any_device(make)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"torchvision:{name} does not build with options {shown(given)}: {error}") from error
    body = module.backbone.body
    for part, norm in list(body.named_modules()) if about["frozen_norms"] else ():
        if isinstance(norm, nn.BatchNorm2d):
            owner, _, leaf = part.rpartition(".")
            setattr(body.get_submodule(owner), leaf, FrozenBatchNorm2d(norm.num_features, eps=about["eps"]))
    return module


def _present(name: str, slots: Mapping[str, Tensor]) -> str:
    """Return the name that a tensor has now: older versions had plain layers where there are blocks."""
    stem, _, leaf = name.rpartition(".")
    return next((n for n in (name, f"{stem}.0.{leaf}", f"{stem}.0.0.{leaf}") if n in slots), name)
