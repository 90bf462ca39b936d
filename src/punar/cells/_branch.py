"""Convolutions beside a recurrent stack: which shapes a series holds, wherever they stand (LSTM-FCN, GRU-FCN).

Shapes: B sequences, T steps of the longest, D values per step, W filters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_KERNELS = (7, 5, 3)
_FILTERS = 64
# How much larger the facts are than what is learned beside them. There are few of them and many of the others, and a
# head with as much weight on each would know the training rows before it has heard what the length says.
_LOUD = 4.0
# Deviations below it are rounding, which nothing is to be divided by.
_FLAT = 1e-3


class Branch(nn.Module):
    """Convolutions over steps and over blocks of steps, beside what a row of a table would hold of the series.

    They read the values as they are scaled, each series by its own mean and deviation, and the place in the series:
    level, amplitude and place say something in one data set and nothing in the next. Blocks make long waves as short as
    the kernels. Each series' mean, deviation and length are handed on. What lies past a sequence's length never reaches
    an answer.

    Parameters
    ----------
    width : int
        D.
    block : int, default=1
        Steps of a block; 1 leaves the steps alone.
    filters : int, default=64
        W.

    Attributes
    ----------
    facts_width : int
        4 D + 1: how many of the numbers it gives are facts of the series; they are the last ones.
    output_width : int

    References
    ----------
    Wang, Yan and Oates (2017). Time series classification from scratch with deep neural networks. IJCNN. (FCN)
    Karim, Majumdar, Darabi and Chen (2018). LSTM fully convolutional networks for time series classification. IEEE
    Access 6.
    Elsayed, Maida and Bayoumi (2019). Gated recurrent neural networks empirical utilization for time series
    classification. iThings. (GRU-FCN)
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, width: int, block: int = 1, filters: int = _FILTERS) -> None:
        super().__init__()
        self.block = block
        self.towers = nn.ModuleList(Tower(2 * width + 1, filters) for _ in range(1 if block == 1 else 2))
        self.facts_width = 4 * width + 1
        self.register_buffer("shift", torch.zeros(self.facts_width))
        self.register_buffer("scale", torch.ones(self.facts_width))
        self.output_width = 2 * filters * len(self.towers) + self.facts_width

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, ``output_width``).

        Parameters
        ----------
        x : Tensor of shape (B, T, D)
        lengths : Tensor of shape (B,) and int64
            Each in [1, T].
        """
        own = own_steps(x, lengths)
        mean, deviation, facts = _summary(x, own)
        seen = _views(x, own, mean, deviation)
        found = [self.towers[0](seen, own)]
        if self.block > 1:
            found.append(self.towers[1](*_blocks(seen, own, self.block)))
        return torch.cat([*found, _LOUD * (facts - self.shift) / self.scale], 1)

    @torch.no_grad()
    def learn(self, x: Tensor, lengths: Tensor) -> None:
        """Learn from training rows by what mean, deviation and length are brought to one scale.

        A batch's own would not do: it holds sequences of about one length.
        """
        facts = _summary(x, own_steps(x, lengths))[2]
        self.shift.copy_(facts.mean(0))
        spread = facts.std(0, unbiased=False)
        self.scale.copy_(torch.where(spread < _FLAT, torch.ones_like(spread), spread))


class Tower(nn.Module):
    """Three convolutions, each normalised, and their mean and maximum over a sequence's own steps.

    Parameters
    ----------
    width : int
        D.
    filters : int
        W.
    """

    def __init__(self, width: int, filters: int) -> None:
        super().__init__()
        widths = (width, *(filters for _ in _KERNELS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, kernel, padding="same", bias=False)
            for a, b, kernel in zip(widths, widths[1:], _KERNELS, strict=False)
        )
        self.norms = nn.ModuleList(StepNorm(filters) for _ in _KERNELS)

    def forward(self, x: Tensor, own: Tensor) -> Tensor:
        """Return (B, 2 W).

        Parameters
        ----------
        x : Tensor of shape (B, T, D)
            Zero past a sequence's end.
        own : Tensor of bool, (B, T)
        """
        count, whole = own.sum(1, keepdim=True), bool(own.all())
        x = x.transpose(1, 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(convolution(x), None if whole else own).relu()
        # Past the end is zero here, too, and nothing is less.
        return torch.cat([x.sum(2) / count, x.amax(2)], 1)


class StepNorm(nn.BatchNorm1d):
    """Batch normalisation over the steps that are a sequence's own (Ioffe and Szegedy, 2015)."""

    def forward(self, x: Tensor, own: Tensor | None = None) -> Tensor:
        """Return (B, W, T), zero past a sequence's end.

        Parameters
        ----------
        x : Tensor of shape (B, W, T)
        own : Tensor of bool, (B, T), optional
            None: all of them.
        """
        if own is None:
            return self._normed(x)
        steps = x.transpose(1, 2)
        found = torch.zeros_like(steps)
        found[own] = self._normed(steps[own])
        return found.transpose(1, 2)

    def _normed(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == self.num_features:  # one step has no variance
            return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


def own_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps of a batch (B, T, D) are a sequence's own, bool (B, T)."""
    return torch.arange(x.shape[1], device=x.device) < lengths.unsqueeze(1)


def _blocks(x: Tensor, own: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Return the mean of each block of steps, (B, T / block, D), and which blocks hold a step of the sequence."""
    block = min(block, x.shape[1])
    more = -x.shape[1] % block
    held = functional.pad(own, (0, more)).unflatten(1, (-1, block)).sum(2)
    total = functional.pad(x, (0, 0, 0, more)).unflatten(1, (-1, block)).sum(2)
    return total / held.clamp_min(1).unsqueeze(2), held > 0


def _summary(x: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each sequence's mean and deviation, (B, D), and both with the length on scales that a head can add up."""
    count = own.sum(1, keepdim=True).to(x.dtype)
    past = ~own.unsqueeze(2)
    mean = x.masked_fill(past, 0.0).sum(1) / count
    deviation = ((x - mean.unsqueeze(1)).masked_fill(past, 0.0).square().sum(1) / count).sqrt()
    last = x[torch.arange(len(x), device=x.device), own.sum(1) - 1]
    return mean, deviation, torch.cat([mean, deviation.clamp_min(_FLAT).log(), x[:, 0], last, count.log()], 1)


def _views(x: Tensor, own: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return what the convolutions read, (B, T, 2 D + 1), zero past a sequence's end."""
    alone = (x - mean.unsqueeze(1)) / deviation.clamp_min(_FLAT).unsqueeze(1)
    step = torch.arange(x.shape[1], device=x.device, dtype=x.dtype) + 0.5
    place = 2 * step / own.sum(1, keepdim=True) - 1
    return torch.cat([x, alone, place.unsqueeze(2)], 2).masked_fill(~own.unsqueeze(2), 0.0)
