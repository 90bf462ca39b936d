"""Two names swapped in one step, where the system can: a folder is then never missing while it is replaced."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two files or folders of one file system in one step; return whether it was done.

    False where one is missing, or system or file system cannot: nothing has changed then.

    References
    ----------
    Linux man-pages: renameat2(2), RENAME_EXCHANGE.
    """
    call = _renameat2()
    if call is None:
        return False
    return call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        call = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # older C libraries
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    call.restype = ctypes.c_int
    found: Callable[..., int] = call
    return found
