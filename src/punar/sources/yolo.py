"""YOLO's text files: a picture, and beside it or in labels/ a line "class x y width height" for each box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from punar.core.words import listed
from punar.data.decode import BadItem, picture_size
from punar.errors import DataError, MissingExtraError, shown
from punar.sources import _boxes
from punar.sources._apart import PICTURES, by_stem, child, chosen, classes_of, left_out, pictures_in, root_of
from punar.sources._boxes import Boxes
from punar.sources._found import FoundItems
from punar.sources._memory import check_room
from punar.sources._names import printable
from punar.sources._source import Request, Source
from punar.sources._text import read_lines

_LABELS = ("labels", "label")
_YAML = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


class Yolo(Source):
    """A folder with images/ and labels/, whose text files hold a line for each box: class, middle and size.

    Middle and size are shares of the picture's width and height; a line with more numbers is an outline, and its box is
    taken. ``data.yaml`` or ``classes.txt`` names the classes. A picture without a text file has no box. DATA may be the
    folder of a part, ``images/train``.
    """

    forms: ClassVar[tuple[str, ...]] = ("boxes",)
    options: ClassVar[tuple[str, ...]] = ("target_path",)

    def takes(self, path: Path) -> bool:
        """Return whether pictures and labels are there; of a list, beside it."""
        return _layout(root_of(path)) is not None

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether it is a folder of pictures, and one of text files."""
        return root_of(path).is_dir() and target_path.is_dir() and any(target_path.rglob("*.txt"))

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the paths of the pictures, and their boxes in pixels by corners.

        Raises
        ------
        DataError
            A line is no box, with its number; a class has no name, or that of another; or pictures cannot be opened and
            may not be left out.
        """
        root, notes = root_of(path), list[str]()
        folder, labels = _layout(root) or (root, root)
        if request.target_path is not None:
            labels = Path(request.target_path)
        pictures = chosen(path, by_stem(pictures_in(folder), folder, "picture"), notes)
        names = class_names(root, folder, labels, *folder.absolute().parents[:3])
        _check_differ(names, root)
        boxes: dict[str, Boxes] = {}
        lost = []
        for key, picture in pictures.items():
            try:
                size = picture_size(picture)
            except BadItem as error:
                lost.append(f"{printable(picture.name)} ({error})")
                continue
            file = labels / f"{key}.txt"
            boxes[key] = _read_lines(file, size, names) if file.is_file() else Boxes()
        left_out(lost, len(pictures), "pictures cannot be opened", str(path), request, notes)
        shown_names = [printable(pictures[key].relative_to(folder)) for key in boxes]
        if not names:
            notes.append("no data.yaml or classes.txt names the classes: they are called by their numbers")
        return FoundItems(
            [str(pictures[key]) for key in boxes],
            [each.target() for each in boxes.values()],
            kind="vision",
            form="boxes",
            names=tuple(shown_names),
            title="file",
            notes=[*notes, *_boxes.said(list(boxes.values()), shown_names)],
            classes=tuple(names) or tuple(sorted({label for each in boxes.values() for label in each.labels})),
        )


def _layout(root: Path) -> tuple[Path, Path] | None:
    pictures, labels = child(root, PICTURES), child(root, _LABELS)
    if pictures and labels:
        return pictures[0], labels[0]
    # images/train has its labels in labels/train.
    parts = root.absolute().parts
    for at in range(len(parts) - 1, 0, -1):
        if parts[at].lower() in PICTURES:
            beside = [p / Path(*parts[at + 1 :]) for p in child(Path(*parts[:at]), _LABELS)]
            if beside and beside[0].is_dir():
                return root, beside[0]
    return None


def _read_lines(path: Path, size: tuple[int, int], names: Sequence[str]) -> Boxes:
    found = Boxes()
    if not path.stat().st_size:
        return found
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        fields = line.split()
        if len(fields) != 5 and (len(fields) < 7 or len(fields) % 2 == 0):
            raise DataError(
                f"{where}: a box is 'class x y width height', an outline 'class x y x y x y ...', found "
                f"{shown(line, 60)}."
            )
        values = [_boxes.number(v, "each of the numbers", where) for v in fields[1:]]
        if not all(-0.01 <= v <= 1.01 for v in values):
            raise DataError(f"{where}: the numbers are shares of the picture from 0 to 1, found {shown(line, 60)}.")
        found.add(_corners(values, size), _label(fields[0], names, where), where)
    return found


def _corners(values: Sequence[float], size: tuple[int, int]) -> list[float]:
    height, width = size
    if len(values) == 4:
        x, y, w, h = values
        shares = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    else:
        across, down = values[0::2], values[1::2]
        shares = [min(across), min(down), max(across), max(down)]
    return [share * side for share, side in zip(shares, (width, height, width, height), strict=True)]


def _label(text: str, names: Sequence[str], where: str) -> str:
    if not text.isdecimal():
        raise DataError(f"{where}: the class must be a number from 0, found {shown(text, 40)}.")
    if not names:
        return str(int(text))
    if int(text) >= len(names):
        raise DataError(f"{where}: class {shown(text, 40)} has no name; there are {len(names)}: {listed(names)}.")
    return names[int(text)]


def _check_differ(names: Sequence[str], root: Path) -> None:
    """Raise where two classes have one name, which would make them one."""
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        first = names.index(twice)
        raise DataError(
            f"{root}: the classes {first} and {names.index(twice, first + 1)} are both called {shown(twice, 40)} in "
            "data.yaml or classes.txt; they would be one class. Call them by different names."
        )


def class_names(*folders: Path) -> list[str]:
    """Return the names of the classes, of data.yaml or classes.txt; empty where neither is there."""
    for folder in folders:
        for name in _YAML:
            if (folder / name).is_file():
                return _of_yaml(folder / name)
    return classes_of(*folders)


def _of_yaml(path: Path) -> list[str]:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading it needs PyYAML: pip install 'punar[table]'. Or write the names into classes.txt, one "
            "per line."
        ) from None
    check_room(100 * path.stat().st_size, str(path), "Is it a yaml file of names?")
    text = "\n".join(read_lines(path))
    try:
        # An alias repeats what stands elsewhere: a few lines of them stand for gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise DataError(f"{path}: it holds an alias (*name), which names of classes do not need. Write it out.")
        found: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: this is no yaml ({shown(str(error), 120)}).") from None
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, dict) and sorted(map(str, names)) == sorted(str(i) for i in range(len(names))):
        names = [{str(k): v for k, v in names.items()}[str(i)] for i in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(n, (str, int)) for n in names):
        raise DataError(
            f"{path}: names must be a list of the classes' names, or number them from 0, found {shown(names)}."
        )
    return [str(name) for name in names]
