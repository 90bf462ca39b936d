"""Windows over series that lie one after the other: cut when they are asked for, relative to where they end."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_LAGS = 16  # of those up to the context; their mean changes little with more


class Windows:
    """What is known at some origins, and what follows.

    An origin is the position of the last step that is known. A window is the ``context`` steps up to its origin,
    minus the value at the origin, divided by the scale of what is known there, so that a trend goes on and series of
    any size are alike. What follows, and every forecast, is in the same units.

    Parameters
    ----------
    items : sequence of ndarray of shape (t_i, channels)
        NaN where a value is missing.
    context, horizon : int
    season : int
        Naive forecasts repeat the last season where the context holds it (1: the last value).
    scale : ndarray of shape (windows, channels)
        In the order of ``origins``; see :func:`spread`.
    origins : sequence of ndarray of int
        By series, counted from its first step; each at least ``context - 1``.
    targets : sequence of int, default=()
        The channels that are forecast; empty takes all. What follows, levels and scales have these alone.
    known_ahead : sequence of int, default=()
        The channels whose later values are known at the origin.

    Attributes
    ----------
    series : Tensor of int64, (n,)
        Each window's series.
    """

    def __init__(
        self,
        items: Sequence[np.ndarray],
        context: int,
        horizon: int,
        season: int,
        scale: np.ndarray,
        origins: Sequence[np.ndarray],
        targets: Sequence[int] = (),
        known_ahead: Sequence[int] = (),
    ) -> None:
        self.context, self.horizon, self.season = context, horizon, season
        values = np.concatenate(items)
        missing = np.isnan(values)
        self._observed = torch.from_numpy(~missing) if missing.any() else None
        self._values = torch.from_numpy(np.concatenate([filled(x) for x in items]) if missing.any() else values)
        starts = np.cumsum([0, *map(len, items)])
        self._starts, self._ends = torch.from_numpy(starts[:-1]), torch.from_numpy(starts[1:])
        self._scale = torch.from_numpy(scale)
        counts = torch.tensor([len(o) for o in origins])
        self.series = torch.repeat_interleave(torch.arange(len(items)), counts)
        self._at = torch.from_numpy(np.concatenate(origins).astype(np.int64)) + torch.from_numpy(starts)[self.series]
        self._past = torch.arange(1 - context, 1)
        self._future = torch.arange(1, horizon + 1)
        # Where the season before a step is not known yet either, it is the season before that.
        self._before = self._future - season * -(-self._future // season)
        self._targets = torch.tensor(targets) if len(targets) else slice(None)
        self._known = torch.tensor(known_ahead, dtype=torch.int64)
        self._naive = self._before if self.seasonal else torch.zeros_like(self._before)

    def __len__(self) -> int:
        return len(self._at)

    def at(self, index: Tensor) -> Windows:
        """Return some of the windows, over the same values."""
        some = copy.copy(self)
        some._at, some.series, some._scale = self._at[index], self.series[index], self._scale[index]
        return some

    @property
    def seasonal(self) -> bool:
        """Whether naive forecasts repeat a season: the context must hold one."""
        return 1 < self.season <= self.context

    @property
    def masked(self) -> bool:
        """Whether any value is missing."""
        return self._observed is not None

    def level(self, index: Tensor) -> Tensor:
        """Return the last known values of the targets, float64 (n, 1, targets), in the user's units."""
        return self._values[self._at[index]].unsqueeze(1)[..., self._targets]

    def scale(self, index: Tensor) -> Tensor:
        """Return the scale of each window's targets, float64 (n, 1, targets)."""
        return self._scale[index].unsqueeze(1)[..., self._targets]

    def past(self, index: Tensor) -> Tensor:
        """Return the windows, float64 (n, context, channels)."""
        return self._relative(index, self._past)

    def only_targets(self, steps: Tensor) -> Tensor:
        """Return the targets alone of windows (n, context, channels)."""
        return steps[..., self._targets]

    def seen(self, index: Tensor) -> Tensor:
        """Return which values of the windows were observed, bool (n, context, channels)."""
        at = self._at[index].unsqueeze(1) + self._past
        if self._observed is None:
            return torch.ones(*at.shape, self._values.shape[1], dtype=torch.bool)
        return self._observed[at]

    def naive(self, index: Tensor) -> Tensor:
        """Return the last season, or the last value, as a forecast, float64 (n, horizon, targets)."""
        return self._relative(index, self._naive)[..., self._targets]

    def ahead(self, index: Tensor) -> Tensor:
        """Return what is known of the horizon, float64 (n, horizon, known_ahead), relative as the windows are."""
        at = (self._at[index].unsqueeze(1) + self._future).clamp(max=len(self._values) - 1).unsqueeze(2)
        level = self._values[self._at[index]].unsqueeze(1)[..., self._known]
        scale = self._scale[index].unsqueeze(1)[..., self._known]
        return (self._values[at, self._known] - level) / scale

    def last_season(self, index: Tensor) -> Tensor:
        """Return the last season as a forecast, be it longer than the context; NaN where it is not known.

        float64 (n, horizon, targets).
        """
        at = self._at[index].unsqueeze(1) + self._before
        known = at >= self._starts[self.series[index]].unsqueeze(1)
        relative = (self._values[at.clamp(min=0)][..., self._targets] - self.level(index)) / self.scale(index)
        return torch.where(known.unsqueeze(2), relative, torch.nan)

    def future(self, index: Tensor) -> Tensor:
        """Return what follows, float64 (n, horizon, targets), NaN where it was not observed or is not there."""
        at = self._at[index].unsqueeze(1) + self._future
        there = at < self._ends[self.series[index]].unsqueeze(1)
        at = at.clamp(max=len(self._values) - 1)
        known = there.unsqueeze(2)
        if self._observed is not None:
            known = known & self._observed[at][..., self._targets]
        relative = (self._values[at][..., self._targets] - self.level(index)) / self.scale(index)
        return torch.where(known, relative, torch.nan)

    def undone(self, index: Tensor, relative: Tensor) -> Tensor:
        """Return forecasts (n, horizon, targets) or (n, horizon, targets, k) in the user's units."""
        level, scale = self.level(index), self.scale(index)
        if relative.dim() == 4:
            level, scale = level.unsqueeze(3), scale.unsqueeze(3)
        return relative.double() * scale + level

    def _relative(self, index: Tensor, steps: Tensor) -> Tensor:
        at = self._at[index].unsqueeze(1) + steps
        level, scale = self._values[self._at[index]].unsqueeze(1), self._scale[index].unsqueeze(1)
        return (self._values[at] - level) / scale


