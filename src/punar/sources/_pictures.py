"""Picture files -> one uint8 array; everything that is decided on the way is said in the notes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from punar.core.words import counted
from punar.data.decode import BadItem, open_picture, picture_size, reason_of, to_rgb, upright
from punar.errors import DataError, ParameterError, shown
from punar.sources._found import FoundFiles
from punar.sources._labels import of_subfolders
from punar.sources._memory import check_room
from punar.sources._names import printable
from punar.sources._userdata import UserData

_DEFAULT_SIDE = 64
_LARGEST_SIDE = 256


def pictures_of(
    found: FoundFiles, folder: Path, *, size: int | tuple[int, int] | None = None, on_error: str = "raise"
) -> UserData:
    """Return pictures as one array; subfolders are classes.

    Parameters
    ----------
    found : FoundFiles
    folder : Path
        Where they lie.
    size : int, (height, width) or None, default=None
        The size to bring pictures to. None keeps them where all are alike and no side is longer than 64
        pixels; otherwise the median shape, reduced to 64 pixels on its longer side.
    on_error : {"raise", "skip"}, default="raise"
        What to do with files that cannot be read.

    Returns
    -------
    UserData
        X is uint8, (n, h, w) where every picture is grey and (n, h, w, 3) otherwise. Turned by its EXIF tag,
        transparency laid on white, first frame of several.

    Raises
    ------
    DataError
        Unreadable files, too many pixels, not enough memory.
    """
    wanted = None if size is None else _check_size(size)
    notes, files = list(found.notes), found.files
    sizes, bad = _sizes(files)
    height, width = _choose_size(list(sizes.values()), wanted, notes) if sizes else (1, 1)
    check_room(
        2 * 3 * height * width * len(sizes),
        str(folder),
        "Read them smaller (--size, size=), or fewer of them.",
    )
    pixels, kept = _decoded(files, sizes, bad, height, width)
    if bad and (on_error == "raise" or not kept):
        raise DataError(
            f"{folder}: {len(bad)} of {counted(len(files), 'file')} cannot be read as pictures: {_reasons(bad)}. "
            "Repair or remove them, or leave them out (--skip-bad, on_error='skip')."
        )
    if bad:
        notes.append(
            f"{len(bad)} of {counted(len(files), 'file')} could not be read and were left out: {_reasons(bad)}"
        )
    X = _without_colour(pixels, notes)
    labels = of_subfolders([found.labels[i] for i in kept]) if found.labels else None
    if labels is not None:
        notes.append(labels.note)
    return UserData(
        X=X,
        y=None if labels is None else labels.y,
        kind="images",
        name=folder.resolve().name or "pictures",
        description=str(folder),
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=notes,
        row_names=tuple(printable(files[i].relative_to(folder)) for i in kept),
    )


def _sizes(files: Sequence[Path]) -> tuple[dict[Path, tuple[int, int]], dict[Path, str]]:
    """Return height and width of each file, and why of those that have none."""
    sizes: dict[Path, tuple[int, int]] = {}
    bad: dict[Path, str] = {}
    for path in files:
        try:
            sizes[path] = picture_size(path)
        except BadItem as error:
            bad[path] = str(error)
    return sizes, bad


def _decoded(
    files: Sequence[Path], sizes: dict[Path, tuple[int, int]], bad: dict[Path, str], height: int, width: int
) -> tuple[np.ndarray, list[int]]:
    """Return the pictures (n, height, width, 3), and which files they are; ``bad`` gains those that are damaged."""
    pixels = np.empty((len(sizes), height, width, 3), dtype=np.uint8)
    kept: list[int] = []
    for i, path in enumerate(files):
        if path in bad:
            continue
        try:
            pixels[len(kept)] = _read(path, height, width)
        except BadItem as error:
            bad[path] = str(error)
        else:
            kept.append(i)
    return pixels[: len(kept)], kept


def _without_colour(pixels: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return one channel where every picture is grey."""
    if not all(np.array_equal(x[..., 0], x[..., 1]) and np.array_equal(x[..., 0], x[..., 2]) for x in pixels):
        return pixels
    notes.append("every picture is grey: one channel")
    return np.ascontiguousarray(pixels[..., 0])


def _read(path: Path, height: int, width: int) -> np.ndarray:
    """Return one picture as (height, width, 3) uint8."""
    with open_picture(path) as picture, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            longest = max(height, width)
            picture.draft(
                "RGB", (2 * longest, 2 * longest)
            )  # large photographs are decoded at a fraction of their size
            flat = to_rgb(upright(picture))
            if flat.size != (width, height):
                flat = flat.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(flat, dtype=np.uint8)
        except BadItem:
            raise
        # as in open_picture: damaged data raises anything
        except Exception as error:
            raise BadItem(reason_of(error)) from None


def _check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(s, int) and 1 <= s <= _LARGEST_SIDE for s in sides):
        raise ParameterError(
            f"size must be one side or (height, width), each in [1, {_LARGEST_SIDE}] pixels, got {shown(size)}."
        )
    return sides[0], sides[1]


def _choose_size(sizes: Sequence[tuple[int, int]], wanted: tuple[int, int] | None, notes: list[str]) -> tuple[int, int]:
    alike = len(set(sizes)) == 1
    if wanted is not None:
        if not alike or wanted != sizes[0]:
            notes.append(f"stretched to {wanted[0]} by {wanted[1]} pixels (height by width), as asked")
        return wanted
    height, width = (int(np.median([s[axis] for s in sizes])) for axis in (0, 1))
    if alike and max(height, width) <= _DEFAULT_SIDE:
        return height, width
    shrink = min(1.0, _DEFAULT_SIDE / max(height, width))
    height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    smallest, largest = min(sizes), max(sizes)
    was = f"{smallest[0]} by {smallest[1]}"
    if not alike:
        was = f"of {len(set(sizes))} sizes, {was} to {largest[0]} by {largest[1]}"
    notes.append(f"stretched to {height} by {width} pixels (height by width); they were {was}. Another size: --size")
    return height, width


def _reasons(bad: dict[Path, str]) -> str:
    head = "; ".join(f"{path.name}: {shown(reason, 90)[1:-1]}" for path, reason in list(bad.items())[:5])
    return head if len(bad) <= 5 else f"{head}; and {len(bad) - 5} more"
