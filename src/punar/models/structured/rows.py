"""Samples as the loop takes them: with what is remembered of the frozen part, in batches by length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from punar.models.lengths import by_length, sorted_by_length
from punar.models.prepared import Prepared
from punar.models.samples import Placed
from punar.models.transfer.rows import blanks, padded
from punar.preparations import Batch, Preparation

Known = Callable[[Sequence[int]], Sequence[Tensor]]
Unpack = Callable[[Tensor, Batch], dict[int, Tensor]]


@dataclass(frozen=True)
class Mini:
    """A batch.

    Attributes
    ----------
    batch : Batch
        Named tensors for the network.
    value : mapping of int to Tensor or None
        Outputs of frozen stages, by position.
    target : mapping of str to Tensor
    weight : Tensor of shape (n,) or None
    count : int
        Samples.
    """

    batch: Batch
    value: Mapping[int, Tensor] | None
    target: Mapping[str, Tensor]
    weight: Tensor | None
    count: int

    def __len__(self) -> int:
        return self.count


class StructuredRows:
    """Prepared samples with their targets.

    Parameters
    ----------
    prepared : Prepared
    preparation : Preparation
    placed : Placed or None
        Their targets; None where only answers are wanted.
    weight : Tensor of shape (n,) or None
    device : torch.device
    known : callable, optional
        ``known(indices)`` -> what is remembered of each sample.
    unpack : callable, optional
        What is remembered of a batch, one tensor, and the batch -> outputs by the position of their stage.

    Attributes
    ----------
    lengths : Tensor of int64, (n,)
        The bucket of each sample: its padded length.
    """

    def __init__(
        self,
        prepared: Prepared,
        preparation: Preparation,
        placed: Placed | None,
        weight: Tensor | None,
        device: torch.device,
        *,
        known: Known | None = None,
        unpack: Unpack | None = None,
    ) -> None:
        self._prepared, self._preparation = prepared, preparation
        self._placed, self._weight, self._device = placed, weight, device
        self._known, self._unpack = known, unpack
        self.lengths = prepared.lengths

    def __len__(self) -> int:
        return len(self._prepared)

    def take(self, index: Tensor) -> Mini:
        """Return the samples at ``index`` as one batch on the device."""
        index = index.cpu()
        wanted = index.tolist()
        batch = self._collate(wanted)
        target = {} if self._placed is None else self._placed.take(index, batch)
        batch = self._moved(batch)
        value = None
        if self._known is not None and self._unpack is not None:
            value = self._unpack(padded(list(self._known(wanted))).to(self._device), batch)
        weight = None if self._weight is None else self._weight[index].to(self._device)
        return Mini(batch, value, self._moved(target), weight, len(wanted))

    def typical(self, index: Tensor) -> Tensor:
        """Return the one of these rows whose length is the median, as an index of one row."""
        return sorted_by_length(self.lengths, index)[len(index) // 2].reshape(1)

    def arrange(self, order: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """Return shuffled rows in an order whose batches hold rows of about one length."""
        return by_length(self.lengths, order, batch_size, generator)

    def _collate(self, wanted: Sequence[int]) -> Batch:
        bucket = int(self.lengths[list(wanted)].max())
        if self._known is None or self._preparation.domain != "vision":
            return self._preparation.collate([sample.tensor for sample in self._prepared.take(wanted)], bucket)
        # The numbers of pixels do not matter where the frozen part's output is known; those of token ids may.
        return blanks(self._preparation, len(wanted), bucket)

    def _moved(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {k: v.to(self._device, non_blocking=True) for k, v in tensors.items()}
