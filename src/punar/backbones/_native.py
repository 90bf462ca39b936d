"""The library's own model with its head or decoder: another build of the recipe that gives the encoder alone.

The encoder's stages keep their names within the larger module, so that they are frozen, remembered and replayed as
without a head. Only the classes that ``FAMILIES`` lists are ever built.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import _sentencepiece
from punar.backbones._backbone import Plan, Stage
from punar.backbones._configuration import MOST_LAYERS, configuration, library, narrowed, read_json, small_batch
from punar.backbones._encode import Encode
from punar.backbones._families import FAMILIES, renamed, stages
from punar.backbones._stages import prove_stages
from punar.backbones._tokenizer import read_tokenizer
from punar.backbones._view import View
from punar.backbones._weights import put_weights
from punar.core import tensor_file
from punar.core.draws import seeded
from punar.errors import BackboneError, DamagedModelError, NotSupportedError, shown
from punar.preparations import Preparation

# Checkpoints of pretraining hold a further head beside the one that is kept.
_ALIASES = {"BertForPreTraining": "BertForMaskedLM", "T5WithLMHeadModel": "T5ForConditionalGeneration"}
_OTHER_HEADS = ("cls.seq_relationship.", "bert.pooler.", "roberta.pooler.")
# Tables that older versions stored and the present one computes, and a bias that T5 never used.
_COMPUTED = (
    ".embeddings.position_ids",
    ".attn.bias",
    ".attn.masked_bias",
    ".EncDecAttention.relative_attention_bias.weight",
)
_DECODERS = ("decoder_layers", "num_decoder_layers")
_TEACHING = ("decoder_input_ids", "decoder_attention_mask", "labels")
_MOST_LABELS = 100_000
_DROPPED = ("transformers_version", "_from_model_config", "custom_generate", "auto_map")


def offered(
    config: Mapping[str, Any], settings: Mapping[str, Any], names: Collection[str] | None = None
) -> dict[str, Any] | None:
    """Return what ``describe`` says of a native form: class and labels; None where there is none.

    Parameters
    ----------
    config : mapping
        The full configuration that is stored.
    settings : mapping
        ``config.json`` as it was found: ``architectures`` and ``id2label`` count.
    names : collection of str, optional
        Names of the stored tensors, all of which a class needs must be among them; None where none are stored.
    """
    heads = FAMILIES[config["model_type"]].heads
    asked = settings.get("architectures")
    if isinstance(asked, list) and asked:
        candidates = [c for c in (_ALIASES.get(str(a), str(a)) for a in asked) if c in heads]
    else:
        candidates = [] if names is None else list(heads)
    known = None if names is None else set(renamed(dict.fromkeys(names, torch.empty(0))))
    for name in candidates:
        found = {"class": name} | _labels(settings)
        needed = _needed(json.dumps(config, sort_keys=True), json.dumps(found, sort_keys=True))
        if needed is not None and (known is None or all(known & group for group in needed)):
            return found
    return None


def describe(about: Mapping[str, Any], folder: Path | None, where: str) -> dict[str, Any]:
    """Return ``about`` of the native form.

    Parameters
    ----------
    about : mapping
        Of the encoder.
    folder : path or None
        Where settings of generation, and the vocabulary of what is written, are read; None for random weights.
    where : str

    Raises
    ------
    NotSupportedError
        There is no head or decoder.
    """
    known = about.get("native")
    if not known:
        kept = ", ".join(FAMILIES[about["architecture"]].heads)
        raise NotSupportedError(
            f"{where} has no head or decoder that is kept: config.json and weights must be of one of {kept}."
        )
    further: dict[str, Any] = {}
    if folder is not None:
        generation = read_json(folder / "generation_config.json")
        further["generation"] = {k: v for k, v in generation.items() if k not in _DROPPED}
        if about["domain"] == "audio":
            further |= _writing(folder, about)
        elif about["architecture"] == "marian" and _sentencepiece.has(folder):
            further["tokenizer"] = _sentencepiece.text_of(folder, "target")
    text, head = json.dumps(about["config"], sort_keys=True), json.dumps(known, sort_keys=True)
    found = [[s.name, list(s.modules)] for s in _proven(text, head)]
    return {**about, "form": "native", "native": {**known, **further}, "stages": found}


def build(about: Mapping[str, Any]) -> nn.Module:
    """Return the library's model with random weights."""
    return _build(about["config"], about["native"])


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put all stored weights in, head and decoder included; what is tied may be stored once.

    Raises
    ------
    DamagedModelError
        One is missing, none of the model's, of another shape, or stored twice with different numbers.
    """
    slots = module.state_dict()
    found = {
        name: value
        for name, value in renamed(tensors).items()
        if name in slots or not (name.startswith(_OTHER_HEADS) or name.endswith(_COMPUTED))
    }
    for name in slots:
        if name not in found and name.endswith("masked_spec_embed"):
            found[name] = torch.zeros(slots[name].shape)  # of pretraining; not used here
        if name not in found and name.endswith("embed_positions.weight"):
            table: Any = module.get_submodule(name.removesuffix(".weight"))
            if hasattr(table, "create_weight"):
                found[name] = table.create_weight()
    for group in _tied(module):
        stored = [name for name in group if name in found]
        if any(not torch.equal(found[name], found[stored[0]]) for name in stored[1:]):
            raise DamagedModelError(f"{where}: {' and '.join(stored)} must be the same tensor, and differ.")
        found |= {name: found[stored[0]] for name in group if stored}
    put_weights(module, found, where)
    tie: Any = module
    tie.tie_weights()


def plan(module: nn.Module, about: Mapping[str, Any], preparation: Preparation) -> Plan:
    """Return stages of the encoder, its views and the library's own output."""
    kind, config = about["architecture"], about["config"]
    family = FAMILIES[kind]
    encode = Encode(kind, config, family.part)
    pool = encode.pool(about["pooling"], about["normalise"])
    width = int(config[family.width])
    return Plan(
        stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
        width=width,
        preparation=preparation,
        forward=encode.forward(pool),
        pool=pool,
        export=encode.export,
        views=(encode.view(width, preparation), View("native", (), compute_of(encode))),
        head=tuple(_head(module, family.part)),
    )


