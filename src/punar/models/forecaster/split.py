"""Which windows of the series train, which are held out after them, and which answer for a second fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from punar.baselines.linear_autoregression import LinearAutoregression, fit_linear
from punar.core.runtime import threads
from punar.data.panel import Panel
from punar.data.windows import Windows, split_in_time
from punar.preparations.histories import Histories
from punar.training.evidence import FEWEST

_INNER = 0.2  # of the training windows choose the linear part's penalty
# Windows that the penalty is fitted and checked on, others that train, those held out, and those of no use.
_FITS, _CHECKS, _TRAINS, _HELD_OUT, _UNUSED = range(5)
_EARLY = 0.4  # of the training windows, which a second fit answers for
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Split:
    """Windows of all series and what each is for.

    Attributes
    ----------
    windows : Windows
    role : Tensor of int64
    counts : list of (int, int)
        By series, windows that train and that are held out.
    fraction : float
        Share that is held out.
    """

    windows: Windows
    role: Tensor
    counts: list[tuple[int, int]]
    fraction: float

    @classmethod
    def of(cls, histories: Histories, panel: Panel, horizon: int, season: int, fraction: float) -> Split:
        """Return the windows of training and those held out after them."""
        context, origins, roles, counts = histories.context, [], [], []
        for x in panel.items:
            trained, held_out = split_in_time(len(x) - context - horizon + 1, horizon, fraction)
            last = len(x) - horizon  # one after the last origin that has a whole horizon after it
            origins.append(np.r_[np.arange(context - 1, context - 1 + trained), np.arange(last - held_out, last)])
            fits, checks = split_in_time(trained, horizon, _INNER)
            roles += [_FITS] * fits + [_TRAINS] * (trained - fits - checks)
            roles += [_CHECKS] * checks + [_HELD_OUT] * held_out
            counts.append((trained, held_out))
        windows = histories.windows(panel.items, horizon, season, origins)
        role = torch.tensor(roles)
        if windows.masked:
            every = torch.arange(len(windows))
            blank = torch.cat([windows.future(some).isnan().flatten(1).all(1) for some in every.split(_BLOCK)])
            # A window with nothing after it teaches nothing, unless all are so.
            role[blank] = _UNUSED if bool((~blank & (role < _HELD_OUT)).any()) else role[blank]
        return cls(windows, role, counts, fraction)

    @property
    def train(self) -> Tensor:
        """The windows that train."""
        return (self.role < _HELD_OUT).nonzero()[:, 0]

    @property
    def valid(self) -> Tensor:
        """The windows that are held out."""
        return (self.role == _HELD_OUT).nonzero()[:, 0]

    @property
    def halves(self) -> tuple[Tensor, Tensor] | None:
        """The held-out windows of each series in an earlier and a later half, which forecast no step in common.

        None where too few are left.
        """
        valid, shared = self.valid, self.windows.horizon - 1
        if len(valid) < FEWEST:
            return None
        early, late = [], []
        for own in self._by_series(self.role == _HELD_OUT):
            early.append(own[: max(0, (len(own) + 1) // 2 - shared)])
            late.append(own[(len(own) + 1) // 2 :])
        found = torch.cat(early), torch.cat(late)
        return found if min(map(len, found)) > 0 else None

    def early(self) -> tuple[Tensor, Tensor]:
        """Return the first two fifths of each series' training windows, and those after them that forecast other steps.

        What follows a window is as hard to tell from a model of later windows as from one of earlier ones (Bergmeir
        and Benítez, 2012).
        """
        early, later = [], []
        for own in self._by_series(self.role < _HELD_OUT):
            count = int(_EARLY * len(own))
            early.append(own[:count])
            later.append(own[count + self.windows.horizon - 1 :])
        return torch.cat(early), torch.cat(later)

    def before(self) -> tuple[Tensor, Tensor]:
        """Return the windows that would train and be held out if each series ended before those held out now."""
        train, stop = [], []
        for own in self._by_series(self.role < _HELD_OUT):
            trained, held_out = split_in_time(len(own), self.windows.horizon, self.fraction)
            train.append(own[:trained])
            stop.append(own[len(own) - held_out :])
        return torch.cat(train), torch.cat(stop)

    def linear_of(self, some: Tensor) -> LinearAutoregression:
        """Return the linear part fitted on some of the training windows."""
        own = torch.zeros(len(self.windows), dtype=torch.bool)
        own[some] = True
        inner, check = (((self.role == r) & own).nonzero()[:, 0] for r in (_FITS, _CHECKS))
        with threads(1):  # the same sums in the same order, whatever the caller's number of threads
            return fit_linear(self.windows, some, inner, check)

    def _by_series(self, asked: Tensor) -> list[Tensor]:
        series = self.windows.series
        return [((series == i) & asked).nonzero()[:, 0] for i in series.unique().tolist()]
