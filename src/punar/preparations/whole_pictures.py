"""Pictures seen whole, or in tiles: nothing is cropped away, as where every pixel is to be named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import torch
from msgspec import Meta
from PIL import Image
from torch import Tensor

from punar.data.decode import to_rgb, upright
from punar.preparations._like_pictures import LikePictures
from punar.preparations._placement import Placement, orientation_of
from punar.preparations._reading import Finite, Positive, read_facts
from punar.preparations._sample import Sample
from punar.preparations._windows import overlap
from punar.preparations.pictures import RESAMPLING, Pictures, Side, opened, pixels_of


@dataclass(frozen=True)
class WholePictures(LikePictures):
    """Input facts of a network that answers for every pixel.

    A picture keeps its proportions; what is missing to ``size`` is filled, right of it and below, with the mean colour.

    Parameters
    ----------
    size : (height, width)
        Pixels that the network reads.
    mean, std : tuple of float
        Per channel, of pixels in [0, 1].
    interpolation : {"bilinear", "bicubic", "nearest"}
    channels : {1, 3}
    enlarge : bool
        Whether smaller pictures are enlarged to ``size``; larger ones are always shrunk.
    tiles : bool
        Whether pictures keep their scale instead, and larger ones are read in tiles of ``size`` that overlap by a
        quarter or more.
    """

    size: tuple[Side, Side] = (224, 224)
    mean: tuple[Finite, ...] = (0.485, 0.456, 0.406)
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    interpolation: Annotated[str, Meta(pattern=r"^(nearest|bilinear|bicubic)\Z")] = "bilinear"
    channels: Annotated[int, Meta(ge=1, le=3)] = 3
    enlarge: bool = False
    tiles: bool = False

    @classmethod
    def of(cls, pictures: Pictures, size: tuple[int, int], *, enlarge: bool = False, tiles: bool = False) -> Self:
        """Return the facts of a network that reads ``pictures``, for whole pictures of another size."""
        return cls(size, pictures.mean, pictures.std, pictures.interpolation, pictures.channels, enlarge, tiles)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts, all of them; see :class:`Preparation`."""
        made = read_facts(cls, facts, complete=True)
        Pictures.from_facts(made._pictures.facts())  # the rules of channels, mean and std
        return made

    @property
    def several(self) -> bool:  # type: ignore[override]
        """Whether one picture may be read in several tiles."""
        return self.tiles

    @property
    def _pictures(self) -> Pictures:
        return Pictures(self.size, self.mean, self.std, 1.0, self.interpolation, self.channels)

    def samples(self, item: Any) -> list[Sample]:
        """Return the picture, or its tiles, with the way back to its own pixels, as the file has them.

        Returns
        -------
        list of Sample
            The trace is float64 (3, 3): its first two rows map (x, y, 1) of the prepared picture to pixels of the
            original, before EXIF's turn, along the edges of pixels; the last one holds the original's height and width
            and the number of samples.
        """
        with opened(item) as picture:
            stored, orientation = picture.size, orientation_of(picture)
            found = self._tiles(picture) if self.tiles else [self._whole(picture)]
        facts = torch.tensor([[stored[1], stored[0], len(found)]], dtype=torch.float64)
        return [Sample(self._filled(p), torch.cat([at.trace(stored, orientation), facts])) for p, at in found]

    def _decoded(self, picture: Image.Image) -> Image.Image:
        picture = to_rgb(upright(picture))
        return picture.convert("L") if self.channels == 1 else picture

    def _whole(self, picture: Image.Image) -> tuple[Tensor, Placement]:
        height, width = self.size
        if picture.format == "JPEG" and min(picture.size) > 4 * max(self.size):
            picture.draft("RGB", (2 * max(self.size), 2 * max(self.size)))
        picture = self._decoded(picture)
        decoded, scale = picture.size, min(width / picture.width, height / picture.height)
        if scale > 1 and not self.enlarge:
            scale = 1.0
        resized = (min(width, max(1, round(decoded[0] * scale))), min(height, max(1, round(decoded[1] * scale))))
        if resized != decoded:
            picture = picture.resize(resized, RESAMPLING[self.interpolation])
        return pixels_of(picture), Placement(decoded, resized)

    def _tiles(self, picture: Image.Image) -> list[tuple[Tensor, Placement]]:
        pixels = pixels_of(self._decoded(picture))
        (rows, columns), (height, width) = pixels.shape[1:], self.size
        found = []
        for top in tile_starts(rows, height):
            for left in tile_starts(columns, width):
                placed = Placement((columns, rows), (columns, rows), (left, top))
                found.append((pixels[:, top : top + height, left : left + width], placed))
        return found

    def _filled(self, pixels: Tensor) -> Tensor:
        if tuple(pixels.shape[1:]) == self.size:
            return pixels.contiguous()
        colour = [round(min(max(255 * m, 0), 255)) for m in self.mean]
        whole = torch.tensor(colour, dtype=torch.uint8).view(-1, 1, 1).expand(self.channels, *self.size).contiguous()
        whole[:, : pixels.shape[1], : pixels.shape[2]] = pixels
        return whole


def tile_starts(length: int, tile: int) -> list[int]:
    """Return where tiles begin that cover ``length`` pixels evenly, the last one ending with them.

    Neighbours share a quarter of a tile or more. What is no longer than a tile has one.
    """
    if length <= tile:
        return [0]
    shared = overlap(tile)
    count = -(-(length - shared) // max(tile - shared, 1))
    return [round(at) for at in np.linspace(0, length - tile, count)]
