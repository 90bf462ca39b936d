"""Doubling a map and convolving it in one: the same numbers as one after the other, for four ninths of the products."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def doubled_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """Return a 3 x 3 convolution, padded by one, of ``x`` with every pixel repeated twice in height and width.

    Of the nine pixels that such a convolution reads at most four differ. Their weights are added first, which leaves a
    transposed convolution with 4 x 4 weights and a stride of 2.

    Parameters
    ----------
    x : Tensor
        (n, channels, h, w).
    weight : Tensor
        (wanted, channels, 3, 3).

    Returns
    -------
    Tensor
        (n, wanted, 2 h, 2 w).
    """
    turned = weight.flip(2, 3).transpose(0, 1)
    rows = F.pad(turned, (0, 0, 1, 0)) + F.pad(turned, (0, 0, 0, 1))
    return F.conv_transpose2d(x, F.pad(rows, (1, 0)) + F.pad(rows, (0, 1)), stride=2, padding=1)


class Doubling(nn.Module):
    """A block of segmentation-models-pytorch's U-Net whose first convolution reads the coarse map as it is.

    Parameters
    ----------
    block : nn.Module
        Its ``UnetDecoderBlock`` as the library makes it by default: nearest pixels, no attention, no bias before the
        norm. Its layers are used under their own names.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.conv1: nn.Sequential = block.conv1  # type: ignore[assignment]
        self.conv2: nn.Sequential = block.conv2  # type: ignore[assignment]

    def forward(self, x: Tensor, height: int, width: int, skip_connection: Tensor | None = None) -> Tensor:
        """Return the block's map (n, channels, height, width)."""
        convolution, *rest = self.conv1
        sides, channels = list(x.shape[2:]), x.shape[1]
        if x.device.type == "cpu" and [height, width] == [2 * side for side in sides]:
            weight: Tensor = convolution.weight  # type: ignore[assignment]
            y = doubled_convolution(x, weight[:, :channels])
            if skip_connection is not None and skip_connection.shape[1]:
                y = y + F.conv2d(skip_connection, weight[:, channels:], padding=1)
        else:  # an accelerator is faster in two steps
            y = F.interpolate(x, (height, width), mode="nearest")
            y = convolution(y if skip_connection is None else torch.cat([y, skip_connection], 1))
        for layer in rest:
            y = layer(y)
        found: Tensor = self.conv2(y)
        return found
