"""The architectures of transformers that are backbones: their parts, and the names of their stored weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from punar.backbones._backbone import Stage


@dataclass(frozen=True)
class Family:
    """One architecture: where its layers are, and how stored names differ from the module's.

    Attributes
    ----------
    domain : {"text", "audio"}
    embeddings : tuple of str
        Modules before the layers.
    layers, depth : str
        Dotted name of the list of layers; the setting that counts them.
    width : str
        The setting that holds the number of features.
    prefixes : tuple of str
        Taken off stored names, the first that fits.
    others : tuple of str
        Beginnings of stored names, prefix taken off, of what is no part of the encoder: heads, decoders.
    tail : tuple of str
        Modules after the layers; they belong to the last one.
    pooling : str
    inner : tuple of str
        Parts of a layer that stand for it, the last one's output being its output, where the layer returns a tuple.
    part : str
        Dotted name of the encoder within the library's models with a head or decoder.
    heads : tuple of str
        Classes of the library that keep a head or decoder.
    """

    domain: str
    embeddings: tuple[str, ...]
    layers: str
    depth: str
    width: str
    prefixes: tuple[str, ...]
    others: tuple[str, ...]
    tail: tuple[str, ...] = ()
    pooling: str = "mean"
    inner: tuple[str, ...] = ()
    part: str = ""
    heads: tuple[str, ...] = ()


_HEADS = ("cls.", "classifier.", "qa_outputs.", "lm_head.", "pooler.", "embeddings.position_ids")
_DECODED = ("model.decoder.", "decoder.", "lm_head.", "final_logits_bias", "model.shared.", "shared.")
# Of one making: encoder and decoder with a table of tokens in common.
SPEAKERS = ("marian", "mbart", "m2m_100", "bart")
T5 = ("t5", "mt5")
# That read samples by convolutions.
WAVES = ("wav2vec2", "hubert", "data2vec-audio")
_TOPS = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


def _bert(part: str, name: str) -> Family:
    return Family(
        "text", ("embeddings",), "encoder.layer", "num_hidden_layers", "hidden_size", (f"{part}.",), _HEADS,
        part=part, heads=tuple(name + top for top in _TOPS),
    )  # fmt: skip


def _t5(name: str) -> Family:
    return Family(
        "text", ("encoder.embed_tokens",), "encoder.block", "num_layers", "d_model", (),
        ("decoder.", "lm_head.", "classification_head."), tail=("encoder.final_layer_norm",),
        inner=("layer.0.layer_norm", *(f"layer.0.SelfAttention.{part}" for part in "qkvo"), "layer.1"),
        part="encoder", heads=(f"{name}ForConditionalGeneration",),
    )  # fmt: skip


def _waves(part: str, name: str) -> Family:
    return Family(
        "audio",
        # Without its projection: in a replay that makes the tensor that the encoder then masks in place. Its
        # parameters count as the first stage's, which this is.
        (
            "feature_extractor", "feature_projection.layer_norm", "encoder.pos_conv_embed", "encoder.layer_norm",
            "encoder.dropout",
        ),
        "encoder.layers", "num_hidden_layers", "hidden_size", (f"{part}.",),
        ("lm_head.", "quantizer.", "project_hid.", "project_q.", "classifier.", "projector.", "layer_weights"),
        part=part, heads=(f"{name}ForCTC", f"{name}ForSequenceClassification"),
    )  # fmt: skip


FAMILIES: dict[str, Family] = {
    "bert": _bert("bert", "Bert"),
    "roberta": _bert("roberta", "Roberta"),
    "xlm-roberta": _bert("roberta", "XLMRoberta"),
    "distilbert": Family(
        "text", ("embeddings",), "transformer.layer", "n_layers", "dim", ("distilbert.",),
        ("vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.", "classifier.", "qa_outputs."),
        part="distilbert", heads=tuple("DistilBert" + top for top in _TOPS),
    ),
    "deberta-v2": replace(
        _bert("deberta", "DebertaV2"),
        others=(*_HEADS, "lm_predictions.", "mask_predictions."),
        inner=(
            *(f"attention.self.{part}_proj" for part in ("query", "key", "value")),
            "attention.output", "intermediate", "output",
        ),
    ),
    "gpt2": Family(
        "text", ("wte", "wpe", "drop"), "h", "n_layer", "n_embd", ("transformer.",), ("lm_head.", "score."),
        tail=("ln_f",), pooling="last", part="transformer", heads=("GPT2LMHeadModel",),
    ),
    "t5": _t5("T5"),
    "mt5": _t5("MT5"),
    "wav2vec2": _waves("wav2vec2", "Wav2Vec2"),
    "hubert": _waves("hubert", "Hubert"),
    "data2vec-audio": _waves("data2vec_audio", "Data2VecAudio"),
    "whisper": Family(
        "audio", ("conv1", "conv2", "embed_positions"), "layers", "encoder_layers", "d_model",
        ("model.encoder.", "encoder."), ("model.decoder.", "decoder.", "proj_out."), tail=("layer_norm",),
        part="model.encoder", heads=("WhisperForConditionalGeneration",),
    ),
    "marian": Family(
        "text", ("embed_tokens", "embed_positions"), "layers", "encoder_layers", "d_model",
        ("model.encoder.", "encoder."), _DECODED, part="model.encoder", heads=("MarianMTModel",),
    ),
    "mbart": Family(
        "text", ("embed_tokens", "embed_positions", "layernorm_embedding"), "layers", "encoder_layers", "d_model",
        ("model.encoder.", "encoder."), _DECODED, tail=("layer_norm",),
        part="model.encoder", heads=("MBartForConditionalGeneration",),
    ),
    "m2m_100": Family(
        "text", ("embed_tokens", "embed_positions"), "layers", "encoder_layers", "d_model",
        ("model.encoder.", "encoder."), _DECODED, tail=("layer_norm",),
        part="model.encoder", heads=("M2M100ForConditionalGeneration",),
    ),
    "bart": Family(
        "text", ("embed_tokens", "embed_positions", "layernorm_embedding"), "layers", "encoder_layers", "d_model",
        ("model.encoder.", "encoder."),
        (
            "model.decoder.", "decoder.", "lm_head.", "final_logits_bias", "model.shared.", "shared.",
            "classification_head.", "qa_outputs.",
        ),
        part="model.encoder", heads=("BartForConditionalGeneration", "BartForSequenceClassification"),
    ),
}  # fmt: skip
# Names of older versions of the library and of torch's weight norm.
_RENAMED = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}


def clean(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored tensors under the encoder's own names, without heads, decoders and computed tables."""
    family = FAMILIES[kind]
    found = {}
    for stored, value in tensors.items():
        name = next((stored.removeprefix(p) for p in family.prefixes if stored.startswith(p)), stored)
        if stored.startswith(family.others) or name.startswith(family.others):
            continue
        if kind == "gpt2" and name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask, which older versions stored
        found[_renamed(name)] = value
    if kind in T5 and "shared.weight" in found:
        found.setdefault("encoder.embed_tokens.weight", found["shared.weight"])
    shared = next((tensors[n] for n in ("model.shared.weight", "shared.weight") if n in tensors), None)
    if kind in SPEAKERS and shared is not None:
        found.setdefault("embed_tokens.weight", shared)
    return found


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored tensors under the names of the library's present version, nothing left out."""
    return {_renamed(name): value for name, value in tensors.items()}


