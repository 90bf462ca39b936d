"""The ResNet for 32x32 pictures: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, 4.2.

Depth is 6n + 2: a 3x3 convolution, three stages of n blocks of two 3x3 convolutions, a linear layer. Shortcuts are the
paper's option A and hold no parameters. Names are those of akamaster/pytorch_resnet_cifar10.

Letters: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Parameters
    ----------
    inputs, outputs : int
        Channels; more outputs than inputs come with a shortcut padded by zero channels on both sides.
    stride : int
        Of the first convolution; the shortcut takes every ``stride``-th pixel.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.padding = (outputs - inputs) // 2, outputs - inputs - (outputs - inputs) // 2

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return (B, outputs, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x_BCHW)))
        out = self.bn2(self.conv2(out))
        shortcut = x_BCHW[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x_BCHW
        if any(self.padding):
            shortcut = F.pad(shortcut, (0, 0, 0, 0, *self.padding))
        return F.relu(out + shortcut)


class CifarResNet(nn.Module):
    """A picture network for small pictures; takes any size from 8x8.

    Parameters
    ----------
    blocks : sequence of 3 int
        Blocks of each stage. ``(3, 3, 3)`` is ResNet-20.
    widths : sequence of 3 int, default (16, 32, 64)
        Channels of each stage. The second and third stage halve height and width.
    classes : int, default 10
    """

    def __init__(self, blocks: Sequence[int], widths: Sequence[int] = (16, 32, 64), classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        # A module, so that the output of the stem can be observed; it holds no tensors.
        self.relu = nn.ReLU()
        self.layer1 = _stage(widths[0], widths[0], blocks[0], stride=1)
        self.layer2 = _stage(widths[0], widths[1], blocks[1], stride=2)
        self.layer3 = _stage(widths[1], widths[2], blocks[2], stride=2)
        self.linear: nn.Module = nn.Linear(widths[2], classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return what ``linear`` makes of the last map's mean, (B, classes) or (B, widths[2])."""
        out = self.relu(self.bn1(self.conv1(x_BCHW)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.linear(out.mean((2, 3)))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = Block(inputs, outputs, stride)
    return nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(blocks - 1)))
