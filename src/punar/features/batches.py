"""How prepared items go through a network together: batches of one size for many items, one small batch for a few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from punar.data.decode import BadItem
from punar.errors import DataError
from punar.preparations import Batch, Preparation

Run = Callable[[Batch], Tensor]
Result = TypeVar("Result")


def is_few(items: int, batch_size: int) -> bool:
    """Return whether items are too few to be worth a full batch."""
    return items <= max(1, batch_size // 4)


def batch_of(items: int, batch_size: int) -> int:
    """Return the batch for so many items: a power of two for a few; more get the size that all jobs share."""
    return 1 << (items - 1).bit_length() if is_few(items, batch_size) else batch_size


def at_once(run: Run, preparation: Preparation, items: Sequence[Any], batch_size: int, where: str) -> list[Tensor]:
    """Return one row per item for a few items, the same bits as :meth:`Engine.rows`: no threads, no hashes, no cache.

    Parameters
    ----------
    run, preparation, batch_size
        See :class:`Engine`.
    items : sequence
        :func:`is_few` of them.
    where : str

    Raises
    ------
    DataError
        An item cannot be read.
    """
    groups: dict[int, list[int]] = defaultdict(list)
    prepared: list[Tensor] = []
    bad: dict[int, str] = {}
    for i, item in enumerate(items):
        try:
            prepared.append(preparation.prepare(preparation.loaded(item)))
        except BadItem as error:
            bad[i] = str(error)
    if bad:
        raise DataError(describe_bad(preparation, items, bad, where))
    for i, each in enumerate(prepared):
        groups[preparation.bucket(each)].append(i)

    def attempt(size: int) -> list[Tensor]:
        rows: dict[int, Tensor] = {}
        for bucket, group in groups.items():
            for start in range(0, len(group), size):
                some = group[start : start + size]
                found = filled(run, preparation, [prepared[i] for i in some], bucket, size)
                rows.update(zip(some, found, strict=True))
        return [rows[i] for i in range(len(items))]

    return halving(batch_of(len(items), batch_size), attempt)


def describe_bad(preparation: Preparation, items: Sequence[Any], bad: dict[int, str], where: str) -> str:
    """Return a sentence that counts the bad items and names the first ones with their reasons."""
    named = [f"{preparation.name(items[i], i)}: {reason}" for i, reason in sorted(bad.items())[:5]]
    more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
    return (
        f"{where}: {len(bad)} of {len(items)} items cannot be read: {'; '.join(named)}{more}. "
        "Repair or remove them, or leave them out (on_error='skip')."
    )


def filled(run: Run, preparation: Preparation, prepared: list[Tensor], bucket: int, size: int) -> Tensor:
    """Return the rows of prepared items from a batch of ``size``, filled up with the last one."""
    batch = preparation.collate(prepared + [prepared[-1]] * (size - len(prepared)), bucket)
    return run(batch)[: len(prepared)]


def halving(size: int, attempt: Callable[[int], Result]) -> Result:
    """Return what ``attempt`` gives with batches of ``size``, or of as many items as the GPU's memory holds."""
    while True:
        try:
            return attempt(size)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
            torch.cuda.empty_cache()
