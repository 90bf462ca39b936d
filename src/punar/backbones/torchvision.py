"""Picture networks and weights of torchvision."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import _detectors
from punar.backbones._backbone import Backbone, Plan
from punar.backbones._maps import find_maps
from punar.backbones._stages import prove_stages
from punar.backbones._vision import (
    check_name,
    input_facts,
    not_here,
    on_any_device,
    picture_plan,
    propose_stages,
    side_pair,
    split_options,
    stages_as_json,
)
from punar.backbones._weights import put_weights, read_state_dict
from punar.core.draws import seeded
from punar.errors import DamagedModelError, MissingExtraError, ParameterError, shown
from punar.preparations.pictures import Pictures

_RESERVED = ("weights", "progress", "num_classes", "aux_logits", "transform_input", "init_weights")
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
# Their classifier is a convolution, so they have no features to give to another head.
_WITHOUT = ("squeezenet1_0", "squeezenet1_1")
_FIXED_SIZE = ("vit_", "maxvit_")
# Shown to hold by the tests, so that describing them needs no run of a network of 100 million parameters.
_PROVEN = frozenset(
    ["vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    + ["googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"]
)
_MADE_BY = {
    "vgg": "Visual Geometry Group, University of Oxford",
    "resnet": "Microsoft Research",
    "googlenet": "Google",
    "inception": "Google",
    "mobilenet": "Google",
    "efficientnet": "Google",
    "vit": "Google",
    "convnext": "Meta AI",
    "regnet": "Meta AI",
    "swin": "Microsoft Research",
}


class Torchvision(Backbone):
    """A classification network of torchvision without its classifier, or the trunk of one of its COCO detectors.

    The module is torchvision's own, its last linear layer replaced by ``nn.Identity``; state-dict names are
    torchvision's. GoogLeNet and Inception v3 come without auxiliary heads. Of a detector the trunk is used, as
    ``backbone.body``; :meth:`native` keeps the whole, from pictures in [0, 1] of any size to boxes, labels and scores.

    Parameters
    ----------
    name : str
        Such as ``"resnet50"``, ``"vgg16"``, ``"googlenet"`` (Inception v1), ``"inception_v3"``, ``"mobilenet_v2"``; of
        detectors ``"fasterrcnn_resnet50_fpn"`` and its relatives.
    weights : "default", None or path
        ``"default"`` takes torchvision's recommended ImageNet weights from torch's hub folder, or fetches them.
    options : dict or None
        torchvision's own options for the network; besides, ``mean``, ``std``, ``size`` and ``crop`` of the input.

    Examples
    --------
    >>> backbone = Torchvision("resnet18", weights=None)
    >>> about = backbone.describe()
    >>> [stage.name for stage in backbone.plan(backbone.build(about), about).stages]
    ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    """

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether torchvision is installed and has a classification network of that name."""
        return name in cls.names()

    @classmethod
    def names(cls) -> list[str]:
        """Return the names that can be used, sorted; none where torchvision is not installed."""
        if find_spec("torchvision") is None:
            return []
        return sorted({*_all_names(), *_detectors.NAMES} - {*_WITHOUT})

    def describe(self) -> dict[str, Any]:
        """Return architecture, stages and input facts; see :class:`Backbone`."""
        models = _models()
        where = f"torchvision:{self.name}" if isinstance(self.name, str) else "torchvision"
        check_name(self.name, self.names(), "torchvision")
        if self.name in _detectors.NAMES:
            changes, options = split_options(self.options, _detectors.RESERVED, where)
            return _detectors.describe(models, self.name, options, changes, self.weights)
        changes, options = split_options(self.options, _RESERVED, where)
        published = models.get_model_weights(self.name).DEFAULT
        about: dict[str, Any] = {
            "architecture": self.name,
            "options": options,
            "source": "torchvision",
            "weights": published.name,
            "provenance": f"torchvision {published.name}",
            "licence": "BSD-3-Clause",
            "made_by": next((who for family, who in _MADE_BY.items() if family in self.name), "torchvision"),
            "channels_last": self.name.startswith("swin"),
        }
        facts = _facts(self.name, published)
        proven = self.name in _PROVEN and not options
        side = max(facts.smallest, 32) if facts.any_size else facts.size[0]
        with seeded(0), torch.device("meta" if proven else "cpu"), torch.no_grad():
            module, about["classifier"] = _without_classifier(self.name, options)
            pixels = torch.rand(2, facts.channels, side, side)
            features: Tensor = module.eval()(pixels)
        stages = propose_stages(module)
        if not proven:
            stages = prove_stages(module, stages, lambda: module(pixels))
        about["num_features"] = features.shape[1]
        about["input"] = input_facts(facts, changes, where)
        about["stages"] = stages_as_json(stages)
        size, last = about["input"]["size"], about["channels_last"]
        about["views"] = find_maps(module, stages, facts.channels, size, channels_last=last)
        return about

    def native(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of a whole detector; see :class:`Backbone`."""
        return _detectors.native(about) if about["architecture"] in _detectors.NAMES else super().native(about)

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return torchvision's network with random weights and without its classifier."""
        check_name(about["architecture"], self.names(), "torchvision")
        if about["architecture"] in _detectors.NAMES:
            return _detectors.build(_models(), about)
        _, options = split_options(about["options"], _RESERVED, f"torchvision:{about['architecture']}")
        return _without_classifier(about["architecture"], options)[0]

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the published weights, or those of a file, into ``module``; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        if not isinstance(self.weights, str) or self.weights != "default":
            self._put(module, about, read_state_dict(self.weights), f"weights {shown(str(self.weights), 120)}")
            return "file"
        published = _models().get_model_weights(about["architecture"])[about["weights"]]
        try:
            tensors = published.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except OSError as error:
            raise not_here(about["architecture"], about["provenance"], error) from error
        except Exception as error:  # what a damaged file in torch's hub folder ends in
            raise DamagedModelError(
                f"{about['provenance']}: the file in torch's hub folder cannot be used: {shown(str(error), 200)}. "
                "Delete it there, to have it fetched again."
            ) from error
        self._put(module, about, tensors, str(about["provenance"]))
        return str(about["provenance"])

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and preparation; see :class:`Backbone`."""
        return _detectors.plan(about) if about["architecture"] in _detectors.NAMES else picture_plan(about)

    @staticmethod
    def _put(module: nn.Module, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> None:
        if about["architecture"] in _detectors.NAMES:
            _detectors.fill(module, about, tensors, where)
        else:
            put_weights(module, tensors, where, (about["classifier"], *_AUXILIARY))


def _models() -> Any:
    try:
        from torchvision import models
    except ImportError as error:
        raise MissingExtraError("torchvision's networks need torchvision: pip install 'punar[vision]'.") from error
    return models


@cache
def _all_names() -> tuple[str, ...]:
    models = _models()
    return tuple(sorted(models.list_models(module=models)))


def _without_classifier(name: str, options: dict[str, Any]) -> tuple[nn.Module, str]:
    """Return the network and the dotted name of the layer that was taken out."""
    extra: dict[str, Any] = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    if extra:
        # Weights made for transform_input=True get the same numbers through the input facts.
        extra |= {"aux_logits": False, "transform_input": False}
    try:
        module = on_any_device(lambda: _models().get_model(name, weights=None, **extra, **options))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"torchvision:{name} does not build with options {shown(options)}: {error}") from error
    classifier = [n for n, part in module.named_modules() if isinstance(part, nn.Linear)][-1]
    owner, _, leaf = classifier.rpartition(".")
    setattr(module.get_submodule(owner), leaf, nn.Identity())
    return module, classifier


def _facts(name: str, published: Any) -> Pictures:
    preset = published.transforms()
    side = preset.crop_size[0]
    # torchvision's transform_input turns its ImageNet scaling into (x - 0.5) / 0.5.
    halves = name in ("googlenet", "inception_v3")
    return Pictures(
        size=side_pair(side, name),
        mean=(0.5,) * 3 if halves else tuple(preset.mean),
        std=(0.5,) * 3 if halves else tuple(preset.std),
        crop=min(1.0, side / preset.resize_size[0]),
        interpolation=preset.interpolation.value,
        channels=3,
        smallest=max(16, *published.meta["min_size"]),
        any_size=not name.startswith(_FIXED_SIZE),
    )