def _renamed(name: str) -> str:
    for old, new in _RENAMED.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def stages(kind: str, config: Mapping[str, Any]) -> list[Stage]:
    """Return the stages that a configuration should have: embeddings, then one per layer."""
    family = FAMILIES[kind]
    names = [f"{family.layers}.{i}" for i in range(config[family.depth])]
    stable = kind in WAVES and config.get("do_stable_layer_norm")  # its norm follows the layers
    tail = ("encoder.layer_norm",) if stable else family.tail
    absent = () if config.get("feat_proj_layer_norm", True) else ("feature_projection.layer_norm",)
    first = Stage("embeddings", tuple(m for m in family.embeddings if m not in (*tail, *absent)))
    # T5's first layer computes the position bias of all layers: what is not named here stays in place in a replay,
    # and its parameters count as the first stage's.
    inner = [tuple(f"{name}.{part}" for part in family.inner) or (name,) for name in names]
    found = [first, *map(Stage, names, inner)]
    found[-1] = Stage(found[-1].name, found[-1].modules + tail)
    return found


def narrow(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that make a network narrow and keep its depth."""
    if kind == "distilbert":
        return {"dim": 4 * config["n_heads"], "hidden_dim": 8}
    if kind == "gpt2":
        return {"n_embd": 4 * config["n_head"], "n_inner": 8}
    if kind in T5:
        return {"d_model": 8, "d_kv": 4, "d_ff": 8}
    if kind == "whisper":
        heads = config["encoder_attention_heads"]
        return {
            "d_model": 4 * heads * config["decoder_attention_heads"],
            "encoder_ffn_dim": 8,
            "decoder_ffn_dim": 8,
            "max_source_positions": 8,
        }
    if kind in SPEAKERS:
        heads = config["encoder_attention_heads"] * config["decoder_attention_heads"]
        return {"d_model": 4 * heads, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    if kind in WAVES:
        width = math.lcm(4 * config["num_attention_heads"], config["num_conv_pos_embedding_groups"])
        return {"hidden_size": width, "intermediate_size": 8, "conv_dim": [8] * len(config["conv_dim"])}
    width = 4 * config["num_attention_heads"]
    pooler = {"pooler_hidden_size": width} if kind == "deberta-v2" else {}
    return {"hidden_size": width, "intermediate_size": 8} | pooler


def frames(kind: str, config: Mapping[str, Any], mask: Tensor, steps: int) -> Tensor:
    """Return the mask at the network's own pace, (n, steps)."""
    if kind == "whisper":
        return mask[:, :: max(mask.shape[1] // steps, 1)][:, :steps]
    if kind not in WAVES:
        return mask
    lengths = mask.sum(1)
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True):
        lengths = torch.div(lengths - kernel, stride, rounding_mode="floor") + 1
    return (torch.arange(steps, device=mask.device) < lengths.clamp(min=1).unsqueeze(1)).to(mask.dtype)
