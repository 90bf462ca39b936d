"""Items as the loop takes them: prepared once, with the frozen part's output where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.features.engine import Rows
from punar.preparations import Batch, Preparation
from punar.tasks import Targets, Task

_IN_MEMORY = 2 * 2**30

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
    target, weight : Tensor
    """

    batch: Batch | None
    pixels: Tensor | None
    value: Tensor | None
    target: Tensor
    weight: Tensor | None

    def __len__(self) -> int:
        return len(self.target)


class TransferRows:
    """Items, targets and weights that a loop can index.

    Parameters
    ----------
    items : sequence
    preparation : Preparation
    target : Tensor of shape (n, ...)
    weight : Tensor of shape (n,) or None
    device : torch.device
    frozen : callable or None
        ``frozen(indices)`` -> the frozen part's output per item; None where nothing is frozen.
    views : sequence of callable
        The same for augmented views: in epoch e the training items show view e modulo their number.
    training : Tensor of int64
        The items that views are for.
    raw : bool
        Whether batches hold uint8 pixels, to be augmented.
    """

    def __init__(
        self,
        items: Sequence[Any],
        preparation: Preparation,
        target: Tensor,
        weight: Tensor | None,
        device: torch.device,
        *,
        frozen: Frozen | None = None,
        views: Sequence[Frozen] = (),
        training: Tensor | None = None,
        raw: bool = False,
    ) -> None:
        self._items, self._preparation, self._device = items, preparation, device
        self._target, self._weight = target, weight
        self._frozen, self._views, self._raw = frozen, views, raw
        self._training = set() if training is None else set(training.tolist())
        self._prepared: dict[int, Tensor] = {}
        self._pool = ThreadPoolExecutor(available_cores())
        self.epoch = 0
        self._shows_views = True

    def training_views(self, on: bool) -> bool:
        """Let training items show augmented views, or themselves, and return what held before."""
        before, self._shows_views = self._shows_views, on
        return before

    def __len__(self) -> int:
        return len(self._items)

    def take(self, index: Tensor) -> Mini:
        """Return the items at ``index`` as one batch on the device."""
        wanted = index.tolist()
        target = self._target[index.cpu()].to(self._device)
        weight = None if self._weight is None else self._weight[index.cpu()].to(self._device)
        mini = Mini(None, None, None, target, weight)
        if self._frozen is not None:
            known = self._frozen
            if self._views and self._shows_views and wanted[0] in self._training:
                known = self._views[self.epoch % len(self._views)]
            value = padded(known(wanted)).to(self._device)
            return replace(mini, batch=self._moved(self._shapes(wanted)), value=value)
        prepared = self._prepare(wanted)
        if self._raw:
            return replace(mini, pixels=torch.stack(prepared).to(self._device))
        return replace(mini, batch=self._moved(self._collate(prepared)))

    def _shapes(self, wanted: list[int]) -> Batch:
        """Return a batch whose pixels do not matter; token ids and masks are the real ones."""
        if self._preparation.domain != "vision":
            return self._collate(self._prepare(wanted))
        blank = self._preparation.collate([self._preparation.blank(0)], 0)
        return {k: v.expand(len(wanted), *v.shape[1:]) for k, v in blank.items()}

    def _collate(self, prepared: list[Tensor]) -> Batch:
        return self._preparation.collate(prepared, max(self._preparation.bucket(p) for p in prepared))

    def _moved(self, batch: Batch) -> Batch:
        return {k: v.to(self._device, non_blocking=True) for k, v in batch.items()}

    def _read(self, i: int) -> Tensor:
        return self._preparation.prepare(self._items[i])

    def _prepare(self, wanted: list[int]) -> list[Tensor]:
        missing = [i for i in wanted if i not in self._prepared]
        try:
            found = dict(zip(missing, self._pool.map(self._read, missing), strict=True))
        except BadItem as error:
            raise DataError(f"fit: an item that could be read before no longer can: {error}.") from None
        used = sum(t.nbytes for t in list(self._prepared.values())[:1]) * len(self._prepared)
        if used <= _IN_MEMORY:
            self._prepared |= found
        return [self._prepared[i] if i in self._prepared else found[i] for i in wanted]


def from_rows(rows: Rows) -> Frozen:
    """Return what is known, by index."""

    def take(wanted: Sequence[int]) -> list[Tensor]:
        return [rows.row(i) for i in wanted]

    return take


def padded(rows: list[Tensor]) -> Tensor:
    """Stack rows; where sequences differ in length, with zeros behind the shorter ones."""
    longest = max(r.shape[0] for r in rows)
    if all(r.shape[0] == longest for r in rows):
        return torch.stack(rows)
    return torch.stack([F.pad(r, [0, 0] * (r.dim() - 1) + [0, longest - r.shape[0]]) for r in rows])


def keep_classes(train: Tensor, valid: Tensor, groups: np.ndarray | None) -> tuple[Tensor, Tensor]:
    """Return the split with one item of every class among those that are trained on."""
    if groups is None or not len(valid):
        return train, valid
    held = groups[valid.numpy()]
    classes, first = np.unique(held, return_index=True)
    moved = torch.zeros(len(valid), dtype=torch.bool)
    moved[torch.from_numpy(first[~np.isin(classes, groups[train.numpy()])])] = True
    return torch.cat([train, valid[moved]]).sort().values, valid[~moved]


def row_weights(task: Task, target: Tensor, class_weight: Any, sample_weight: Any, where: str) -> Tensor | None:
    """Return the weight of each row by its class and by what the user gave; None where neither is asked for."""
    by_class = task.weights_of_rows(Targets({"y": target}), class_weight, where)
    if by_class is None and sample_weight is None:
        return None
    try:
        given = (
            torch.ones(len(target))
            if sample_weight is None
            else torch.from_numpy(np.asarray(sample_weight, dtype=np.float32).copy())
        )
    except (TypeError, ValueError):
        raise DataError(f"{where}: sample_weight must hold one number per item.") from None
    if given.shape != (len(target),):
        raise DataError(
            f"{where}: sample_weight.shape == {tuple(given.shape)}, expected ({len(target)},): one weight per item."
        )
    if not bool(torch.isfinite(given).all()) or bool((given < 0).any()) or float(given.sum()) <= 0:
        raise DataError(f"{where}: sample_weight must be finite, >= 0 and not all 0.")
    both = given if by_class is None else given * by_class
    if not bool(torch.isfinite(both).all()) or float(both.sum()) <= 0:
        raise DataError(f"{where}: class_weight times sample_weight must be finite in float32 and not all 0.")
    return both
