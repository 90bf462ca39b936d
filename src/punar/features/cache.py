"""Computed rows on disk: bounded, checked when read, safe with several writers and with being killed at any moment.

One folder per kind of row (a *space*: same network, boundary, preprocessing). A space holds segments, each two files
that are written under a temporary name, renamed and never changed; see :mod:`punar.features.segment`. Writers never
touch each other's segments, so there are no locks.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from punar.errors import ParameterError, ParameterTypeError, shown
from punar.features import segment as segments
from punar.features.segment import Segment, Stored

_LIMIT = 10 * 2**30
_UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def default_folder() -> Path:
    """Return where features are kept: ``PUNAR_CACHE_DIR``, else the user's cache folder.

    Raises
    ------
    ParameterError
        It cannot be a folder.
    """
    if own := os.environ.get("PUNAR_CACHE_DIR"):
        return expanded(own, "PUNAR_CACHE_DIR")
    name = next((n for n in ("XDG_CACHE_HOME", "LOCALAPPDATA") if os.environ.get(n)), "")
    return expanded(os.environ.get(name) or "~/.cache", name or "the user's cache folder") / "punar"


def expanded(folder: str, what: str) -> Path:
    """Return a folder with its ``~`` or ``~user`` in full.

    Raises
    ------
    ParameterError
        There is no such user, or no file system has such a name.
    """
    path = os.path.expanduser(folder)
    if folder.startswith("~") and path == folder:
        raise ParameterError(
            f"{what} must be a folder, got {shown(folder)}: there is no user of this name. Pass a full path "
            "(PUNAR_CACHE_DIR=/path/to/cache sets it everywhere)."
        )
    try:
        if os.path.lexists(path) and not os.path.isdir(path):
            raise ParameterError(f"{what} must be a folder, got {shown(folder)}, which is something else.")
        os.stat(os.path.join(path, "features"))
    except (FileNotFoundError, PermissionError):
        pass  # made where it is missing; what cannot be written costs speed only
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(f"{what} must be a folder, got {shown(folder)}: {reason}.") from None
    return Path(path)


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
        self.folder = (default_folder() if folder is None else expanded(os.fspath(folder), "cache")) / "features"

    def space(self, key: str) -> Space:
        """Return the rows of one kind; nothing is made on disk before something is added."""
        return Space(self, self.folder / key)

    def size(self) -> int:
        """Return the bytes in use."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> int:
        """Delete everything and return the bytes that were freed; files that are not the cache's own stay."""
        files = self._files()
        for path, _, _ in files:
            with contextlib.suppress(OSError):
                path.unlink()
        for folder in {path.parent for path, _, _ in files}:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return sum(size for _, size, _ in files)

    def trim(self, keep: Sequence[Path] = ()) -> None:
        """Delete the segments that were unused longest until the limit holds; those whose keys ``keep`` names stay."""
        found: dict[Path, tuple[int, float]] = {}
        for path, size, used in self._files():
            keys = path.parent / f"{path.name.partition('.')[0]}.keys"
            total, last = found.get(keys, (0, 0.0))
            found[keys] = total + size, max(last, used)
        total, limit = sum(size for size, _ in found.values()), limit_bytes()
        for keys, (size, _) in sorted(found.items(), key=lambda each: each[1][1]):
            if total <= limit:
                return
            if keys not in keep:
                segments.delete(keys)
                total -= size

    def _files(self) -> list[tuple[Path, int, float]]:
        """Return path, bytes and time of last use of the cache's own files."""
        found = []
        with contextlib.suppress(OSError):
            for folder in self.folder.iterdir():
                for path in segments.own_files(folder):
                    # Another process may delete it at this moment.
                    with contextlib.suppress(OSError):
                        facts = path.lstat()
                        found.append((path, facts.st_size, facts.st_mtime))
        return found


class Space:
    """Rows of one kind, found by the hash of the item that they were computed from; several threads may look."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        self._cache, self._folder = cache, folder
        self._where: dict[bytes, tuple[Segment | np.ndarray, int]] = {}
        self._used = 0
        self._mine: list[Path] = []
        self._full = False
        self._changing = threading.Lock()
        for each in segments.opened(folder):
            self._remember(each, each.keys, each.size)

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def row(self, key: bytes) -> np.ndarray | None:
        """Return a row, or None where there is none: a segment with a damaged row is dropped and deleted."""
        segment, at = self._where.get(key, (None, 0))
        if segment is None or isinstance(segment, np.ndarray):
            return None if segment is None else segment[at]
        row = segment.row(at)
        if row is None:
            self._drop(segment)
        return row

    def stored(self, key: bytes) -> Stored | None:
        """Return a row that is read when it is used; None where it does not lie on the disk."""
        segment, at = self._where.get(key, (None, 0))
        return Stored(segment, at) if isinstance(segment, Segment) else None

    def add(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        """Write rows as a new segment; they are in the space in any case, even where the disk refuses.

        Parameters
        ----------
        keys : sequence of bytes
            16 bytes each.
        rows : ndarray of shape (n, ...)
        """
        rows = np.ascontiguousarray(rows)
        size = segments.size_of(rows.shape, rows.dtype)
        self._remember(self._write(keys, rows, size), keys, size)

    def _write(self, keys: Sequence[bytes], rows: np.ndarray, size: int) -> Segment | np.ndarray:
        if self._full or not rows.size:
            return rows
        try:
            # What does not fit must not push out what was computed a moment ago, nor a disk that refuses stop the job.
            self._full = self._used + size > limit_bytes()
            written = rows if self._full else segments.write(self._folder, keys, rows)
        except OSError:
            self._full = True
            return rows
        if isinstance(written, Segment):
            self._mine.append(written.path)
        self._cache.trim(keep=self._mine)
        return written

    def _remember(self, segment: Segment | np.ndarray, keys: Sequence[bytes], size: int) -> None:
        with self._changing:
            self._used += size
            self._where.update((key, (segment, at)) for at, key in enumerate(keys))

    def _drop(self, segment: Segment) -> None:
        segment.delete()
        with self._changing:
            self._used -= segment.size
            self._where = {key: found for key, found in self._where.items() if found[0] is not segment}


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
    if isinstance(cache, (str, os.PathLike)) and isinstance(os.fspath(cache), str) and os.fspath(cache).strip():
        return Cache(os.fspath(cache))
    raise ParameterTypeError(f"{where}: cache must be True, False or a folder, got {shown(cache)}.")
