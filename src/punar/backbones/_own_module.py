"""A person's own torch module as a backbone for pictures: what it reads and shows is found by running it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Backbone, Plan, Stage, mean_of_map
from punar.backbones._maps import find_maps, picture_views
from punar.backbones._stages import prove_stages
from punar.backbones._vision import input_facts, split_options, stages_as_json
from punar.errors import BackboneError, ParameterError, ParameterTypeError, shown
from punar.preparations.pictures import Pictures

_SIDES = (32, 28, 64, 96, 128, 160, 192, 224, 256, 299, 331, 384)
_USUAL, _LARGE = 224, 2_000_000  # the side that large networks are made for, and from how many parameters on


class OwnModule(Backbone):
    """A module that takes pictures, (n, 3, height, width) or (n, 1, height, width).

    A copy is used: the module itself stays as it is. Its children are the stages, by their names, and neighbours that
    cannot be cut apart are one. A linear layer at the end is its classifier and is left out, as of every backbone; maps
    and tokens are averaged.

    Parameters
    ----------
    name : nn.Module
        The module.
    weights : "default" or None, default="default"
        Those that the module has, or random ones, from its layers' ``reset_parameters``.
    options : dict or None
        ``size``, ``mean``, ``std`` and ``crop`` of the input. Without ``size`` it is 224 for a network of more than two
        million parameters that takes it, else the first of 32, 28, 64, 96, ... that the module takes.
    """

    def __init__(self, name: nn.Module, weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)  # type: ignore[arg-type]

    @classmethod
    def has(cls, name: str) -> bool:
        """Return False: modules have no names."""
        return False

    @classmethod
    def names(cls) -> list[str]:
        """Return nothing."""
        return []

    @property
    def module(self) -> nn.Module:
        """The person's own."""
        found: Any = self.name
        if not isinstance(found, nn.Module):
            raise ParameterTypeError(f"backbone, as a module of your own, must be an nn.Module, got {shown(found)}.")
        return found

    def describe(self) -> dict[str, Any]:
        """Return stages, width and input facts; see :class:`Backbone`.

        Raises
        ------
        BackboneError
            It has no parameters, takes no pictures, or does not give one tensor with a row for each.
        """
        called = type(self.module).__name__
        if self.weights is not None and not (isinstance(self.weights, str) and self.weights == "default"):
            raise ParameterError(
                f"{called}: weights must be 'default' (those that the module has) or None (random), got "
                f"{shown(self.weights)}. Load a state dict into the module first."
            )
        changes, others = split_options(self.options, (), called)
        if others:
            raise ParameterError(
                f"{called}: a module of your own takes size, mean, std and crop, got {sorted(others)}."
            )
        if next(self.module.parameters(), None) is None:
            raise BackboneError(f"{called} has no parameters: there is nothing to reuse, or to train, in it.")
        whole = _copied(self.module)
        channels = next((m.in_channels for m in whole.modules() if isinstance(m, nn.Conv2d)), 3)
        channels = channels if channels in (1, 3) else 3
        wanted = changes.get("size")
        sides = _SIDES if wanted is None else (wanted if isinstance(wanted, int) else tuple(wanted),)
        fits = _taken(whole, channels, sides, called)
        large = sum(p.numel() for p in whole.parameters()) > _LARGE
        size = _USUAL if large and _USUAL in fits else next(iter(fits))
        high, wide = (size, size) if isinstance(size, int) else size
        cut = _without_classifier(whole, fits[size])
        module = self._module(cut)
        pixels = torch.rand(2, channels, high, wide)
        with torch.no_grad():
            width = _features(module, pixels).shape[1]
        stages = prove_stages(module, _children(module), lambda: _features(module, pixels))
        mean, std = Pictures().mean[:channels], Pictures().std[:channels]
        facts = Pictures((high, wide), mean, std, 1.0, channels=channels, smallest=high, any_size=len(fits) > 1)
        return {
            "name": called,
            "architecture": called,
            "classifier": cut,
            "num_features": width,
            "input": input_facts(facts, {k: v for k, v in changes.items() if k != "size"}, called),
            "stages": stages_as_json(stages),
            "views": find_maps(module, stages, channels, (high, wide)),
            "licence": "that of the module",
            "made_by": "the person who brought it",
        }

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return a copy without its classifier."""
        return self._module(about["classifier"])

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Leave the module's own weights, or draw random ones."""
        if self.weights is not None:
            return f"the module's own, {about['name']}"
        for layer in module.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
        return "random"

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and preparation; see :class:`Backbone`."""
        return Plan(
            stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
            width=int(about["num_features"]),
            preparation=Pictures.from_facts(about["input"]),
            forward=lambda net, batch: _features(net, batch["pixels"]),
            pool=mean_of_map,
            export=(),
            views=picture_views(about),
        )

    def _module(self, classifier: str | None) -> nn.Module:
        module = _copied(self.module)
        if classifier is not None:
            owner, _, leaf = classifier.rpartition(".")
            setattr(module.get_submodule(owner), leaf, nn.Identity())
        return module


def children_as_stages(module: nn.Module) -> tuple[Stage, ...]:
    """Return a module's children as stages; those without parameters go with the next that has some."""
    stages: list[Stage] = []
    waiting: tuple[str, ...] = ()
    for name, child in module.named_children():
        waiting += (name,)
        if next(child.parameters(), None) is not None:
            stages.append(Stage(name, waiting))
            waiting = ()
    if stages and waiting:
        stages[-1] = Stage(stages[-1].name, stages[-1].modules + waiting)
    return tuple(stages)


def _children(module: nn.Module) -> tuple[Stage, ...]:
    return children_as_stages(module) or (Stage("all", ("",)),)


def _copied(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).cpu().float().requires_grad_(True).eval()


def _features(module: nn.Module, pixels: Tensor) -> Tensor:
    return mean_of_map(module(pixels), {})


def _taken(module: nn.Module, channels: int, sides: Any, called: str) -> dict[Any, Tensor]:
    """Return what the module gives for noise of each size that it takes."""
    found: dict[Any, Tensor] = {}
    why = ""
    for side in sides:
        high, wide = (side, side) if isinstance(side, int) else side
        try:
            with torch.device("cpu"), torch.no_grad(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                output = module(torch.rand(2, channels, high, wide))
        except Exception as error:  # a person's own module may raise anything
            why = why or (str(error).strip().splitlines() or [type(error).__name__])[0]
            continue
        if not isinstance(output, Tensor) or output.dim() not in (2, 3, 4) or output.shape[0] != 2:
            gives = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise BackboneError(
                f"{called}: a backbone must give one tensor with a row for each picture, (n, width) or maps (n, width, "
                f"h, w); this module gives {gives} for 2 pictures."
            )
        found[side] = output
    if not found:
        raise BackboneError(
            f"{called} takes no pictures (n, {channels}, side, side) of {', '.join(map(str, sides))} pixels: "
            f"{shown(why, 160)}. Name the size that it takes: punar.backbone(module, size=...)."
        )
    return found


def _without_classifier(module: nn.Module, output: Tensor) -> str | None:
    """Return the name of the linear layer whose output is the module's, where other layers come before it."""
    linear = [(name, m) for name, m in module.named_modules() if isinstance(m, nn.Linear)]
    layers = [m for m in module.modules() if not list(m.children()) and next(m.parameters(), None) is not None]
    if not linear or len(layers) < 2 or output.dim() != 2:
        return None
    name, last = linear[-1]
    return name if last is layers[-1] and last.out_features == output.shape[1] else None
