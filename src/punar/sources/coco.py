"""COCO's json files: pictures, boxes and categories in one object."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources import _boxes
from punar.sources._apart import inside, left_out, named
from punar.sources._boxes import Boxes
from punar.sources._found import FoundItems
from punar.sources._json import entry, read_object, rows_of
from punar.sources._names import printable
from punar.sources._source import Request, Source


class Coco(Source):
    """Pictures with boxes as COCO writes them: ``images``, ``annotations`` (bbox: x, y, width, height), ``categories``.

    DATA is the json file, or a folder with one. The pictures are looked for beside it, in its subfolders and beside its
    folder; ``--root`` names another place. Boxes around crowds are left out and counted.
    """

    forms: ClassVar[tuple[str, ...]] = ("boxes",)
    options: ClassVar[tuple[str, ...]] = ("root", "target_path")

    def takes(self, path: Path) -> bool:
        """Return whether it is a json file, or a folder with one."""
        return (path.is_file() and path.suffix.lower() == ".json") or bool(_files(path))

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether it is a folder of pictures, and a json file."""
        return path.is_dir() and target_path.suffix.lower() == ".json"

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the paths of the pictures, and their boxes by corners.

        Raises
        ------
        DataError
            It is no such json, a box is none, or pictures are not there and may not be left out.
        """
        file = Path(request.target_path) if request.target_path is not None else _file(path)
        found = _Read.of(file)
        root = request.root or (path if request.target_path is not None else None)
        folder = _folder(found.files, file, None if root is None else Path(root))
        paths = {key: inside(folder, name, str(file)) for key, name in found.files.items()}
        notes = list(found.notes)
        lost = [printable(paths[key].name) for key in paths if not paths[key].is_file()]
        left_out(lost, len(paths), f"pictures are not in {folder}", str(file), request, notes)
        kept = [key for key in paths if paths[key].is_file()]
        for key in kept:
            _boxes.check_size(paths[key], found.sizes.get(key), file, "json")
        names = [printable(found.files[key]) for key in kept]
        boxes = [found.boxes[key] for key in kept]
        return FoundItems(
            [str(paths[key]) for key in kept],
            [each.target() for each in boxes],
            kind="vision",
            form="boxes",
            names=tuple(names),
            title="file",
            notes=[*notes, *_boxes.said(boxes, names)],
            classes=tuple(found.categories.values()),
            kept={"image_id": np.array(kept, dtype=object)},
            class_ids={name: key for key, name in found.categories.items()},
        )


@dataclass
class _Read:
    """What the json holds, by the id of the picture."""

    files: dict[Any, str] = field(default_factory=dict)
    boxes: dict[Any, Boxes] = field(default_factory=dict)
    sizes: dict[Any, tuple[Any, Any]] = field(default_factory=dict)  # width, height, as the json has them
    categories: dict[Any, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> _Read:
        whole = read_object(path, '{"images": [...], "annotations": [...], "categories": [...]}')
        found = cls()
        for where, row in rows_of(whole, "categories", path):
            _once(found.categories, _key(row, "id", where), where)
            found.categories[row["id"]] = entry(row, "name", str, where)
        _check_categories(found.categories, path)
        for where, row in rows_of(whole, "images", path):
            _once(found.files, _key(row, "id", where), where)
            found.files[row["id"]] = entry(row, "file_name", str, where)
            found.boxes[row["id"]] = Boxes()
            found.sizes[row["id"]] = row.get("width"), row.get("height")
        if not found.files:
            raise DataError(f"{path}: images is empty; there is no picture in it.")
        _check_names(found.files, path)
        crowds = sum(found._take(where, row) for where, row in rows_of(whole, "annotations", path))
        if crowds:
            found.notes.append(f"{counted(crowds, 'annotation')} of a crowd (iscrowd) left out")
        return found

    def _take(self, where: str, row: Mapping[str, Any]) -> bool:
        """Take one annotation, and return whether it is of a crowd."""
        picture, kind = _key(row, "image_id", where), _key(row, "category_id", where)
        if picture not in self.boxes:
            raise DataError(f"{where}: image_id {shown(picture, 40)} is none of images.")
        if kind not in self.categories:
            raise DataError(f"{where}: category_id {shown(kind, 40)} is none of categories.")
        if row.get("iscrowd"):
            return True
        values = entry(row, "bbox", list, where)
        if len(values) != 4:
            raise DataError(f"{where}: bbox must be [x, y, width, height], found {shown(values, 60)}.")
        x, y, width, height = (_boxes.number(v, "bbox", where) for v in values)
        self.boxes[picture].add((x, y, x + width, y + height), self.categories[kind], where)
        return False


def _key(row: Mapping[str, Any], name: str, where: str) -> Any:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f"{where}: {name} must be a number or a text, found {shown(value, 40)}.")
    return value


def _check_names(files: Mapping[Any, str], path: Path) -> None:
    """Raise where a picture stands there twice: each time its other boxes would teach that nothing is there."""
    twice = _of_one_name({key: Path(name).as_posix() for key, name in files.items()})
    if twice is not None:
        name, ids = twice
        raise DataError(
            f"{path}: the picture {shown(name, 60)} stands in images twice, with the ids {ids}. Give all of its "
            "annotations one image_id."
        )


def _check_categories(categories: Mapping[Any, str], path: Path) -> None:
    """Raise where two categories have one name: of a label that is found nobody could say which id it has."""
    twice = _of_one_name(categories)
    if twice is not None:
        name, ids = twice
        raise DataError(
            f"{path}: the name {shown(name, 60)} stands in categories twice, with the ids {ids}; a label must have one "
            "id, by which results are written. Give all of its annotations one category_id and remove the other "
            "category, or call the two by different names."
        )


def _of_one_name(names: Mapping[Any, str]) -> tuple[str, str] | None:
    """Return the first name that stands for two ids, and the ids in words; None where all differ."""
    first: dict[str, Any] = {}
    for key, name in names.items():
        if name in first:
            return name, f"{shown(first[name], 40)} and {shown(key, 40)}"
        first[name] = key
    return None


def _once(known: Mapping[Any, Any], key: Any, where: str) -> None:
    if key in known:
        raise DataError(f"{where}: the id {shown(key, 40)} stands there twice.")


def _files(path: Path) -> list[Path]:
    """Return the files of a folder that hold boxes as COCO writes them."""
    if not path.is_dir():
        return []
    places = [path, path / "annotations"]
    return [p for place in places if place.is_dir() for p in sorted(place.glob("*.json")) if _looks_so(p)]


def _looks_so(path: Path) -> bool:
    """Return whether a json file has COCO's lists: others may lie beside pictures."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return all(data.find(key) >= 0 for key in (b'"images"', b'"annotations"'))
    except (OSError, ValueError):
        return False  # a folder, or an empty file


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    found = _files(path)
    if len(found) > 1:
        raise DataError(f"{path}: {named(found)} could all hold the boxes. Name the one that you mean, as {found[0]}.")
    return found[0]


def _folder(files: Mapping[Any, str], file: Path, root: Path | None) -> Path:
    """Return the folder that the names of pictures begin in."""
    if root is not None:
        return root
    beside = [file.parent, file.absolute().parent.parent]
    places = [*beside, *(sub for place in beside for sub in sorted(place.iterdir()) if sub.is_dir())]
    first = list(files.values())[:20]
    for place in places:
        if any(inside(place, name, str(file)).is_file() for name in first):
            return place
    raise DataError(
        f"{file}: none of its pictures ({listed(first)}) is beside it or in a folder beside it. Say where they are: "
        "--root FOLDER."
    )
