"""How far around its forecasts a forecaster's intervals reach, and how they follow values that came after the fit."""

from __future__ import annotations

import math

import numpy as np
import torch

from punar.core import conformal, intervals
from punar.core.params import number
from punar.data.panel import Panel
from punar.models.forecaster.model import Forecaster, Tail

COVERAGE = number(0, 1, open_low=True, open_high=True)
# Of times after the fit, the last ones that ends follow.
_MOST = 1000


def ends(
    forecaster: Forecaster, values: np.ndarray, scale: np.ndarray, coverage: float, where: str, moved: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends, (n, horizon, channels).

    Parameters
    ----------
    forecaster : Forecaster
    values : ndarray of shape (n, horizon, channels, levels)
        Forecast quantiles.
    scale : ndarray of shape (n, 1, channels)
        Of the values' unit: 1 where they are relative.
    coverage : float in (0, 1)
    where : str
        For messages.
    moved : ndarray of shape (n, 2, channels) or None
        From :func:`moves`.

    Raises
    ------
    DataError
        Nothing was held out to calibrate on; of older models, too little for the coverage.
    """
    if forecaster.calibrated == "split":
        return _split(forecaster, values, scale, coverage, where)
    middle = values[..., forecaster.median]
    below, above = _sides(forecaster, values / scale[..., None], coverage, where)
    factor = np.ones((len(values), 2, values.shape[2])) if moved is None else np.exp(moved)
    low, high = middle - below * scale * factor[:, :1], middle + above * scale * factor[:, 1:]
    return forecaster.clipped(low), forecaster.clipped(high)


def moves(
    forecaster: Forecaster, panel: Panel, origins: list[np.ndarray], coverage: float, device: torch.device, where: str
) -> np.ndarray | None:
    """Return how far intervals have moved at each origin, as logarithms of factors, (origins, 2, channels).

    Where a series goes on from the end of one that was fitted on, its later values are set against the forecasts made
    before them, by origins that know no more than there was; see :func:`punar.core.intervals.followed`.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    origins : list of ndarray of int
        By series, positions of the last known step.
    coverage : float in (0, 1)
    device : torch.device
    where : str

    Returns
    -------
    ndarray or None
        None where no series goes on, or the model is an older one.
    """
    if forecaster.calibrated == "split":
        return None
    starts = known_steps(panel, forecaster.tail)
    parts = []
    for item, start, at in zip(panel.items, starts, origins, strict=True):
        found = np.zeros((len(at), 2, forecaster.histories.aims))
        if start is not None and at.max() >= start:
            path = _path(
                forecaster, item, max(start, int(at.max()) + 1 - _MOST), int(at.max()), coverage, device, where
            )
            new = at - (int(at.max()) + 1 - len(path))
            found[new >= 0] = path[new[new >= 0]]
        parts.append(found)
    moved = np.concatenate(parts)
    return moved if moved.any() else None


def known_steps(panel: Panel, tail: Tail) -> list[int | None]:
    """Return how many steps of each series were there at the fit; None where it is another series.

    A series is known again by its values: those at the end of what was fitted on.
    """
    found: list[int | None] = []
    for i, item in enumerate(panel.items):
        found.append(None if (j := _place(panel, tail, i)) is None else _end_of(tail.items[j], item))
    return found


def _place(panel: Panel, tail: Tail, i: int) -> int | None:
    """Return which of the fitted series the ``i``-th of a panel would be: by id, or by its place."""
    if panel.ids is not None and tail.ids is not None:
        return tail.ids.index(panel.ids[i]) if panel.ids[i] in tail.ids else None
    return i if len(panel) == len(tail.items) else None


def _end_of(end: np.ndarray, item: np.ndarray) -> int | None:
    for stop in range(len(item), len(end) - 1, -1):
        # The last step first: few places have it.
        same = np.array_equal(item[stop - 1], end[-1], equal_nan=True)
        if same and np.array_equal(item[stop - len(end) : stop], end, equal_nan=True):
            return stop
    return None


def _path(
    forecaster: Forecaster, item: np.ndarray, first: int, last: int, coverage: float, device: torch.device, where: str
) -> np.ndarray:
    """Return the moves after each of the times ``first`` to ``last`` of a series, (times, 2, channels)."""
    facts, horizon = forecaster.histories, forecaster.horizon
    origins = np.arange(max(facts.context - 1, first - horizon), last)
    times, channels = last - first + 1, facts.aims
    if not len(origins):
        return np.zeros((times, 2, channels))
    windows = facts.windows([item[: last + 1]], horizon, forecaster.season, [origins])
    relative = forecaster.quantiles(windows, device).numpy()
    off = windows.future(torch.arange(len(windows))).numpy() - relative[..., forecaster.median]
    below, above = _sides(forecaster, relative, coverage, where)
    ratios = np.full((times, horizon, 2, channels), np.nan)
    for step in range(horizon):
        at = origins + step + 1 - first
        some = (at >= 0) & (at < times)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[at[some], step, 0] = (-off[:, step] / below[:, step])[some]
            ratios[at[some], step, 1] = (off[:, step] / above[:, step])[some]
    level = (1 - coverage) / 2
    paths = [[intervals.followed(ratios[:, :, side, c], level) for c in range(channels)] for side in (0, 1)]
    return np.array(paths).transpose(2, 0, 1)


def _sides(forecaster: Forecaster, relative: np.ndarray, coverage: float, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return distances below and above the medians of relative forecasts, (n, horizon, channels)."""
    off = forecaster.calibration.astype(np.float64)
    errors = off[..., forecaster.median]
    pair = _pair(forecaster.task.levels, coverage)
    if pair is None:
        below, above = intervals.sides(errors, coverage, where)
        shape = relative.shape[:-1]
        return np.broadcast_to(below, shape), np.broadcast_to(above, shape)
    low, high = pair
    outside = conformal.beyond(0.0, -off[..., low], -off[..., high])
    r = intervals.beyond(outside, intervals.unit_of(errors, where), coverage)
    middle = relative[..., forecaster.median]
    below, above = middle - relative[..., low] + r, relative[..., high] - middle + r
    return np.maximum(below, 0.0), np.maximum(above, 0.0)


def _split(
    forecaster: Forecaster, values: np.ndarray, scale: np.ndarray, coverage: float, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of older models, which were calibrated step by step."""
    off = forecaster.calibration.astype(np.float64)
    pair = _pair(forecaster.task.levels, coverage)
    if pair is None:
        r = conformal.radius(np.abs(off[..., forecaster.median]), coverage, where) * scale
        middle = values[..., forecaster.median]
        return middle - r, middle + r
    low, high = pair
    r = conformal.radius(conformal.beyond(0.0, -off[..., low], -off[..., high]), coverage, where) * scale
    lower, upper = values[..., low] - r, values[..., high] + r
    crossed = lower > upper
    middle = (lower + upper) / 2
    return np.where(crossed, middle, lower), np.where(crossed, middle, upper)


def _pair(levels: list[float], coverage: float) -> tuple[int, int] | None:
    """Return the two quantiles between which ``coverage`` lies, where the model has them."""
    wanted = ((1 - coverage) / 2, (1 + coverage) / 2)
    found = [next((i for i, q in enumerate(levels) if math.isclose(q, w, abs_tol=1e-9)), None) for w in wanted]
    low, high = found
    return None if low is None or high is None else (low, high)
