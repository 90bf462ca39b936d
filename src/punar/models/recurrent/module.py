"""The network of a sequence model: embed, recurrent stack, pool, convolutions beside them where asked, head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from punar.backbones import Tokens, View
from punar.cells import POOLINGS, Branch, Cell, Pool, Stack, build_encoder, lengths_of, pooled, steps_of
from punar.core.draws import Dropout, seeded
from punar.core.runtime import mix

__all__ = ["POOLINGS", "Design", "SequenceModule", "lengths_of"]
_BUILD = 200  # stream of the seed
BuildHead = Callable[[Cell, View, int | None], nn.Module]


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
    pooling : {"last", "mean", "max", "attention", "steps"}
        "steps" keeps the state of every step.
    outputs : int
        Width of the head.
    branch : int, default=0
        Steps of a block of the convolutions beside the stack, see :class:`punar.cells.Branch`; 0 where there are none.
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
    branch: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    def build(self, cell: Cell, seed: int | None = None, head: BuildHead | None = None) -> SequenceModule:
        """Return an untrained module, the same for the same seed; ``None`` takes torch's stream as it is.

        Parameters
        ----------
        cell : Cell
        seed : int, optional
        head : callable, optional
            A task's :meth:`punar.tasks.Task.build_with`; by default a linear map.
        """
        if seed is not None:
            with seeded(mix(seed, _BUILD)):
                return self.build(cell, None, head)
        encoder = build_encoder(cell, self.facts())
        # Behind all else in the seed's stream: a network without it begins with the same weights.
        branch = Branch(self.width, self.branch) if self.branch else None
        width = encoder.stack.output_width + (0 if branch is None else branch.output_width)
        view = View("tokens" if self.pooling == "steps" else "vector", (width,), _seen)
        layer = nn.Linear(width, self.outputs) if head is None else head(cell, view, None)
        return SequenceModule(encoder.embed, encoder.stack, encoder.pool, self.dropout, layer, branch)


class SequenceModule(nn.Module):
    """What a :class:`punar.SequenceModel` trains.

    Attributes
    ----------
    embed : Values or Words
        A batch's steps -> steps (n, t, d).
    stack : Stack
    pool : Pool
    head : nn.Module
    branch : Branch or None
        Beside the stack.
    """

    def __init__(
        self,
        embed: nn.Module,
        stack: Stack,
        pool: Pool,
        dropout: float,
        head: nn.Module,
        branch: Branch | None = None,
    ) -> None:
        super().__init__()
        self.embed = embed
        self.stack = stack
        self.pool = pool
        self.dropout = Dropout(dropout)
        self.head = head
        self.branch = branch

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return raw outputs, (n, outputs), or (n, t, outputs) where each step has an answer."""
        seen = self.seen(batch)
        if self.branch is None:
            found = self.dropout(seen)
            if getattr(self.head, "reads_batch", False):
                lengths = lengths_of(batch).unsqueeze(1)
                shown = Tokens(found, torch.arange(found.shape[1], device=found.device) < lengths)
                return self.head(shown, batch)
            # What is known of the steps to come, for a head that reads it.
            return self.head(found, batch["ahead"]) if "ahead" in batch else self.head(found)
        # Of a series' few facts none is dropped: nothing else would say what they do.
        learned, facts = seen.tensor_split([-self.branch.facts_width], 1)
        return self.head(torch.cat([self.dropout(learned), facts], 1))

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the pooled state, (n, hidden size times directions), or the states of every step, (n, t, ...)."""
        return pooled(self.embed, self.stack, self.pool, steps_of(batch), lengths_of(batch))

    def seen(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return what the head sees: :meth:`features` and, beside them, what the branch makes of the steps."""
        state = self.features(batch)
        if self.branch is None:
            return state
        return torch.cat([state, self.branch(self.embed(steps_of(batch)), lengths_of(batch))], 1)

    def learn(self, batch: Mapping[str, Tensor]) -> None:
        """Learn from training rows what is no matter of gradients: the scale of the branch's facts."""
        if self.branch is not None:
            self.branch.learn(self.embed(steps_of(batch)), lengths_of(batch))


def _seen(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    assert isinstance(module, SequenceModule)
    return module.seen(batch)
