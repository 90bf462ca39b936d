"""Text and audio networks of the library transformers: from the Hugging Face hub, its cache, or a folder."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from punar.backbones import _transformers as shared
from punar.backbones._backbone import Backbone, Plan
from punar.backbones._configuration import library
from punar.backbones._families import FAMILIES
from punar.errors import BackboneError, MissingExtraError, ParameterError, WeightsNotFoundError, shown, suggest

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*/[\w.\-]+", re.ASCII)
_SMALL_FILES = ["*.json", "merges.txt", "vocab.txt", "README.md", "1_Pooling/config.json"]
_WEIGHT_FILES = [["model.safetensors", "model-*-of-*.safetensors"], ["pytorch_model.bin"]]
# Names, who made them, under which licence, and the configuration where it differs from the library's defaults: with
# it random weights need no hub.
_KNOWN: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "bert-base-uncased": ("Google", "apache-2.0", "bert", {}),
    "bert-base-multilingual-cased": ("Google", "apache-2.0", "bert", {"vocab_size": 119_547}),
    "bert-large-uncased": (
        "Google", "apache-2.0", "bert",
        {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    ),
    "roberta-base": (
        "Facebook AI", "mit", "roberta",
        {"vocab_size": 50_265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    ),
    "xlm-roberta-base": (
        "Facebook AI", "mit", "xlm-roberta",
        {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    ),
    "gpt2": ("OpenAI", "mit", "gpt2", {}),
    "t5-small": ("Google", "apache-2.0", "t5", {}),
    "t5-base": ("Google", "apache-2.0", "t5", {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12}),
    "sentence-transformers/all-MiniLM-L6-v2": (
        "Microsoft; sentence-transformers", "apache-2.0", "bert",
        {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    ),
    "facebook/wav2vec2-base": ("Facebook AI", "apache-2.0", "wav2vec2", {}),
    "openai/whisper-tiny": (
        "OpenAI", "apache-2.0", "whisper",
        {
            "d_model": 384, "encoder_layers": 4, "decoder_layers": 4, "encoder_attention_heads": 6,
            "decoder_attention_heads": 6, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536,
        },
    ),
}  # fmt: skip


class Transformers(Backbone):
    """BERT, RoBERTa, GPT-2, sentence encoders, Wav2Vec2, HuBERT, Data2Vec; encoders of T5, Marian and Whisper.

    :meth:`native` keeps what is on top: decoders, and heads for masked words, classes, answers and transcripts.

    Parameters
    ----------
    name : str
        A name on the Hugging Face hub, such as ``"bert-base-uncased"`` or ``"openai/whisper-tiny"``.
    weights : "default", None or path, default="default"
        From the hub or its cache on this machine; random; or a folder in Hugging Face layout, whose configuration is
        used too, or a file of weights for ``name``.
    options : dict or None
        ``pooling``: "mean", "cls" (the first token) or "last" (the last real token, GPT-2's default);
        ``normalise``: True for features of length 1; ``max_length``: most tokens of a text; ``config``: settings of
        the library's configuration to change, for random weights.

    Notes
    -----
    With random weights, and nothing of ``name`` on this machine, texts are read as bytes. Dropping of whole layers
    and masking of the input, which Wav2Vec2 does in pretraining, are switched off.

    References
    ----------
    Devlin et al. (2019), BERT; Liu et al. (2019), RoBERTa; Radford et al. (2019), GPT-2; Raffel et al. (2020), T5;
    Reimers and Gurevych (2019), Sentence-BERT; Baevski et al. (2020), wav2vec 2.0; Hsu et al. (2021),
    HuBERT; Baevski et al. (2022), data2vec; Radford et al. (2022), Whisper.
    """

    def __init__(self, name: str, weights: Any = "default", options: dict[str, Any] | None = None) -> None:
        super().__init__(name, weights, options)

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether the name is a known one or has the form owner/name."""
        if importlib.util.find_spec("transformers") is None:
            return False
        return name in _KNOWN or _HUB_NAME.fullmatch(name) is not None

    @classmethod
    def names(cls) -> list[str]:
        """Return the known names; the hub has more."""
        return sorted(_KNOWN) if importlib.util.find_spec("transformers") is not None else []

    def describe(self) -> dict[str, Any]:
        """Return configuration, input facts, stages, licence; see :class:`Backbone`."""
        library()
        self._check()
        known = _KNOWN.get(self.name)
        source = self._folder()
        if source is not None and self._changed():
            raise ParameterError("Transformers: config changes the architecture, so it needs weights=None.")
        if source is not None:
            about = shared.describe_folder(source, self.options)
        elif known is not None:
            if self.weights is not None and FAMILIES[known[2]].domain == "text":
                raise BackboneError(
                    f"Transformers: {shown(str(self.weights))} holds weights and no tokenizer, and the one of "
                    f"{self.name} is not on this machine. Put config.json and tokenizer.json beside the file."
                )
            made = {"model_type": known[2], **known[3]}
            about = shared.describe_config(made, self.options, self.name)
        else:
            raise WeightsNotFoundError(_both_ways(self.name, "Its configuration is not on this machine"))
        if known is not None:
            about |= {"made_by": known[0], "licence": known[1]}
        elif _HUB_NAME.fullmatch(self.name):
            about["made_by"] = self.name.partition("/")[0]
        self.__dict__["domain"] = about["domain"]
        return about | {"name": self.name}

    def native(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of the library's model with its head or decoder; see :class:`Backbone`."""
        return shared.native(about, self._folder(), self.name)

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """Return the encoder with random weights."""
        return shared.build(about)

    def fill(self, module: nn.Module, about: Mapping[str, Any]) -> str:
        """Put the weights in; see :class:`Backbone`."""
        if self.weights is None:
            return "random"
        if isinstance(self.weights, str) and self.weights == "default":
            folder = fetch(self.name)
            shared.fill(module, about, folder, f"{self.name} of the hub")
            return f"huggingface.co/{self.name}, revision {folder.name}"
        path = Path(self.weights)
        shared.fill(module, about, path, str(path))
        return str(path)

    def plan(self, module: nn.Module, about: Mapping[str, Any]) -> Plan:
        """Return stages, width and calls."""
        return shared.plan(module, about)

    def _check(self) -> None:
        if not isinstance(self.name, str) or not self.has(self.name):
            raise ParameterError(
                f"Transformers: name must be one on the Hugging Face hub, such as {', '.join(map(repr, self.names()))} "
                f"or 'owner/name', got {shown(self.name)}.{suggest(self.name, self.names())}"
            )
        if not (self.weights is None or isinstance(self.weights, (str, os.PathLike))):
            raise ParameterError(f"Transformers: weights must be 'default', None or a path, got {shown(self.weights)}.")
        shared.check_options(self.options, "Transformers")

    def _changed(self) -> bool:
        return bool((self.options or {}).get("config"))

    def _folder(self) -> Path | None:
        """Return where configuration and tokenizer are, or None where the known configuration is used."""
        if self.weights is None:
            # With changed settings the stored vocabulary may not fit any more.
            return None if self._changed() else _complete(cached(self.name, ["config.json"]))
        if isinstance(self.weights, str) and self.weights == "default":
            return fetch(self.name)
        path = Path(self.weights)
        if path.is_dir():
            return path
        if not path.is_file():
            raise WeightsNotFoundError(f"weights must be an existing folder or file, got {shown(str(path))}.")
        return _complete(path.parent) or _complete(cached(self.name, ["config.json"]))


def _complete(folder: Path | None) -> Path | None:
    """Return a folder if it says all but the weights."""
    facts = ("tokenizer.json", "vocab.txt", "vocab.json", "preprocessor_config.json")
    if folder is None or not (folder / "config.json").is_file():
        return None
    return folder if any((folder / name).is_file() for name in facts) else None


def cached(name: str, patterns: list[str]) -> Path | None:
    """Return the hub's folder for ``name`` on this machine if it holds files like ``patterns``, else None."""
    hub = _hub()
    try:
        folder = Path(hub.snapshot_download(name, allow_patterns=patterns, local_files_only=True))
    except (OSError, ValueError, hub.errors.HFValidationError):
        return None
    return folder if any(any(folder.glob(p)) for p in patterns) else None


def fetch(name: str) -> Path:
    """Return a folder with everything of a hub model, brought from the hub where it is not on this machine.

    Raises
    ------
    WeightsNotFoundError
        It is not here and cannot be fetched; the message says both ways to bring it.
    """
    for patterns in _WEIGHT_FILES:
        folder = cached(name, patterns)
        if folder is not None and (folder / "config.json").is_file():
            return folder
    hub = _hub()
    try:
        for patterns in _WEIGHT_FILES:
            folder = Path(hub.snapshot_download(name, allow_patterns=[*_SMALL_FILES, *patterns]))
            if any(any(folder.glob(p)) for p in patterns):
                return folder
    # no network, no such model, no access: each has its own exception, and some are requests' or httpx's
    except Exception as error:
        raise WeightsNotFoundError(_both_ways(name, shown(str(error).splitlines()[0], 200))) from None
    raise BackboneError(f"{name} has neither model.safetensors nor pytorch_model.bin on the hub.")


def _both_ways(name: str, reason: str) -> str:
    return (
        f"The weights of {name} are not on this machine and could not be fetched ({reason.rstrip('. ')}). Where there "
        f"is a network, run: punar fetch {name}. Or bring a folder with config.json, model.safetensors and "
        "tokenizer.json (or preprocessor_config.json) and pass weights=FOLDER. Random weights: weights=None."
    )


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise MissingExtraError("This needs the package huggingface_hub: pip install 'punar[text]'") from None
    return huggingface_hub
