"""A learning-rate range test: a short training whose rate rises from step to step, watched by whoever asked for it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

_SMOOTHING = 0.9  # of the losses: a batch of few rows jumps
_DIVERGED = 4.0  # times the lowest loss


@dataclass
class Sweep:
    """Rates that rise in equal factors, and the loss at each.

    Attributes
    ----------
    low, high : float
        First and last rate.
    steps : int
    rates, losses : list of float
        What was run: the losses of single batches.
    """

    low: float
    high: float
    steps: int
    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The rate of the next step."""
        share = min(1.0, len(self.rates) / max(1, self.steps - 1))
        return float(self.low * (self.high / self.low) ** share)

    @property
    def over(self) -> bool:
        """Whether all rates were run, or the loss has left for good."""
        if len(self.losses) >= self.steps:
            return True
        found = self.smoothed
        return bool(found) and (not math.isfinite(found[-1]) or found[-1] > _DIVERGED * abs(min(found)))

    @property
    def smoothed(self) -> list[float]:
        """Exponential means of the losses, without the bias of the first ones."""
        mean, found = 0.0, []
        for number, loss in enumerate(self.losses, 1):
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
            found.append(mean / (1 - _SMOOTHING**number))
        return found

    def saw(self, loss: float) -> None:
        """Take the loss of the step that was run at :attr:`rate`."""
        self.rates.append(self.rate)
        self.losses.append(loss)


_SWEEP: ContextVar[Sweep | None] = ContextVar("punar_sweep", default=None)


@contextlib.contextmanager
def sweeping(sweep: Sweep) -> Iterator[None]:
    """Have the loop that is run inside the block follow a sweep, and end with it."""
    token = _SWEEP.set(sweep)
    try:
        yield
    finally:
        _SWEEP.reset(token)


def current() -> Sweep | None:
    """Return the sweep that is asked for, or None."""
    return _SWEEP.get()
