"""What the sources of Hugging Face models share: a folder in their layout into a backbone. No code in it is run."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import _native as with_head
from punar.backbones import _towers as towers
from punar.backbones._backbone import Plan, Stage
from punar.backbones._configuration import (
    ATTENTION,
    MOST_LAYERS,
    configuration,
    library,
    narrowed,
    read_json,
    small_batch,
)
from punar.backbones._encode import POOLINGS, Encode
from punar.backbones._families import FAMILIES, SPEAKERS, T5, WAVES, clean, stages
from punar.backbones._stages import prove_stages
from punar.backbones._tokenizer import byte_tokenizer, read_tokenizer
from punar.backbones._weights import put_weights, read_state_dict, stored_names
from punar.core import tensor_file
from punar.core.draws import seeded
from punar.errors import BackboneError, DamagedModelError, MissingExtraError, ParameterError, shown, suggest
from punar.preparations import Preparation
from punar.preparations.sentences import Sentences
from punar.preparations.sounds import Sounds

OPTIONS = ("pooling", "normalise", "max_length", "config")
_SHARD = re.compile(r"[\w-]+\.safetensors", re.ASCII)
_LONGEST = 512  # where nothing says how long texts may be


# No part of a network: who wrote the file, labels of a head, code that we never import, how it was stored.
_DROPPED = (
    "auto_map", "architectures", "torch_dtype", "dtype", "transformers_version", "_name_or_path", "id2label",
    "label2id", "num_labels", "quantization_config", "_attn_implementation", "attn_implementation",
    "gradient_checkpointing", "use_cache", "output_hidden_states", "output_attentions", "return_dict",
)  # fmt: skip
# Dropping whole layers and masking the input are recipes of pretraining: on short recordings the second fails.
_FIXED: dict[str, dict[str, Any]] = {
    **{kind: {"layerdrop": 0.0, "apply_spec_augment": False} for kind in WAVES},
    "whisper": {"encoder_layerdrop": 0.0, "apply_spec_augment": False},
    **{kind: {"encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0} for kind in SPEAKERS},
}


def check_options(options: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Return the options, checked.

    Raises
    ------
    ParameterError
        Unknown, or a value that breaks the rule.
    """
    given = dict(options or {})
    for name in given:
        if name not in OPTIONS:
            raise ParameterError(
                f"{where}: options are {', '.join(OPTIONS)}, got {shown(name)}.{suggest(name, OPTIONS)}"
            )
    pooling, length = given.get("pooling", "mean"), given.get("max_length", 8)
    if pooling not in POOLINGS:
        names = ", ".join(map(repr, POOLINGS))
        raise ParameterError(
            f"{where}: pooling must be one of {names}, got {shown(pooling)}.{suggest(pooling, POOLINGS)}"
        )
    if not isinstance(given.get("normalise", False), bool):
        raise ParameterError(f"{where}: normalise must be True or False, got {shown(given['normalise'])}.")
    if type(length) is not int or length < 4:
        raise ParameterError(f"{where}: max_length must be an integer >= 4, got {shown(length)}.")
    if not isinstance(given.get("config", {}), dict):
        raise ParameterError(f"{where}: config must be a dict of settings to change, got {shown(given['config'])}.")
    return given


