"""The network in the wheel, and its relatives: small ResNets for 32x32 pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from torch import Tensor, nn

from punar.backbones._backbone import Backbone, Plan, Stage, mean_of_map
from punar.backbones._cifar_resnet import CifarResNet
from punar.backbones._maps import map_views
from punar.backbones._weights import put_weights, read_state_dict
from punar.core import strict_json, tensor_file
from punar.errors import DamagedModelError, ParameterError, WeightsNotFoundError, shown, suggest
from punar.preparations.pictures import Pictures

_DEPTHS = (20, 32, 44, 56)
_STAGES = (
    Stage("stem", ("conv1", "bn1", "relu")),
    Stage("layer1", ("layer1",)),
    Stage("layer2", ("layer2",)),
    Stage("layer3", ("layer3",)),
)


class Starter(Backbone):
    """Small ResNets for 32x32 pictures; the weights of one of them are part of punar.

    ``"starter"`` is trained by ``scripts/train_starter.py``; its card, ``starter.json``, states data, accuracy and
    limits. ``"cifar_resnet20"``, ``32``, ``44`` and ``56`` are the architectures of the paper, for weights of your
    own, such as those of akamaster/pytorch_resnet_cifar10 (state-dict names ``conv1``, ``bn1``,
    ``layer1.0.conv1``, ..., ``linear``).

    Parameters
    ----------
    name : {"starter", "cifar_resnet20", "cifar_resnet32", "cifar_resnet44", "cifar_resnet56"}, default="starter"
    weights : "default", None or path, default="default"
        Those in the wheel (``"starter"`` only), random ones, or a state dict (safetensors, or pth with tensors only).
        Its classifier, ``linear``, may be there and is not read.
    options : None
        There are none.

    References
    ----------
    He, Zhang, Ren and Sun (2015), Deep residual learning for image recognition, section 4.2.

    Examples
    --------
    >>> recipe = Starter()
    >>> about = recipe.describe()
    >>> module = recipe.build(about)
    >>> recipe.fill(module, about)[:14]
    'punar, sha256:'
    >>> recipe.plan(module, about).width
    128
    """

    def __init__(self, name: str = "starter", weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether ``name`` is one of :meth:`names`."""
        return name in cls.names()

    @classmethod
    def names(cls) -> list[str]:
        """Return ``cifar_resnet20`` ... and ``starter``."""
        return [*(f"cifar_resnet{depth}" for depth in _DEPTHS), "starter"]

    def describe(self) -> dict[str, Any]:
        """Return architecture, input facts, origin and licence; see :class:`Backbone`.

        Raises
        ------
        ParameterError
            Unknown name, or an option.
        """
        if not self.has(self.name):
            raise ParameterError(
                f"Starter: name must be one of {', '.join(map(repr, self.names()))}, got {shown(self.name)}."
                f"{suggest(self.name, self.names())}"
            )
        if self.options:
            raise ParameterError(f"Starter: {self.name} takes no options, got {shown(sorted(self.options))}.")
        if self.name == "starter":
            card = _card()
            origin = {k: card[k] for k in ("made_by", "year", "trained_on", "licence", "accuracy", "limits")}
            shape = card["architecture"]
            pictures = Pictures(size=(32, 32), mean=tuple(card["mean"]), std=tuple(card["std"]), crop=1.0, smallest=8)
        else:
            depth = int(self.name.removeprefix("cifar_resnet"))
            shape = {"blocks": [(depth - 2) // 6] * 3, "widths": [16, 32, 64]}
            origin = {
                "made_by": "He, Zhang, Ren and Sun (Microsoft Research)",
                "year": 2015,
                "trained_on": "whatever the weights that you bring were trained on",
                "licence": "that of the weights that you bring",
            }
            pictures = Pictures(size=(32, 32), crop=1.0, smallest=8)
        paper = "He, Zhang, Ren, Sun (2015), Deep residual learning for image recognition, arXiv:1512.03385"
        return {"name": self.name, "architecture": shape, "paper": paper, "input": pictures.facts(), **origin}

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the network with random weights; its ``linear`` hands on the features."""
        module = CifarResNet(about["architecture"]["blocks"], about["architecture"]["widths"])
        module.linear = nn.Identity()
        return module

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the weights into ``module``; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        if isinstance(self.weights, str) and self.weights == "default":
            if self.name != "starter":
                raise WeightsNotFoundError(
                    f"Starter: weights of {self.name} do not travel with punar. Give a file, "
                    f"punar.backbone({self.name!r}, weights='file.safetensors'), take random ones (weights=None), or "
                    f"use 'starter', whose weights are here."
                )
            tensors, used = shipped(), f"punar, sha256:{_card()['sha256']}"
        else:
            tensors, used = read_state_dict(self.weights), f"file {self.weights}"
        put_weights(module, tensors, f"{self.name} ({used})", drop=("linear",))
        return used

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return the stages ``stem``, ``layer1``, ``layer2`` and ``layer3``, and the mean of the last map."""
        widths = about["architecture"]["widths"]
        return Plan(
            stages=_STAGES,
            width=widths[-1],
            preparation=Pictures.from_facts(about["input"]),
            forward=_forward,
            pool=mean_of_map,
            # After the stem, which keeps the size, each layer but the first halves it.
            views=map_views([(f"layer{at + 1}", at + 1, width, 2**at) for at, width in enumerate(widths)]),
        )


def shipped() -> dict[str, Tensor]:
    """Return the state dict in the wheel, classifier included, as it is stored: float16.

    Raises
    ------
    WeightsNotFoundError
        The file is missing.
    DamagedModelError
        Its SHA-256 is not the one on its card.
    """
    data = _resource("starter.safetensors")
    found = hashlib.sha256(data).hexdigest()
    if found != _card()["sha256"]:
        raise DamagedModelError(
            f"starter.safetensors must have SHA-256 {_card()['sha256']}, as its card says, found {found}. "
            "Install punar again."
        )
    tensor_file.read_header(data, len(data), "starter.safetensors")
    return tensor_file.load(data, "starter.safetensors")


def _forward(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    features: Tensor = module(batch["pixels"])
    return features


def _card() -> dict[str, Any]:
    card: dict[str, Any] = strict_json.loads(_resource("starter.json"), "starter.json")
    return card


def _resource(name: str) -> bytes:
    try:
        return (files("punar.backbones") / name).read_bytes()
    except OSError as error:
        raise WeightsNotFoundError(
            f"starter: {name} must lie beside punar's own files, but {error.strerror or error}. Install punar again, "
            "or make it with scripts/train_starter.py."
        ) from None
