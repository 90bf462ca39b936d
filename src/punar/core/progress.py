"""Progress with time left: a live line on a terminal, plain lines in a log, on stderr, and nothing when not asked."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from punar.texts import progress as texts

_SECONDS_BETWEEN_LINES = 5.0
_QUIET_SECONDS = 2.0  # rows that are done sooner are not worth a line


def in_words(seconds: float) -> str:
    """Return a span of time in words.

    >>> in_words(4.21), in_words(38.4), in_words(125), in_words(7384)
    ('4.2 s', '38 s', '2 min 5 s', '2 h 3 min')
    """
    if seconds < 9.95:
        return texts.SECONDS.format(seconds=max(0.0, seconds))
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return texts.HOURS.format(hours=minutes // 60, minutes=minutes % 60)
    return texts.MINUTES.format(minutes=minutes, seconds=rest) if minutes else texts.WHOLE_SECONDS.format(seconds=rest)


class Progress:
    """Shows which share of a job is done, and the time left.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    quiet : float, default=0.0
        Seconds for which nothing is shown; what is done by then shows nothing at all.
    clock : callable, default=time.perf_counter
        Returns seconds.

    Examples
    --------
    >>> with Progress(verbose=0) as progress:
    ...     progress.show(0.5, "half of it")
    """

    def __init__(self, verbose: int, *, quiet: float = 0.0, clock: Callable[[], float] = time.perf_counter) -> None:
        self._on, self._quiet, self._clock = verbose > 0, quiet, clock
        self._started = clock()
        self._before = 0.0  # the share that was done when counting began
        self._last: float | None = None
        self._live = self._on and sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def seconds(self) -> float:
        """Seconds since the job began."""
        return self._clock() - self._started

    def begin(self, share: float, what: str = "") -> None:
        """Count from now on, with ``share`` done already: time left is that of the rest."""
        self._started, self._before = self._clock(), share
        self.running(what, share)

    def running(self, what: str, share: float, left: float | None = None) -> None:
        """Show what runs now, on a terminal; a log has a line when it is done."""
        if self._live and self.seconds >= self._quiet:
            self._draw(what, share, left)

    def show(self, share: float, what: str, left: float | None = None) -> None:
        """Show that ``share`` of the job is done.

        In a log a line follows the last one after five seconds at the earliest, and the end of the job has its line.

        Parameters
        ----------
        share : float in [0, 1]
        what : str
            What to show, in one line.
        left : float, optional
            Seconds left, where the caller knows better than by what was done per second; 0 says nothing of them.
        """
        if not self._on or (self._last is None and self.seconds < self._quiet):
            return
        if left is None:
            done = share - self._before
            left = self.seconds / done * (1.0 - share) if done > 0 else 0.0
        if self._live:
            self._last = self._clock()
            self._draw(what, share, left)
        elif share >= 1.0 or self._last is None or self._clock() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = self._clock()
            said = _left(left)
            print(f"{what}, {said}" if said else what, file=sys.stderr, flush=True)

    def note(self, message: str) -> None:
        """Print one line of its own."""
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        elif self._on:
            print(message, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the live line off the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._live = False

    def _draw(self, what: str, share: float, left: float | None) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task(what, total=1.0, left="")
            self._bar.start()
        self._bar.update(self._task, completed=share, description=what, left=_left(left or 0.0))


def _left(seconds: float) -> str:
    return texts.LEFT.format(left=in_words(seconds)) if seconds > 0 else ""


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    what, left = (TextColumn(f"{{task.{key}}}", markup=False) for key in ("description", "fields[left]"))
    # What others print on stdout stays there: it may be a file.
    return Bar(what, BarColumn(), left, console=Console(stderr=True), transient=True, redirect_stdout=False)


@contextlib.contextmanager
def counting(
    what: str, verbose: int, *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many rows are done, and the time left; silent for the first two seconds.

    Parameters
    ----------
    what : str
        What is being done, for the beginning of the line.
    verbose : int
        0 shows nothing.
    clock : callable, default=time.perf_counter
        Returns seconds.

    Examples
    --------
    >>> with counting("features", 0) as count:
    ...     count(10, 100)
    """
    with Progress(verbose, quiet=_QUIET_SECONDS, clock=clock) as progress:

        def count(done: int, total: int) -> None:
            if done:
                progress.show(done / total, texts.ROWS.format(what=what, done=done, total=total))

        yield count
