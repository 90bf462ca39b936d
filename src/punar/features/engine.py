"""The frozen part of a network over many items: prepared in parallel, computed once each, remembered.

Rows are computed in batches of one fixed size, the last one filled up, so that a row's numbers do not depend on how
many rows were already known. What is cached equals what is computed again, bit for bit on the CPU.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.core.runtime import available_cores
from punar.data.decode import BadItem
from punar.errors import DataError
from punar.features.cache import KEY_BYTES, Cache, Space
from punar.preparations import Batch, Preparation

Run = Callable[[Batch], Tensor]

# Segments of the cache: large enough for few files, small enough that a kill costs little.
_SEGMENT_BYTES = 64 * 2**20
_SEGMENT_SECONDS = 5.0
_AHEAD = 4  # batches whose items are being prepared


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
    _rows: list[np.ndarray] = field(repr=False)
    _whole: Tensor | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, i: int) -> Tensor:
        """Return one row."""
        if self._whole is not None:
            return self._whole[i]
        row = self._rows[i]
        # torch warns about read-only memory; a mapped row is copied once it is used.
        return torch.from_numpy(row if row.flags.writeable else np.array(row))

    def tensor(self) -> Tensor:
        """Return all rows as one tensor; they must be of one shape."""
        if self._whole is None:
            self._whole = torch.from_numpy(np.stack(self._rows)) if self._rows else torch.empty(0)
        return self._whole


class Engine:
    """One frozen computation.

    Parameters
    ----------
    run : callable
        A batch of tensors on the CPU -> one tensor on the CPU, a row per item. Pure: the same row for the same item.
    preparation : Preparation
    key : dict
        JSON values that say what ``run`` computes: weights, boundary, runtime, precision.
    batch_size : int
    cache : Cache or None
        None computes everything again.
    per_bucket : bool, default=False
        Whether the shape of a row depends on the item's bucket.
    probe : callable, optional
        Stands for ``run`` where only the shape of a row is asked, if ``run`` is slow to start.
    """

    def __init__(
        self,
        run: Run,
        preparation: Preparation,
        key: dict[str, Any],
        *,
        batch_size: int,
        cache: Cache | None,
        per_bucket: bool = False,
        probe: Run | None = None,
    ) -> None:
        self._run = run
        self._probe = probe or run
        self._preparation = preparation
        self._key = key | {"input": preparation.facts()}
        self._batch_size = batch_size
        self._cache = cache
        self._per_bucket = per_bucket
        self._spaces: dict[tuple[int, int], Space] = {}
        self._workers = max(1, available_cores())

    def rows(
        self,
        items: Sequence[Any],
        *,
        where: str,
        on_error: str = "raise",
        progress: Callable[[int, int], None] | None = None,
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
            Called with rows done and rows to do.

        Raises
        ------
        DataError
            With ``on_error="raise"``, an item cannot be read; every such item is counted and the first ones named.
        """
        # A few items are not worth a full batch; more get the size that all jobs share, and so each other's rows.
        few = len(items) <= self._batch_size // 4
        size = _power_of_two(len(items)) if few else self._batch_size
        keys, bad = self._keys(items)
        while True:
            try:
                computed = self._fill(items, keys, bad, size, progress)
                break
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size //= 2
                torch.cuda.empty_cache()
        if bad and (on_error == "raise" or len(bad) == len(items)):
            raise DataError(describe_bad(self._preparation, items, bad, where))
        kept = [i for i in range(len(items)) if i not in bad]
        return Rows(kept, bad, computed, [self._known[keys[i]] for i in kept])

    def _keys(self, items: Sequence[Any]) -> tuple[list[bytes], dict[int, str]]:
        bad: dict[int, str] = {}

        def digest(i: int) -> bytes:
            try:
                content = self._preparation.content(items[i])
            except BadItem as error:
                bad[i] = str(error)
                return b""
            return hashlib.blake2b(content, digest_size=KEY_BYTES).digest()

        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(digest, range(len(items)))), bad

    def _fill(
        self,
        items: Sequence[Any],
        keys: list[bytes],
        bad: dict[int, str],
        size: int,
        progress: Callable[[int, int], None] | None,
    ) -> int:
        """Make every good item's row known, and return how many had to be computed."""
        self._known: dict[bytes, np.ndarray] = {}
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if i not in bad:
                first.setdefault(key, i)
        buckets: dict[int, int] = {}
        if self._per_bucket:
            # Where a row lies depends on its length, which only the prepared item tells.
            prepared = dict(self._prepared(items, list(first.values()), bad, size))
            buckets = {i: self._preparation.bucket(p) for i, p in prepared.items()}
        missing = [i for key, i in first.items() if i not in bad and not self._look_up(key, buckets.get(i, 0), size)]
        total, done = len(missing), 0
        waiting: dict[int, list[tuple[int, Tensor]]] = defaultdict(list)
        writer = _Writer(self._space, size, self._known)
        for i, item in self._prepared(items, missing, bad, size):
            bucket = self._preparation.bucket(item)
            waiting[bucket].append((i, item))
            if len(waiting[bucket]) == size:
                self._compute(waiting.pop(bucket), bucket, size, keys, writer)
                done += size
                if progress is not None:
                    progress(done, total)
        for bucket, group in waiting.items():
            self._compute(group, bucket, size, keys, writer)
        writer.flush()
        # The same content may stand at several places, a bad one too.
        broken = {keys[i]: reason for i, reason in bad.items() if keys[i]}
        bad |= {i: broken[key] for i, key in enumerate(keys) if key in broken}
        if progress is not None and total:
            progress(total, total)
        return total

    def _look_up(self, key: bytes, bucket: int, size: int) -> bool:
        space = self._space(bucket if self._per_bucket else 0, size)
        if space is None or key not in space:
            return False
        self._known[key] = space.row(key)
        return True

    def _compute(
        self, group: list[tuple[int, Tensor]], bucket: int, size: int, keys: list[bytes], writer: _Writer
    ) -> None:
        filled = [p for _, p in group] + [group[-1][1]] * (size - len(group))
        rows = self._run(self._preparation.collate(filled, bucket))[: len(group)].numpy()
        for (i, _), row in zip(group, rows, strict=True):
            self._known[keys[i]] = row
        writer.add(bucket if self._per_bucket else 0, [keys[i] for i, _ in group], rows)

    def _prepared(
        self, items: Sequence[Any], wanted: list[int], bad: dict[int, str], size: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield items prepared in order, some batches ahead; those that cannot be go to ``bad``."""
        with ThreadPoolExecutor(self._workers) as pool:
            queue: list[tuple[int, Future[Tensor]]] = []
            ahead = iter(wanted)
            for i in ahead:
                queue.append((i, pool.submit(self._preparation.prepare, items[i])))
                if len(queue) >= _AHEAD * size:
                    break
            while queue:
                i, future = queue.pop(0)
                following = next(ahead, None)
                if following is not None:
                    queue.append((following, pool.submit(self._preparation.prepare, items[following])))
                try:
                    yield i, future.result()
                except BadItem as error:
                    bad[i] = str(error)

    def _space(self, bucket: int, size: int) -> Space | None:
        if self._cache is None:
            return None
        if (bucket, size) not in self._spaces:
            row = self._probe(self._blank(bucket))[0]
            facts = self._key | {
                "batch_size": size,
                "bucket": bucket,
                "shape": list(row.shape),
                "dtype": str(row.dtype),
            }
            name = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
            self._spaces[bucket, size] = self._cache.space(name, tuple(row.shape), row.numpy().dtype)
        return self._spaces[bucket, size]

    def _blank(self, bucket: int) -> Batch:
        return self._preparation.collate([self._preparation.blank(bucket)], bucket)


class _Writer:
    """Collects rows and writes them to the cache in segments."""

    def __init__(self, space_of: Callable[[int, int], Space | None], size: int, known: dict[bytes, np.ndarray]) -> None:
        self._space_of, self._size, self._known = space_of, size, known
        self._keys: dict[int, list[bytes]] = defaultdict(list)
        self._rows: dict[int, list[np.ndarray]] = defaultdict(list)
        self._bytes, self._since = 0, time.perf_counter()

    def add(self, bucket: int, keys: list[bytes], rows: np.ndarray) -> None:
        if self._space_of(bucket, self._size) is None:
            return
        self._keys[bucket] += keys
        self._rows[bucket].append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= _SEGMENT_BYTES or time.perf_counter() - self._since > _SEGMENT_SECONDS:
            self.flush()

    def flush(self) -> None:
        for bucket, keys in self._keys.items():
            space = self._space_of(bucket, self._size)
            if space is not None and keys:
                space.add(keys, np.concatenate(self._rows[bucket]))
                # From here on the rows lie on the disk, not in memory.
                self._known.update((key, space.row(key)) for key in keys)
        self._keys.clear()
        self._rows.clear()
        self._bytes, self._since = 0, time.perf_counter()


def describe_bad(preparation: Preparation, items: Sequence[Any], bad: dict[int, str], where: str) -> str:
    """Return a sentence that counts the bad items and names the first ones with their reasons."""
    named = [f"{preparation.name(items[i], i)}: {reason}" for i, reason in sorted(bad.items())[:5]]
    more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
    return (
        f"{where}: {len(bad)} of {len(items)} items cannot be read: {'; '.join(named)}{more}. "
        "Repair or remove them, or leave them out (on_error='skip')."
    )


def _power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()
