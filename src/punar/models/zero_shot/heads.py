"""What stands above a network that is asked for labels by their names; no part of it is ever trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.models.zero_shot.prompts import Prompts

# The scale by which sentence-transformers multiplies cosines in training, MiniLM's among them: a temperature of 0.05.
SENTENCE_SCALE = 20.0


class Cosine(nn.Module):
    """The cosine of an item's features with each label's, times a scale, plus a bias.

    Parameters
    ----------
    prompts : Prompts
    width : int

    Attributes
    ----------
    weight : Tensor of shape (labels, width)
        Of length 1 each.
    scale, bias : Tensor of shape ()
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, prompts: Prompts, width: int) -> None:
        super().__init__()
        self.prompts = prompts
        # Buffers: they are computed, and no optimiser is ever to find them.
        self.register_buffer("weight", torch.zeros(len(prompts.names), width))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("bias", torch.zeros(()))

    @classmethod
    def of(cls, prompts: Prompts, embedded: Tensor, scale: float, bias: float = 0.0) -> Cosine:
        """Return the head for the features of all sentences, (sentences, width).

        A label's vector is the mean of its sentences' vectors of length 1, brought to length 1 (Radford et al., 2021).
        """
        found = cls(prompts, embedded.shape[1])
        each = F.normalize(embedded.float(), dim=1).split(prompts.counts)
        found.weight.copy_(torch.stack([F.normalize(own.mean(0), dim=0) for own in each]))
        found.scale.fill_(scale)
        found.bias.fill_(bias)
        return found

    def forward(self, features: Tensor) -> Tensor:
        """Return raw outputs, (n, labels)."""
        return F.normalize(features.float(), dim=1) @ self.weight.T * self.scale + self.bias


class Entailment(nn.Module):
    """What an entailment model's answers to the sentences of the labels come to; it holds no numbers.

    Parameters
    ----------
    prompts : Prompts
    entails, contradicts : int
        Which of the model's classes say that a text entails a sentence, and that it contradicts it.
    independent : bool
        Whether each label is judged by itself: entailed rather than contradicted. Otherwise the labels compete.
    """

    def __init__(self, prompts: Prompts, entails: int, contradicts: int, *, independent: bool) -> None:
        super().__init__()
        self.prompts, self.entails, self.contradicts = prompts, entails, contradicts
        self.independent = independent

    def forward(self, logits: Tensor) -> Tensor:
        """Return raw outputs (n, labels) from the model's of each sentence, (n, sentences, classes).

        Of several sentences of a label it is the mean.
        """
        found = logits[..., self.entails]
        if self.independent:
            found = found - logits[..., self.contradicts]
        return torch.stack([own.mean(1) for own in found.split(self.prompts.counts, dim=1)], dim=1)


def classes_of_entailment(id2label: Any) -> tuple[int, int] | None:
    """Return the numbers of the classes "entailment" and "contradiction"; None where there is no such pair.

    Of two classes, such as "entailment" and "not_entailment", the other one contradicts.

    >>> classes_of_entailment({"0": "contradiction", "1": "neutral", "2": "entailment"})
    (2, 0)
    >>> classes_of_entailment({"0": "negative", "1": "positive"}) is None
    True
    """
    names = [str(id2label[str(i)]).lower() for i in range(len(id2label))] if isinstance(id2label, dict) else []
    entails = _only(names, "entail")
    if entails is None:
        return None
    contradicts = 1 - entails if len(names) == 2 else _only(names, "contradict")
    return None if contradicts is None else (entails, contradicts)


def _only(names: Sequence[str], beginning: str) -> int | None:
    found = [i for i, name in enumerate(names) if name.startswith(beginning)]
    return found[0] if len(found) == 1 else None
