"""From a batch of sequences to one vector each: embed, recurrent stack, pool. What a head is put on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from punar.cells._cell import Cell
from punar.cells._stack import Stack
from punar.core.draws import dropout, uniform

POOLINGS = ("last", "mean", "max", "attention")
_MODES = (*POOLINGS, "steps")
_MOST = 2**24  # of any size in a stored model


class Encoder(nn.Module):
    """Embed, stack and pool.

    Attributes
    ----------
    embed : Values or Words
        Steps as the batch has them -> steps (n, t, d).
    stack : Stack
    pool : Pool
    """

    def __init__(self, embed: nn.Module, stack: Stack, pool: Pool) -> None:
        super().__init__()
        self.embed = embed
        self.stack = stack
        self.pool = pool

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector per sequence, (n, hidden size times directions).

        Parameters
        ----------
        steps : Tensor of shape (n, t, d) or, of token ids, (n, t)
        lengths : Tensor of int64, (n,)
        """
        return pooled(self.embed, self.stack, self.pool, steps, lengths)


def pooled(embed: nn.Module, stack: Stack, pool: Pool, steps: Tensor, lengths: Tensor) -> Tensor:
    """Return what an :class:`Encoder` of these parts gives."""
    out, last = stack(embed(steps), lengths, states=pool.mode != "last")
    found: Tensor = last if out is None else pool(out, lengths)
    return found


def build_encoder(cell: Cell, design: Mapping[str, Any]) -> Encoder:
    """Return what turns sequences into one vector each: embed, stack, pool, with first weights.

    Parameters
    ----------
    cell : Cell
    design : mapping
        JSON values: ``width`` of a step, size of the vocabulary ``tokens`` (None where steps are numbers),
        ``hidden_size``, ``num_layers``, ``bidirectional``, ``layer_norm``, ``dropout`` and ``pooling``, one of
        "last", "mean", "max", "attention" and "steps". What else it holds is not used.

    Raises
    ------
    ValueError, KeyError, TypeError
        A stored design that cannot be one.
    ParameterError
        As from :class:`Stack`.
    """
    check_design(design)
    width, tokens, dropout = design["width"], design["tokens"], design["dropout"]
    embed = Values() if tokens is None else Words(tokens, width, dropout, whole=design["pooling"] != "steps")
    stack = Stack(
        cell,
        width,
        design["hidden_size"],
        num_layers=design["num_layers"],
        bidirectional=design["bidirectional"],
        dropout=dropout,
        layer_norm=design["layer_norm"],
    )
    return Encoder(embed, stack, Pool(design["pooling"], stack.output_width))


def check_design(design: Mapping[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError where a stored design cannot be one."""
    sizes = [design[name] for name in ("width", "hidden_size", "num_layers")]
    sizes += [] if design["tokens"] is None else [design["tokens"]]
    if not all(type(s) is int and 1 <= s <= _MOST for s in sizes):
        raise ValueError(f"sizes must be integers in [1, {_MOST}], found {sizes}")
    if not all(type(design[name]) is bool for name in ("bidirectional", "layer_norm")):
        raise ValueError("bidirectional and layer_norm must be true or false")
    if design["pooling"] not in _MODES or type(design["dropout"]) is not float or not 0 <= design["dropout"] < 1:
        raise ValueError(f"pooling must be one of {', '.join(_MODES)} and dropout a number in [0, 1)")


def steps_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the steps of a batch as an encoder takes them: numbers (n, t, d) or token ids (n, t)."""
    return batch["values"] if "values" in batch else batch["input_ids"]


def lengths_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Return how many steps of each row are its own, int64 (n,)."""
    return batch["lengths"] if "lengths" in batch else batch["attention_mask"].sum(1)


class Values(nn.Module):
    """Steps that are numbers already."""

    def forward(self, steps: Tensor) -> Tensor:
        """Return them as they are, (n, t, d)."""
        return steps


class Words(nn.Module):
    """Tokens as learned vectors.

    Parameters
    ----------
    tokens, width : int
    dropout : float
        Share that is zeroed in training: of tokens, whole vectors at a time, or of single numbers.
    whole : bool, default=True
    """

    def __init__(self, tokens: int, width: int, dropout: float, *, whole: bool = True) -> None:
        super().__init__()
        self.whole = whole
        self.table = nn.Embedding(tokens, width)
        self.dropout = dropout
        nn.init.normal_(self.table.weight, std=width**-0.5)
        with torch.no_grad():
            # Padding and unknown words, the first two tokens, say nothing until training says otherwise.
            self.table.weight[:2] = 0.0

    def forward(self, steps: Tensor) -> Tensor:
        """Return (n, t, width) for token ids (n, t), or (n, t, k): the mean vector of those that are not 0."""
        if steps.dim() == 3:
            n, t, k = steps.shape
            flat = functional.embedding_bag(steps.reshape(n * t, k), self.table.weight, mode="mean", padding_idx=0)
            found: Tensor = flat.view(n, t, -1)
        else:
            found = self.table(steps)
        if self.training and self.dropout > 0:
            if not self.whole:
                return dropout(found, self.dropout)
            kept = uniform(steps.shape, steps.device) >= self.dropout
            found = found * (kept / (1.0 - self.dropout)).unsqueeze(2)
        return found


class Pool(nn.Module):
    """One vector per sequence from the states of its steps; steps after its end do not count.

    Parameters
    ----------
    mode : {"last", "mean", "max", "attention", "steps"}
        With "last" the stack already returns the last state. "steps" keeps every state. "attention" weighs steps by
        softmax(v · tanh(W h + b)) (Yang et al. 2016); it begins as the mean.
    width : int
    """

    def __init__(self, mode: str, width: int) -> None:
        super().__init__()
        self.mode = mode
        if mode == "attention":
            self.key = nn.Linear(width, width)
            self.query = nn.Linear(width, 1, bias=False)
            nn.init.zeros_(self.query.weight)

    def forward(self, out: Tensor, lengths: Tensor) -> Tensor:
        """Return (n, width) from states (n, t, width) and lengths (n,); the states themselves for "steps"."""
        if self.mode == "steps":
            return out
        if self.mode == "mean":
            return out.sum(1) / lengths.to(out.dtype).unsqueeze(1)  # states after the end are zero
        past = torch.arange(out.shape[1], device=out.device) >= lengths.unsqueeze(1)
        if self.mode == "max":
            return out.masked_fill(past.unsqueeze(2), -torch.inf).amax(1)
        score = self.query(torch.tanh(self.key(out))).squeeze(2).masked_fill(past, -torch.inf)
        return (torch.softmax(score, 1).unsqueeze(2) * out).sum(1)
