"""BN-Inception (Inception v2), which no well-kept library has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from punar.backbones._backbone import Backbone, Plan, Stage
from punar.backbones._bn_inception import TABLE, WIDTH, BnInceptionModule
from punar.backbones._maps import find_maps
from punar.backbones._vision import check_name, input_facts, picture_plan, split_options, stages_as_json
from punar.backbones._weights import put_weights, read_state_dict
from punar.errors import ParameterError, WeightsNotFoundError, shown, suggest
from punar.preparations.pictures import Pictures

_STEM = ("conv1", "pool1", "conv2", "pool2")


class BnInception(Backbone):
    """Inception v2: GoogLeNet with batch norm, 5x5 branches made of two 3x3.

    Parameters
    ----------
    name : "bn_inception"
    weights : None or path
        No weights are published for this definition: ``"default"`` says so.
    options : dict or None
        ``mean``, ``std``, ``size`` and ``crop`` of the input.

    References
    ----------
    S. Ioffe, C. Szegedy (2015), Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift, ICML.

    Examples
    --------
    >>> about = BnInception("bn_inception", weights=None).describe()
    >>> [name for name, modules in about["stages"]]
    ['stem', 'inception3', 'inception4', 'inception5']
    """

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether ``name`` is the one name."""
        return name in cls.names()

    @classmethod
    def names(cls) -> list[str]:
        """Return the one name."""
        return ["bn_inception"]

    def describe(self) -> dict[str, Any]:
        """Return stages and input facts; see :class:`Backbone`."""
        check_name(self.name, self.names(), "bn_inception")
        changes, options = split_options(self.options, (), self.name)
        if options:
            name = next(iter(options))
            known = ("mean", "std", "size", "crop")
            raise ParameterError(
                f"{self.name}: options may be {', '.join(known)}, got {shown(name)}.{suggest(name, known)}"
            )
        stages = [Stage("stem", _STEM)] + [
            Stage(f"inception{i}", tuple(row for row in TABLE if row.startswith(f"inception{i}"))) for i in (3, 4, 5)
        ]
        facts = Pictures()
        given = input_facts(facts, changes, self.name)
        with torch.device("meta"):
            views = find_maps(BnInceptionModule().eval(), stages, facts.channels, given["size"])
        return {
            "architecture": self.name,
            "source": "punar",
            "weights": None,
            "provenance": "none published",
            "licence": "Apache-2.0",
            "made_by": "Google",
            "num_features": WIDTH,
            "input": given,
            "stages": stages_as_json(stages),
            "views": views,
        }

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the network with random weights."""
        return BnInceptionModule()

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the weights of a file into ``module``; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        if isinstance(self.weights, str) and self.weights == "default":
            raise WeightsNotFoundError(
                "bn_inception: no weights are published for this network. Pass weights=PATH, a safetensors or .pth "
                "file saved from it, or weights=None to start from random numbers. timm's inception_v4 and "
                "torchvision's googlenet and inception_v3 have published weights."
            )
        put_weights(module, read_state_dict(self.weights), f"weights {shown(str(self.weights), 120)}", ("fc", "head"))
        return "file"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and preparation; see :class:`Backbone`."""
        return picture_plan(about)