def describe_folder(folder: Path, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a folder in Hugging Face layout holds, as ``describe`` must.

    Raises
    ------
    BackboneError
        It lacks a file, or its architecture is not among the families.
    DamagedModelError
        A file in it is not what its name says.
    """
    config = read_json(folder / "config.json")
    if not config:
        raise BackboneError(f"{folder} has no config.json: it is not a model folder in Hugging Face layout.")
    if config.get("model_type") in towers.TOWERS:
        return towers.describe(config, folder, dict(options or {})) | {"licence": _licence(folder)}
    prepare = functools.partial(_preparation, folder, options=options)
    about = describe_config(config, options, str(folder), prepare, _names(folder))
    given = options or {}
    sentence = read_json(folder / "1_Pooling" / "config.json")
    if "pooling" not in given and sentence.get("pooling_mode_cls_token") is True:
        about["pooling"] = "cls"
    if "normalise" not in given and (folder / "modules.json").is_file():
        about["normalise"] = "models.Normalize" in (folder / "modules.json").read_text("utf-8", "replace")
    about["licence"] = _licence(folder)
    return about


def describe_config(
    config: Mapping[str, Any],
    options: Mapping[str, Any] | None,
    where: str,
    prepare: Callable[[Any], Preparation] | None = None,
    names: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return what ``describe`` must for a library configuration; ``prepare`` gives its input facts.

    Without ``prepare``, texts become bytes: a tokenizer that needs no file, for training from scratch. ``names`` are
    those of the stored tensors, where there are any.
    """
    given = check_options(options, where)
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise BackboneError(
            f"{where}: model_type must be one of {', '.join(map(repr, [*FAMILIES, *towers.TOWERS]))}, found "
            f"{shown(kind)}.{suggest(kind, FAMILIES)}"
        )
    family = FAMILIES[kind]
    stored = {k: v for k, v in config.items() if k not in _DROPPED} | given.get("config", {}) | _FIXED.get(kind, {})
    known = configuration(stored, where)
    # With every default written out, later versions of the library build the same network.
    full = {k: v for k, v in json.loads(known.to_json_string(use_diff=False)).items() if k not in _DROPPED}
    preparation = prepare(known) if prepare else _from_scratch(known, given)
    text = json.dumps(full, sort_keys=True)
    settings = {**config, **given.get("config", {})}
    if prepare is None and "architectures" not in settings:
        settings["architectures"] = list(family.heads[:1])  # random weights are as good with a head
    return {
        "architecture": kind,
        "domain": family.domain,
        "config": full,
        "attention": ATTENTION,
        "input": preparation.facts(),
        "pooling": given.get("pooling", family.pooling),
        "normalise": given.get("normalise", False),
        "stages": [[s.name, list(s.modules)] for s in _proven(text, where)],
        "native": with_head.offered(full, settings, names),
        "made_by": "unknown",
        "licence": "unknown",
    }


def native(about: Mapping[str, Any], folder: Path | None, where: str) -> dict[str, Any]:
    """Return ``about`` of the library's model with its head or decoder; see :meth:`Backbone.native`."""
    if about["architecture"] in towers.TOWERS:
        return towers.native(about, folder, where)
    return with_head.describe(about, folder, where)


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return the encoder, or the native model, with random weights."""
    if about["architecture"] in towers.TOWERS:
        return towers.build(about)
    if _is_native(about):
        return with_head.build(about)
    return _build(configuration(about["config"], "config.json"))


def plan(module: nn.Module, about: Mapping[str, Any]) -> Plan:
    """Return stages, width and calls of what :func:`build` made."""
    if about["architecture"] in towers.TOWERS:
        return towers.plan(module, about)
    family, config, facts = FAMILIES[about["architecture"]], about["config"], about["input"]
    preparation = Sentences.from_facts(facts) if family.domain == "text" else Sounds.from_facts(facts)
    if _is_native(about):
        return with_head.plan(module, about, preparation)
    encode = Encode(about["architecture"], config)
    pool = encode.pool(about["pooling"], about["normalise"])
    width = int(config[family.width])
    return Plan(
        stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
        width=width,
        preparation=preparation,
        forward=encode.forward(pool),
        pool=pool,
        export=encode.export,
        views=(encode.view(width, preparation),),
    )


def fill(module: nn.Module, about: Mapping[str, Any], source: Path, where: str) -> None:
    """Put the weights of a folder or a file into what :func:`build` made.

    Raises
    ------
    WeightsNotFoundError
        There are none.
    DamagedModelError
        They are not those of this architecture.
    """
    tensors = read_tensors(source)
    if about["architecture"] in towers.TOWERS:
        towers.fill(module, about, tensors, where)
        return
    if _is_native(about):
        with_head.fill(module, tensors, where)
        return
    found = clean(about["architecture"], tensors)
    slots = module.state_dict()
    if "masked_spec_embed" in slots and "masked_spec_embed" not in found:
        found["masked_spec_embed"] = torch.zeros(slots["masked_spec_embed"].shape)  # of pretraining; not used here
    table: Any = getattr(module, "embed_positions", None)
    if hasattr(table, "create_weight"):
        found.setdefault("embed_positions.weight", table.create_weight())  # sines and cosines, seldom stored
    put_weights(module, found, where)


def _is_native(about: Mapping[str, Any]) -> bool:
    return about.get("form") == "native"


def _names(folder: Path) -> set[str] | None:
    """Return the names of a folder's tensors; None where it has none, or they cannot be read: filling says why."""
    try:
        files = _shards(folder)
        return set().union(*(stored_names(file) for file in files)) if files else stored_names(folder)
    except (BackboneError, DamagedModelError):
        return None


def read_tensors(source: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, or of a folder, split over several files or not."""
    files = _shards(source)
    if not files:
        return read_state_dict(source)
    found: dict[str, Tensor] = {}
    for file in files:
        found |= read_state_dict(file)
    return found


def _shards(source: Path) -> list[Path]:
    """Return the files that a folder's weights are split over; none where they are in one."""
    index = source / "model.safetensors.index.json"
    if not source.is_dir() or (source / "model.safetensors").is_file() or not index.is_file():
        return []
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(f, str) and _SHARD.fullmatch(f) for f in files.values()):
        raise DamagedModelError(f"{index} must map names of weights to files beside it.")
    return [source / file for file in sorted(set(files.values()))]


def _build(config: Any) -> nn.Module:
    transformers = library()
    kind = config.model_type
    module: nn.Module
    if kind == "whisper":
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        module = WhisperEncoder(config)
    elif kind == "marian":
        from transformers.models.marian.modeling_marian import MarianEncoder

        module = MarianEncoder(config)
    elif kind == "mbart":
        from transformers.models.mbart.modeling_mbart import MBartEncoder

        module = MBartEncoder(config)
    elif kind == "m2m_100":
        from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder

        module = M2M100Encoder(config)
    elif kind == "bart":
        from transformers.models.bart.modeling_bart import BartEncoder

        module = BartEncoder(config)
    elif kind in T5:
        module = transformers.AutoModelForTextEncoding.from_config(config)
    elif kind == "distilbert":
        module = transformers.AutoModel.from_config(config)
    elif "bert" in kind and kind not in ("deberta-v2", "hubert"):  # these have no pooling of their own
        module = transformers.AutoModel.from_config(config, add_pooling_layer=False)
    else:
        module = transformers.AutoModel.from_config(config)
    return module


def _preparation(folder: Path, config: Any, options: Mapping[str, Any] | None) -> Preparation:
    given = options or {}
    if FAMILIES[config.model_type].domain == "audio":
        return _sounds(config, read_json(folder / "preprocessor_config.json"))
    settings = read_json(folder / "tokenizer_config.json")
    lengths = [_longest(config), settings.get("model_max_length")]
    lengths.append(read_json(folder / "sentence_bert_config.json").get("max_seq_length"))
    most = min(int(n) for n in lengths if isinstance(n, (int, float)) and 0 < n < 10**9)
    pad = _pad_id(config)
    return Sentences(read_tokenizer(folder, config, settings), min(given.get("max_length", most), most), pad)


def _from_scratch(config: Any, given: Mapping[str, Any]) -> Preparation:
    if FAMILIES[config.model_type].domain == "audio":
        return _sounds(config, {})
    most = _longest(config)
    return Sentences(byte_tokenizer(config.vocab_size), min(given.get("max_length", most), most), 0)


def _sounds(config: Any, settings: Mapping[str, Any]) -> Sounds:
    rate = int(settings.get("sampling_rate", 16_000))
    if config.model_type == "whisper":
        hop = int(settings.get("hop_length", 160))
        frames = 2 * config.max_source_positions  # the second convolution halves them
        return Sounds(
            rate, "log_mel", int(config.num_mel_bins), int(settings.get("n_fft", 400)), hop, frames * hop / rate
        )
    normalise = bool(settings.get("do_normalize", True))
    # A group norm over time sees the padding, as do several convolutions for positions: only recordings of equal
    # length may then share a batch.
    sees = config.model_type == "data2vec-audio" or config.feat_extract_norm == "group"
    multiple = 1 if sees else 1_600
    shortest = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        shortest = (shortest - 1) * stride + kernel
    return Sounds(rate, "samples", normalise=normalise, multiple=multiple, shortest=shortest)


def _longest(config: Any) -> int:
    """Return how many tokens the architecture takes."""
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if config.model_type in T5 or not positions:
        return _LONGEST  # relative positions have no end
    # RoBERTa's positions begin after that of the padding.
    return int(positions) - (config.pad_token_id + 1 if "roberta" in config.model_type else 0)


def _pad_id(config: Any) -> int:
    for value in (config.pad_token_id, config.eos_token_id):
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int):
            return value
    return 0


