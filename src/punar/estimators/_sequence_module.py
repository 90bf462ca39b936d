"""The network of a sequence model: embed, recurrent stack, pool, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from punar.cells._cell import Cell
from punar.cells._stack import Stack
from punar.core.runtime import mix, seeded

POOLINGS = ("last", "mean", "max", "attention")
_BUILD = 200  # stream of the seed
_MOST = 2**24  # of any size in a stored model


@dataclass(frozen=True)
class Design:
    """Sizes and choices from which a :class:`SequenceModule` follows, as JSON values.

    Attributes
    ----------
    width : int
        Numbers per step that the stack sees: of a prepared step, or of an embedded token.
    tokens : int or None
        Size of the vocabulary; None where steps are numbers.
    hidden_size, num_layers : int
    bidirectional, layer_norm : bool
    dropout : float
    pooling : {"last", "mean", "max", "attention"}
    outputs : int
        Width of the head.
    """

    width: int
    tokens: int | None
    hidden_size: int
    num_layers: int
    bidirectional: bool
    layer_norm: bool
    dropout: float
    pooling: str
    outputs: int

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Design:
        """Rebuild from :meth:`facts`, trusting nothing; ValueError, KeyError or TypeError where it is not that."""
        design = cls(**facts)
        sizes = [design.width, design.hidden_size, design.num_layers, design.outputs]
        sizes += [] if design.tokens is None else [design.tokens]
        if not all(type(s) is int and 1 <= s <= _MOST for s in sizes):
            raise ValueError(f"sizes must be integers in [1, {_MOST}], found {sizes}")
        if not all(type(b) is bool for b in (design.bidirectional, design.layer_norm)):
            raise ValueError("bidirectional and layer_norm must be true or false")
        if design.pooling not in POOLINGS or type(design.dropout) is not float or not 0 <= design.dropout < 1:
            raise ValueError("pooling and dropout must be such")
        return design

    def facts(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    def build(self, cell: Cell, seed: int | None = None) -> SequenceModule:
        """Return an untrained module, the same for the same seed; ``None`` takes torch's stream as it is."""
        if seed is not None:
            with seeded(mix(seed, _BUILD)):
                return self.build(cell)
        embed = Values() if self.tokens is None else Words(self.tokens, self.width, self.dropout)
        stack = cell.stack(
            self.width,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            layer_norm=self.layer_norm,
        )
        pool = Pool(self.pooling, stack.output_width)
        return SequenceModule(embed, stack, pool, self.dropout, nn.Linear(stack.output_width, self.outputs))


class SequenceModule(nn.Module):
    """What a :class:`punar.SequenceModel` trains.

    Attributes
    ----------
    embed : Values or Words
        A batch -> steps (n, t, d).
    stack : Stack
    pool : Pool
    head : nn.Linear
    """

    def __init__(self, embed: nn.Module, stack: Stack, pool: Pool, dropout: float, head: nn.Linear) -> None:
        super().__init__()
        self.embed = embed
        self.stack = stack
        self.pool = pool
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return raw outputs, (n, outputs)."""
        return self.head(self.dropout(self.features(batch)))

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the pooled state, (n, hidden size times directions)."""
        lengths = lengths_of(batch)
        out, last = self.stack(self.embed(batch), lengths)
        found: Tensor = self.pool(out, last, lengths)
        return found


def lengths_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Return how many steps of each row are its own, int64 (n,)."""
    return batch["lengths"] if "lengths" in batch else batch["attention_mask"].sum(1)


class Values(nn.Module):
    """Steps that are numbers already."""

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the batch's values, (n, t, d)."""
        return batch["values"]


class Words(nn.Module):
    """Tokens as learned vectors.

    Parameters
    ----------
    tokens, width : int
    dropout : float
        Share of tokens whose vector is zeroed in training, whole vectors at a time.
    """

    def __init__(self, tokens: int, width: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, width)
        self.dropout = dropout
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return (n, t, width)."""
        ids = batch["input_ids"]
        found: Tensor = self.table(ids)
        if self.training and self.dropout > 0:
            kept = torch.rand(ids.shape, device=ids.device) >= self.dropout
            found = found * (kept / (1.0 - self.dropout)).unsqueeze(2)
        return found


class Pool(nn.Module):
    """One vector per sequence from the states of its steps; steps behind its end do not count.

    Parameters
    ----------
    mode : {"last", "mean", "max", "attention"}
        "attention" weighs steps by softmax(v · tanh(W h + b)) (Yang et al. 2016); it begins as the mean.
    width : int
    """

    def __init__(self, mode: str, width: int) -> None:
        super().__init__()
        self.mode = mode
        if mode == "attention":
            self.key = nn.Linear(width, width)
            self.query = nn.Linear(width, 1, bias=False)
            nn.init.zeros_(self.query.weight)

    def forward(self, out: Tensor, last: Tensor, lengths: Tensor) -> Tensor:
        """Return (n, width) from states (n, t, width), last states (n, width) and lengths (n,)."""
        if self.mode == "last":
            return last
        if self.mode == "mean":
            return out.sum(1) / lengths.to(out.dtype).unsqueeze(1)  # states behind the end are zero
        behind = torch.arange(out.shape[1], device=out.device) >= lengths.unsqueeze(1)
        if self.mode == "max":
            return out.masked_fill(behind.unsqueeze(2), -torch.inf).amax(1)
        score = self.query(torch.tanh(self.key(out))).squeeze(2).masked_fill(behind, -torch.inf)
        return (torch.softmax(score, 1).unsqueeze(2) * out).sum(1)
