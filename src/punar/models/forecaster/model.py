"""What a fitted forecaster is: windows to quantiles of what follows, and windows as the loop takes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.baselines.linear_autoregression import LinearAutoregression
from punar.core.runtime import moved
from punar.data.clock import Clock
from punar.data.panel import Panel
from punar.data.windows import Windows
from punar.models.recurrent.module import SequenceModule
from punar.models.recurrent.rows import Mini, rows_per_pass
from punar.preparations.histories import Histories
from punar.tasks.forecasting import Forecasting

RELATIVE_TO = ("linear", "naive")
CALIBRATED = ("split", "pooled")


@dataclass
class Tail:
    """What :meth:`predict` needs of the series that were fitted on: their ends.

    Attributes
    ----------
    items : list of ndarray of shape (t_i, channels)
        The last steps, as many as the context or a season.
    scale : ndarray of shape (series, channels)
        Of the whole series; see :func:`punar.data.windows.spread`.
    single, flat : bool
    ids : list or None
    clocks : list of (Clock or None) or None
    """

    items: list[np.ndarray]
    scale: np.ndarray
    single: bool
    flat: bool
    ids: list[Any] | None
    clocks: list[Clock | None] | None

    @classmethod
    def of(cls, panel: Panel, histories: Histories, steps: int) -> Tail:
        """Return the last ``steps`` of each series, and where values are missing what they are filled with."""
        every = replace(histories, aimed=(), known_ahead=(), one=False).windows(panel.items, 1, 1)
        scale = every.scale(torch.arange(len(panel)))[:, 0].numpy()
        return cls([_end(x, steps) for x in panel.items], scale, panel.single, panel.flat, panel.ids, panel.clocks)


def _end(values: np.ndarray, steps: int) -> np.ndarray:
    start = max(0, len(values) - steps)
    if np.isnan(values[start]).any():
        # A gap takes the value before it, however long ago that was.
        known = ~np.isnan(values[: start + 1])
        last = np.where(known.any(0), start - known[::-1].argmax(0), start)
        start = int(last.min())
    return values[start:]


@dataclass
class Forecaster:
    """A network on top of a forecast that needs none.

    Attributes
    ----------
    module : SequenceModule
    histories : Histories
    task : Forecasting
    season : int
        1 is none.
    relative_to : {"linear", "naive"}
        What the network's outputs are added to.
    linear : LinearAutoregression
        Also where ``relative_to`` is "naive": the report and back-tests compare with it.
    tail : Tail
    calibration : ndarray of shape (windows, horizon, channels, levels), float32
        What followed held-out windows minus its forecast quantiles, in the scale of the series.
    calibrated : {"split", "pooled"}
        How intervals follow from that: step by step (older models), or from the errors of all steps.
    lower, upper : float or None
        What answers are clipped to, in the user's units.
    held_out : list of int
        How many windows at the end of each series were not trained on.
    panel : Panel or None
        The series that were fitted on; not stored.
    """

    module: SequenceModule
    histories: Histories
    task: Forecasting
    season: int
    relative_to: str
    linear: LinearAutoregression
    tail: Tail
    calibration: np.ndarray
    held_out: list[int] = field(default_factory=list)
    panel: Panel | None = None
    calibrated: str = "split"
    lower: float | None = None
    upper: float | None = None

    @property
    def horizon(self) -> int:
        """Steps that are forecast."""
        return int(self.task.horizon or 0)

    def base(self, windows: Windows, index: Tensor) -> Tensor:
        """Return what the network adds to, relative to the last value, float64 (n, horizon, channels)."""
        return base(self.relative_to, self.linear, windows, index)

    @torch.no_grad()
    def quantiles(self, windows: Windows, device: torch.device) -> Tensor:
        """Return forecasts of every window relative to its last value, float64 (n, horizon, channels, levels)."""
        module = moved(self.module, device).eval()
        every, found = torch.arange(len(windows)), []
        for some in every.split(rows_per_pass(windows.context, module.stack.output_width)):
            batch = batch_of(self.histories, windows, some, device)
            added = self.task.quantiles_of(module(batch).float().cpu())
            found.append(self.base(windows, some).unsqueeze(3) + added)
        return torch.cat(found)

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """Return answers in the user's units, none of them beyond the bounds."""
        if self.lower is None and self.upper is None:
            return values
        found: np.ndarray = np.clip(values, self.lower, self.upper)
        return found

    @property
    def median(self) -> int:
        """Where the median is among the levels."""
        return self.task.levels.index(0.5)


def base(relative_to: str, linear: LinearAutoregression, windows: Windows, index: Tensor) -> Tensor:
    """Return the forecast that a network's outputs are added to, relative to the last value."""
    return linear(windows, index) if relative_to == "linear" else windows.naive(index)


def batch_of(histories: Histories, windows: Windows, index: Tensor, device: torch.device) -> dict[str, Tensor]:
    """Return windows as a batch for the network."""
    lengths = torch.full((len(index),), windows.context, dtype=torch.int64, device=device)
    batch = {"values": histories.steps(windows, index).to(device), "lengths": lengths}
    if histories.known_ahead:
        batch["ahead"] = windows.ahead(index).float().to(device)
    return batch


class ForecastRows:
    """Windows with what follows them, cut batch by batch.

    Parameters
    ----------
    windows : Windows
    histories : Histories
    task : Forecasting
        It has learned the size of targets.
    relative_to, linear
        See :class:`Forecaster`.
    device : torch.device
    """

    def __init__(
        self,
        windows: Windows,
        histories: Histories,
        task: Forecasting,
        relative_to: str,
        linear: LinearAutoregression,
        device: torch.device,
    ) -> None:
        self._windows, self._histories, self._task = windows, histories, task
        self._relative_to, self._linear, self._device = relative_to, linear, device
        self.lengths = torch.full((len(windows),), windows.context, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._windows)

    def take(self, index: Tensor) -> Mini:
        """Return the windows at ``index`` as one batch on the device."""
        index = index.cpu()
        target = self._windows.future(index) - base(self._relative_to, self._linear, self._windows, index)
        batch = batch_of(self._histories, self._windows, index, self._device)
        return Mini(batch, {"y": self._task.encoded(target).to(self._device)}, None, len(index))
