"""Picture networks and weights of timm (pytorch-image-models)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones._backbone import Backbone, Plan, Stage
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
    smallest_side,
    split_options,
    stages_as_json,
)
from punar.backbones._weights import put_weights, read_state_dict
from punar.core.draws import seeded
from punar.errors import BackboneError, MissingExtraError, ParameterError, shown
from punar.preparations.pictures import Pictures

# These would read files or the network, or give something else than pooled features.
_RESERVED = (
    *("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict", "checkpoint_path", "cache_dir"),
    *("num_classes", "features_only", "out_indices", "scriptable", "exportable", "no_jit", "model_name", "feature_cls"),
)
_INTERPOLATION = ("nearest", "bilinear", "bicubic")


class Timm(Backbone):
    """Any network of timm without its classifier.

    The module is ``timm.create_model(name, num_classes=0, **options)``; state-dict names are timm's. The possible
    freeze boundaries are found by running the network with random weights when it is described.

    Parameters
    ----------
    name : str
        As in ``timm.list_models()``, with or without the tag of its weights: ``"mobilenetv2_100.ra_in1k"``.
    weights : "default", None or path
        ``"default"`` takes timm's weights from the hub's folder on this machine, or fetches them.
    options : dict or None
        timm's own options for the network, such as ``{"pad_type": "same"}``; besides, ``mean``, ``std``, ``size`` and
        ``crop`` of the input. A network of fixed size is built for ``size``.

    Examples
    --------
    >>> about = Timm("test_resnet", weights=None).describe()
    >>> [name for name, modules in about["stages"]]
    ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    """

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether timm is installed and has a network of that name, with or without a tag."""
        if find_spec("timm") is None or not isinstance(name, str):
            return False
        return name in _architectures() or (name.partition(".")[0] in _architectures() and name in _tagged())

    @classmethod
    def names(cls) -> list[str]:
        """Return the networks' names without tags, sorted; none where timm is not installed."""
        return [] if find_spec("timm") is None else sorted(_architectures())

    def describe(self) -> dict[str, Any]:
        """Return architecture, proven stages and input facts; see :class:`Backbone`."""
        timm = _timm()
        where = f"timm:{self.name}" if isinstance(self.name, str) else "timm"
        if not self.has(self.name):
            architecture = str(self.name).partition(".")[0]
            check_name(self.name, sorted(_tagged() if architecture in _architectures() else _architectures()), "timm")
        changes, options = split_options(self.options, _RESERVED, where)
        fixed = bool(timm.get_pretrained_cfg(self.name).fixed_input_size) and not options.get("dynamic_img_size")
        if fixed and "size" in changes and "img_size" not in options:
            options["img_size"] = list(side_pair(changes.pop("size"), where))
        with seeded(0), torch.device("cpu"):
            module = _create(self.name, options)
        module.eval()
        cfg: dict[str, Any] = dict(module.pretrained_cfg)  # type: ignore[arg-type]
        tagged = ".".join(filter(None, (cfg.get("architecture") or self.name, cfg.get("tag"))))
        facts = _facts(module, cfg, options, fixed)
        stages, features = self._run(module, facts, where)
        given, last = input_facts(facts, changes, where), getattr(module, "output_fmt", "NCHW") == "NHWC"
        return {
            "architecture": self.name,
            "options": options,
            "source": "timm",
            "weights": cfg.get("tag"),
            "provenance": f"timm {tagged}",
            "licence": cfg.get("license") or "unknown",
            "made_by": "timm (pytorch-image-models)",
            "classifier": _as_list(cfg.get("classifier")),
            "channels_last": last,
            "num_features": features.shape[1],
            "input": given,
            "stages": stages_as_json(stages),
            "views": find_maps(module, stages, facts.channels, given["size"], channels_last=last),
        }

    @staticmethod
    def _run(module: nn.Module, facts: Pictures, where: str) -> tuple[tuple[Stage, ...], Tensor]:
        side = facts.smallest if facts.any_size else None
        height, width = (side, side) if side else facts.size
        pixels = torch.rand(2, facts.channels, height, width, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            features = module(pixels)
        if not isinstance(features, Tensor) or features.dim() != 2:
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise BackboneError(f"{where}: it must give one vector of features per picture, found {shown(found)}.")
        return prove_stages(module, propose_stages(module), lambda: module(pixels)), features

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return timm's network with random weights and without its classifier."""
        _, options = split_options(about["options"], _RESERVED, f"timm:{about['architecture']}")
        return _create(about["architecture"], options)

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the published weights, or those of a file, into ``module``; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        if not isinstance(self.weights, str) or self.weights != "default":
            where = f"weights {shown(str(self.weights), 120)}"
            put_weights(module, read_state_dict(self.weights), where, about["classifier"])
            return "file"
        provenance = str(about["provenance"])
        if not about["weights"] or not _timm().get_pretrained_cfg(about["architecture"]).has_weights:
            raise not_here(about["architecture"], "which timm has none of", None)
        try:
            with seeded(0):
                filled = _timm().create_model(about["architecture"], pretrained=True, num_classes=0, **about["options"])
        except Exception as error:  # a hub client without a network fails in many ways of its own
            raise not_here(about["architecture"], provenance, error) from error
        put_weights(module, filled.state_dict(), provenance)
        return provenance

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and preparation; see :class:`Backbone`."""
        return picture_plan(about)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm's networks need timm: pip install 'punar[vision]'.") from error
    return timm


@cache
def _architectures() -> frozenset[str]:
    return frozenset(_timm().list_models())


@cache
def _tagged() -> frozenset[str]:
    return frozenset(_timm().list_models(pretrained=True))


def _create(name: Any, options: dict[str, Any]) -> nn.Module:
    # A name from a stored folder may not lead timm to a hub or a file.
    if not Timm.has(name):
        raise ParameterError(f"timm has no backbone {shown(name)}.")
    try:
        make = _timm().create_model
        module = on_any_device(lambda: make(name, pretrained=False, num_classes=0, **options))
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        raise ParameterError(f"timm:{name} does not build with options {shown(options)}: {error}") from error
    return module


def _facts(module: nn.Module, cfg: Mapping[str, Any], options: Mapping[str, Any], fixed: bool) -> Pictures:
    from timm.data import resolve_data_config

    data = resolve_data_config(pretrained_cfg=dict(cfg))
    channels = int(options.get("in_chans", data["input_size"][0]))
    size = side_pair(options["img_size"], "timm") if "img_size" in options else tuple(data["input_size"][1:])
    return Pictures(
        size=size,
        mean=_for(channels, data["mean"]),
        std=_for(channels, data["std"]),
        crop=min(1.0, float(data["crop_pct"])),
        interpolation=data["interpolation"] if data["interpolation"] in _INTERPOLATION else "bicubic",
        channels=channels,
        smallest=min(size) if fixed else smallest_side(module, channels),
        any_size=not fixed,
    )


def _for(channels: int, values: Any) -> tuple[float, ...]:
    several = tuple(float(v) for v in values)
    return several if len(several) == channels else (sum(several) / len(several),) * channels


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
