"""The samples of items: as many as memory has room for are kept, the others are prepared anew whenever they are read.

Nothing depends on which are kept: a preparation gives the same sample of the same item each time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.preparations import Preparation, Sample

ROOM = 2 * 2**30  # bytes of samples in memory
_AT_ONCE = 8  # samples that are read ahead where all are walked through


def samples_of(preparation: Preparation, items: Sequence[Any], i: int, where: str) -> list[Sample]:
    """Return the samples of one item.

    Raises
    ------
    DataError
        The item cannot be prepared, by name.
    """
    try:
        return preparation.samples(items[i])
    except BadItem as error:
        raise DataError(f"{where}: {preparation.name(items[i], i)}: {error}.") from None


class Prepared(Sequence[Sample]):
    """The samples of items, in order.

    Parameters
    ----------
    preparation : Preparation
    items : sequence
        From its ``check``; each is prepared once here.
    where : str
        The caller, for messages.
    room : float
        Bytes of samples that are kept.
    within : range, optional
        The items whose samples these are; by default all.
    enough : float, optional
        Bytes of samples after which no other item is begun.

    Attributes
    ----------
    item, part : Tensor of int64, (s,)
        The item of each sample, and its number within the item.
    lengths : Tensor of int64, (s,)
        The bucket of each sample: its padded length.
    traces : list of Tensor or None
        The way back to the user's coordinates of each sample.

    Raises
    ------
    DataError
        An item that cannot be prepared, by name.
    """

    def __init__(
        self,
        preparation: Preparation,
        items: Sequence[Any],
        where: str,
        room: float,
        *,
        within: range | None = None,
        enough: float = math.inf,
    ) -> None:
        self._preparation, self._items, self._where = preparation, items, where
        self._kept: dict[int, Sample] = {}
        self._recent: dict[int, Sample] = {}  # of the last batch: its targets are placed right after it is read
        self.traces: list[Tensor | None] = []
        lengths: list[int] = []
        parts: list[tuple[int, int]] = []
        read = 0
        for i in range(len(items)) if within is None else within:
            if read >= enough:
                break
            for k, sample in enumerate(samples_of(preparation, items, i, where)):
                if read < room:
                    self._kept[len(lengths)] = sample
                read += sample.tensor.nbytes
                self.traces.append(sample.trace)
                lengths.append(preparation.bucket(sample.tensor))
                parts.append((i, k))
        self.lengths = torch.tensor(lengths, dtype=torch.int64)
        self.item, self.part = torch.tensor(parts, dtype=torch.int64).reshape(-1, 2).unbind(1)

    def __len__(self) -> int:
        return len(self.traces)

    def __getitem__(self, i: Any) -> Any:
        some = range(len(self))[i]
        return self.take(some) if isinstance(some, range) else self.take([some])[0]

    def __iter__(self) -> Iterator[Sample]:
        """Yield all, a few read ahead."""
        each = (range(first, min(first + _AT_ONCE, len(self))) for first in range(0, len(self), _AT_ONCE))
        return chain.from_iterable(map(self.take, each))

    @property
    def kept(self) -> dict[int, Tensor]:
        """The tensors of the samples that are in memory, by number."""
        return {i: sample.tensor for i, sample in self._kept.items()}

    def take(self, wanted: Sequence[int]) -> list[Sample]:
        """Return some samples; those that are not kept are prepared side by side.

        Raises
        ------
        DataError
            An item that could be read before no longer can, or has another content.
        """
        missing = [i for i in wanted if i not in self._kept and i not in self._recent]
        if not missing:
            return [self._kept.get(i) or self._recent[i] for i in wanted]
        known = {i: self._recent[i] for i in wanted if i in self._recent}
        self._recent = {}  # before others are read: no more than one batch is alive
        self._recent = known | self._read(missing)
        return [self._kept.get(i) or self._recent[i] for i in wanted]

    def _read(self, missing: Sequence[int]) -> dict[int, Sample]:
        by_item: dict[int, list[int]] = defaultdict(list)
        for number in missing:
            by_item[int(self.item[number])].append(number)

        def one(item: int) -> dict[int, Sample]:
            own = samples_of(self._preparation, self._items, item, self._where)
            found = {}
            for number in by_item[item]:
                k = int(self.part[number])
                if k >= len(own) or self._preparation.bucket(own[k].tensor) != int(self.lengths[number]):
                    name = self._preparation.name(self._items[item], item)
                    raise DataError(f"{self._where}: {name} has changed since it was read first. Begin again.")
                found[number] = own[k]
            return found

        if len(by_item) == 1:
            return one(next(iter(by_item)))
        found: dict[int, Sample] = {}
        with ThreadPoolExecutor(available_cores()) as pool:
            for some in pool.map(one, by_item):
                found |= some
        return found
