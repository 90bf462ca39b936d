"""Text files as they are, or packed by gzip: opened as bytes, and sized up before they are read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from punar.errors import DataError
from punar.sources._memory import available_bytes, check_room

_PACKED = ".gz"
_STEP = 1 << 20


def plain_name(path: Path) -> Path:
    """Return the path without .gz: the name of the file that is packed.

    >>> plain_name(Path("sales.csv.gz")).name, plain_name(Path("sales.csv")).name
    ('sales.csv', 'sales.csv')
    """
    return path.with_suffix("") if path.suffix.lower() == _PACKED else path


def is_packed(path: Path) -> bool:
    """Return whether the name says that gzip packed the file."""
    return path.suffix.lower() == _PACKED


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Give the content of a file, unpacked where gzip packed it.

    Raises
    ------
    DataError
        It is no gzip file, cut off or damaged.
    """
    if not is_packed(path):
        with path.open("rb") as file:
            yield file
        return
    try:
        with gzip.open(path, "rb") as unpacked:
            yield unpacked  # type: ignore[misc]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: it cannot be unpacked ({error}); it is no gzip file, or cut off.") from None


def check_size(path: Path, times: int, advice: str) -> None:
    """Raise where ``times`` the content of a file are more than this machine has left.

    A packed file is unpacked for it, piece by piece, and no further than there is room: a few kilobytes may hold
    gigabytes, and what its last bytes say of its length may be false.
    """
    if not is_packed(path):
        check_room(times * path.stat().st_size, str(path), advice)
        return
    room = available_bytes()
    size = 0
    with open_bytes(path) as file:
        while part := file.read(_STEP):
            size += len(part)
            if room is not None and times * size > room:
                check_room(times * size, str(path), advice)
                return
