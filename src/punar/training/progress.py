"""Progress with time left: a live bar on a terminal, plain lines in a log, nothing when not asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from punar.texts import fit as texts

_SECONDS_BETWEEN_LINES = 5.0


def span(seconds: float) -> str:
    """Return seconds as minutes and seconds, such as ``2:05``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


class Progress:
    """Shows epoch, named losses and time left.

    Parameters
    ----------
    epochs : int
    verbose : int
        0 shows nothing.
    """

    def __init__(self, epochs: int, verbose: int) -> None:
        self._epochs = epochs
        self._on = verbose > 0
        self._started = time.perf_counter()
        self._start_share = 0.0
        self._last = 0.0
        self._bar: Any = None
        if self._on and sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TextColumn("{task.fields[losses]}"),
                progress.TextColumn("{task.fields[left]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("epoch 0", total=1.0, losses="", left="")
            self._bar.start()

    def begin(self, share: float) -> None:
        """Say which share was done before this process, so that time left counts only the rest."""
        self._start_share = share

    def note(self, message: str) -> None:
        """Print one line of its own."""
        if self._on:
            print(message, file=sys.stderr) if self._bar is None else self._bar.console.print(message)

    def update(self, share: float, epoch: int, entry: Mapping[str, float]) -> None:
        """Show that ``share`` of the planned training is done."""
        if not self._on:
            return
        now = time.perf_counter()
        last_line = share >= 1.0
        if self._bar is None and not last_line and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        done = share - self._start_share
        left = span((now - self._started) / done * (1.0 - share)) if done > 0 else "?"
        losses = "  ".join(f"{k} {v:.4g}" for k, v in entry.items())
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=share,
                description=f"epoch {epoch}/{self._epochs}",
                losses=losses,
                left=f"{left} left",
            )
        else:
            line = texts.PROGRESS_LINE.format(epoch=epoch, epochs=self._epochs, losses=losses, left=left)
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
