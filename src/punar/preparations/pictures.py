"""Pictures as pretrained networks read them: decoded, turned, made RGB, resized, cropped, normalised."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from msgspec import Meta
from PIL import Image
from torch import Tensor

from punar.data import channels, layouts
from punar.data.decode import BadItem, LoadedFile, loaded, open_picture, reason_of, to_rgb, upright
from punar.errors import DataError, DataTypeError, shown
from punar.preparations._placement import Placement, orientation_of
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import Count, Finite, Positive, read_facts
from punar.preparations._sample import Sample

Side = Annotated[int, Meta(ge=1, le=4096)]  # pixels; the largest pretrained networks read 1024
RESAMPLING = {name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic")}


@dataclass(frozen=True)
class Pictures(Preparation):
    """Input facts of a picture network.

    Parameters
    ----------
    size : (height, width)
        Pixels that the network reads.
    mean, std : tuple of float
        Per channel, of pixels in [0, 1].
    crop : float in (0, 1]
        Share of the resized picture's shorter side that the centre crop keeps; 1 resizes to ``size`` without a crop
        where the picture is square.
    interpolation : {"bilinear", "bicubic", "nearest"}
    channels : {1, 3}
    smallest : int
        Smallest side that the architecture takes.
    any_size : bool
        Whether it takes other sizes than ``size``.
    """

    size: tuple[Side, Side] = (224, 224)
    mean: tuple[Finite, ...] = (0.485, 0.456, 0.406)
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    crop: Annotated[float, Meta(ge=0.01, le=1)] = 0.875
    interpolation: Annotated[str, Meta(pattern=r"^(nearest|bilinear|bicubic)\Z")] = "bilinear"
    channels: Annotated[int, Meta(ge=1, le=3)] = 3
    smallest: Count = 32
    any_size: bool = True

    domain: ClassVar[str] = "vision"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts, all of them; see :class:`Preparation`."""
        made = read_facts(cls, facts, complete=True)
        if made.channels == 2 or not len(made.mean) == len(made.std) == made.channels:
            raise ValueError(
                "channels must be 1 or 3, and mean and std hold a number for each, "
                f"found {made.channels} channels, {len(made.mean)} and {len(made.std)} numbers"
            )
        return made

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return paths, PIL images or arrays as a sequence; see :class:`Preparation`."""
        if isinstance(X, (str, os.PathLike)):
            raise DataTypeError(f"{where}: X must be a list of paths, pictures or an array of them, got one path: [X].")
        shape: tuple[int, ...] = getattr(X, "shape", ())
        if self.channels == 3 and len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4:
            raise DataError(f"{where}: X of shape {tuple(shape)} looks like one picture (h, w, {shape[2]}): pass [X].")
        items = _as_sequence(X, where)
        if len(items) == 0:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        for i, item in enumerate(items):
            if isinstance(item, (str, os.PathLike)):
                if not Path(item).is_file():
                    raise DataError(f"{where}: X[{i}] must be an existing picture file, got {shown(str(item))}.")
            elif not isinstance(item, Image.Image):
                _check_array(item, f"{where}: X[{i}]")
        return items

    def loaded(self, item: Any) -> Any:
        """Return the bytes of a path's file; see :class:`Preparation`."""
        return loaded(item)

    def content(self, item: Any) -> bytes:
        """Return a file's bytes, or shape, type and numbers of an array."""
        item = loaded(item)
        if isinstance(item, LoadedFile):
            return item.data
        if isinstance(item, Image.Image):
            item = np.asarray(upright(item))
        array = np.ascontiguousarray(item)
        return f"{array.shape}{array.dtype}".encode() + array.tobytes()

    def prepare(self, item: Any) -> Tensor:
        """Return uint8 (channels, height, width) of the facts' size."""
        return self._read(item)[0].tensor

    def samples(self, item: Any) -> list[Sample]:
        """Return the picture with the way back to its own pixels, as the file has them: before EXIF's turn."""
        return self._read(item, traced=True)

    def _read(self, item: Any, *, traced: bool = False) -> list[Sample]:
        with opened(item) as picture:
            stored = picture.size
            pixels, placement = self._fit(picture)
            return [Sample(pixels, placement.trace(stored, orientation_of(picture)) if traced else None)]

    def collate(self, prepared: Sequence[Tensor], bucket: int = 0) -> Batch:
        """Return {"pixels": float32 (n, channels, height, width)}, normalised."""
        return {"pixels": self.normalise(torch.stack(list(prepared)))}

    def blank(self, bucket: int = 0) -> Tensor:
        """Return a black picture."""
        return torch.zeros(self.channels, *self.size, dtype=torch.uint8)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return uint8 pixels (n, c, h, w) as the network wants them, float32."""
        mean = torch.tensor(self.mean, device=pixels.device).view(1, -1, 1, 1)
        scale = 1.0 / (255.0 * torch.tensor(self.std, device=pixels.device).view(1, -1, 1, 1))
        # In place: a batch is large, and each pass over it counts.
        return pixels.to(torch.float32).sub_(255.0 * mean).mul_(scale)

    def _fit(self, picture: Image.Image) -> tuple[Tensor, Placement]:
        height, width = self.size
        short = min(picture.size)
        # One axis decides the scale, so that shapes keep their proportions; the crop takes the middle.
        edge = math.floor(max(height, width) / self.crop)
        if picture.format == "JPEG" and short > 4 * edge:
            picture.draft("RGB", (2 * edge, 2 * edge))
        try:
            picture = to_rgb(upright(picture))
        except BadItem as error:
            raise BadItem(str(error)) from None
        if self.channels == 1:
            picture = picture.convert("L")
        if self.crop == 1 and picture.size == (width, height):
            return pixels_of(picture), Placement(picture.size, picture.size)
        decoded, resized = picture.size, _resized(picture.size, edge)
        picture = picture.resize(resized, RESAMPLING[self.interpolation])
        left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
        picture = picture.crop((left, top, left + width, top + height))
        return pixels_of(picture), Placement(decoded, resized, (left, top))


@contextmanager
def opened(item: Any) -> Iterator[Image.Image]:
    """Give an item that ``check`` let pass as a picture, not yet decoded, and close it where it was opened here.

    Raises
    ------
    BadItem
        No picture of a known format, more than 100 million pixels, or a file that cannot be decoded in the block.
    """
    picture = _picture_of(item)
    try:
        yield picture
    except BadItem:
        raise
    # Pillow decodes late: a damaged file shows here, with any exception.
    except Exception as error:
        raise BadItem(reason_of(error)) from None
    finally:
        if picture is not item:
            picture.close()


def _picture_of(item: Any) -> Image.Image:
    if isinstance(item, (str, os.PathLike, LoadedFile)):
        return open_picture(item if isinstance(item, LoadedFile) else Path(item))
    if isinstance(item, Image.Image):
        return item
    return _from_array(np.asarray(item))


def pixels_of(picture: Image.Image) -> Tensor:
    """Return a grey or RGB picture as uint8 (channels, height, width)."""
    pixels = np.array(picture, dtype=np.uint8)
    # Turned around by NumPy: torch would wake its threads, which spin on the cores that compute the features.
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _resized(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Return (width, height) whose shorter side is ``edge``; very long pictures are squeezed to 8 : 1."""
    width, height = size
    if width <= height:
        return edge, min(int(edge * height / width), 8 * edge)
    return min(int(edge * width / height), 8 * edge), edge


