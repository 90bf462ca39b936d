"""A configuration of the library transformers, read from a file that is not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from punar.backbones._families import FAMILIES, narrow
from punar.core import strict_json
from punar.errors import BackboneError, DamagedModelError, MissingExtraError, shown

# Attention as the library computes it: fused, and exportable with a mask (so is "eager", which is slower).
ATTENTION = "sdpa"
_EAGER = {"deberta-v2": "eager"}  # whose attention to relative positions has no fused form
MAX_JSON_BYTES = 64 * 2**20
MOST_LAYERS = 512


def library() -> Any:
    """Return the package transformers.

    Raises
    ------
    MissingExtraError
        It is not installed, or cannot be imported as it is.
    """
    try:
        import transformers

        transformers.BertModel  # noqa: B018 (loaded on first use, with half of the package: shows what is broken)
    except (ImportError, RuntimeError) as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        missing = isinstance(reason, ModuleNotFoundError) and reason.name == "transformers"
        why = "" if missing else f" It is installed but cannot be imported: {shown(str(reason), 300)}"
        raise MissingExtraError(f"This needs the package transformers: pip install 'punar[text]'.{why}") from None
    return transformers


def read_json(path: Path) -> dict[str, Any]:
    """Return a folder's JSON file; an empty dict where there is none."""
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_JSON_BYTES:
        raise DamagedModelError(f"{path} must have at most {MAX_JSON_BYTES} bytes, found {path.stat().st_size}.")
    found = strict_json.loads(path.read_bytes(), str(path))
    if not isinstance(found, dict):
        raise DamagedModelError(f"{path} must hold a JSON object, found {shown(found)}.")
    return found


def configuration(stored: Mapping[str, Any], where: str) -> Any:
    """Return the library's configuration for stored settings.

    Raises
    ------
    BackboneError
        They are not one.
    """
    transformers = library()
    settings = {k: v for k, v in stored.items() if k != "model_type"}
    try:
        kind = stored["model_type"]
        return transformers.AutoConfig.for_model(kind, attn_implementation=_EAGER.get(kind, ATTENTION), **settings)
    # settings from a file end in any error of the library, of its checks as of its arithmetic
    except Exception as error:
        raise BackboneError(f"{where}: config.json is not a configuration: {shown(str(error), 300)}.") from None


def narrowed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration of the same depth that makes a network narrow, to be run quickly."""
    return {**config, **narrow(config["model_type"], config)}


def small_batch(config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a batch of two items of unequal length for a narrow network."""
    kind = config["model_type"]
    generator = torch.Generator().manual_seed(0)
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[1, 5:] = 0
    batch: dict[str, Tensor]
    if FAMILIES[kind].domain == "text":
        ids = torch.randint(0, config["vocab_size"], (2, 8), generator=generator)
        if kind == "bart":  # its classifier reads the state of the one token that ends a text
            end = config["eos_token_id"]
            ids = torch.where(ids == end, (ids + 1) % config["vocab_size"], ids)
            ids[0, 7] = ids[1, 4] = end
        batch = {"input_ids": ids, "attention_mask": mask}
    elif kind == "whisper":
        frames = 2 * config["max_source_positions"]
        batch = {"input_features": torch.randn(2, config["num_mel_bins"], frames, generator=generator)}
        batch["attention_mask"] = mask.repeat_interleave(2, 1)
    else:
        batch = {"input_values": torch.randn(2, 8_000, generator=generator)}
        batch["attention_mask"] = mask.repeat_interleave(1_000, 1)
    return batch
