"""One segment of the cache: rows of numbers in a file, and beside it a file of their keys and checksums.

``<name>.rows`` holds the numbers after a line that says whose they are, ``<name>.keys``, which is written last::

    punar rows 3                                       a line
    {"dtype": "float32", "shape": [2, 3], "rows": 1}   a line
    16 + 4 bytes for each row                          hash of its item; CRC-32 of that hash and the row's bytes
    4 bytes                                            CRC-32 of all that comes before

Rows are read, not mapped: a mapped file that another program cuts short ends the process with a bus error, a read one
is a row that is missing.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import threading
import time
import warnings
import weakref
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from punar.core.plain_file import open_plain
from punar.errors import DataError, PunarWarning
from punar.texts import fit as texts

KEY_BYTES = 16
_CHECK_BYTES = 4
_MAGIC = b"punar rows 3\n"
_NUMBERS = b"punar numbers 3\n"  # 16 bytes: what follows stays aligned
_ALIKE = 9  # bytes of a beginning that tell whose a file is, also where some are damaged or of another version
_LONGEST_HEADER = 4096
_MOST_ROWS = 2**25
_STALE_SECONDS = 3600
# Only what looks like this, by name and by content, is ever deleted: a folder of the user's own may hold other files.
_OURS = re.compile(r"[0-9a-f]+-[0-9a-f]{12}\.(rows|keys)(\.new)?")
_seek_and_read = threading.Lock()


class Segment:
    """Rows of one shape in a file that never changes.

    Parameters
    ----------
    path : Path
        Of the file of keys.
    keys : list of bytes
    checks : ndarray of shape (n,)
        CRC-32 of each key and its row.
    shape, dtype
        Of one row.
    """

    def __init__(
        self, path: Path, keys: list[bytes], checks: np.ndarray, shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        self.path, self.keys = path, keys
        self._checks, self._shape, self._dtype = checks, shape, dtype
        self._row_bytes = math.prod(shape) * dtype.itemsize
        self._file: int | None = None

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of((len(self.keys), *self._shape), self._dtype)

    def row(self, at: int) -> np.ndarray | None:
        """Return a row, or None where the file is gone or no longer holds what was written."""
        try:
            start = len(_NUMBERS) + at * self._row_bytes
            found = bytearray(_read_at(self._opened(), self._row_bytes, start))
        except OSError:
            return None
        # Of a file cut short less comes back, and its checksum is another.
        if zlib.crc32(found, zlib.crc32(self.keys[at])) != int(self._checks[at]):
            _say_damaged(rows_of(self.path))
            return None
        return np.frombuffer(found, dtype=self._dtype).reshape(self._shape)

    def delete(self) -> None:
        """Delete both files."""
        delete(self.path)

    def _opened(self) -> int:
        if self._file is None:
            # Kept open, so that rows in use survive another process's trimming.
            file = open_plain(rows_of(self.path))
            weakref.finalize(self, file.close)
            self._file = file.fileno()
        return self._file


class Stored:
    """A row that lies on the disk until it is used."""

    def __init__(self, segment: Segment, at: int) -> None:
        self._segment, self._at = segment, at

    def read(self) -> np.ndarray:
        """Return the row.

        Raises
        ------
        DataError
            The file was changed meanwhile.
        """
        row = self._segment.row(self._at)
        if row is None:
            self._segment.delete()
            raise DataError(
                f"The cache's file {rows_of(self._segment.path)} was changed or cut short while it was in use. It is "
                "deleted now: run this again, and its rows are computed anew (cache=False uses no files)."
            )
        return row


def write(folder: Path, keys: Sequence[bytes], rows: np.ndarray) -> Segment:
    """Write rows as a new segment.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    keys : sequence of bytes
        16 bytes each.
    rows : ndarray of shape (n, ...)
        C-contiguous.

    Raises
    ------
    OSError
        The disk refuses; nothing of the segment is left then.
    """
    name = f"{int(time.time()):x}-{secrets.token_hex(6)}"
    path = folder / f"{name}.keys"
    checks = np.array([zlib.crc32(row, zlib.crc32(key)) for key, row in zip(keys, rows, strict=True)], np.uint32)
    table = np.zeros(len(keys), _entry())
    table["key"], table["check"] = keys, checks
    head = _header(rows.shape, rows.dtype) + table.tobytes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Rows first: a segment exists once its keys do.
        _write(rows_of(path), _NUMBERS, memoryview(rows).cast("B"))
        _write(path, head, zlib.crc32(head).to_bytes(_CHECK_BYTES, "little"))
    except BaseException:
        delete(path)
        raise
    return Segment(path, list(keys), checks, rows.shape[1:], rows.dtype)


def size_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return the bytes of a segment of ``shape[0]`` rows on the disk."""
    numbers = math.prod(shape) * dtype.itemsize
    return len(_NUMBERS) + numbers + len(_header(shape, dtype)) + shape[0] * _entry().itemsize + _CHECK_BYTES


