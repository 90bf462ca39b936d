"""Masks as people have them: files of numbers, arrays, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from punar.data import layouts
from punar.data.decode import BadItem, LoadedFile, open_picture, reason_of
from punar.errors import DataError, DataTypeError, shown
from punar.tasks._mask_list import MaskList

_GREY = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
_EXIF = 0x0112
_MOST = 2**63 - 1


def listed_masks(y: Any, where: str) -> list[Any]:
    """Return masks as a list, not yet read.

    Raises
    ------
    DataError, DataTypeError
        None, one path, or no list.
    """
    if y is None:
        raise DataError(f"{where}: requires y to be passed, but the target y is None.")
    y = layouts.known(y, where)
    sequence = (
        hasattr(y, "__len__") and hasattr(y, "__iter__") and not hasattr(y, "columns") and getattr(y, "ndim", 1) != 0
    )
    if isinstance(y, (str, bytes, os.PathLike, dict, set)) or not sequence:
        raise DataTypeError(
            f"{where}: y must be a list of masks, each a path or an int array (h, w), or one array (n, h, w), got "
            f"{shown(y)}."
        )
    if len(y) == 0:
        raise DataError(f"{where}: y must have a mask for each picture, got none.")
    return list(y)


def read_masks(y: Any, where: str, items: Sequence[Any]) -> Sequence[np.ndarray]:
    """Return the numbers of masks; where there are ``items``, each of its picture's size.

    Raises
    ------
    DataError, DataTypeError
        As :func:`listed_masks`, :func:`read_mask` and :func:`check_size`; or another number of masks than of pictures.
    """
    each = listed_masks(y, where)
    if len(items) and len(items) != len(each):
        raise DataError(
            f"{where}: Found input variables with inconsistent numbers of samples: X has {len(items)}, y {len(each)}."
        )

    def one(i: int) -> np.ndarray:
        mask = read_mask(each[i], f"{where}: y[{i}]")
        if len(items):
            check_size(mask, items[i], i, where, named(each[i]))
        return mask

    return MaskList(map(one, range(len(each))), lambda mask: mask)


def read_mask(mask: Any, where: str) -> np.ndarray:
    """Return the numbers of a mask, integers (h, w), as they stand in the file or array.

    Parameters
    ----------
    mask : path, PIL image or array of shape (h, w) or (h, w, 1)
        A file is a grey picture or one with a palette, whose numbers count, not its colours.
    where : str
        The caller and the mask's place, for messages.

    Raises
    ------
    DataError, DataTypeError
        It cannot be read, holds colours, or is compressed with losses.
    """
    if isinstance(mask, (str, os.PathLike, LoadedFile)):
        return _of_file(mask, where)
    if isinstance(mask, Image.Image):
        return _numbers(mask, where)
    if isinstance(mask, Tensor):
        mask = layouts.array_of(mask, where)
    if not isinstance(mask, (np.ndarray, list, tuple)):
        raise DataTypeError(f"{where} must be a path or an int array (h, w), got {shown(mask)}.")
    try:
        values = np.asarray(mask)
    except ValueError:
        raise DataTypeError(f"{where} must be one array (h, w), got rows of several lengths.") from None
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.dtype.kind not in "iub":
        raise DataTypeError(
            f"{where} must hold whole numbers, the class of each pixel, got {values.dtype}. Pass mask.astype(int) "
            "where they are whole."
        )
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{where} must have shape (h, w), a class number for each pixel, got {values.shape}. Of a layer for each "
            "class pass layers.argmax(axis)."
        )
    if values.dtype.kind == "u" and int(values.max()) > _MOST:
        raise DataError(f"{where} must hold numbers up to {_MOST:,}, got {int(values.max()):,}.")
    # Numbers of 64 bits without a sign would turn others into floats beside them.
    return values.astype(np.int64) if values.dtype in (bool, np.uint64) else values


def _of_file(path: Any, where: str) -> np.ndarray:
    if not isinstance(path, LoadedFile) and not Path(path).is_file():
        raise DataError(f"{where} must be an existing mask file, got {shown(str(path))}.")
    try:
        with open_picture(path if isinstance(path, LoadedFile) else Path(path)) as picture:
            return _numbers(picture, where + named(path))
    except BadItem as error:
        raise DataError(f"{where}: {shown(str(path))}: {error}.") from None


def _numbers(picture: Image.Image, where: str) -> np.ndarray:
    if picture.format == "JPEG":
        raise DataError(f"{where} is a JPEG file, whose numbers are only nearly those that were saved. Save it as PNG.")
    if picture.mode not in _GREY:
        raise DataError(
            f"{where} holds {picture.mode} colours; a mask holds a class number for each pixel: a grey PNG or one with "
            "a palette. Give each colour a number first, and save with PIL.Image.fromarray(numbers.astype('uint8'))."
        )
    try:
        numbers = np.array(picture)  # 8 bits stay 8 bits
        return numbers.astype(np.int64) if numbers.dtype == bool else numbers
    # Pillow decodes late: a damaged file shows here, with any exception.
    except Exception as error:
        raise DataError(f"{where} cannot be read: {reason_of(error)}.") from None


def picture_size(item: Any) -> tuple[int, int, bool]:
    """Return height and width of a picture as its file stores it, and whether EXIF's turn exchanges them.

    Raises
    ------
    BadItem
        It cannot be opened.
    """
    if isinstance(item, (str, os.PathLike, LoadedFile)):
        with open_picture(item if isinstance(item, LoadedFile) else Path(item)) as picture:
            return picture.height, picture.width, _turned(picture)
    if isinstance(item, Image.Image):
        return item.height, item.width, _turned(item)
    height, width = np.shape(item)[:2]
    return int(height), int(width), False


def _turned(picture: Image.Image) -> bool:
    try:
        return picture.getexif().get(_EXIF, 1) in (5, 6, 7, 8)
    # as in :func:`punar.data.decode.upright`
    except (SyntaxError, KeyError, ValueError, TypeError, AttributeError):
        return False


def named(item: Any) -> str:
    """Return the name of a file, to be put behind its place among the others; nothing of what lies in memory.

    >>> named("masks/a.png"), named(np.zeros((2, 2)))
    (" ('masks/a.png')", '')
    """
    path = item.path if isinstance(item, LoadedFile) else item
    return f" ({shown(os.fspath(path), 120)})" if isinstance(path, (str, os.PathLike)) else ""


def check_size(mask: np.ndarray, item: Any, i: int, where: str, name: str = "") -> None:
    """Raise where a mask, of a file of this ``name``, has not the size of its picture as the file stores it.

    Raises
    ------
    DataError
    """
    try:
        height, width, turned = picture_size(item)
    except BadItem as error:
        raise DataError(f"{where}: X[{i}]{named(item)}: {error}.") from None
    if mask.shape == (height, width):
        return
    advice = "Bring each mask to its picture's size, by the nearest pixel."
    if turned and mask.shape == (width, height):
        advice = (
            "The file holds the picture lying on its side, with a tag (EXIF) by which viewers turn it: save it turned, "
            "with PIL.ImageOps.exif_transpose."
        )
    raise DataError(
        f"{where}: y[{i}]{name} is a mask of {mask.shape[0]} x {mask.shape[1]} pixels (height x width), and its "
        f"picture{named(item)} has {height} x {width}. {advice}"
    )


def too_few(values: Sequence[int], ignore: int | None, where: str) -> str:
    """Return what is said of masks that hold less than two classes."""
    found = f"only {values[0]}" if values else "none"
    beside = "" if ignore is None else f" beside ignore={ignore}"
    advice = "" if ignore is None else f" Where {ignore} is a class, as in black-and-white masks, set ignore=None."
    return f"{where}: masks must hold at least 2 different numbers to learn from, got {found}{beside}.{advice}"
