"""The samples of items as items of their own, so that each can be computed once and remembered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from punar.preparations._preparation import Batch, Preparation
from punar.preparations._sample import Sample

_RECENT = 8  # items whose samples are kept: the samples of one item are asked for one after another


@dataclass(frozen=True)
class SampleOf(Preparation):
    """A preparation whose items are pairs (item, k), the k-th sample of an item.

    Parameters
    ----------
    inner : Preparation

    Examples
    --------
    >>> import numpy as np
    >>> from punar.preparations.series import Series
    >>> steps = SampleOf(Series(channels=1, max_length=4))
    >>> [k for _, k in steps.pairs([np.zeros((6, 1))])]
    [0, 1]
    >>> steps.prepare((np.arange(6.0)[:, None], 1)).squeeze(1)
    tensor([3., 4., 5.])
    """

    inner: Preparation
    _recent: tuple[tuple[Any, list[Sample]], ...] = field(default=(), init=False, repr=False, compare=False)

    @property
    def domain(self) -> str:  # type: ignore[override]
        """As the inner preparation."""
        return self.inner.domain

    def pairs(self, items: Iterable[Any]) -> list[tuple[Any, int]]:
        """Return (item, k) for every sample of every item, in order."""
        return [(item, k) for item in items for k in range(len(self._of(item)))]

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return the pairs of what the inner preparation reads."""
        return self.pairs(self.inner.check(X, where))

    def content(self, item: Any) -> bytes:
        """Return the bytes that stand for the item, and the sample's number."""
        whole, k = item
        return self.inner.content(whole) + int(k).to_bytes(8, "big")

    def prepare(self, item: Any) -> Tensor:
        """Return the sample's tensor."""
        whole, k = item
        return self._of(whole)[k].tensor

    def bucket(self, prepared: Tensor) -> int:
        """As the inner preparation."""
        return self.inner.bucket(prepared)

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """As the inner preparation."""
        return self.inner.collate(prepared, bucket)

    def blank(self, bucket: int) -> Tensor:
        """As the inner preparation."""
        return self.inner.blank(bucket)

    def name(self, item: Any, index: int) -> str:
        """As the inner preparation calls the item."""
        return self.inner.name(item[0], index)

    def facts(self) -> dict[str, Any]:
        """As the inner preparation."""
        return self.inner.facts()

    def _of(self, item: Any) -> list[Sample]:
        if not self.inner.several:
            return self.inner.samples(item)
        for known, samples in self._recent:
            if known is item:
                return samples
        samples = self.inner.samples(item)
        # One assignment: threads may lose each other's entry, and never see half of one.
        object.__setattr__(self, "_recent", ((item, samples), *self._recent)[:_RECENT])
        return samples
