"""Settings of the whole process that a fit needs otherwise, while fits run side by side in threads.

Each is changed by whoever comes first and put back by whoever leaves last: if every fit put back what it found, the
second would put back what the first had set. A forked child has none of its parent's threads, and neither are those of
OpenMP there: an operation that waits for them would wait for good, so that the child works in one thread.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from threadpoolctl import ThreadpoolController

_lock = threading.RLock()
_forked = False


class Held:
    """A setting of the process that is changed while anybody is inside :meth:`held`.

    Parameters
    ----------
    change : callable
        ``change()`` makes the change and returns a function that takes it back.
    """

    def __init__(self, change: Callable[[], Callable[[], object]]) -> None:
        self._change = change
        self.forget()

    def forget(self) -> None:
        """Take nobody to be inside: a child has none of these threads."""
        self._count = 0
        self._back: Callable[[], object] | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the change in the block, whoever else leaves meanwhile."""
        with _lock:
            if not self._count:
                self._back = self._change()
            self._count += 1
        try:
            yield
        finally:
            with _lock:
                self._count = max(0, self._count - 1)
                if not self._count and self._back is not None:
                    back, self._back = self._back, None
                    back()


def _float32() -> Callable[[], object]:
    before = torch.get_default_dtype()
    if before == torch.float32:
        return lambda: None
    torch.set_default_dtype(torch.float32)
    return lambda: torch.set_default_dtype(before)


def _one_blas_thread() -> Callable[[], object]:
    return _pools().limit(limits=1, user_api="blas").restore_original_limits


@functools.cache
def _pools() -> ThreadpoolController:
    """Return the controller of the BLAS libraries, found once: the search takes longer than a small PCA."""
    import scipy.linalg  # noqa: F401 (it has a library of its own, which is found only once it is loaded)

    return ThreadpoolController()


_DTYPE, _BLAS = Held(_float32), Held(_one_blas_thread)


def default_float32() -> contextlib.AbstractContextManager[None]:
    """Return a context in which torch's default type is float32."""
    return _DTYPE.held()


def one_blas_thread() -> contextlib.AbstractContextManager[None]:
    """Return a context in which NumPy's products take one thread.

    The count belongs to the process: products that two threads computed may differ in the last bit from those of one.
    """
    return _BLAS.held()


# -- torch's threads --------------------------------------------------------------------------------------------------


class _Here(threading.local):
    """How many blocks of :func:`threads` this thread is in."""

    depth = 0


@dataclass
class _Blocks:
    """The blocks of all threads: how many threads are in one, torch's number before the first, and the last one set."""

    active: int = 0
    usual: int = 1
    told: int = 0


_here, _blocks = _Here(), _Blocks()


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Run the block with ``count`` torch threads and put the caller's number back; in a forked child with one."""
    before = _entered()
    wanted = 1 if _forked else count
    if wanted != torch.get_num_threads():
        _blocks.told = wanted
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
        with _lock:
            _here.depth -= 1
            _blocks.active -= not _here.depth


def _entered() -> int:
    """Count a block, and return the number to put back.

    torch has a number for each thread, and one for threads that begin, which every change sets as well: a thread that
    begins in the middle of another's block has taken that block's number for its own.
    """
    own = torch.get_num_threads()
    with _lock:
        _here.depth += 1
        if _here.depth > 1:
            return own
        if not _blocks.active:
            _blocks.usual = own
        _blocks.active += 1
        return _blocks.usual if _blocks.active > 1 and own == _blocks.told else own


def _after_fork() -> None:
    global _lock, _forked
    _lock, _forked = threading.RLock(), True
    _here.depth, _blocks.active = 0, 0
    for setting in (_DTYPE, _BLAS):
        setting.forget()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
