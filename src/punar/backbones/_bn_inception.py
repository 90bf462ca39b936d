"""BN-Inception (Inception v2), written from the table of its paper.

References
----------
S. Ioffe, C. Szegedy (2015), Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift, ICML, figure 5.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Row(NamedTuple):
    """A row of the table: channels of the branches; 0 where a branch is absent or passes its input through."""

    one: int
    three_reduce: int
    three: int
    double_reduce: int
    double: int
    pool: str
    project: int

    @property
    def stride(self) -> int:
        """Rows without a 1x1 branch halve the map."""
        return 1 if self.one else 2

    def width(self, before: int) -> int:
        """Return the channels that the row gives for ``before`` channels."""
        return self.one + self.three + self.double + (self.project or before)


TABLE = {
    "inception3a": Row(64, 64, 64, 64, 96, "avg", 32),
    "inception3b": Row(64, 64, 96, 64, 96, "avg", 64),
    "inception3c": Row(0, 128, 160, 64, 96, "max", 0),
    "inception4a": Row(224, 64, 96, 96, 128, "avg", 128),
    "inception4b": Row(192, 96, 128, 96, 128, "avg", 128),
    "inception4c": Row(160, 128, 160, 128, 160, "avg", 96),
    "inception4d": Row(96, 128, 192, 160, 192, "avg", 96),
    "inception4e": Row(0, 128, 192, 192, 256, "max", 0),
    "inception5a": Row(352, 192, 320, 160, 224, "avg", 128),
    "inception5b": Row(352, 192, 320, 192, 224, "max", 128),
}
WIDTH = 1024


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int, side: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, side, stride, padding=side // 2, bias=False)
        self.norm = nn.BatchNorm2d(after, eps=1e-3)
        self.relu = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")


class Block(nn.Module):
    """One inception row: 1x1, 3x3, double 3x3 and pooling, side by side."""

    def __init__(self, before: int, row: Row) -> None:
        super().__init__()
        if row.one:
            self.one = ConvNorm(before, row.one)
        self.three = nn.Sequential(
            ConvNorm(before, row.three_reduce), ConvNorm(row.three_reduce, row.three, 3, row.stride)
        )
        self.twice = nn.Sequential(
            ConvNorm(before, row.double_reduce),
            ConvNorm(row.double_reduce, row.double, 3),
            ConvNorm(row.double, row.double, 3, row.stride),
        )
        pool = nn.MaxPool2d if row.pool == "max" else nn.AvgPool2d
        self.pool = nn.Sequential(pool(3, row.stride, padding=1))
        if row.project:
            self.pool.append(ConvNorm(before, row.project))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, before, h, w) to (n, width, h / stride, w / stride)."""
        return torch.cat([branch(x) for branch in self.children()], 1)


class BnInceptionModule(nn.Module):
    """Pixels (n, channels, h, w) to pooled features (n, 1024).

    The first convolution is the plain 7x7 one of the public re-implementations; the paper's is separable with depth
    multiplier 8. The paper pools without padding, upwards; padding by one gives the same sizes for even sides.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, 64, 7, 2)
        self.pool1 = nn.MaxPool2d(3, 2, padding=1)
        self.conv2 = nn.Sequential(ConvNorm(64, 64), ConvNorm(64, 192, 3))
        self.pool2 = nn.MaxPool2d(3, 2, padding=1)
        width = 192
        for name, row in TABLE.items():
            setattr(self, name, Block(width, row))
            width = row.width(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map pixels to features."""
        # Registered in the order of the table.
        for layer in self.children():
            x = layer(x)
        return x.mean((2, 3))
