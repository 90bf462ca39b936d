"""BERT as encoder and, with attention to what that gave, once more as decoder: from one checkpoint of the encoder."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from punar.backbones import _native as with_head
from punar.backbones import _transformers as shared
from punar.backbones._backbone import Backbone, Plan, Stage
from punar.backbones._configuration import configuration, library
from punar.backbones._encode import Encode
from punar.backbones._families import clean, renamed
from punar.backbones._view import View
from punar.backbones._weights import put_weights
from punar.backbones.transformers import Transformers, fetch
from punar.errors import BackboneError, ParameterError, shown
from punar.preparations.sentences import Sentences

_USUAL = "bert-base-multilingual-cased"
_KINDS = {"bert": ("BertLMHeadModel", "bert"), "roberta": ("RobertaForCausalLM", "roberta")}
_SPECIAL = ("decoder_start_token_id", "eos_token_id", "pad_token_id")


class Bert2bert(Backbone):
    """An encoder and a decoder that both begin with the weights of one BERT; the attention between them is new.

    It writes only after it was trained, ``strategy="fine_tuning"`` with ``unfreeze="all"`` for best. Other tasks see
    the encoder alone.

    Parameters
    ----------
    name : {"bert2bert"}
    weights : "default", None or path, default="default"
        Those of multilingual BERT, ``bert-base-multilingual-cased``; random; or a folder of a BERT or RoBERTa in
        Hugging Face layout.
    options : dict or None
        As for ``transformers:NAME``.

    References
    ----------
    Rothe, Narayan and Severyn (2020). Leveraging pre-trained checkpoints for sequence generation tasks. TACL.
    """

    domain: ClassVar[str] = "text"

    def __init__(
        self, name: str = "bert2bert", weights: Any = "default", options: dict[str, Any] | None = None
    ) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether ``name`` is "bert2bert", and the library is installed."""
        return name == "bert2bert" and importlib.util.find_spec("transformers") is not None

    @classmethod
    def names(cls) -> list[str]:
        """Return nothing: it is made of a network that stands in the catalogue."""
        return []

    def describe(self) -> dict[str, Any]:
        """Return configuration, input facts, stages, licence; see :class:`Backbone`."""
        if self.name != "bert2bert":
            raise ParameterError(f"Bert2bert: name must be 'bert2bert', got {shown(self.name)}.")
        if isinstance(self.weights, str) and self.weights == "default":
            about = Transformers(_USUAL, options=self.options).describe()
        elif self.weights is None:
            about = Transformers(_USUAL, None, self.options).describe()
        elif isinstance(self.weights, (str, os.PathLike)) and Path(self.weights).is_dir():
            about = shared.describe_folder(Path(self.weights), self.options)
        else:
            raise ParameterError(
                f"Bert2bert: weights must be 'default', None or a folder with a BERT, got {shown(self.weights)}."
            )
        if about["architecture"] not in _KINDS:
            raise BackboneError(f"Bert2bert: the encoder must be a BERT or RoBERTa, found {about['architecture']}.")
        # The tokenizer's own beginning and end are those of what is written.
        first, *_, last = Sentences.from_facts(about["input"]).prepare("").tolist()
        special = dict(zip(_SPECIAL, (first, last, about["input"]["pad_id"]), strict=True))
        return about | {"name": self.name, "native": {"class": "EncoderDecoderModel", "generation": special}}

    def native(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of encoder and decoder together; see :class:`Backbone`."""
        stages = [[name, [f"encoder.{module}" for module in modules]] for name, modules in about["stages"]]
        return {**about, "form": "native", "stages": stages}

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the encoder, or both, with random weights."""
        plain = {k: v for k, v in about.items() if k != "form"}
        encoder = shared.build(plain)
        if "form" not in about:
            return encoder
        transformers, config = library(), configuration(about["config"], "config.json")
        written = configuration({**about["config"], "is_decoder": True, "add_cross_attention": True}, "config.json")
        decoder = getattr(transformers, _KINDS[about["architecture"]][0])(written)
        both = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(config, written)
        module: Any = transformers.EncoderDecoderModel(config=both, encoder=encoder, decoder=decoder)
        for name in _SPECIAL:
            number = int(about["native"]["generation"][name])
            setattr(module.config, name, number)
            setattr(module.generation_config, name, number)
        built: nn.Module = module
        return built

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the encoder's weights into both; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        default = isinstance(self.weights, str) and self.weights == "default"
        folder = fetch(_USUAL) if default else Path(self.weights)
        where = f"{_USUAL} of the hub" if default else str(folder)
        if "form" not in about:
            shared.fill(module, about, folder, where)
            return where
        tensors = shared.read_tensors(folder)
        kind = about["architecture"]
        encoder = clean(kind, tensors)
        put_weights(module.get_submodule("encoder"), encoder, where)
        _fill_decoder(module.get_submodule("decoder"), _KINDS[kind][1], encoder, renamed(tensors), where)
        return where

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages of the encoder, its views and, of both, what the library gives."""
        plain = {k: v for k, v in about.items() if k != "form"}
        if "form" not in about:
            return shared.plan(module, plain)
        config, preparation = about["config"], Sentences.from_facts(about["input"])
        encode = Encode(about["architecture"], config, "encoder")
        pool, width = encode.pool(about["pooling"], about["normalise"]), int(config["hidden_size"])
        return Plan(
            stages=tuple(Stage(name, tuple(modules)) for name, modules in about["stages"]),
            width=width,
            preparation=preparation,
            forward=encode.forward(pool),
            pool=pool,
            export=encode.export,
            views=(encode.view(width, preparation), View("native", (), _compute_of(encode))),
            head=("decoder",),
        )


def _compute_of(encode: Encode) -> Callable[[nn.Module, Mapping[str, Tensor]], Any]:
    plain = with_head.compute_of(encode)

    def compute(module: Any, batch: Mapping[str, Tensor]) -> Any:
        if "labels" in batch:
            # Told the labels themselves, the library warns of its own past.
            before = module.prepare_decoder_input_ids_from_labels(batch["labels"])
            batch = {k: v for k, v in batch.items() if k != "labels"} | {"decoder_input_ids": before}
        return plain(module, batch)

    return compute


def _fill_decoder(
    decoder: Any, part: str, encoder: Mapping[str, Tensor], stored: Mapping[str, Tensor], where: str
) -> None:
    """Put the encoder's layers into the decoder's; its head is that for masked words, where one is stored."""
    slots = decoder.state_dict()
    found = {name: value.clone() for name, value in slots.items()}  # what is new keeps its random numbers
    for name in slots:
        inner = name.removeprefix(f"{part}.")
        if inner in encoder:
            found[name] = encoder[inner]
        elif name in stored and not name.startswith(f"{part}."):
            found[name] = stored[name]
    words = f"{part}.embeddings.word_embeddings.weight"
    for name in slots:
        # The head's table is that of the words.
        if name.endswith("decoder.weight") and slots[name].shape == slots[words].shape:
            found[name] = found[words]
    put_weights(decoder, found, where)
    decoder.tie_weights()
