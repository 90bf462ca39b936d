"""Where the pixels of a prepared picture lie in the picture as it was given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_ORIENTATION = 0x0112  # EXIF tag
# EXIF orientation -> (x, y, 1) of the upright picture to shares of (x, y, width, height) of the stored one:
# x = a x' + b y' + c width, y = d x' + e y' + f height.
_TURNS = {
    1: ((1, 0, 0), (0, 1, 0)),
    2: ((-1, 0, 1), (0, 1, 0)),
    3: ((-1, 0, 1), (0, -1, 1)),
    4: ((1, 0, 0), (0, -1, 1)),
    5: ((0, 1, 0), (1, 0, 0)),
    6: ((0, 1, 0), (-1, 0, 1)),
    7: ((0, -1, 1), (-1, 0, 1)),
    8: ((0, -1, 1), (1, 0, 0)),
}


@dataclass(frozen=True)
class Placement:
    """How an upright picture became the prepared one.

    Attributes
    ----------
    decoded : (width, height)
        Of the upright picture that was resized; smaller than the file's where a JPEG was decoded at a lower scale.
    resized : (width, height)
    corner : (left, top)
        Of the crop, in the resized picture.
    """

    decoded: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int] = (0, 0)

    def trace(self, stored: tuple[int, int], orientation: int) -> Tensor:
        """Return float64 (2, 3), which maps (x, y, 1) of the prepared picture to pixels of the stored one.

        Coordinates run along the edges of pixels: the first pixel reaches from 0 to 1.

        Parameters
        ----------
        stored : (width, height)
            As the file has it, not turned.
        orientation : int
            EXIF's, 1 to 8.
        """
        turn = np.asarray(_TURNS[orientation], dtype=np.float64)
        turn[:, 2] *= stored
        across = turn[0, 0] == 0  # the turn exchanges width and height
        upright = stored[::-1] if across else stored
        # JPEG decodes at 1/2, 1/4 or 1/8 and rounds the size up: the factor is whole, the quotient of sizes is not.
        reduced = [max(round(u / d), 1) for u, d in zip(upright, self.decoded, strict=True)]
        scale = [n * d / r for n, d, r in zip(reduced, self.decoded, self.resized, strict=True)]
        fit = np.array(
            [[scale[0], 0.0, scale[0] * self.corner[0]], [0.0, scale[1], scale[1] * self.corner[1]], [0.0, 0.0, 1.0]]
        )
        return torch.from_numpy(turn @ fit)


def orientation_of(picture: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where there is none or it is damaged."""
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    # as in :func:`punar.data.decode.upright`
    except (SyntaxError, KeyError, ValueError, TypeError, AttributeError):
        return 1
    return found if found in _TURNS else 1