def opened(folder: Path) -> Iterator[Segment]:
    """Yield the whole segments of a folder, and delete what is damaged or was left unfinished long ago."""
    found = set(own_files(folder))
    for path in sorted(found):
        if path.suffix == ".keys":
            try:
                segment = _parse(path)
                os.utime(path)  # used now: the last to go
            except OSError:  # deleted by another process's trimming
                continue
            except _OlderVersion:
                delete(path)
                continue
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                if path.exists():  # else another process's trimming took its rows away
                    _say_damaged(path)
                delete(path)
                continue
            yield segment
        elif path.suffix == ".new" or path.with_suffix(".keys") not in found:
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the regular files of a folder that are parts of segments, by their name and by how they begin."""
    groups: dict[str, list[Path]] = defaultdict(list)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            # Neither links nor pipes: the first lead elsewhere, the second never end.
            if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                groups[entry.name.partition(".")[0]].append(Path(entry.path))
    for group in groups.values():
        # One of them speaks for the others: a beginning may be damaged.
        if any(_begins_as_ours(path) for path in group):
            yield from group


def rows_of(keys: Path) -> Path:
    """Return the file of numbers beside a file of keys."""
    return keys.with_suffix(".rows")


def delete(keys: Path) -> None:
    """Delete a segment, keys first, and what a broken write of it left."""
    for path in (keys, rows_of(keys), Path(f"{keys}.new"), Path(f"{rows_of(keys)}.new")):
        with contextlib.suppress(OSError):
            path.unlink()


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    facts = {"dtype": dtype.name, "shape": list(shape[1:]), "rows": shape[0]}
    return _MAGIC + json.dumps(facts).encode() + b"\n"


def _entry() -> np.dtype:
    # Void, because NumPy cuts the zeros off the end of what it takes for text.
    return np.dtype([("key", f"V{KEY_BYTES}"), ("check", "<u4")])


def _parse(path: Path) -> Segment:
    """Return the segment of a file of keys; ValueError and the like where it is none."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if file.readline(_LONGEST_HEADER) != _MAGIC:
            raise _OlderVersion
        facts: dict[str, Any] = json.loads(file.readline(_LONGEST_HEADER))
        count, shape, dtype = int(facts["rows"]), tuple(int(n) for n in facts["shape"]), np.dtype(str(facts["dtype"]))
        start = file.tell()
        whole = size == start + count * _entry().itemsize + _CHECK_BYTES
        # Before anything large is read or reserved.
        if not (whole and 0 < count <= _MOST_ROWS and dtype.kind in "fiub" and min(shape, default=1) > 0):
            raise ValueError("not what was written")
        file.seek(0)
        found = file.read(size)
    if zlib.crc32(found[:-_CHECK_BYTES]).to_bytes(_CHECK_BYTES, "little") != found[-_CHECK_BYTES:]:
        raise ValueError("damaged")
    table = np.frombuffer(found, _entry(), count, start)
    rows = rows_of(path)
    # A file of rows is there before its keys and goes after them: one that is missing is damage.
    if not rows.exists() or rows.lstat().st_size != len(_NUMBERS) + count * math.prod(shape) * dtype.itemsize:
        raise ValueError("the rows are not as many as the keys")
    return Segment(path, table["key"].tolist(), table["check"], shape, dtype)


class _OlderVersion(Exception):
    """A segment that was written otherwise: its rows are computed again without a word."""


def _say_damaged(path: Path) -> None:
    warnings.warn(texts.CACHE_DAMAGED.format(path=path), PunarWarning, stacklevel=3)


def _begins_as_ours(path: Path) -> bool:
    try:
        with open_plain(path) as file:
            start = file.read(len(_NUMBERS))
    except OSError:
        return False
    wanted = _NUMBERS if ".rows" in path.suffixes else _MAGIC
    if path.suffix == ".new" and wanted.startswith(start):  # cut off while it was written
        return True
    return sum(one == other for one, other in zip(start, wanted, strict=False)) >= _ALIKE


def _read_at(handle: int, count: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, count, offset)
    with _seek_and_read:  # Windows: threads share the place in the file
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, count)


def _write(path: Path, *parts: bytes | memoryview) -> None:
    temporary = Path(f"{path}.new")
    with open(temporary, "xb") as file:
        for part in parts:
            file.write(part)
    os.replace(temporary, path)
