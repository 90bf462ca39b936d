"""Sequences of several lengths as the loop takes them: prepared once, batched by length, padded at the last moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from punar.data.steps import padded_to
from punar.models.lengths import by_length, sorted_by_length
from punar.models.samples import Placed
from punar.preparations import Batch

_MOST_NUMBERS = 2**24  # states in memory in one pass without gradients


@dataclass(frozen=True)
class Mini:
    """A batch.

    Attributes
    ----------
    batch : Batch
        Named tensors for the network.
    target : mapping of str to Tensor
    weight : Tensor of shape (n,) or None
    count : int
        Sequences.
    """

    batch: Batch
    target: Mapping[str, Tensor]
    weight: Tensor | None
    count: int

    def __len__(self) -> int:
        return self.count


class SequenceRows:
    """Prepared sequences with their targets.

    Parameters
    ----------
    prepared : sequence of Tensor
        Steps (t, d), float32, or token ids (t,) or (t, k), integers.
    placed : Placed or None
        Their targets; None where only answers are wanted.
    weight : Tensor of shape (n,) or None
    device : torch.device

    Attributes
    ----------
    lengths : Tensor of int64, (n,)
        On the CPU.
    """

    def __init__(
        self, prepared: Sequence[Tensor], placed: Placed | None, weight: Tensor | None, device: torch.device
    ) -> None:
        self.lengths = torch.tensor([len(p) for p in prepared], dtype=torch.int64)
        self._longest = int(self.lengths.max())
        self._words = not prepared[0].is_floating_point()
        # One block, and a step of zeros after it that padding points to: a batch is a single gather.
        after = torch.zeros(1, *prepared[0].shape[1:], dtype=prepared[0].dtype)
        self._steps = torch.cat([*prepared, after]).to(device)
        self._starts = (self.lengths.cumsum(0) - self.lengths).to(device)
        self._lengths = self.lengths.to(device)
        self._placed, self._device = placed, device
        self._weight = None if weight is None else weight.to(device)

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, index: Tensor) -> Mini:
        """Return the sequences at ``index`` as one batch on the device, padded to its longest or a little more."""
        padded = padded_to(int(self.lengths[index].max()), self._longest)
        index = index.to(self._device)
        lengths = self._lengths[index]
        step = torch.arange(padded, device=self._device)
        at = self._starts[index].unsqueeze(1) + step
        own = step < lengths.unsqueeze(1)
        at = torch.where(own, at, len(self._steps) - 1)
        steps = self._steps[at]
        batch = {"input_ids": steps, "attention_mask": own.long()} if self._words else {"values": steps}
        if not self._words:
            batch["lengths"] = lengths
        weight = None if self._weight is None else self._weight[index]
        target = {} if self._placed is None else self._placed.take(index.cpu(), batch)
        return Mini(batch, {k: v.to(self._device) for k, v in target.items()}, weight, len(index))

    def steps(self, i: int) -> Tensor:
        """Return one sequence's steps."""
        start = int(self._starts[i])
        return self._steps[start : start + int(self.lengths[i])]

    def typical(self, index: Tensor) -> Tensor:
        """Return the one of these rows whose length is the median, as an index of one row."""
        return sorted_by_length(self.lengths, index)[len(index) // 2].reshape(1)

    def arrange(self, order: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """Return shuffled rows in an order whose batches hold rows of about one length; see :func:`by_length`."""
        return by_length(self.lengths, order, batch_size, generator)


def rows_per_pass(longest: int, width: int) -> int:
    """Return how many sequences a pass without gradients takes at once: at most 1,024, and no more than memory has."""
    return max(1, min(1024, _MOST_NUMBERS // max(1, longest * width)))
