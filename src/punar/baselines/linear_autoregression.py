"""A linear autoregression: ridge regression from a window to every step that follows, direct multi-step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from punar.core.shared import threads
from punar.data.windows import Windows

# Strengths of the penalty on windows that hold numbers of about 1; the last leaves the naive forecast and its drift.
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e9)
# Wider windows give each channel a regression on its own past only, the same for all channels.
_WIDEST = 1024
_BLOCK = 4096
# So few rows say little of how strong the penalty should be: every one of them is asked, and a doubt is a stronger one.
_FEW = 24
_DOUBT = 1.05
_NO_DRIFT = 0.1  # of a window that does not move, among few


@dataclass(frozen=True)
class LinearAutoregression:
    """What follows a window, as the naive forecast plus a linear map of the window.

    Attributes
    ----------
    weight : Tensor of float64, (inputs, outputs)
        From a window, flattened, and what is known ahead to the horizon, flattened: all channels, or one where
        ``alone``.
    bias : Tensor of float64, (outputs,)
    alone : bool
        Whether each channel sees its own past only.
    penalty : float
    """

    weight: Tensor
    bias: Tensor
    alone: bool
    penalty: float

    def __call__(self, windows: Windows, index: Tensor) -> Tensor:
        """Return forecasts relative to the last value, float64 (n, horizon, channels)."""
        naive = windows.naive(index)
        found = _inputs(windows, index, self.alone) @ self.weight + self.bias
        return naive + _unrows(found, naive.shape, self.alone)


def fit_linear(windows: Windows, train: Tensor, inner: Tensor, check: Tensor) -> LinearAutoregression:
    """Fit on ``train``, with the penalty that is best on ``check`` when fitted on ``inner``.

    Parameters
    ----------
    windows : Windows
    train, inner, check : Tensor of int64
        ``inner`` and ``check`` are parts of ``train``, the second later in time and possibly empty. Windows whose
        future is not wholly observed do not count, unless none is. Where all are few, each is left out once instead.
    """
    channels, known = windows.past(train[:1]).shape[2], windows.ahead(train[:1]).shape[2]
    alone = windows.context * channels + windows.horizon * known > _WIDEST
    if len(train) * (windows.level(train[:1]).shape[2] if alone else 1) < _FEW:
        return _fit_few(windows, _whole(windows, train), alone)
    with threads(1):  # matrices of this size lose more by waiting than a second core gives
        penalty = 1.0
        if len(check) and len(inner):
            moments = _moments(windows, inner, alone)
            candidates = [_solved(moments, p, alone) for p in _PENALTIES]
            errors = torch.zeros(len(candidates), dtype=torch.float64)
            for some in check.split(_BLOCK):
                future = windows.future(some)
                for i, candidate in enumerate(candidates):
                    errors[i] += (candidate(windows, some) - future).abs().nansum()
            penalty = _PENALTIES[int(errors.argmin())]
        return _solved(_moments(windows, train, alone), penalty, alone)


@dataclass(frozen=True)
class _Moments:
    mean_x: Tensor
    mean_y: Tensor
    values: Tensor  # eigenvalues and eigenvectors of the centred inputs' Gram matrix
    vectors: Tensor
    products: Tensor  # centred inputs times targets


def _moments(windows: Windows, index: Tensor, alone: bool) -> _Moments:
    """Return what every penalty's solution follows from; windows are read in blocks."""
    index = _whole(windows, index)
    count, sums = 0, [torch.zeros(1, dtype=torch.float64)] * 4
    for some in index.split(_BLOCK):
        x = _inputs(windows, some, alone)
        y = _rows(torch.nan_to_num(windows.future(some) - windows.naive(some)), alone)
        count += len(x)
        sums = [a + b for a, b in zip(sums, (x.sum(0), y.sum(0), x.T @ x, x.T @ y), strict=True)]
    mean_x, mean_y = sums[0] / count, sums[1] / count
    gram = sums[2] - count * torch.outer(mean_x, mean_x)
    values, vectors = torch.linalg.eigh(gram)
    return _Moments(mean_x, mean_y, values.clamp(min=0.0), vectors, sums[3] - count * torch.outer(mean_x, mean_y))


