"""Pascal VOC: a picture in JPEGImages and an xml file of its boxes in Annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from xml.parsers import expat

from punar.errors import DataError, shown
from punar.sources import _boxes
from punar.sources._apart import (
    PICTURES,
    by_stem,
    child,
    chosen,
    files_in,
    left_out,
    pictures_in,
    root_of,
)
from punar.sources._beginning import check_beginning
from punar.sources._boxes import Boxes
from punar.sources._found import FoundItems
from punar.sources._memory import check_room
from punar.sources._names import printable
from punar.sources._source import Request, Source

_XML = ("annotations", "annotation", "xml", "xmls", "labels")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX = ("annotation", "object", "bndbox")
_SIZE = ("annotation", "size")


class Voc(Source):
    """A folder with JPEGImages and Annotations, or the names that are usual for them; lists are in ImageSets/Main.

    Corners are taken as they stand. A list of names (``ImageSets/Main/train.txt``) stands for its part.
    """

    forms: ClassVar[tuple[str, ...]] = ("boxes",)
    options: ClassVar[tuple[str, ...]] = ("target_path",)

    def takes(self, path: Path) -> bool:
        """Return whether pictures and xml files are there; of a list, beside it."""
        return _layout(root_of(path)) is not None

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether it is a folder of pictures, and one of xml files."""
        return root_of(path).is_dir() and target_path.is_dir() and bool(_xml_in(target_path))

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the paths of the pictures, and their boxes by corners.

        Raises
        ------
        DataError
            An xml file is damaged or a box is none, with its line; the boxes were drawn on a picture of another size;
            or pictures have no xml file and may not be left out.
        """
        root, notes = root_of(path), list[str]()
        if request.target_path is not None:
            folder, files = (child(root, PICTURES) or [root])[0], Path(request.target_path)
        else:
            folder, files = _layout(root) or (root, root)
        pictures = chosen(path, by_stem(pictures_in(folder), folder, "picture"), notes)
        known = by_stem(files_in(files, [".xml"]), files, "xml file")
        lost = [printable(picture.name) for key, picture in pictures.items() if key not in known]
        left_out(lost, len(pictures), f"pictures have no xml file in {files}", str(path), request, notes)
        kept = [key for key in pictures if key in known]
        boxes = [read_xml(known[key]) for key in kept]
        for key, each in zip(kept, boxes, strict=True):
            _boxes.check_size(pictures[key], each.size, known[key], "xml file")
        names = [printable(pictures[key].relative_to(folder)) for key in kept]
        if path.is_dir() and (unused := [key for key in known if key not in pictures]):
            notes.append(f"{len(unused):,} xml files without a picture: {', '.join(unused[:5])}")
        return FoundItems(
            [str(pictures[key]) for key in kept],
            [each.target() for each in boxes],
            kind="vision",
            form="boxes",
            names=tuple(names),
            title="file",
            notes=[*notes, *_boxes.said(boxes, names)],
            classes=tuple(sorted({label for each in boxes for label in each.labels})),
        )


def _xml_in(folder: Path) -> list[Path]:
    return files_in(folder, [".xml"])


def _layout(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of pictures and xml files; one folder may hold both."""
    pictures = child(root, PICTURES)
    for place in [*child(root, _XML), *pictures[:1], root]:
        if (root.is_dir() and place != root and _xml_in(place)) or (
            place == root and root.is_dir() and any(root.glob("*.xml"))
        ):
            return (pictures[0] if pictures else root), place
    return None


@dataclass
class _Object:
    """One object while it is read."""

    line: int
    name: str = ""
    sides: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Collects the objects of one file, with the lines on which they begin."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[str] = []
        self._text: list[str] = []
        self.objects: list[_Object] = []
        self.size: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        # A few lines of entities may stand for gigabytes, or for another file.
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, name: str, *_: Any) -> None:
        raise DataError(
            f"{self._path}, line {self.parser.CurrentLineNumber}: it declares the entity {shown(name, 40)}, which can "
            "stand for anything. An xml file of boxes needs none; it is not read."
        )

    def _start(self, name: str, _: Any) -> None:
        self._open.append(name)
        self._text.clear()
        if tuple(self._open) == _BOX[:2]:
            self.objects.append(_Object(self.parser.CurrentLineNumber))

    def _end(self, name: str) -> None:
        at, text = tuple(self._open), "".join(self._text).strip()
        if at == (*_BOX[:2], "name"):
            self.objects[-1].name = text
        elif at[:-1] == _BOX and name in _SIDES:
            self.objects[-1].sides[name] = text
        elif at[:-1] == _SIZE:
            self.size[name] = text
        self._open.pop()
        self._text.clear()


def read_xml(path: Path) -> Boxes:
    """Return the boxes of one xml file.

    Raises
    ------
    DataError
        It is damaged, declares entities, or an object lacks a name or a corner.
    """
    check_beginning(path)
    check_room(20 * path.stat().st_size, str(path), "Is it an xml file of boxes?")
    reader = _Reader(path)
    try:
        reader.parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise DataError(f"{path}, line {error.lineno}: this is no xml ({expat.errors.messages[error.code]}).") from None
    except DataError:
        raise
    except (ValueError, LookupError) as error:
        raise DataError(f"{path}: this is no xml ({shown(str(error), 80)}).") from None
    found = Boxes(size=_size_of(reader.size))
    for each in reader.objects:
        where = f"{path}, line {each.line}"
        if not each.name:
            raise DataError(f"{where}: the object has no name.")
        missing = [side for side in _SIDES if side not in each.sides]
        if missing:
            raise DataError(f"{where}: the object {shown(each.name, 40)} has no {', '.join(missing)}.")
        found.add([_boxes.number(each.sides[side], side, where) for side in _SIDES], each.name, where)
    return found


def _size_of(said: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the width and height that a file says its picture has; None where it says nothing that can be used."""
    try:
        width, height = (float(said[side]) for side in ("width", "height"))
        return round(width), round(height)
    except (KeyError, ValueError, OverflowError):
        return None
