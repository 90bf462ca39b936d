"""Items as the loop takes them: prepared once, with the frozen part's output where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.features.engine import Rows
from punar.models.prepared import ROOM
from punar.models.samples import Placed
from punar.preparations import Batch, Preparation

Frozen = Callable[[Sequence[int]], list[Tensor]]


@dataclass(frozen=True)
class Mini:
    """A batch.

    Attributes
    ----------
    batch : Batch or None
        Named tensors for the network; None where ``pixels`` are to be augmented and normalised first.
    pixels : Tensor of shape (n, c, h, w) or None
        uint8.
    value : Tensor or None
        The frozen part's output.
    target : mapping of str to Tensor
    weight : Tensor of shape (n,) or None
    count : int
        Samples.
    """

    batch: Batch | None
    pixels: Tensor | None
    value: Tensor | None
    target: Mapping[str, Tensor]
    weight: Tensor | None
    count: int

    def __len__(self) -> int:
        return self.count


class TransferRows:
    """Items with targets and weights that a loop can index.

    Parameters
    ----------
    items : sequence
        One for each sample.
    preparation : Preparation
    placed : Placed
        Targets of the samples.
    weight : Tensor of shape (n,) or None
        Of the samples.
    device : torch.device
    frozen : callable or None
        ``frozen(indices)`` -> the frozen part's output per sample; None where nothing is frozen.
    variants : sequence of callable
        The same for augmented variants: in epoch e the training samples show variant e modulo their number.
    training : Tensor of int64
        The samples that variants are for.
    raw : bool
        Whether batches hold uint8 pixels, to be augmented.
    prepared : mapping of int to Tensor
        Samples that were prepared before, by number.
    """

    def __init__(
        self,
        items: Sequence[Any],
        preparation: Preparation,
        placed: Placed,
        weight: Tensor | None,
        device: torch.device,
        *,
        frozen: Frozen | None = None,
        variants: Sequence[Frozen] = (),
        training: Tensor | None = None,
        raw: bool = False,
        prepared: Mapping[int, Tensor] | None = None,
    ) -> None:
        self._items, self._preparation, self._device = items, preparation, device
        self._placed, self._weight = placed, weight
        self._frozen, self._variants, self._raw = frozen, variants, raw
        self._training = set() if training is None else set(training.tolist())
        self._prepared: dict[int, Tensor] = dict(prepared or {})
        self._bytes = sum(t.nbytes for t in self._prepared.values())
        self.epoch = 0
        self.shows_variants = True

    def __len__(self) -> int:
        return len(self._items)

    def take(self, index: Tensor) -> Mini:
        """Return the samples at ``index`` as one batch on the device."""
        wanted = index.tolist()
        pixels = value = None
        if self._frozen is not None:
            batch: Batch | None = self._shapes(wanted)
            value = padded(self._known(wanted)(wanted)).to(self._device)
        elif self._raw:
            batch, pixels = None, torch.stack(self._prepare(wanted)).to(self._device)
        else:
            batch = self._collate(self._prepare(wanted))
        target = self._placed.take(index.cpu(), {} if batch is None else batch)
        weight = None if self._weight is None else self._weight[index.cpu()].to(self._device)
        return Mini(
            None if batch is None else self._moved(batch), pixels, value, self._moved(target), weight, len(wanted)
        )

    def _known(self, wanted: list[int]) -> Frozen:
        if self._variants and self.shows_variants and wanted[0] in self._training:
            return self._variants[self.epoch % len(self._variants)]
        assert self._frozen is not None
        return self._frozen

    def _shapes(self, wanted: list[int]) -> Batch:
        """Return a batch whose pixels do not matter; token ids and masks are the real ones."""
        if self._preparation.domain != "vision":
            return self._collate(self._prepare(wanted))
        return blanks(self._preparation, len(wanted), 0)

    def _collate(self, prepared: list[Tensor]) -> Batch:
        return self._preparation.collate(prepared, max(self._preparation.bucket(p) for p in prepared))

    def _moved(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {k: v.to(self._device, non_blocking=True) for k, v in tensors.items()}

    def _prepare(self, wanted: list[int]) -> list[Tensor]:
        missing = [i for i in wanted if i not in self._prepared]
        if not missing:
            return [self._prepared[i] for i in wanted]
        found = dict(zip(missing, self._read(missing), strict=True))
        if self._bytes < ROOM:
            self._prepared.update(found)
            self._bytes += sum(t.nbytes for t in found.values())
        return [found[i] if i in found else self._prepared[i] for i in wanted]

    def _read(self, missing: list[int]) -> list[Tensor]:
        try:
            if len(missing) == 1:
                return [self._preparation.prepare(self._items[missing[0]])]
            with ThreadPoolExecutor(available_cores()) as pool:
                return list(pool.map(lambda i: self._preparation.prepare(self._items[i]), missing))
        except BadItem as error:
            raise DataError(f"fit: an item that could be read before no longer can: {error}.") from None


def from_rows(rows: Rows) -> Frozen:
    """Return what is known, by index."""

    def take(wanted: Sequence[int]) -> list[Tensor]:
        return [rows.row(i) for i in wanted]

    return take


def blanks(preparation: Preparation, count: int, bucket: int) -> Batch:
    """Return a batch of blank items, each the same memory."""
    blank = preparation.collate([preparation.blank(bucket)], bucket)
    return {k: v.expand(count, *v.shape[1:]) for k, v in blank.items()}


def padded(rows: list[Tensor]) -> Tensor:
    """Stack rows; where sequences differ in length, with zeros after the shorter ones."""
    longest = max(r.shape[0] for r in rows)
    if all(r.shape[0] == longest for r in rows):
        return torch.stack(rows)
    return torch.stack([F.pad(r, [0, 0] * (r.dim() - 1) + [0, longest - r.shape[0]]) for r in rows])
