"""A tokenizer's text as a tensor: it may be larger than a config file should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.errors import DamagedModelError

TOKENIZER = "tokenizer"  # the fact, and the tensor


def without_text(facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a preparation's facts without the text of a tokenizer, and that text as a tensor, where there is one."""
    rest = dict(facts)
    if not isinstance(rest.get(TOKENIZER), str):
        return rest, {}
    text = np.frombuffer(rest.pop(TOKENIZER).encode(), dtype=np.uint8)
    return rest, {TOKENIZER: torch.from_numpy(text.copy())}


def with_text(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> dict[str, Any]:
    """Return the facts that :func:`without_text` took apart.

    Raises
    ------
    DamagedModelError
        The tensor is no text.
    """
    if TOKENIZER not in tensors:
        return dict(facts)
    held = tensors[TOKENIZER]
    try:
        if held.dtype != torch.uint8 or held.dim() != 1:
            raise ValueError(f"{held.dtype} of shape {tuple(held.shape)}")
        return {**facts, TOKENIZER: held.numpy().tobytes().decode()}
    except ValueError as error:
        raise DamagedModelError(f"{where}: {TOKENIZER} must be text in UTF-8, uint8 (n,); found {error}.") from None
