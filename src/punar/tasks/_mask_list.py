"""Masks in memory: as they are while there is room, the others packed, which few classes do to a hundredth."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

_ROOM = 2**29  # bytes of masks that are not packed

T = TypeVar("T")


class _Packed(NamedTuple):
    data: bytes
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def array(self) -> np.ndarray:
        # A copy: what zlib gives cannot be written to, and torch wants what can.
        return np.frombuffer(zlib.decompress(self.data), self.dtype).reshape(self.shape).copy()


class MaskList(Sequence[T], Generic[T]):
    """Masks, each of its own size.

    Parameters
    ----------
    masks : iterable of ndarray
        Taken one by one.
    give : callable
        An array -> what is asked for.

    Examples
    --------
    >>> [len(m) for m in MaskList(map(np.zeros, [(1, 2), (3, 2)]), lambda mask: mask)]
    [1, 3]
    """

    def __init__(self, masks: Iterable[np.ndarray], give: Callable[[np.ndarray], T]) -> None:
        self._give, self._masks, held = give, [], 0
        for mask in masks:
            held += mask.nbytes
            packed = held > _ROOM
            own = _Packed(zlib.compress(np.ascontiguousarray(mask).data, 1), mask.shape, mask.dtype) if packed else mask
            self._masks.append(own)

    def __len__(self) -> int:
        return len(self._masks)

    def __add__(self, other: MaskList[T]) -> MaskList[T]:
        both: MaskList[T] = MaskList((), self._give)
        both._masks = self._masks + other._masks
        return both

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        mask = self._masks[i]
        return self._give(mask.array() if isinstance(mask, _Packed) else mask)