@functools.lru_cache(maxsize=32)
def _proven(text: str, where: str) -> tuple[Stage, ...]:
    """Return the stages of a configuration, proven on a narrow network of the same depth."""
    config = json.loads(text)
    kind = config["model_type"]
    _check_size(config, where)
    small = narrowed(config)
    with seeded(0), torch.device("cpu"):
        module = _build(configuration(small, where))
    encode = Encode(kind, small)
    forward, batch = encode.forward(encode.pool("mean", False)), small_batch(small)
    return prove_stages(module, stages(kind, small), lambda: forward(module, batch))


def _check_size(config: Mapping[str, Any], where: str) -> None:
    """Refuse sizes that do not build, or not in this machine's memory, before anything is allocated."""
    if not 1 <= config[FAMILIES[config["model_type"]].depth] <= MOST_LAYERS:
        raise BackboneError(f"{where}: config.json must ask for 1 to {MOST_LAYERS} layers.")
    try:
        with seeded(0), torch.device("meta"):
            size = sum(4 * p.numel() for p in _build(configuration(config, where)).parameters())
    except (BackboneError, MissingExtraError):
        raise
    except Exception as error:  # hostile sizes end in every kind of error
        raise BackboneError(f"{where}: no network can be built from config.json: {shown(str(error), 200)}.") from None
    if not tensor_file.fits_in_memory(size):
        raise BackboneError(f"{where}: the network takes {size} bytes, more than this machine's memory.")


def _licence(folder: Path) -> str:
    card = folder / "README.md"
    if not card.is_file():
        return "unknown"
    with open(card, encoding="utf-8", errors="replace") as file:
        found = re.search(r"^license:\s*([\w.\-]{2,40})\s*$", file.read(20_000), re.MULTILINE)
    return found.group(1) if found else "unknown"
