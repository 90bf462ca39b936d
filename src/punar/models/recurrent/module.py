"""The network of a sequence model: embed, recurrent stack, pool, head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from punar.backbones import View
from punar.cells import POOLINGS, Cell, Pool, Stack, build_encoder, lengths_of, pooled, steps_of
from punar.core.runtime import mix, seeded

__all__ = ["POOLINGS", "Design", "SequenceModule", "lengths_of"]
_BUILD = 200  # stream of the seed
BuildHead = Callable[[View, int | None], nn.Module]


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
            A task's :meth:`punar.tasks.Task.build`; by default a linear map.
        """
        if seed is not None:
            with seeded(mix(seed, _BUILD)):
                return self.build(cell, None, head)
        encoder = build_encoder(cell, self.facts())
        width = encoder.stack.output_width
        view = View("tokens" if self.pooling == "steps" else "vector", (width,), _features)
        layer = nn.Linear(width, self.outputs) if head is None else head(view, None)
        return SequenceModule(encoder.embed, encoder.stack, encoder.pool, self.dropout, layer)


class SequenceModule(nn.Module):
    """What a :class:`punar.SequenceModel` trains.

    Attributes
    ----------
    embed : Values or Words
        A batch's steps -> steps (n, t, d).
    stack : Stack
    pool : Pool
    head : nn.Module
    """

    def __init__(self, embed: nn.Module, stack: Stack, pool: Pool, dropout: float, head: nn.Module) -> None:
        super().__init__()
        self.embed = embed
        self.stack = stack
        self.pool = pool
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return raw outputs, (n, outputs), or (n, t, outputs) where each step has an answer."""
        found = self.dropout(self.features(batch))
        # What is known of the steps to come, for a head that reads it.
        return self.head(found, batch["ahead"]) if "ahead" in batch else self.head(found)

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the pooled state, (n, hidden size times directions), or the states of every step, (n, t, ...)."""
        return pooled(self.embed, self.stack, self.pool, steps_of(batch), lengths_of(batch))


def _features(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    assert isinstance(module, SequenceModule)
    return module.features(batch)
