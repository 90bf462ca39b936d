"""Files and folders that are either the old or the new one, whenever the process is killed.

A write goes to a hidden sibling, is flushed to the disk and then renamed. A folder cannot be renamed over a
full one: the two are exchanged in one step or, where the system cannot, the old folder steps aside first, and
:func:`present` finds it there if the process died in between. Hidden names are drawn anew for each write, so that
several processes may write one folder at once: the last one stands.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from punar.core.exchange import exchange

_NEW = ".punar-new-"
_OLD = ".punar-old"
_TRIES = 200  # of a rename, each lost to another writer of the same folder
_PAUSE = 0.0005  # seconds
# A live writer touches its file every few seconds; another process's unfinished write must not be swept away.
_STALE_SECONDS = 600


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> Path:
    """Write one file so that a reader sees the old content or the new, never a part.

    Parameters
    ----------
    path : path-like
        Its folder must exist. A symbolic link is replaced, not followed.
    data : bytes or str
        Text is encoded as UTF-8; what no text can hold, such as a file name that is not UTF-8, is escaped.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    OSError
        As from :func:`open`; nothing has changed then.
    """
    final = Path(path)
    clean_leftovers(final)
    temporary = _temporary(final)
    try:
        with open(temporary, "xb") as f:
            f.write(data.encode(errors="backslashreplace") if isinstance(data, str) else data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(final.parent)
    return final


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give an empty hidden sibling of ``final`` to fill; it takes the place of ``final`` on a clean exit.

    What stood at ``final`` is deleted afterwards: check first that it may be.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    clean_leftovers(final)
    temporary = _temporary(final)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_dir():
                continue
            with open(path, "rb+") as f:
                os.fsync(f.fileno())
        _sync_folder(temporary)
        replace_folder(temporary, final)
    except BaseException:
        _remove_quietly(temporary)
        raise


def replace_folder(new: Path, final: Path) -> None:
    """Rename the folder ``new`` to ``final``; a folder that stood there is deleted last.

    Both must lie in the same folder. Killed at any point, :func:`present` finds the old or the new one. Other
    processes may do the same at the same time.
    """
    for attempt in range(_TRIES):
        try:
            # First: what is missing is made, and an empty folder replaced, in one step too.
            os.rename(new, final)
        except OSError:
            if attempt == _TRIES - 1 or is_no_folder(final):
                raise
            if exchange(new, final):
                _sync_folder(final.parent)
                _remove_quietly(new)
                return
            _step_aside(final)
            # Each writer waits in a rhythm of its own, or two of them meet every time.
            time.sleep(_PAUSE * (1 + os.getpid() % 7) if attempt else 0)
        else:
            break
    _sync_folder(final.parent)
    for aside in _asides(final):
        if aside.name.startswith(_own_aside(final)):
            _remove_quietly(aside)


def present(final: Path) -> Path:
    """Return where the folder ``final`` is now: usually there, else where a killed writer had put it."""
    if os.path.lexists(final):
        return final
    # Reading never renames: the writer may be alive, between its two renames.
    asides = [path for path in _asides(final) if path.is_dir() and not path.is_symlink()]
    return max(asides, key=_last_renamed, default=final)


def under_way(final: Path) -> bool:
    """Return whether a write of ``final`` has not ended, or was killed, as the folders beside it tell."""
    return any(_beside(final, _NEW)) or any(_asides(final))


def is_no_folder(path: Path) -> bool:
    """Return whether something else stands there; asked once, for another writer may move it between two questions."""
    try:
        return not stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def remove(path: Path) -> None:
    """Delete a file, link or folder if it is there. Links are removed, never followed."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.exists():
        shutil.rmtree(path)


def clean_leftovers(final: Path) -> None:
    """Delete what writes of ``final`` that were killed long ago left behind."""
    left = [(path, _last_touched) for path in _beside(final, _NEW)]
    if os.path.lexists(final):  # else one of them may be all that there is
        left += [(path, _last_renamed) for path in _asides(final)]
    for path, seconds in left:
        # Another process may sweep or finish the same one at this moment.
        with contextlib.suppress(OSError):
            if time.time() - seconds(path) > _STALE_SECONDS:
                remove(path)


def _last_touched(path: Path) -> float:
    inside = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
    return max(p.lstat().st_mtime for p in (path, *inside))


def _last_renamed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:  # gone meanwhile
        return -1.0


def _temporary(final: Path) -> Path:
    return final.with_name(f".{final.name}{_NEW}{secrets.token_hex(4)}")


def _step_aside(final: Path) -> None:
    # Another writer may move the same folder at this moment; the next attempt sees what stands then.
    with contextlib.suppress(OSError):
        os.rename(final, final.with_name(f"{_own_aside(final)}{secrets.token_hex(4)}"))


def _own_aside(final: Path) -> str:
    return f".{final.name}{_OLD}-{os.getpid()}-{threading.get_ident()}-"


def _asides(final: Path) -> list[Path]:
    """Return folders that stepped aside, by the names that any version of punar gave them."""
    return _beside(final, _OLD)


def _beside(final: Path, what: str) -> list[Path]:
    prefix = f".{final.name}{what}"
    try:
        return [final.parent / name for name in os.listdir(final.parent) if name.startswith(prefix)]
    except OSError:
        return []


def _remove_quietly(path: Path) -> None:
    # What was to be written stands. What cannot be deleted is swept by a later write.
    with contextlib.suppress(OSError):
        remove(path)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; there the rename itself is as durable as it gets.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
