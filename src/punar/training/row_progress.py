"""How many rows are computed, and the time left."""

from __future__ import annotations

import sys
import time

from punar.texts import fit as texts
from punar.training.progress import span

_SECONDS_BETWEEN_LINES = 5.0
_QUIET_SECONDS = 2.0  # what is done sooner is not worth a line


class RowProgress:
    """Prints rows done and time left: one changing line on a terminal, plain lines in a log.

    Parameters
    ----------
    what : str
        What is being done, for the beginning of the line.
    verbose : int
        0 shows nothing.

    Examples
    --------
    >>> with RowProgress("features", 0) as count:
    ...     count(10, 100)
    """

    def __init__(self, what: str, verbose: int) -> None:
        self._what, self._on = what, verbose > 0
        self._live = self._on and sys.stderr.isatty()
        self._started = self._last = time.perf_counter()
        self._shown = False

    def __enter__(self) -> RowProgress:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` rows are there."""
        now = time.perf_counter()
        pause = 0.2 if self._live else _SECONDS_BETWEEN_LINES
        early = now - self._started < _QUIET_SECONDS or now - self._last < pause
        if not self._on or not done or (early and not (self._shown and done == total)):
            return
        self._last, self._shown = now, True
        left = span((now - self._started) / done * (total - done))
        line = texts.ROWS_LINE.format(what=self._what, done=done, total=total, left=left)
        print(f"\r\x1b[K{line}" if self._live else line, end="" if self._live else "\n", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._live and self._shown:
            print(file=sys.stderr, flush=True)
