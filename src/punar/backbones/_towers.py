"""Networks of two towers, one of pictures and one of texts, trained to agree: CLIP and SigLIP.

As a backbone they are the tower of pictures. The native form keeps both, so that labels can be told by their names.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones._backbone import Plan, Stage, mean_of_map
from punar.backbones._configuration import ATTENTION, MOST_LAYERS, configuration, library, read_json
from punar.backbones._stages import prove_stages
from punar.backbones._tokenizer import read_tokenizer
from punar.backbones._view import View
from punar.backbones._weights import put_weights
from punar.core import tensor_file
from punar.core.draws import seeded
from punar.errors import BackboneError, DamagedModelError, MissingExtraError, NotSupportedError, ParameterError, shown
from punar.preparations.pictures import Pictures
from punar.preparations.sentences import Sentences

_RESAMPLING = {0: "nearest", 2: "bilinear", 3: "bicubic"}
_IDS = ("position_ids",)  # tables that older versions stored


@dataclass(frozen=True)
class Towers:
    """One architecture.

    Attributes
    ----------
    both, pictures : str
        The library's classes.
    part : str
        Before the names of the picture tower's modules, where it stands alone.
    first, last : tuple of str
        Modules before and after the layers. Those that begin with a dot stand beside the tower, in both forms.
    width : str
        The setting, of the picture tower, that holds the number of features.
    padded : bool
        Whether the tower of texts was trained on texts of full length, padding and all.
    mean, std : tuple of float
        Of pixels, where no file says them.
    """

    both: str
    pictures: str
    part: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    width: str
    padded: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


TOWERS = {
    "clip": Towers(
        "CLIPModel", "CLIPVisionModelWithProjection", "vision_model.", ("embeddings", "pre_layrnorm"),
        ("post_layernorm", ".visual_projection"), "projection_dim", False,
        (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711),
    ),
    "siglip": Towers(
        "SiglipModel", "SiglipVisionModel", "", ("embeddings",), ("post_layernorm", "head"), "hidden_size", True,
        (0.5, 0.5, 0.5), (0.5, 0.5, 0.5),
    ),
}  # fmt: skip
_INNER = "vision_model."  # before the picture tower's names, where both stand together


def describe(config: Mapping[str, Any], folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``describe`` must for a folder of such a model.

    Raises
    ------
    ParameterError
        An option is given, of which it has none.
    BackboneError
        No network can be built from its configuration.
    """
    if given:
        raise ParameterError(
            f"{folder}: a network of {config['model_type']}'s kind has no options, got {shown(given)}."
        )
    kind = config["model_type"]
    stored = {k: v for k, v in config.items() if k in ("model_type", "projection_dim", "text_config", "vision_config")}
    known = configuration(stored, str(folder))
    full = {k: v for k, v in json.loads(known.to_json_string(use_diff=False)).items() if k in stored}
    # Not said, the projection is wide as the library has it.
    full = {"model_type": kind, **full} | {k: _plain(full[k]) for k in ("text_config", "vision_config")}
    return {
        "architecture": kind,
        "domain": "vision",
        "config": full,
        "attention": ATTENTION,
        "input": _pictures(kind, full["vision_config"], folder).facts(),
        "stages": [[s.name, list(s.modules)] for s in _proven(json.dumps(full, sort_keys=True), str(folder))],
        "native": {"class": TOWERS[kind].both},
        "towers": True,
        "made_by": "unknown",
        "licence": "unknown",
    }


def native(about: Mapping[str, Any], folder: Path | None, where: str) -> dict[str, Any]:
    """Return ``about`` of both towers; ``words`` are the input facts of the texts'.

    Raises
    ------
    NotSupportedError
        There is no folder with a tokenizer.
    """
    if folder is None:
        raise NotSupportedError(f"{where}: the tower of texts needs a tokenizer; bring its folder to this machine.")
    kind, texts = about["architecture"], about["config"]["text_config"]
    known = configuration({"model_type": kind, **about["config"]}, where)
    tokenizer = read_tokenizer(folder, known, read_json(folder / "tokenizer_config.json"))
    pad = texts.get("pad_token_id")
    words = Sentences(tokenizer, int(texts["max_position_embeddings"]), pad if isinstance(pad, int) else 0)
    tower, found = TOWERS[kind], []
    for name, modules in about["stages"]:
        beside = tuple(part[1:] for part in tower.last if part.startswith("."))
        found.append([name, [m if m in beside else _INNER + m.removeprefix(tower.part) for m in modules]])
    return {**about, "form": "native", "words": words.facts(), "stages": found}


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return the tower of pictures, or in the native form both, with random weights."""
    return _build(about["config"], both=about.get("form") == "native")


def fill(module: nn.Module, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> None:
    """Put stored weights in."""
    tower = TOWERS[about["architecture"]]
    found = {name: value for name, value in tensors.items() if not name.endswith(_IDS)}
    if about.get("form") != "native":
        beside = tuple(part[1:] for part in tower.last if part.startswith("."))
        found = {
            (tower.part + name.removeprefix(_INNER) if name.startswith(_INNER) else name): value
            for name, value in found.items()
            if name.startswith((_INNER, *beside))
        }
    put_weights(module, found, where)


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls. The native view gives a picture's features, or a text's for ``input_ids``."""
    kind, config = about["architecture"], about["config"]
    both = about.get("form") == "native"
    forward = _of_both if both else _of_pictures
    width = config["projection_dim"] if kind == "clip" else config["vision_config"]["hidden_size"]
    return Plan(
        stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
        width=int(width),
        preparation=Pictures.from_facts(about["input"]),
        forward=forward,
        pool=mean_of_map,
        views=(View("native", (), functools.partial(_shown, TOWERS[kind].padded)),) if both else (),
        head=tuple(name for name, _ in module.named_children() if name.startswith("text_")) if both else (),
    )


