"""Pictures with a mask each: a folder of pictures and one of masks, matched by name; or one picture and its mask."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from punar.core.words import counted, listed
from punar.errors import DataError
from punar.sources._apart import (
    PICTURES,
    by_stem,
    child,
    chosen,
    classes_of,
    is_picture,
    left_out,
    named,
    pictures_in,
    root_of,
)
from punar.sources._found import FoundItems
from punar.sources._names import printable
from punar.sources._source import Request, Source

_MASKS = (
    *("masks", "mask", "segmentationclass", "labels", "label", "annotations", "annotation", "annot", "gt"),
    *("ground_truth", "groundtruth", "seg", "segmentation", "segmentations", "targets"),
)
_UNKNOWN = ("unlabelled", "unlabeled", "void", "ignore", "ignored", "unknown", "dontcare")
# What is written behind a picture's name for its mask, and sometimes behind that of the picture itself.
_ENDING = re.compile(
    r"(?i)[_.\- ]?(?:masks?|labels?|gt|seg|segmentation|annotation|groundtruth|gtfine_labelids|l|image|img|"
    r"leftimg8bit)$"
)


class Masks(Source):
    """A folder with a folder of pictures (images, JPEGImages, ...) and one of masks (masks, SegmentationClass, ...).

    A mask belongs to the picture of the same name; endings such as ``_mask`` and ``_L`` are allowed. A list of names
    (``train.txt``) in the folder stands for its part of the pictures, and ``classes.txt`` names the values of the
    masks, one per line from 0. Pictures and masks may lie apart; one picture goes with its own mask, or with the folder
    in which that lies. No picture is opened.
    """

    forms: ClassVar[tuple[str, ...]] = ("masks",)
    options: ClassVar[tuple[str, ...]] = ("target_path",)

    def takes(self, path: Path) -> bool:
        """Return whether both folders are there; of a list, beside it."""
        root = root_of(path)
        return bool(child(root, PICTURES) and child(root, _MASKS))

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether pictures and masks are two folders, or it is one picture and its mask or their folder."""
        if is_picture(path):
            return target_path.is_dir() or is_picture(target_path)
        return root_of(path).is_dir() and target_path.is_dir()

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the paths of pictures, and of their masks.

        Raises
        ------
        DataError
            There is no pair, several folders could be meant, or pictures have no mask and may not be left out.
        """
        notes: list[str] = []
        if is_picture(path):
            root = folder = path.parent
            masks, pictures = Path(str(request.target_path)), {path.stem: path}
        else:
            root = root_of(path)
            folder, masks = _folders(root, request)
            pictures = chosen(path, by_stem(pictures_in(folder), folder, "picture"), notes)
        if masks.is_file():
            known = {path.stem: masks}  # whatever it is called
        else:
            known = _by_name(by_stem(pictures_in(masks), masks, "mask"), masks)
        pairs = {key: known.get(key) or known.get(_plain(key)) for key in pictures}
        lost = [printable(pictures[key].name) for key, mask in pairs.items() if mask is None]
        left_out(lost, len(pairs), f"pictures have no mask in {masks}", str(path), request, notes)
        kept = {key: mask for key, mask in pairs.items() if mask is not None}
        used = set(kept.values())
        unused = [p for p in dict.fromkeys(known.values()) if p not in used]
        if unused and path.is_dir():
            notes.append(f"{counted(len(unused), 'mask')} without a picture: {named(unused)}")
        classes = classes_of(root, folder, masks)
        if classes:
            notes.append(f"the values of the masks are named: {listed(classes)}")
        notes += [
            f"value {i} is called {name!r}; so that it teaches nothing and does not count: --set ignore={i}"
            for i, name in enumerate(classes)
            if name.lower() in _UNKNOWN
        ]
        return FoundItems(
            [str(pictures[key]) for key in kept],
            [str(mask) for mask in kept.values()],
            kind="vision",
            form="masks",
            names=tuple(printable(pictures[key].relative_to(folder)) for key in kept),
            title="file",
            notes=[*notes, f"masks: {masks}"],
            classes=tuple(classes),
        )


def _folders(root: Path, request: Request) -> tuple[Path, Path]:
    pictures = child(root, PICTURES)
    if request.target_path is not None:
        return (pictures[0] if pictures else root), Path(request.target_path)
    masks = child(root, _MASKS)
    for what, found in (("pictures", pictures), ("masks", masks)):
        if len(found) > 1:
            raise DataError(
                f"{root}: {named(found)} could all hold the {what}. Name the folder of the pictures as DATA, and that "
                "of the masks with --masks FOLDER."
            )
    return pictures[0], masks[0]


def _by_name(masks: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Return the masks by the name of their picture: as they are, and without their ending."""
    found = dict(masks)
    ended: dict[str, Path] = {}
    for key, path in masks.items():
        plain = _plain(key)
        if plain in found and found[plain] != path:
            continue
        if plain in ended and ended[plain] != path:
            raise DataError(
                f"{folder}: {ended[plain].name} and {path.name} could both be the mask of {Path(plain).name}. Remove "
                "or rename one."
            )
        ended[plain] = path
    return ended | found


def _plain(key: str) -> str:
    shorter = _ENDING.sub("", key)
    return shorter if Path(shorter).name and not shorter.endswith("/") else key
