"""Input scaling: learned on training rows, undone on output, and stored with the model.

Modes: ``standard`` (each column by its own mean and deviation), ``global`` (each column's mean, one deviation for
all, so that columns of one unit keep their relative sizes, as PCA sees them), ``unit`` (one minimum and maximum for
all, into [0, 1]), ``unit_columns`` (the same per column) and ``none``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from punar.errors import DataError

MODES = ("auto", "standard", "global", "none")

SMALLEST = 1e-140  # difference of values whose squares floats can hold
_FLOAT32 = (1e-30, 1e30)  # sizes of values that are not scaled: their squares must be float32 numbers, or nearly

# Columns whose deviations differ by no more than this factor (10th to 90th percentile) are taken to share a unit.
_ONE_UNIT_RATIO = 10.0


@dataclass(frozen=True)
class Scaler:
    """``(x - shift) / scale``, per input position.

    Attributes
    ----------
    shift, scale : Tensor, float64, of the shape of one row or scalar; of sequences (channels,)
    mean : Tensor, float64, of the shape of one row
        Mean of the training rows in input units: the constant answer that ``score`` compares with.
    mode : str
    """

    shift: Tensor
    scale: Tensor
    mean: Tensor
    mode: str

    def __call__(self, rows: Tensor) -> Tensor:
        """Return scaled float32 rows; float64 rows are centred in float64, so that large offsets lose nothing."""
        kind = _working_type(rows)
        shift, scale = self.shift.to(kind), self.scale.to(kind)
        out = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
        for part, target in zip(rows.split(512), out.split(512), strict=True):
            target.copy_(part.to(kind).sub(shift).div_(scale))
        return out

    def inverse(self, rows: Tensor) -> Tensor:
        """Return float64 rows in input units."""
        return rows.to(torch.float64).mul_(self.scale).add_(self.shift)

    def to(self, device: torch.device) -> Scaler:
        """Return a copy on ``device``."""
        return Scaler(self.shift.to(device), self.scale.to(device), self.mean.to(device), self.mode)


@dataclass
class Moments:
    """Streaming count, mean, sum of squares about the mean, minimum and maximum per position (Chan et al. 1983)."""

    count: int
    mean: Tensor
    squares: Tensor
    low: Tensor
    high: Tensor
    binary: bool  # every value is 0 or 1

    @property
    def deviation(self) -> Tensor:
        """Population standard deviation per position."""
        return (self.squares / self.count).clamp_min(0).sqrt()


def moments(blocks: Iterable[Tensor]) -> Moments:
    """Return the moments over blocks of rows, each (n_i, *shape)."""
    total: Moments | None = None
    for block in blocks:
        x = block.to(_working_type(block))
        part = _block_moments(x, may_be_binary=total is None or total.binary)
        total = part if total is None else _combine(total, part)
    if total is None:
        raise ValueError("moments needs at least one block")
    refuse_overflow(total)
    return total


def refuse_overflow(found: Moments) -> None:
    """Raise DataError where a column's squares are not finite, or vanish although its values differ."""
    if not bool(torch.isfinite(found.squares).all()):
        column = int((~torch.isfinite(found.squares.flatten())).nonzero()[0, 0])
        raise DataError(
            f"X has values whose squares overflow, in column {column} up to {float(found.high.flatten()[column]):g}. "
            "Divide the data by a constant first."
        )
    spread = (found.high - found.low).flatten()
    vanish = (spread > 0) & (spread < SMALLEST)
    if bool(vanish.any()):
        column = int(vanish.nonzero()[0, 0])
        raise DataError(
            f"X has values whose squares vanish, in column {column}: they differ by {float(spread[column]):g} at most. "
            "Multiply the data by a constant first, or drop the column."
        )


