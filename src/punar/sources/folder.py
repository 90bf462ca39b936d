"""Folders of pictures or recordings; subfolders are classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from punar.core.words import counted, listed
from punar.data.decode import kind_of_file
from punar.errors import DataError, shown
from punar.sources._found import FoundFiles
from punar.sources._kinds import SUFFIXES
from punar.sources._source import Request, Source
from punar.sources._splits import splits_of

_KNOWN = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
_TEXTS = (
    "texts are read from a csv, tsv or jsonl file with a column of each, or from two files whose lines belong together "
    "(--target-file); what is said in recordings from files of text beside them."
)
_NOUNS = {"vision": "picture", "audio": "recording"}


class Folder(Source):
    """A folder that holds pictures or recordings, or one subfolder of them per class.

    Hidden files are ignored; files of other kinds are ignored with a note. No file is opened.
    """

    fallback: ClassVar[bool] = True

    def takes(self, path: Path) -> bool:
        """Return whether it is a folder."""
        return path.is_dir()

    def read(self, path: Path, request: Request) -> FoundFiles:
        """Return the files, in the order of their names, with their subfolders as labels.

        Raises
        ------
        DataError
            There are no such files, they lie beside subfolders that hold others, or both pictures and recordings are
            there and ``request.kind`` does not say which are meant; or they are split into train, val and test.
        """
        parts = splits_of(path)
        if parts:
            names = listed([p.name for p in parts.values()])
            raise DataError(f"{path}: it is split into {names}. Name the one that you mean, such as {parts['train']}.")
        tree = _Tree.of(path)
        if request.form in ("answers", "texts") and request.kind != "audio" and not tree.count("audio"):
            raise DataError(f"{path}: {_TEXTS}")
        kind = request.kind if request.kind in SUFFIXES else None
        if kind is None and request.kind is not None:
            raise DataError(f"{path}: texts are read from a csv, tsv or parquet file, not from a folder.")
        if kind is None:
            counts = {name: tree.count(name) for name in SUFFIXES}
            if all(counts.values()):
                raise DataError(
                    f"{path}: there are {counts['vision']:,} pictures and {counts['audio']:,} recordings; move one of "
                    "the two to another folder."
                )
            kind = "audio" if counts["audio"] else "vision"
        found = tree.of_kind(kind)
        if request.form is None and {"images", "masks"} <= {label.lower() for label in found.labels}:
            found.notes.append(
                "images and masks are read as two classes; for masks of pictures say --task segmentation"
            )
        return found


@dataclass(frozen=True)
class _Tree:
    """What lies in a folder and, one level deep, in its subfolders; hidden files left out."""

    root: Path
    loose: list[Path]
    inside: dict[Path, list[Path]]

    @classmethod
    def of(cls, root: Path) -> _Tree:
        entries = _visible(root)
        loose = [p for p in entries if not p.is_dir()]
        inside = {sub: [p for p in _visible(sub) if not p.is_dir()] for sub in entries if sub.is_dir()}
        _check_files([*loose, *(p for files in inside.values() for p in files)], root)
        return cls(root, loose, inside)

    def count(self, kind: str) -> int:
        return sum(len(_split(files, kind)[0]) for files in (self.loose, *self.inside.values()))

    def of_kind(self, kind: str) -> FoundFiles:
        noun = _NOUNS[kind]
        loose, others = _split(self.loose, kind)
        files: list[Path] = []
        labels: list[str] = []
        notes: list[str] = []
        for sub, entries in self.inside.items():
            wanted, rest = _split(entries, kind)
            files += wanted
            labels += [sub.name] * len(wanted)
            others += rest
            if not wanted:
                notes.append(f"the subfolder {shown(sub.name, 40)} holds no {noun}s")
        if others:
            notes.append(f"not {noun}s by their suffix, ignored: {listed([p.name for p in others])}")
        folders = counted(len(self.inside), "subfolder")
        if files and loose:
            raise DataError(
                f"{self.root}: {counted(len(loose), noun)} beside {folders} ({listed([p.name for p in self.inside])}). "
                f"Use either one subfolder per class or one flat folder; move the loose {noun}s."
            )
        if not files and not loose:
            deeper = [p.name for p in self.inside if any(q.is_dir() for q in p.iterdir())]
            hint = f" Deeper subfolders are in {listed(deeper)}: name one of those." if deeper else ""
            raise DataError(
                f"{self.root}: no {noun}s are in this folder or its {folders} ({counted(len(others), 'other file')}). "
                f"They end in {', '.join(SUFFIXES[kind])}.{hint}"
            )
        return FoundFiles(kind, files or loose, labels, notes)


def _check_files(paths: Iterable[Path], root: Path) -> None:
    """Raise where a name promises a picture or recording, and a pipe or device stands there: opening it may hang."""
    for path in paths:
        if path.suffix.lower() in _KNOWN and path.exists() and not path.is_file():
            what = kind_of_file(path.stat().st_mode)
            raise DataError(f"{root}: {path.relative_to(root)} is {what} and no file. Remove it from the folder.")


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)


def _split(paths: Iterable[Path], kind: str) -> tuple[list[Path], list[Path]]:
    wanted: list[Path] = []
    others: list[Path] = []
    for path in paths:
        (wanted if path.suffix.lower() in SUFFIXES[kind] else others).append(path)
    return wanted, others
