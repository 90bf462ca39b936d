"""Folders in which pictures and what belongs to them lie apart: found by name, matched by stem, parted by lists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources._kinds import SUFFIXES
from punar.sources._names import printable
from punar.sources._source import Request
from punar.sources._text import read_lines

PICTURES = ("images", "image", "imgs", "img", "jpegimages", "pictures", "photos")
_PARTS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "dev"), "test": ("test", "testing")}
_LISTS = ("", "ImageSets/Main", "ImageSets/Segmentation", "ImageSets", "splits")
_CLASSES = ("classes.txt", "labels.txt", "class_names.txt", "obj.names", "classes.names")


def child(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the subfolders that are called by one of these names, in capitals or not; none where it is no folder."""
    try:
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []  # whoever reads it says why
    return [p for p in entries if p.is_dir() and p.name.lower() in names]


def files_in(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Return the files at any depth that end so, in the order of their names; hidden ones left out."""
    known = tuple(suffixes)
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, n) for n in sorted(names) if not n.startswith(".") and n.lower().endswith(known)]
    return [path for path in found if path.is_file()]


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures at any depth.

    Raises
    ------
    DataError
        There is none.
    """
    found = files_in(folder, SUFFIXES["vision"])
    if not found:
        raise DataError(f"{folder}: no pictures are in it. They end in {', '.join(SUFFIXES['vision'])}.")
    return found


def is_picture(path: Path) -> bool:
    """Return whether it is the file of a picture, by its name."""
    return path.suffix.lower() in SUFFIXES["vision"] and path.is_file()


def by_stem(files: Sequence[Path], folder: Path, what: str) -> dict[str, Path]:
    """Return files by their path in the folder, without its suffix.

    Raises
    ------
    DataError
        Two of them would be one.
    """
    found: dict[str, Path] = {}
    for path in files:
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise DataError(
                f"{folder}: {found[key].name} and {path.name} are two {what}s of one name. Remove or rename one."
            )
        found[key] = path
    return found


def named(paths: Iterable[Path | str]) -> str:
    """Return the first few files by name, for a message."""
    return listed([printable(Path(path).name) for path in paths])


def lists_of(source: str | os.PathLike[str]) -> dict[str, Path]:
    """Return what parts a folder of pictures, such as train.txt: "train", and "val" and "test" where they are there.

    The parts are lists of names, or the subfolders of images/ that are called so; empty where there are none.
    """
    root = Path(source)
    if not root.is_dir():
        return {}
    for place in _LISTS:
        found = {
            part: root / place / f"{name}.txt"
            for part, names in _PARTS.items()
            for name in reversed(names)
            if (root / place / f"{name}.txt").is_file()
        }
        if "train" in found:
            return found
    folders = {p.name.lower(): p for place in child(root, PICTURES) for p in place.iterdir() if p.is_dir()}
    found = {part: folders[n] for part, names in _PARTS.items() for n in reversed(names) if n in folders}
    return found if "train" in found else {}


def root_of(path: Path) -> Path:
    """Return the folder that a list of its files parts; the path itself where it is no list."""
    if path.suffix.lower() != ".txt" or not path.is_file():
        return path
    above = [p for p in path.parents if p.name.lower() in ("imagesets", "splits")]
    return above[0].parent if above else path.parent


def listed_stems(path: Path) -> list[str]:
    """Return what a list of pictures names: the first column of its lines, without folders and suffix.

    Raises
    ------
    DataError
        It is empty, or no text.
    """
    names = [line.split()[0] for line in read_lines(path) if line.strip()]
    if not names:
        raise DataError(f"{path}: the list names nothing, its lines are blank.")
    known = SUFFIXES["vision"]
    return [name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in known else name for name in names]


def chosen(path: Path, pictures: dict[str, Path], notes: list[str]) -> dict[str, Path]:
    """Return the pictures that a list names, in its order; all of them where ``path`` is their folder.

    Raises
    ------
    DataError
        A name of the list is no picture.
    """
    if path.is_dir():
        parts = lists_of(path)
        if parts:
            notes.append(
                f"all pictures are read; name a part to read it alone: {listed([str(p) for p in parts.values()])}"
            )
        return pictures
    short = {Path(key).name: key for key in pictures}
    found, lost = {}, []
    for stem in listed_stems(path):
        key = stem if stem in pictures else short.get(Path(stem).name)
        if key is None:
            lost.append(stem)
        else:
            found[key] = pictures[key]
    if lost:
        raise DataError(
            f"{path}: it names {counted(len(lost), 'picture')} that {'is' if len(lost) == 1 else 'are'} not there: "
            f"{listed(lost)}. Mend the list."
        )
    notes.append(f"{counted(len(found), 'picture')} of {len(pictures):,}: those that {path.name} names")
    return found


def classes_of(*folders: Path) -> list[str]:
    """Return the names of the classes, one per line of classes.txt, by number from 0; empty where it is not there."""
    for folder in folders:
        for name in _CLASSES:
            if (folder / name).is_file():
                names = [line.strip() for line in read_lines(folder / name)]
                while names and not names[-1]:
                    names.pop()
                return names
    return []


def left_out(lost: Sequence[str], total: int, what: str, where: str, request: Request, notes: list[str]) -> None:
    """Say in a note that items cannot be used, where they may be skipped.

    Raises
    ------
    DataError
        They may not.
    """
    if not lost:
        return
    said = f"{len(lost)} of {total:,} {what}: {listed(lost)}"
    if not request.skip or len(lost) == total:
        raise DataError(f"{where}: {said}. Add or remove them, or leave them out (--skip-bad).")
    notes.append(f"left out: {said}")


def inside(folder: Path, name: str, where: str) -> Path:
    """Return the path of a file that data name, which must lie in ``folder``.

    Raises
    ------
    DataError
        It lies elsewhere: nothing but the data themselves is opened because data say so.
    """
    given = Path(name.replace("\\", "/"))
    if not name.strip() or "\0" in name or given.is_absolute() or ".." in given.parts:
        raise DataError(f"{where}: the file {shown(name)} must lie inside {folder}. Mend the name.")
    return folder / given