def compute_of(encode: Encode) -> Any:
    """Return a function from module and batch to the library's output.

    A model with a decoder gives its encoder's output, for ``module.generate(encoder_outputs=...)``, unless the batch
    says what the decoder reads: ``decoder_input_ids`` or ``labels``. A classifier makes that of the text itself.
    """

    def compute(module: Any, batch: Mapping[str, Tensor]) -> Any:
        if encode.is_short(batch):
            return encode.short_output(module, batch, _TEACHING)
        taught = {name: batch[name] for name in _TEACHING if name in batch}
        if module.config.is_encoder_decoder and not taught and not _classifies(module):
            return module.get_encoder()(**encode.inputs(batch))
        return module(**encode.inputs(batch), **taught)

    return compute


def _classifies(module: nn.Module) -> bool:
    return type(module).__name__.endswith("ForSequenceClassification")


def _head(module: nn.Module, part: str) -> Iterator[str]:
    """Yield the modules beside the encoder and, within it, what pools for a head."""
    outer = ""
    for step in part.split("."):
        for name, _ in module.get_submodule(outer).named_children():
            if name != step:
                yield f"{outer}.{name}" if outer else name
        outer = f"{outer}.{step}" if outer else step
    if getattr(module.get_submodule(part), "pooler", None) is not None:
        yield f"{part}.pooler"


def _build(config: Mapping[str, Any], head: Mapping[str, Any]) -> nn.Module:
    name = head.get("class")
    if name not in FAMILIES[config["model_type"]].heads:
        raise DamagedModelError(f"config.json: native must name a class with a head, found {shown(name)}.")
    labels = {k: head[k] for k in ("id2label", "label2id") if k in head}
    transformers = library()
    module: Any = getattr(transformers, name)(configuration({**config, **labels}, "config.json"))
    if head.get("generation"):
        try:
            module.generation_config = transformers.GenerationConfig.from_dict(dict(head["generation"]))
        except Exception as error:  # settings from a file end in any error of the library's checks
            raise DamagedModelError(
                f"generation_config.json is not one of this library: {shown(str(error), 200)}."
            ) from None
    built: nn.Module = module
    return built


@functools.lru_cache(maxsize=32)
def _needed(text: str, head: str) -> tuple[frozenset[str], ...] | None:
    """Return the tensors that a class needs, tied ones together; None where it cannot be built here."""
    config = json.loads(text)
    if any(not 1 <= config.get(name, 1) <= MOST_LAYERS for name in _DECODERS):
        return None
    try:
        with seeded(0), torch.device("meta"):
            module = _build(config, json.loads(head))
    except Exception:  # hostile sizes end in every kind of error
        return None
    if not tensor_file.fits_in_memory(sum(4 * p.numel() for p in module.parameters())):
        return None
    groups = [frozenset(group) for group in _tied(module)]
    return tuple(g for g in groups if not any(n.endswith(("masked_spec_embed", "embed_positions.weight")) for n in g))


def _tied(module: nn.Module) -> list[list[str]]:
    """Return the names of each parameter."""
    found: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        found.setdefault(id(parameter), []).append(name)
    return list(found.values())


@functools.lru_cache(maxsize=32)
def _proven(text: str, head: str) -> tuple[Stage, ...]:
    """Return the encoder's stages within the model, proven on a narrow one of the same depth by its own output."""
    small = narrowed(json.loads(text))
    kind = small["model_type"]
    with seeded(0), torch.device("cpu"):
        module = _build(small, json.loads(head))
    part = FAMILIES[kind].part
    # T5's stages have their names within the model already.
    begin = "" if all(m.startswith(f"{part}.") for s in stages(kind, small) for m in s.modules) else f"{part}."
    proposed = [Stage(s.name, tuple(begin + m for m in s.modules)) for s in stages(kind, small)]
    batch = small_batch(small)
    if getattr(module.config, "is_encoder_decoder", False) and not _classifies(module):
        batch["decoder_input_ids"] = torch.arange(2).repeat(2, 1)
    compute = compute_of(Encode(kind, small, part))
    return prove_stages(module, proposed, lambda: _first(compute(module, batch)))


def _first(output: Any) -> Tensor:
    """Return the first tensor of a library's output: logits, or the first of two."""
    found: Tensor = output.to_tuple()[0]
    return found


def _labels(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return names of classes, where a configuration has them in order."""
    found = settings.get("id2label")
    if not isinstance(found, dict) or not 1 <= len(found) <= _MOST_LABELS:
        return {}
    names = [found.get(str(i), found.get(i)) for i in range(len(found))]
    if not all(isinstance(name, str) for name in names):
        return {}
    return {
        "id2label": dict(zip(map(str, range(len(names))), names, strict=True)),
        "label2id": {name: i for i, name in enumerate(names)},
    }


def _writing(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tokenizer or the vocabulary of what a recording becomes."""
    if (folder / "tokenizer.json").is_file():
        config = configuration(about["config"], str(folder))
        return {"tokenizer": read_tokenizer(folder, config, read_json(folder / "tokenizer_config.json"))}
    tokens = read_json(folder / "vocab.json")
    if tokens and not all(type(i) is int for i in tokens.values()):
        raise BackboneError(f"{folder}: vocab.json must map tokens to their numbers.")
    return {"vocabulary": tokens} if tokens else {}
