"""The frozen part of a network over many items: prepared in parallel, computed once each, remembered.

Rows are computed in batches of one fixed size, the last one filled up, so that a row's numbers do not depend on how
many rows were already known. What is cached equals what is computed again, bit for bit on the CPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.core import deadline
from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError, OutOfTimeError
from punar.features.batches import Run, batch_of, describe_bad, filled, halving
from punar.features.cache import Cache, Space
from punar.features.segment import KEY_BYTES, Stored
from punar.preparations import Preparation
from punar.texts import fit as texts

Progress = Callable[[int, int], None]

# Segments of the cache: large enough for few files, small enough that a kill costs little.
_SEGMENT_BYTES = 64 * 2**20
_SEGMENT_SECONDS = 5.0
_AHEAD = 4  # batches whose items are being prepared
_IN_MEMORY = 2**29  # bytes of rows; what the cache holds beyond them is read when it is used


@dataclass
class Rows:
    """Computed rows in the order of the items.

    Attributes
    ----------
    kept : list of int
        The items that have a row.
    bad : dict of int to str
        The others, with the reason.
    computed : int
        Rows that had to be computed, for the report.
    """

    kept: list[int]
    bad: dict[int, str]
    computed: int
    _rows: list[np.ndarray | Stored] = field(repr=False)
    _whole: Tensor | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, i: int) -> Tensor:
        """Return one row."""
        return self._whole[i] if self._whole is not None else torch.from_numpy(self._read(i))

    def tensor(self) -> Tensor:
        """Return all rows as one tensor; they must be of one shape."""
        if self._whole is None:
            every = [self._read(i) for i in range(len(self))]
            self._whole = torch.from_numpy(np.stack(every)) if every else torch.empty(0)
        return self._whole

    def _read(self, i: int) -> np.ndarray:
        row = self._rows[i]
        return row.read() if isinstance(row, Stored) else row


class Engine:
    """One frozen computation.

    Parameters
    ----------
    run : callable
        A batch of tensors on the CPU -> one tensor on the CPU, a row per item. Pure: the same row for the same item.
    preparation : Preparation
    key : dict
        JSON values that say what ``run`` computes: weights, boundary, runtime, precision. Read for the cache alone.
    batch_size : int
    cache : Cache or None
        None computes everything again.
    pass_size : int, optional
        Where ``run`` takes a batch in passes of so many items: a batch is then filled up to a multiple of it only.
    """

    def __init__(
        self,
        run: Run,
        preparation: Preparation,
        key: dict[str, Any],
        *,
        batch_size: int,
        cache: Cache | None,
        pass_size: int | None = None,
    ) -> None:
        self._run = run
        self._preparation = preparation
        self._key = key
        self._batch_size = batch_size
        self._cache = cache
        self._pass_size = pass_size

    def rows(
        self, items: Sequence[Any], *, where: str, on_error: str = "raise", progress: Progress | None = None
    ) -> Rows:
        """Return one row per item.

        Parameters
        ----------
        items : sequence
            What the preparation's ``check`` returned.
        where : str
            The caller, for messages.
        on_error : {"raise", "skip"}
        progress : callable, optional
            Called with rows done and rows to do; the second falls with every row that turns out to be known.

        Raises
        ------
        DataError
            With ``on_error="raise"``, an item cannot be read; every such item is counted and the first ones named.
        """

        def attempt(size: int) -> _Walk:
            walk = _Walk(self._run, self._preparation, items, size, self._pass_size, self._space(size), progress)
            walk.run()
            return walk

        walk = halving(batch_of(len(items), self._batch_size), attempt)
        if walk.bad and (on_error == "raise" or len(walk.bad) == len(items)):
            raise DataError(describe_bad(self._preparation, items, walk.bad, where))
        kept = [i for i in range(len(items)) if i not in walk.bad]
        return Rows(kept, walk.bad, walk.computed, [walk.row(i) for i in kept])

    def _space(self, size: int) -> Space | None:
        if self._cache is None:
            return None
        facts = self._key | {"input": self._preparation.facts(), "batch_size": size}
        return self._cache.space(
            hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
        )


@dataclass(frozen=True)
class _Read:
    """What a thread found out about an item: its key, and its row if that is known, else the item prepared."""

    key: bytes
    row: np.ndarray | None = None
    prepared: Tensor | None = None


class _Walk:
    """One walk over the items of a job: each is read once, looked up, and if need be prepared and computed.

    Attributes
    ----------
    bad : dict of int to str
    computed : int
    """

    def __init__(
        self,
        run: Run,
        preparation: Preparation,
        items: Sequence[Any],
        size: int,
        pass_size: int | None,
        space: Space | None,
        progress: Progress | None,
    ) -> None:
        self._run, self._preparation, self._items = run, preparation, items
        self._size, self._pass_size = size, min(size, pass_size or size)
        self._space, self._writer, self._progress = space, _Writer(space), progress
        self._keys: list[bytes] = []
        # None: prepared, and waiting for a full batch.
        self._known: dict[bytes, np.ndarray | Stored | None] = {}
        self._bytes = 0
        self._elsewhere = 0  # items that need no row of their own
        self.bad: dict[int, str] = {}
        self.computed = 0

    def run(self) -> None:
        """Make the row of every good item known."""
        waiting: dict[int, list[tuple[bytes, Tensor]]] = defaultdict(list)
        with closing(self._read_ahead()) as reads:
            for read in reads:
                if read.prepared is None or read.key in self._known:
                    self._elsewhere += 1
                    if read.row is not None and read.key not in self._known:
                        self._hold(read.key, read.row)
                    continue
                self._known[read.key] = None
                bucket = self._preparation.bucket(read.prepared)
                waiting[bucket].append((read.key, read.prepared))
                if len(waiting[bucket]) == self._size:
                    self._compute(waiting.pop(bucket), bucket)
        for bucket, group in waiting.items():
            self._compute(group, bucket)
        self._release(self._writer.flush())

    def row(self, i: int) -> np.ndarray | Stored:
        """Return the row of a good item."""
        row = self._known[self._keys[i]]
        assert row is not None
        return row

    def _read_ahead(self) -> Generator[_Read]:
        """Yield what is found out about the good items, in order, some batches ahead; the others go to ``bad``."""
        pool = ThreadPoolExecutor(available_cores())
        queue: deque[Future[_Read]] = deque()
        ahead = iter(range(len(self._items)))
        try:
            for i in range(len(self._items)):
                while len(queue) < _AHEAD * self._size and (following := next(ahead, None)) is not None:
                    queue.append(pool.submit(self._read, self._items[following]))
                try:
                    read = queue.popleft().result()
                except BadItem as error:
                    self.bad[i] = str(error)
                    self._elsewhere += 1
                    self._keys.append(b"")
                    continue
                self._keys.append(read.key)
                yield read
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, item: Any) -> _Read:
        content = self._preparation.loaded(item)
        if self._space is None and isinstance(item, (str, os.PathLike)):
            # Nothing is looked up: a path or a text is known again by itself.
            key = str(item).encode("utf-8", "surrogatepass")
        else:
            key = hashlib.blake2b(self._preparation.content(content), digest_size=KEY_BYTES).digest()
        if key in self._known:
            return _Read(key)
        row = None if self._space is None else self._space.row(key)
        return _Read(key, row, None if row is not None else self._preparation.prepare(content))

    def _compute(self, group: list[tuple[bytes, Tensor]], bucket: int) -> None:
        if deadline.seconds_left() <= 0:
            self._release(self._writer.flush())  # what was computed is not lost
            count = len(self._items) - self._elsewhere
            raise OutOfTimeError(texts.OUT_OF_TIME.format(done=self.computed, count=count))
        size = -(-len(group) // self._pass_size) * self._pass_size
        rows = filled(self._run, self._preparation, [prepared for _, prepared in group], bucket, size).numpy()
        for (key, _), row in zip(group, rows, strict=True):
            self._hold(key, row)
        self.computed += len(group)
        self._release(self._writer.add([key for key, _ in group], rows))
        if self._progress is not None:
            self._progress(self.computed, len(self._items) - self._elsewhere)

    def _hold(self, key: bytes, row: np.ndarray) -> None:
        """Hold a row in memory or, once much is held, on the disk if it lies there."""
        self._known[key] = row
        self._bytes += row.nbytes
        self._release([key])

    def _release(self, keys: Sequence[bytes]) -> None:
        """Leave rows that the cache holds on the disk, once much is held in memory."""
        if self._space is None or self._bytes <= _IN_MEMORY:
            return
        for key in keys:
            row, stored = self._known[key], self._space.stored(key)
            if stored is not None and isinstance(row, np.ndarray):
                self._known[key] = stored
                self._bytes -= row.nbytes


class _Writer:
    """Collects rows and writes them to the cache in segments."""

    def __init__(self, space: Space | None) -> None:
        self._space = space
        self._keys: dict[tuple[int, ...], list[bytes]] = defaultdict(list)
        self._rows: dict[tuple[int, ...], list[np.ndarray]] = defaultdict(list)
        self._bytes, self._since = 0, time.perf_counter()

    def add(self, keys: list[bytes], rows: np.ndarray) -> list[bytes]:
        """Take the rows of a batch, and return the keys of all that were handed to the cache by now."""
        if self._space is None:
            return []
        self._keys[rows.shape[1:]] += keys
        self._rows[rows.shape[1:]].append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= _SEGMENT_BYTES or time.perf_counter() - self._since > _SEGMENT_SECONDS:
            return self.flush()
        return []

    def flush(self) -> list[bytes]:
        """Hand all that was collected to the cache, a segment for each shape, and return its keys."""
        for shape, keys in self._keys.items():
            if self._space is not None:
                self._space.add(keys, np.concatenate(self._rows[shape]))
        written = [key for keys in self._keys.values() for key in keys]
        self._keys.clear()
        self._rows.clear()
        self._bytes, self._since = 0, time.perf_counter()
        return written
