"""Progress of a comparison with time left: a live line on a terminal, plain lines in a log, on stderr."""

from __future__ import annotations

import sys
import time
from typing import Any

from punar.texts import compare as texts

_SECONDS_BETWEEN_LINES = 5.0


def in_words(seconds: float) -> str:
    """Return a span such as ``4.2 s``, ``38 s`` or ``2 min 5 s``.

    >>> in_words(4.21), in_words(38.4), in_words(125)
    ('4.2 s', '38 s', '2 min 5 s')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def say(line: str, verbose: int) -> None:
    """Print a line on stderr, unless ``verbose`` is 0."""
    if verbose > 0:
        print(line, file=sys.stderr, flush=True)


class Progress:
    """Counts steps of one fold and one candidate each.

    Parameters
    ----------
    folds : int
    names : list of str
        Candidates of every fold.
    verbose : int
        0 shows nothing.
    """

    def __init__(self, folds: int, names: list[str], verbose: int) -> None:
        self._folds, self._names = folds, list(names)
        self._on = verbose > 0
        self._started = self._last = time.perf_counter()
        self._spent: dict[str, list[float]] = {name: [] for name in names}
        self._done = 0
        self._bar: Any = None
        if self._on and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            words = (TextColumn(f"{{task.{key}}}", markup=False) for key in ("description", "fields[left]"))
            columns = (next(words), BarColumn(), *words)
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=folds * len(names), left="")
            self._bar.start()

    def start(self, fold: int, name: str) -> None:
        """Show what is running now."""
        if self._bar is not None:
            what = texts.PROGRESS_STEP.format(fold=fold + 1, folds=self._folds, name=name)
            self._bar.update(self._task, description=what, left=self._left())

    def end(self, fold: int, name: str, seconds: float) -> None:
        """Count one step."""
        self._done += 1
        self._spent[name].append(seconds)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, left=self._left())
            return
        now, total = time.perf_counter(), self._folds * len(self._names)
        if self._on and (now - self._last > _SECONDS_BETWEEN_LINES or self._done == total):
            self._last = now
            what = texts.PROGRESS_STEP.format(fold=fold + 1, folds=self._folds, name=name)
            left = f", {self._left()}" if self._left() else ""
            line = texts.PROGRESS_LINE.format(
                done=self._done, total=total, what=what, seconds=in_words(now - self._started), left=left
            )
            say(line, 1)

    def _left(self) -> str:
        """Say the time left, from each candidate's own mean; nothing before all of them ran once."""
        if not all(self._spent.values()):
            return ""
        left = sum((self._folds - len(s)) * sum(s) / len(s) for s in self._spent.values())
        return texts.PROGRESS_LEFT.format(left=in_words(left)) if left > 0 else ""

    def close(self) -> None:
        """Take the live line off the terminal."""
        if self._bar is not None:
            self._bar.stop()