def _of_pictures(module: Any, batch: Mapping[str, Tensor]) -> Tensor:
    output = module(pixel_values=batch["pixels"])
    found: Tensor = output.image_embeds if "image_embeds" in output else output.pooler_output
    return found


def _of_both(module: Any, batch: Mapping[str, Tensor]) -> Tensor:
    return _tensor(module.get_image_features(pixel_values=batch["pixels"]))


def _shown(padded: bool, module: Any, batch: Mapping[str, Tensor]) -> Tensor:
    if "input_ids" not in batch:
        return _of_both(module, batch)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    if not padded:
        return _tensor(module.get_text_features(input_ids=ids, attention_mask=mask))
    config = module.config.text_config
    rest = config.max_position_embeddings - ids.shape[1]
    return _tensor(module.get_text_features(input_ids=F.pad(ids, (0, rest), value=config.pad_token_id)))


def _tensor(found: Any) -> Tensor:
    # Older versions of the library give the tensor itself.
    tensor: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    return tensor


def _build(config: Mapping[str, Any], *, both: bool) -> nn.Module:
    transformers, kind = library(), config["model_type"]
    known = configuration(config, "config.json")
    if both:
        module: nn.Module = getattr(transformers, TOWERS[kind].both)(known)
        return module
    if kind == "clip":
        known.vision_config.projection_dim = known.projection_dim
    module = getattr(transformers, TOWERS[kind].pictures)(known.vision_config)
    return module


@functools.lru_cache(maxsize=32)
def _proven(text: str, where: str) -> tuple[Stage, ...]:
    """Return the stages of a configuration, proven on a narrow tower of the same depth."""
    config = json.loads(text)
    kind, vision = config["model_type"], config["vision_config"]
    tower = TOWERS[kind]
    depth = vision["num_hidden_layers"]
    _check_size(config, where)
    patch = vision["patch_size"]
    small = vision | {
        "hidden_size": 4 * vision["num_attention_heads"], "intermediate_size": 8, "image_size": 2 * patch,
    }  # fmt: skip
    with seeded(0), torch.device("cpu"):
        module = _build(config | {"vision_config": small, "projection_dim": 8}, both=False).eval()
        batch = {"pixels": torch.randn(2, 3, 2 * patch, 2 * patch)}
    names = [f"encoder.layers.{i}" for i in range(depth)]
    found = [Stage("embeddings", tuple(tower.part + m for m in tower.first))]
    found += [Stage(name, (tower.part + name,)) for name in names]
    last = tuple(m[1:] if m.startswith(".") else tower.part + m for m in tower.last)
    found[-1] = Stage(found[-1].name, found[-1].modules + last)
    return prove_stages(module, found, lambda: _of_pictures(module, batch))


def _check_size(config: Mapping[str, Any], where: str) -> None:
    """Refuse sizes that do not build, or not in this machine's memory, before anything is allocated."""
    for part in ("vision_config", "text_config"):
        if not 1 <= config[part]["num_hidden_layers"] <= MOST_LAYERS:
            raise BackboneError(f"{where}: config.json must ask for 1 to {MOST_LAYERS} layers in {part}.")
    try:
        with seeded(0), torch.device("meta"):
            size = sum(4 * p.numel() for p in _build(config, both=True).parameters())
    except (BackboneError, MissingExtraError):
        raise
    except Exception as error:  # hostile sizes end in every kind of error
        raise BackboneError(f"{where}: no network can be built from config.json: {shown(str(error), 200)}.") from None
    if not tensor_file.fits_in_memory(size):
        raise BackboneError(f"{where}: the network takes {size} bytes, more than this machine's memory.")


def _pictures(kind: str, vision: Mapping[str, Any], folder: Path) -> Pictures:
    """Return the input facts: the size is the network's; mean, deviation and crop are the file's."""
    settings = read_json(folder / "preprocessor_config.json") or read_json(folder / "processor_config.json").get(
        "image_processor", {}
    )
    side = vision["image_size"]
    try:
        edge = _side(settings.get("size"), side) if settings.get("do_center_crop") else side
        facts = {
            "domain": "vision",
            "size": [side, side],
            "mean": list(settings.get("image_mean") or TOWERS[kind].mean),
            "std": list(settings.get("image_std") or TOWERS[kind].std),
            "crop": min(1.0, side / edge),
            "interpolation": _RESAMPLING.get(settings.get("resample", 3), "bicubic"),
            "channels": 3,
            "smallest": side,
            "any_size": False,
        }
        return Pictures.from_facts(facts)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise DamagedModelError(f"{folder}: preprocessor_config.json: {shown(str(error), 200)}.") from None


def _side(size: Any, usual: int) -> int:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge", size.get("height", usual))
    return int(size) if size else usual


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tower's settings without what is of no network: how it was stored, and what it is called."""
    dropped = ("transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype", "id2label", "label2id")
    return {k: v for k, v in config.items() if k not in dropped}
