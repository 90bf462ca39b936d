"""Computed rows on disk: bounded, memory-mapped, safe with several writers and with being killed at any moment.

One folder per kind of row (a *space*: same network, boundary, preprocessing, shape). A space holds segments; a segment
is two files, ``<name>.rows`` (the numbers) and ``<name>.keys`` (16 bytes per row, a hash of the item's content), each
written under a temporary name and renamed. Writers never touch each other's segments, so there are no locks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from punar.core.files import remove
from punar.errors import ParameterError, ParameterTypeError, shown

KEY_BYTES = 16
_LIMIT = 10 * 2**30
_UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_STALE_SECONDS = 3600


def default_folder() -> Path:
    """Return where features are kept: ``PUNAR_CACHE_DIR``, else the user's cache folder."""
    if os.environ.get("PUNAR_CACHE_DIR"):
        return Path(os.environ["PUNAR_CACHE_DIR"]).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return Path(home).expanduser() / "punar"


def limit_bytes() -> int:
    """Return how large the cache may grow: ``PUNAR_CACHE_LIMIT`` such as ``"5GB"``, by default 10 GB.

    Raises
    ------
    ParameterError
        The variable is not a size.
    """
    text = os.environ.get("PUNAR_CACHE_LIMIT", "").strip().upper()
    if not text:
        return _LIMIT
    unit = next((u for u in _UNITS if text.endswith(u)), "")
    try:
        size = int(float(text.removesuffix(unit)) * _UNITS.get(unit, 1))
    except (ValueError, OverflowError):
        size = -1
    if size < 0:
        raise ParameterError(f"PUNAR_CACHE_LIMIT must be a size such as '5GB' or '500MB', got {shown(text)}.")
    return size


class Cache:
    """All that is remembered on this machine.

    Parameters
    ----------
    folder : path or None
        None takes :func:`default_folder`.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = (default_folder() if folder is None else Path(folder).expanduser()) / "features"

    def space(self, key: str, shape: tuple[int, ...], dtype: np.dtype) -> Space:
        """Return the rows of one kind; nothing is made on disk before something is added."""
        return Space(self, self.folder / key, shape, dtype)

    def size(self) -> int:
        """Return the bytes in use."""
        return sum(size for _, size, _ in self._segments())

    def clear(self) -> int:
        """Delete everything and return the bytes that were freed."""
        freed = self.size()
        remove(self.folder)
        return freed

    def trim(self, keep: Sequence[Path] = ()) -> None:
        """Delete the segments that were unused longest until the limit holds; ``keep`` is spared."""
        segments = sorted(self._segments(), key=lambda s: s[2])
        total, limit = sum(size for _, size, _ in segments), limit_bytes()
        for path, size, _ in segments:
            if total <= limit:
                return
            if path not in keep:
                _delete(path)
                total -= size

    def _segments(self) -> list[tuple[Path, int, float]]:
        found = []
        with contextlib.suppress(OSError):
            for keys in self.folder.glob("*/*.keys"):
                # Another process may delete it at this moment.
                with contextlib.suppress(OSError):
                    stat, rows = keys.stat(), keys.with_suffix(".rows").stat()
                    found.append((keys, stat.st_size + rows.st_size, stat.st_mtime))
        return found


class Space:
    """Rows of one shape and type, found by the hash of the item that they were computed from."""

    def __init__(self, cache: Cache, folder: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._cache, self._folder, self.shape, self.dtype = cache, folder, shape, np.dtype(dtype)
        self._row_bytes = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
        self._where: dict[bytes, tuple[int, int]] = {}
        self._rows: list[np.ndarray] = []
        self._mine: list[Path] = []
        self._full = False
        self._read()

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def row(self, key: bytes) -> np.ndarray:
        """Return one row, memory-mapped and read-only."""
        segment, at = self._where[key]
        row: np.ndarray = self._rows[segment][at]
        return row

    def add(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        """Write rows as a new segment; they are in the space in any case, even where the disk refuses.

        Parameters
        ----------
        keys : sequence of bytes
            16 bytes each.
        rows : ndarray of shape (n, *shape)
        """
        rows = np.ascontiguousarray(rows, dtype=self.dtype)
        self._remember(keys, self._store(keys, rows))

    def _store(self, keys: Sequence[bytes], rows: np.ndarray) -> np.ndarray:
        # What does not fit must not push out what was computed a moment ago.
        needed = sum(r.nbytes + KEY_BYTES * len(r) for r in (*self._rows, rows))
        if self._full or needed > limit_bytes():
            self._full = True
            return rows
        name = f"{int(time.time()):x}-{secrets.token_hex(6)}"
        paths = [self._folder / f"{name}{suffix}" for suffix in (".rows", ".keys")]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Rows first: a segment exists once its keys do.
            _write(paths[0], rows)
            _write(paths[1], np.frombuffer(b"".join(keys), dtype=np.uint8))
            mapped: np.ndarray = np.memmap(paths[0], dtype=self.dtype, mode="r", shape=rows.shape)
        except (OSError, ValueError):
            # A full or read-only disk costs speed, never the job.
            self._full = True
            for path in paths:
                with contextlib.suppress(OSError):
                    path.unlink()
            return rows
        self._mine.append(paths[1])
        self._cache.trim(keep=self._mine)
        return mapped

    def _remember(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        self._rows.append(rows)
        self._where |= {key: (len(self._rows) - 1, i) for i, key in enumerate(keys)}

    def _read(self) -> None:
        if not self._folder.is_dir():
            return
        for keys in sorted(self._folder.glob("*.keys")):
            try:
                found = keys.read_bytes()
                rows, count = keys.with_suffix(".rows"), len(found) // KEY_BYTES
                whole = len(found) % KEY_BYTES == 0 and rows.stat().st_size == count * self._row_bytes
                if not whole or not count:
                    _delete(keys)
                    continue
                os.utime(keys)  # used now: the last to go
                mapped: np.ndarray = np.memmap(rows, dtype=self.dtype, mode="r", shape=(count, *self.shape))
            except (OSError, ValueError):  # deleted by another process's trim
                continue
            self._remember([found[i : i + KEY_BYTES] for i in range(0, len(found), KEY_BYTES)], mapped)
        for path in self._folder.glob("*.new"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def check(cache: object, where: str) -> Cache | None:
    """Return the cache that an estimator's ``cache=True | False | folder`` stands for.

    Raises
    ------
    ParameterTypeError
        It is none of these.
    """
    if cache is True:
        return Cache()
    if cache is False or cache is None:
        return None
    if isinstance(cache, (str, os.PathLike)) and os.fspath(cache):
        return Cache(os.fspath(cache))
    raise ParameterTypeError(f"{where}: cache must be True, False or a folder, got {shown(cache)}.")


def _write(path: Path, values: np.ndarray) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with open(temporary, "xb") as file:
        file.write(np.ascontiguousarray(values).data)
    os.replace(temporary, path)


def _delete(keys: Path) -> None:
    for path in (keys, keys.with_suffix(".rows")):
        with contextlib.suppress(OSError):
            path.unlink()
