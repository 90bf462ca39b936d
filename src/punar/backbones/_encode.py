"""How a batch goes through an encoder of transformers: its states, a mask at their rate, and one vector of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.backbones._backbone import Forward, mean_of_tokens
from punar.backbones._families import WAVES, frames
from punar.backbones._view import Tokens, View
from punar.preparations import Preparation
from punar.preparations.sounds import Sounds

POOLINGS = ("mean", "cls", "last")


def short_states(encoder: Any, features: Tensor) -> Tensor:
    """Return what Whisper's encoder makes of spectra (n, bands, t) of any length: (n, t / 2, width).

    The library's own forward takes spectra of 30 s only; on these the two give the same numbers.
    """
    seen = F.gelu(encoder.conv2(F.gelu(encoder.conv1(features)))).transpose(1, 2)
    places = torch.arange(seen.shape[1], device=seen.device)
    found = F.dropout(seen + encoder.embed_positions(places), encoder.dropout, encoder.training)
    for layer in encoder.layers:
        found = layer(found, None)
    states: Tensor = encoder.layer_norm(found)
    return states


class Encode:
    """Calls of an encoder of one architecture.

    Parameters
    ----------
    kind : str
        The architecture; see ``FAMILIES``.
    config : mapping
        Its settings.
    part : str, default=""
        Dotted name of the encoder within the module; ``""`` is the module itself.

    Attributes
    ----------
    names : tuple of str
        What of a batch the network reads.
    """

    def __init__(self, kind: str, config: Mapping[str, Any], part: str = "") -> None:
        self.kind, self.config, self.part = kind, config, part
        if kind == "whisper":
            self.names: tuple[str, ...] = ("input_features",)
        elif kind in WAVES:
            # Networks with a group norm were trained without a mask.
            group = config.get("feat_extract_norm") == "group"
            self.names = ("input_values",) if group else ("input_values", "attention_mask")
        else:
            self.names = ("input_ids", "attention_mask")

    @property
    def export(self) -> tuple[str, ...]:
        """What is read in all: pools read the mask even where the network does not."""
        return self.names if "attention_mask" in self.names else (*self.names, "attention_mask")

    def inputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the network reads of a batch; of pairs of texts also which token is whose, if it asks."""
        told = "token_type_ids" in batch and self.config.get("type_vocab_size", 0) > 1
        return {name: batch[name] for name in (*self.names, *(("token_type_ids",) if told else ()))}

    def states(self, module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the last hidden states, (n, t, width)."""
        encoder = module.get_submodule(self.part)
        if self.is_short(batch):
            return short_states(encoder, batch["input_features"])
        found: Tensor = encoder(**self.inputs(batch)).last_hidden_state
        return found

    def is_short(self, batch: Mapping[str, Tensor]) -> bool:
        """Return whether a batch of spectra is shorter than the library's own forward takes it."""
        return self.kind == "whisper" and batch["input_features"].shape[2] < 2 * self.config["max_source_positions"]

    def short_output(self, module: Any, batch: Mapping[str, Tensor], teaching: Sequence[str]) -> Any:
        """Return the library's output of a model with a decoder for short spectra; see :meth:`is_short`.

        Parameters
        ----------
        module : nn.Module
        batch : mapping of str to Tensor
        teaching : sequence of str
            Names of what the decoder reads; without any in the batch it is the encoder's output.
        """
        from transformers.modeling_outputs import BaseModelOutput

        encoded = BaseModelOutput(self.states(module, batch))
        taught = {name: batch[name] for name in teaching if name in batch}
        return module(encoder_outputs=encoded, **taught) if taught else encoded

    def tokens(self, module: nn.Module, batch: Mapping[str, Tensor]) -> Tokens:
        """Return the last hidden states, and which of them are an item's own; its special tokens are."""
        values = self.states(module, batch)
        return Tokens(values, frames(self.kind, self.config, batch["attention_mask"], values.shape[1]).bool())

    def view(self, width: int, preparation: Preparation) -> View:
        """Return the view of tokens."""
        return View("tokens", (width,), self.tokens, self._stride(preparation))

    def pool(self, pooling: str, normalise: bool) -> Callable[[Tensor, Mapping[str, Tensor]], Tensor]:
        """Return a function from states and batch to one vector per item."""

        def pool(output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
            mask = frames(self.kind, self.config, batch["attention_mask"], output.shape[1])
            if pooling == "cls":
                pooled = output[:, 0]
            elif pooling == "last":
                last = (mask.sum(1) - 1).clamp(min=0)
                pooled = output.gather(1, last.view(-1, 1, 1).expand(-1, 1, output.shape[2])).squeeze(1)
            else:
                pooled = mean_of_tokens(output, {"attention_mask": mask})
            return nn.functional.normalize(pooled, dim=1) if normalise else pooled

        return pool

    def forward(self, pool: Callable[[Tensor, Mapping[str, Tensor]], Tensor]) -> Forward:
        """Return a function from module and batch to pooled features."""

        def forward(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
            return pool(self.states(module, batch), batch)

        return forward

    def _stride(self, preparation: Preparation) -> tuple[int, ...]:
        if self.kind == "whisper" and isinstance(preparation, Sounds):
            return (2 * preparation.hop,)  # its second convolution
        return (math.prod(self.config["conv_stride"]),) if self.kind in WAVES else ()
