"""The way between a picture's own pixels and the network's, for masks and class scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = 255  # of encoded masks: a pixel that nobody asks for
_AT_ONCE = 2**24  # class scores that are resampled together
# Where a pixel's centre falls on an edge, rounding decides: a little to the right, always.
_HAIR = 1e-6


def placed_mask(mask: Tensor, trace: Tensor, size: Sequence[int]) -> Tensor:
    """Return a mask (h, w) as the network sees its picture, by the nearest pixel; :data:`IGNORED` outside of it.

    Parameters
    ----------
    mask : Tensor of shape (h, w)
        In the picture's own pixels.
    trace : Tensor of shape (3, 3)
        Of a sample of :class:`punar.preparations.whole_pictures.WholePictures`.
    size : (height, width)
        Of the sample.
    """
    x, y = torch.arange(size[1], dtype=torch.float64) + 0.5, torch.arange(size[0], dtype=torch.float64) + 0.5
    columns, rows = ((a * x[None] + b * y[:, None] + c + _HAIR).floor().long() for a, b, c in trace[:2].tolist())
    inside = (columns >= 0) & (columns < mask.shape[1]) & (rows >= 0) & (rows < mask.shape[0])
    return mask[rows * inside, columns * inside].masked_fill(~inside, IGNORED)


def scores_at(raw: Tensor, trace: Tensor, box: Sequence[int]) -> Tensor:
    """Return class scores (k, h, w) of a sample at pixels of the original picture, bilinear between the network's.

    Parameters
    ----------
    raw : Tensor of shape (k, height, width)
        Of the sample.
    trace : Tensor of shape (3, 3)
    box : (top, left, bottom, right)
        Of the original.
    """
    top, left, bottom, right = box
    if shift := _shift(trace):
        return raw[:, top - shift[0] : bottom - shift[0], left - shift[1] : right - shift[1]]
    (a, b, c), (d, e, f) = torch.linalg.inv(_square(trace))[:2].tolist()
    x = torch.arange(left, right, dtype=torch.float64) + 0.5
    y = torch.arange(top, bottom, dtype=torch.float64)[:, None] + 0.5
    # grid_sample counts from -1 to 1 along the edges of pixels.
    grid = torch.stack([(a * x + b * y + c) * 2 / raw.shape[2] - 1, (d * x + e * y + f) * 2 / raw.shape[1] - 1], 2)
    grid = grid.to(raw.device, raw.dtype)
    return F.grid_sample(raw[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def tile_weights(height: int, width: int) -> Tensor:
    """Return how much each pixel of a tile counts where tiles overlap: most in the middle, little at the edge.

    A network sees half of what lies at the edge; nnU-Net (Isensee et al. 2021) weighs its tiles likewise.
    """
    down, right = (torch.minimum(at, at.flip(0)) for at in (torch.arange(1.0, n + 1) for n in (height, width)))
    return down[:, None] * right


def box_of(trace: Tensor, size: Sequence[int]) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of the original's pixels that a sample of this size shows."""
    corners = torch.tensor([[0.0, 0.0, 1.0], [size[1], size[0], 1.0]], dtype=torch.float64)
    low, high = torch.sort(corners @ trace[:2].T, 0).values.round().long().tolist()
    height, width = int(trace[2, 0]), int(trace[2, 1])
    return max(low[1], 0), max(low[0], 0), min(high[1], height), min(high[0], width)


def labels_of(raw: Tensor, trace: Tensor) -> Tensor:
    """Return the number of the likeliest class of every pixel of the original, uint8 (h, w)."""
    height, width = int(trace[2, 0]), int(trace[2, 1])
    rows = max(1, _AT_ONCE // (len(raw) * width))
    found = [
        scores_at(raw, trace, (top, 0, min(top + rows, height), width)).argmax(0).to(torch.uint8).cpu()
        for top in range(0, height, rows)
    ]
    return torch.cat(found)


def random_grid(n: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return for every pixel of n pictures where it is taken from: mirrored, enlarged and shifted as fits that."""
    place = generator.device
    mirror = torch.where(torch.rand(n, generator=generator, device=place) < 0.5, -1.0, 1.0)
    # Closer, never farther: what is thin would vanish, and the border would be empty.
    scale = 1 - 0.2 * torch.rand(n, generator=generator, device=place)
    shift = (torch.rand(n, 2, generator=generator, device=place) * 2 - 1) * (1 - scale).abs().unsqueeze(1)
    theta = torch.zeros(n, 2, 3, device=place)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = mirror * scale, scale, shift
    return F.affine_grid(theta, [n, 1, *size], align_corners=False)


def _shift(trace: Tensor) -> tuple[int, int] | None:
    """Return (down, right) where a sample's pixels are the original's, only counted from another corner."""
    (a, b, right), (d, e, down) = trace[:2].tolist()
    whole = (a, b, d, e) == (1.0, 0.0, 0.0, 1.0) and right == round(right) and down == round(down)
    return (round(down), round(right)) if whole else None


def _square(trace: Tensor) -> Tensor:
    return torch.cat([trace[:2], torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)])