def filled(values: np.ndarray) -> np.ndarray:
    """Return a series (t, channels) with each gap filled by the value before it, and the first by the value after it.

    >>> filled(np.array([[np.nan], [1.0], [np.nan], [3.0]])).ravel()
    array([1., 1., 1., 3.])
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    last = np.maximum.accumulate(np.where(gaps, -1, np.arange(len(values))[:, None]), axis=0)
    first = (~gaps).argmax(0)
    found: np.ndarray = np.take_along_axis(values, np.where(last < 0, first, last), axis=0)
    return found


def spread(values: np.ndarray, context: int, known: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return how far each channel of a series (t, channels) moves inside a window, as known after some of its steps.

    The root mean square of ``x[t] - x[t - lag]`` over lags up to the context, which is the size of what windows hold;
    1 where a channel does not move. Unlike a deviation it does not grow with the length of a series that has a trend:
    the same trend keeps its slope when more of it is known. NaN does not count.

    Parameters
    ----------
    values : ndarray of shape (t, channels)
    context : int
    known : sequence of int
        Numbers of steps, each from the context (or t, where that is less) to t.

    Returns
    -------
    ndarray of shape (len(known), channels)

    Examples
    --------
    >>> spread(np.arange(500.0)[:, None], 3, [50, 500])
    array([[1.58113883],
           [1.58113883]])
    """
    counts = np.asarray(known)
    longest = max(1, min(context - 1, len(values) - 1))
    lags = np.unique(np.linspace(1, longest, min(longest, _LAGS)).round().astype(int))
    squares = np.zeros((len(counts), values.shape[1]))
    for lag in lags if len(values) > 1 else ():
        moved = values[lag:] - values[:-lag]
        there = ~np.isnan(moved)
        total, pairs = np.cumsum(np.where(there, moved, 0.0) ** 2, axis=0), np.cumsum(there, axis=0)
        at = np.maximum(counts - lag, 1) - 1
        squares += total[at] / np.maximum(pairs[at], 1) / len(lags)
    size = np.maximum.accumulate(np.abs(np.nan_to_num(values)), axis=0)[counts - 1]
    found = np.sqrt(squares)
    moves: np.ndarray = np.where(found > 1e-12 * size, found, 1.0)
    return moves


def split_in_time(count: int, horizon: int, fraction: float) -> tuple[int, int]:
    """Return how many of a series' ``count`` windows, from the first on, train, and from the last back, are held out.

    The windows between them belong to neither: what follows them is among what follows the held-out ones, so that
    nothing that is measured on was trained on. A quarter of the windows is left for training at least; where that
    leaves none to hold out, all train.

    >>> split_in_time(100, 5, 0.15), split_in_time(12, 5, 0.15), split_in_time(5, 5, 0.15)
    ((81, 15), (6, 2), (5, 0))
    """
    between = horizon - 1
    held_out = min(max(1, round(fraction * count)), count - between - max(1, math.ceil(count / 4)))
    if fraction <= 0 or held_out < 1:
        return count, 0
    return count - between - held_out, held_out


def default_context(shortest: int, horizon: int, season: int) -> int:
    """Return the length of the window where none is asked for.

    An eighth of the shortest series, at least a season (of up to 64 steps) and 8, at most 64; and no more than half of
    what the shortest series has beyond the horizon.

    >>> default_context(144, 12, 12), default_context(5000, 24, 24), default_context(30, 12, 12)
    (18, 64, 9)
    """
    least = season if 8 < season <= 64 else 8
    return max(1, min(max(shortest // 8, least), 64, (shortest - horizon) // 2))
