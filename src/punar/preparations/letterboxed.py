"""Pictures seen whole: scaled until they fit a canvas, proportions kept, the rest filled with one colour."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from msgspec import Meta
from PIL import Image
from torch import Tensor

from punar.data.decode import LoadedFile, open_picture, to_rgb, upright
from punar.preparations._like_pictures import LikePictures
from punar.preparations._placement import Placement, orientation_of
from punar.preparations._reading import Finite, Positive, read_facts
from punar.preparations._sample import Sample
from punar.preparations.pictures import RESAMPLING, Pictures, opened

_Side = Annotated[int, Meta(ge=1, le=4096)]
_Level = Annotated[int, Meta(ge=0, le=255)]
_LAID_DOWN = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


@dataclass(frozen=True)
class Letterboxed(LikePictures):
    """Input facts of a network that must see the whole of a picture, such as a detector.

    The picture lies at the top left. Its trace leads to pixels of the upright picture, as people see it and as boxes
    are drawn: after the turn that EXIF asks for.

    Parameters
    ----------
    canvas : (height, width)
        Pixels that the network reads.
    mean, std : tuple of float
        Per channel, of pixels in [0, 1].
    fill : tuple of int
        Per channel, the colour of what the picture leaves free.
    interpolation : {"bilinear", "bicubic", "nearest"}
    channels : {1, 3}

    Examples
    --------
    >>> import numpy as np
    >>> wide = Letterboxed(canvas=(64, 64)).samples(np.zeros((50, 100, 3), np.uint8))[0]
    >>> tuple(wide.tensor.shape), wide.trace.tolist()
    ((3, 64, 64), [[1.5625, 0.0, 0.0], [0.0, 1.5625, 0.0]])
    """

    canvas: tuple[_Side, _Side] = (320, 320)
    mean: tuple[Finite, ...] = (0.485, 0.456, 0.406)
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    fill: tuple[_Level, ...] = (124, 116, 104)
    interpolation: Annotated[str, Meta(pattern=r"^(nearest|bilinear|bicubic)\Z")] = "bilinear"
    channels: Annotated[int, Meta(ge=1, le=3)] = 3

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts, all of them; see :class:`Preparation`."""
        made = read_facts(cls, facts, complete=True)
        if made.channels == 2 or {len(made.mean), len(made.std), len(made.fill)} != {made.channels}:
            raise ValueError(
                "channels must be 1 or 3, and mean, std and fill hold a number for each, "
                f"found {made.channels} channels, {len(made.mean)}, {len(made.std)} and {len(made.fill)} numbers"
            )
        return made

    @classmethod
    def like(cls, pictures: Pictures) -> Self:
        """Return the same size, colours and interpolation, with the mean colour as fill."""
        fill = tuple(min(max(round(255 * m), 0), 255) for m in pictures.mean)
        return cls(pictures.size, pictures.mean, pictures.std, fill, pictures.interpolation, pictures.channels)

    @property
    def _pictures(self) -> Pictures:
        return Pictures(self.canvas, self.mean, self.std, 1.0, self.interpolation, self.channels)

    def samples(self, item: Any) -> list[Sample]:
        """Return the picture with the way back to pixels of the upright picture."""
        with opened(item) as picture:
            return [Sample(*self._fit(picture))]

    def _fit(self, picture: Image.Image) -> tuple[Tensor, Tensor]:
        height, width = self.canvas
        stored, seen = picture.size, _seen(picture)
        scale = min(height / seen[1], width / seen[0])
        if picture.format == "JPEG" and scale < 0.25:
            # At least twice the pixels that are wanted, decoded in less time; the width and height are the file's.
            picture.draft("RGB", (round(2 * scale * stored[0]), round(2 * scale * stored[1])))
        picture = to_rgb(upright(picture))
        if self.channels == 1:
            picture = picture.convert("L")
        decoded = picture.size
        resized = (max(1, min(round(scale * seen[0]), width)), max(1, min(round(scale * seen[1]), height)))
        if decoded != resized:
            picture = picture.resize(resized, RESAMPLING[self.interpolation])
        pixels = np.empty((self.channels, height, width), dtype=np.uint8)
        pixels[:] = np.array(self.fill, dtype=np.uint8)[:, None, None]
        shown = np.asarray(picture, dtype=np.uint8)
        pixels[:, : resized[1], : resized[0]] = shown[None] if shown.ndim == 2 else shown.transpose(2, 0, 1)
        # The picture was turned before it was scaled: 1 is the orientation of what is upright already.
        return torch.from_numpy(pixels), Placement(decoded, resized).trace(seen, 1)


def seen_size(item: Any) -> tuple[int, int]:
    """Return (width, height) of a picture as people see it, after EXIF's turn; of a file only the header is read.

    Parameters
    ----------
    item : path, PIL image or ndarray

    Raises
    ------
    BadItem
        It cannot be opened.
    """
    if isinstance(item, (str, os.PathLike, LoadedFile)):
        with open_picture(item if isinstance(item, LoadedFile) else Path(item)) as picture:
            return _seen(picture)
    if isinstance(item, Image.Image):
        return _seen(item)
    height, width = np.shape(item)[:2]
    return width, height


def _seen(picture: Image.Image) -> tuple[int, int]:
    width, height = picture.size
    return (height, width) if orientation_of(picture) in _LAID_DOWN else (width, height)