def _block_moments(x: Tensor, *, may_be_binary: bool) -> Moments:
    # Centring by the first row keeps float32 sums accurate for data with a large offset.
    origin = x[0].clone()
    centred = x - origin
    shift = centred.mean(0)
    squares = centred.square_().sum(0)
    low, high = torch.aminmax(x, dim=0)
    if not bool(torch.isfinite(squares).all()) or bool(((squares == 0) & (high > low)).any()):
        centred = x.double() - origin.double()  # beyond the range of float32's squares
        shift = centred.mean(0)
        squares = centred.square_().sum(0)
    squares = (squares.double() - len(x) * shift.double() ** 2).clamp_min_(0)
    binary = may_be_binary and bool((low >= 0).all() and (high <= 1).all()) and bool(((x == 0) | (x == 1)).all())
    return Moments(len(x), origin.double() + shift.double(), squares, low.double(), high.double(), binary)


def _working_type(rows: Tensor) -> torch.dtype:
    """Return float32 where it holds every value of the rows' type, else float64."""
    exact = (torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.bool)
    return torch.float32 if rows.dtype in exact else torch.float64


def _combine(a: Moments, b: Moments) -> Moments:
    count = a.count + b.count
    delta = b.mean - a.mean
    return Moments(
        count,
        a.mean + delta * (b.count / count),
        a.squares + b.squares + delta**2 * (a.count * b.count / count),
        torch.minimum(a.low, b.low),
        torch.maximum(a.high, b.high),
        a.binary and b.binary,
    )


def shares_one_unit(found: Moments) -> bool:
    """Return whether the columns look as if they were measured in one unit.

    True for intensities and counts (no negative value, and at least half of the columns reach exactly 0), and where
    the columns' deviations differ by no more than a factor of ten.
    """
    deviation = found.deviation.flatten()
    deviation = deviation[deviation > 0]
    if len(deviation) < 2:
        return True
    intensities = bool((found.low >= 0).all()) and float((found.low == 0).double().mean()) >= 0.5
    low, high = np.quantile(deviation.cpu().numpy(), [0.1, 0.9])
    return intensities or high <= _ONE_UNIT_RATIO * low


def learn_scaler(found: Moments, mode: str, *, unit_range: bool, pictures: bool) -> Scaler:
    """Return the scaler for training rows with these moments.

    Parameters
    ----------
    found : Moments
    mode : {"auto", "standard", "global", "none"}
        "auto" is "global" for pictures and for columns that share one unit, else "standard".
    unit_range : bool
        The objective needs targets in [0, 1]: data that lie there already stay as they are, others are mapped by
        minimum and maximum, all columns together under "global", each for itself under "standard".
    pictures : bool
    """
    one_unit = pictures or shares_one_unit(found)
    if mode == "auto":
        mode = "global" if one_unit else "standard"
    zero = torch.zeros((), dtype=torch.float64, device=found.mean.device)
    one = torch.ones_like(zero)
    if unit_range:
        if bool((found.low >= 0).all() and (found.high <= 1).all()):
            return Scaler(zero, one, found.mean, "none")
        if mode == "standard":
            return Scaler(found.low, _safe(found.high - found.low), found.mean, "unit_columns")
        return Scaler(found.low.min(), _safe(found.high.max() - found.low.min()), found.mean, "unit")
    if mode == "none":
        _refuse_unscaled(found)
        return Scaler(zero, one, found.mean, "none")
    if mode == "standard":
        return Scaler(found.mean, _safe(found.deviation, found.mean), found.mean, "standard")
    overall = (found.squares.mean() / found.count).sqrt()
    return Scaler(found.mean, _safe(overall, found.mean.abs().max()), found.mean, "global")


def _refuse_unscaled(found: Moments) -> None:
    """Raise DataError where values that are not scaled are too large or too small for float32."""
    size = float(torch.maximum(found.low.abs(), found.high.abs()).max())
    if size > 0 and not _FLOAT32[0] <= size <= _FLOAT32[1]:
        raise DataError(
            f"X has values up to {size:g}, which float32 does not hold without scaling='standard' or 'global'; with "
            f"scaling='none' they must lie between {_FLOAT32[0]:g} and {_FLOAT32[1]:g}. Scale them, or multiply the "
            "data by a constant first."
        )


def _safe(scale: Tensor, size: Tensor | None = None) -> Tensor:
    """Return ``scale`` with 1 where it is zero, or nothing but the rounding of values of this ``size``."""
    floor = 0.0 if size is None else 1e-12 * size.abs()
    return torch.where(scale > floor, scale, torch.ones_like(scale))