def _whole(windows: Windows, index: Tensor) -> Tensor:
    """Return the windows whose future is wholly observed, or all where none is."""
    if not windows.masked:
        return index
    whole = torch.cat([~windows.future(some).isnan().flatten(1).any(1) for some in index.split(_BLOCK)])
    return index[whole] if bool(whole.any()) else index


def _fit_few(windows: Windows, train: Tensor, alone: bool) -> LinearAutoregression:
    """Fit on a few windows: with the strongest penalty that is about as good as the best on each window left out.

    A window at the beginning of a short series may be divided by very little, since it has hardly moved yet: windows
    count by the square of their scale, that is as their errors do in the user's units, and what follows them counts up
    to twice as far as a steady move would have gone.
    """
    x = _inputs(windows, train, alone)
    moves = torch.nan_to_num(windows.future(train) - windows.naive(train))
    far = 2.0 * torch.arange(2, windows.horizon + 2, dtype=torch.float64).unsqueeze(1)
    y = _rows(moves.clamp(-far, far), alone)
    every, size = windows.scale(torch.arange(len(windows))), windows.scale(train)[:, 0]
    size = size.flatten() if alone else size.mean(1)
    owner = torch.arange(len(train)).repeat_interleave(len(x) // len(train))
    weights = (size / (every.max() if alone else every.mean(2).max())) ** 2
    errors = torch.zeros(len(_PENALTIES), dtype=torch.float64)
    with threads(1):
        for left_out in range(len(train)) if len(train) > 2 else ():
            own = owner == left_out
            for i, penalty in enumerate(_PENALTIES):
                weight, bias = _weighted(x[~own], y[~own], weights[~own], penalty)
                errors[i] += ((x[own] @ weight + bias - y[own]).abs().mean(1) * size[own]).sum()
        good = (errors <= _DOUBT * errors.min()).nonzero()[:, 0]
        penalty = _PENALTIES[int(good[-1])]
        return LinearAutoregression(*_weighted(x, y, weights, penalty), alone, penalty)


def _weighted(x: Tensor, y: Tensor, weights: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a ridge regression of weighted rows, by as many equations as there are rows."""
    share = (weights / weights.sum()).unsqueeze(1)
    mean_x, mean_y, root = (share * x).sum(0), (share * y).sum(0), weights.sqrt().unsqueeze(1)
    inputs, outputs = root * (x - mean_x), root * (y - mean_y)
    gram = inputs @ inputs.T + penalty * torch.eye(len(x), dtype=torch.float64)
    weight = inputs.T @ torch.linalg.solve(gram, outputs)
    drift = mean_y * weights.sum() / (weights.sum() + _NO_DRIFT)
    return weight, drift - mean_x @ weight


def _solved(m: _Moments, penalty: float, alone: bool) -> LinearAutoregression:
    weight = m.vectors @ ((m.vectors.T @ m.products) / (m.values + penalty).unsqueeze(1))
    return LinearAutoregression(weight, m.mean_y - m.mean_x @ weight, alone, penalty)


def _inputs(windows: Windows, index: Tensor, alone: bool) -> Tensor:
    """Return windows and what is known ahead as rows; where ``alone``, a row per window and target."""
    past, ahead = windows.past(index), windows.ahead(index).flatten(1)
    rows = _rows(windows.only_targets(past) if alone else past, alone)
    if not ahead.shape[1]:
        return rows
    return torch.cat([rows, ahead.repeat_interleave(len(rows) // len(index), 0)], dim=1)


def _rows(steps: Tensor, alone: bool) -> Tensor:
    """Return (n, t, channels) as rows: flattened, or one row per window and channel."""
    return steps.transpose(1, 2).flatten(0, 1) if alone else steps.flatten(1)


def _unrows(rows: Tensor, shape: torch.Size, alone: bool) -> Tensor:
    n, t, channels = shape
    return rows.reshape(n, channels, t).transpose(1, 2) if alone else rows.reshape(shape)
