"""Files opened for reading only if they are regular: a link leads elsewhere, a pipe never ends."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe"}


class NotPlainError(OSError):
    """A path is a link, pipe, folder, device or socket.

    Attributes
    ----------
    found : str
        What it is.
    """

    def __init__(self, path: object, mode: int) -> None:
        self.found = _KINDS.get(stat.S_IFMT(mode), "a device or socket")
        super().__init__(errno.EINVAL, f"must be a plain file, found {self.found}", str(path))


def open_plain(path: str | os.PathLike[str], folder: int | None = None) -> BinaryIO:
    """Open a regular file for reading, and never wait for it.

    Parameters
    ----------
    path : path-like
    folder : int, optional
        Descriptor of the open folder in which ``path`` is a name.

    Raises
    ------
    NotPlainError
        It is something else.
    OSError
        As from :func:`os.open`.
    """
    mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode):
        raise NotPlainError(path, mode)
    # Between the two calls the file may have been swapped for a link or a pipe.
    flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    try:
        handle = os.open(path, os.O_RDONLY | flags, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPlainError(path, stat.S_IFLNK) from None
        raise
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise NotPlainError(path, mode)
    return open(handle, "rb")


class OpenFolder:
    """A folder whose files are opened through it: all of them belong to what stood under its name at one moment.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        As from :func:`os.open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        if os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd:
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def open(self, name: str) -> BinaryIO:
        """Open one of its files; see :func:`open_plain`."""
        return open_plain(self.path / name) if self._handle is None else open_plain(name, self._handle)
