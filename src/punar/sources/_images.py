"""A folder of pictures -> one uint8 array; everything that is decided on the way is said in the notes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from punar.core.words import counted, listed
from punar.data.decode import PICTURES, BadItem, open_picture, reason_of, to_rgb, upright
from punar.errors import DataError, ParameterError, shown
from punar.sources._memory import check_room
from punar.sources._userdata import UserData

_DEFAULT_SIDE = 64
_LARGEST_SIDE = 256


@dataclass(frozen=True)
class _Found:
    """Picture files below a folder, in a fixed order."""

    files: list[Path]
    labels: list[str]
    notes: list[str]


def read_folder(folder: Path, *, size: int | tuple[int, int] | None = None, on_error: str = "raise") -> UserData:
    """Return the pictures of a folder; subfolders are classes.

    Parameters
    ----------
    folder : Path
        Holds pictures, or one subfolder of pictures per class. Hidden files are ignored; so are, with a
        note, files that are no pictures by their suffix.
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
        No pictures, pictures beside subfolders, unreadable files, too many pixels, not enough memory.
    """
    wanted = None if size is None else _check_size(size)
    found = _find(folder)
    notes = list(found.notes)
    bad: dict[Path, str] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    for path in found.files:
        try:
            sizes[path] = _size_of(path)
        except BadItem as error:
            bad[path] = str(error)
    height, width = _choose_size(list(sizes.values()), wanted, notes) if sizes else (1, 1)
    check_room(
        2 * 3 * height * width * len(sizes),
        str(folder),
        "Read them smaller (--size, size=), or fewer of them.",
    )
    pixels = np.empty((len(sizes), height, width, 3), dtype=np.uint8)
    kept: list[int] = []
    for i, path in enumerate(found.files):
        if path in bad:
            continue
        try:
            pixels[len(kept)] = _read(path, height, width)
        except BadItem as error:
            bad[path] = str(error)
        else:
            kept.append(i)
    if on_error == "raise" or not kept:
        _refuse(bad, folder, len(found.files))
    if bad:
        notes.append(
            f"{len(bad)} of {counted(len(found.files), 'file')} could not be read and were left out: {_reasons(bad)}"
        )
    X = pixels[: len(kept)]
    if all(np.array_equal(x[..., 0], x[..., 1]) and np.array_equal(x[..., 0], x[..., 2]) for x in X):
        X = np.ascontiguousarray(X[..., 0])
        notes.append("every picture is grey: one channel")
    labels = [found.labels[i] for i in kept] if found.labels else []
    classes, y = np.unique(np.array(labels, dtype=object), return_inverse=True) if labels else ((), None)
    if len(classes):
        notes.append(f"target: {counted(len(classes), 'subfolder')} ({listed(list(classes))})")
    return UserData(
        X=X,
        y=None if y is None else y.reshape(-1).astype(np.int64),
        kind="images",
        name=folder.resolve().name or "pictures",
        description=str(folder),
        classes=tuple(str(c) for c in classes),
        target_kind="classification" if labels else None,
        notes=notes,
        row_names=tuple(str(found.files[i].relative_to(folder)) for i in kept),
    )


def _find(folder: Path) -> _Found:
    entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)
    loose, others = _split(p for p in entries if not p.is_dir())
    folders = [p for p in entries if p.is_dir()]
    if not folders:
        if not loose:
            raise DataError(
                f"{folder}: no pictures are in this folder ({counted(len(others), 'other file')}). Pictures "
                f"end in {', '.join(PICTURES)}."
            )
        return _Found(loose, [], _ignored(others))
    files: list[Path] = []
    labels: list[str] = []
    notes: list[str] = []
    for sub in folders:
        inside, rest = _split(p for p in sorted(sub.iterdir(), key=lambda p: p.name) if not p.is_dir())
        others += rest
        files += inside
        labels += [sub.name] * len(inside)
        if not inside:
            notes.append(f"the subfolder {shown(sub.name, 40)} holds no pictures")
    if not files and not loose:
        deeper = [p.name for p in folders if any(q.is_dir() for q in p.iterdir())]
        hint = f" Deeper subfolders are in {listed(deeper)}: name one of those." if deeper else ""
        raise DataError(
            f"{folder}: neither this folder nor its {counted(len(folders), 'subfolder')} hold pictures.{hint}"
        )
    if loose and files:
        raise DataError(
            f"{folder}: {counted(len(loose), 'picture')} beside {counted(len(folders), 'subfolder')} "
            f"({listed([p.name for p in folders])}). Use either one subfolder per class or one flat folder; "
            "move the loose pictures."
        )
    return (
        _Found(files, labels, [*notes, *_ignored(others)]) if files else _Found(loose, [], [*notes, *_ignored(others)])
    )


def _split(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    pictures: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not path.name.startswith("."):
            (pictures if path.suffix.lower() in PICTURES else others).append(path)
    return pictures, others


def _ignored(others: Sequence[Path]) -> list[str]:
    if not others:
        return []
    return [f"not pictures by their suffix, ignored: {listed([p.name for p in others])}"]


def _size_of(path: Path) -> tuple[int, int]:
    """Return height and width after turning, from the header alone."""
    with open_picture(path) as picture:
        try:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        # a damaged EXIF block is not a damaged picture
        except Exception:
            turned = False
        return (picture.width, picture.height) if turned else (picture.height, picture.width)


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
    notes.append(
        f"stretched to {height} by {width} pixels (height by width); they were {was}. Another size: --size (size=)"
    )
    return height, width


def _reasons(bad: dict[Path, str]) -> str:
    head = "; ".join(f"{path.name}: {shown(reason, 90)[1:-1]}" for path, reason in list(bad.items())[:5])
    return head if len(bad) <= 5 else f"{head}; and {len(bad) - 5} more"


def _refuse(bad: dict[Path, str], folder: Path, total: int) -> None:
    if bad:
        raise DataError(
            f"{folder}: {len(bad)} of {counted(total, 'file')} cannot be read as pictures: {_reasons(bad)}. "
            "Repair or remove them, or leave them out (--skip-bad, on_error='skip')."
        )