def _as_sequence(X: Any, where: str) -> Sequence[Any]:
    if isinstance(X, torch.utils.data.Dataset):
        return _of_dataset(X, where)
    X = layouts.known(X, where)
    if isinstance(X, pd.Series):
        X = X.to_numpy(dtype=object)
    if isinstance(X, np.ndarray):
        if X.dtype.kind in "OU":
            return list(X.ravel()) if X.ndim == 1 else _refuse_table(X, where)
        if X.ndim in (3, 4):
            channels.refuse_first(X.shape, where)
            return list(X)
        return _refuse_table(X, where)
    unordered = isinstance(X, (Mapping, Set))
    if unordered or hasattr(X, "columns") or not (hasattr(X, "__len__") and hasattr(X, "__iter__")):
        raise DataTypeError(
            f"{where}: X must be a list of paths, PIL images or arrays (h, w) or (h, w, c), or one array of them, "
            f"got {type(X).__name__}."
        )
    return [layouts.item(x, where) for x in X]


def _of_dataset(X: Any, where: str) -> Sequence[Any]:
    """Return the pictures of a map-style torch dataset, whose tensors have their channels first."""
    if not hasattr(X, "__len__") or not hasattr(X, "__getitem__"):
        raise DataTypeError(f"{where}: a dataset must be map-style (__len__ and __getitem__), got {type(X).__name__}.")
    found = []
    for i in range(len(X)):
        item = X[i]
        item = item[0] if isinstance(item, (tuple, list)) else item
        if isinstance(item, torch.Tensor):
            item = layouts.array_of(item.permute(1, 2, 0) if item.dim() == 3 else item, where)
        found.append(item)
    return found


def _refuse_table(X: np.ndarray, where: str) -> Sequence[Any]:
    raise DataError(
        f"{where}: pictures must be an array (n, height, width) or (n, height, width, channels), or a list of paths; "
        f"got shape {X.shape}. Reshape your data: X.reshape(-1, height, width)."
    )


def _check_array(item: Any, where: str) -> None:
    if not isinstance(item, np.ndarray):
        raise DataTypeError(f"{where} must be a path, a PIL image or an array, got {shown(item)}.")
    if 0 in item.shape:
        raise DataError(f"{where} is empty: it has shape {item.shape}, and no pixel.")
    if item.ndim == 3 and item.shape[2] not in (1, 3, 4) and channels.are_first(item.shape):
        raise DataError(
            f"{where} of shape {item.shape} looks like (channels, height, width), as torch has it; pictures are "
            "(height, width, channels), channels last. Pass np.moveaxis(x, 0, -1) for each, or of a tensor "
            "x.permute(1, 2, 0)."
        )
    if item.ndim not in (2, 3) or (item.ndim == 3 and item.shape[2] not in (1, 3, 4)) or 0 in item.shape:
        raise DataError(f"{where} must have shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), got {item.shape}.")
    if item.dtype == np.uint8 or item.dtype == bool:
        return
    if item.dtype.kind not in "fui":
        raise DataTypeError(f"{where} must hold numbers, got {item.dtype}.")
    low, high = float(item.min()), float(item.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"{where} contains NaN or infinity; pixels must be finite.")
    top = 1.0 if item.dtype.kind == "f" else 255.0
    if low < 0 or high > top:
        raise DataError(
            f"{where} has values from {low:g} to {high:g}; {item.dtype} pixels must be in [0, {top:g}]. "
            "Scale them: uint8 in [0, 255] or float in [0, 1]."
        )


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype.kind == "f" or array.dtype == bool:
        array = np.round(array * 255.0)
    array = array.astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return Image.fromarray(array)
