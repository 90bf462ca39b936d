"""Folders of recordings with what is said in them: a text file beside each, a list of a chapter, or a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from punar.core.words import counted
from punar.errors import DataError, ParameterError, shown
from punar.sources._apart import files_in, left_out
from punar.sources._found import FoundItems, FoundTable
from punar.sources._kinds import SUFFIXES
from punar.sources._names import printable
from punar.sources._source import Request, Source
from punar.sources._text import read_lines

_BESIDE = (".txt", ".lab")
_CHAPTER = ".trans.txt"
_TABLES = (".csv", ".tsv")


class Transcripts(Source):
    """A folder of recordings whose texts lie beside them.

    Three layouts: ``a.txt`` or ``a.lab`` beside ``a.wav``; LibriSpeech's ``*.trans.txt``, whose lines begin with the
    name of a recording; or one csv or tsv file with a column of files and one of texts, there or as ``--target-file``.
    """

    forms: ClassVar[tuple[str, ...]] = ("texts",)
    options: ClassVar[tuple[str, ...]] = ("target", "target_path", "root")

    def takes(self, path: Path) -> bool:
        """Return whether recordings and texts are there."""
        if not path.is_dir() or not files_in(path, SUFFIXES["audio"]):
            return False
        return bool(_tables(path)) or bool(_beside(path)) or bool(files_in(path, [_CHAPTER]))

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether it is a folder of recordings, and a csv or tsv file."""
        return path.is_dir() and target_path.suffix.lower() in _TABLES and bool(files_in(path, SUFFIXES["audio"]))

    def read(self, path: Path, request: Request) -> FoundItems | FoundTable:
        """Return the paths of the recordings, and what is said in each.

        Raises
        ------
        DataError
            Recordings have no text and may not be left out, or a text file is empty.
        ParameterError
            A column is named, and there is no table.
        """
        tables = _tables(path) if request.target_path is None else [Path(request.target_path)]
        if tables:
            return _of_table(tables, request, path)
        for name in ("target", "root"):
            if getattr(request, name) is not None:
                raise ParameterError(
                    f"--{name} cannot be used with {path}: its texts lie in files beside the recordings, and --{name} "
                    "is for a table of them. Leave it out."
                )
        recordings, notes = files_in(path, SUFFIXES["audio"]), list[str]()
        chapters = files_in(path, [_CHAPTER])
        texts = _of_chapters(chapters) if chapters else _of_files(path)
        found = {p: texts.get(p.with_suffix("")) for p in recordings}
        lost = [printable(p.name) for p, text in found.items() if text is None]
        left_out(lost, len(found), "recordings have no text", str(path), request, notes)
        kept = {p: text for p, text in found.items() if text is not None}
        unused = len(texts) - len({p.with_suffix("") for p in kept})
        if unused:
            notes.append(f"{counted(unused, 'text')} without a recording")
        return FoundItems(
            [str(p) for p in kept],
            list(kept.values()),
            kind="audio",
            form="texts",
            names=tuple(printable(p.relative_to(path)) for p in kept),
            title="file",
            notes=notes,
        )


def _tables(path: Path) -> list[Path]:
    return [p for p in sorted(path.iterdir()) if p.is_file() and p.suffix.lower() in _TABLES]


def _of_table(tables: list[Path], request: Request, folder: Path) -> FoundTable:
    """Return the table; its files are named as from its own folder, or from that of the recordings."""
    from punar.sources._item_table import candidates
    from punar.sources.csv import Csv

    if len(tables) > 1:
        raise DataError(
            f"{tables[0].parent}: {', '.join(p.name for p in tables)} could all hold the texts. Name the one that you "
            f"mean, as {tables[0]}."
        )
    found = Csv().read(tables[0], request)
    own = "audio" in candidates(found.frame, tables[0].parent, None).values()
    place = tables[0] if own else folder / tables[0].name
    # A list that was named may be of some recordings, such as train.tsv; the one that lies there is of all.
    every = folder if request.target_path is None else None
    return replace(found, notes=[f"texts: {tables[0]}", *found.notes], place=place, folder=every)


def _beside(path: Path) -> list[Path]:
    recordings = {p.with_suffix("") for p in files_in(path, SUFFIXES["audio"])}
    return [p for p in files_in(path, _BESIDE) if p.with_suffix("") in recordings]


def _of_files(path: Path) -> dict[Path, str]:
    found = {}
    for file in _beside(path):
        if file.with_suffix("") in found:
            raise DataError(f"{path}: {file.stem} has a .txt and a .lab file. Keep one of them.")
        found[file.with_suffix("")] = " ".join(" ".join(read_lines(file)).split())
        if not found[file.with_suffix("")]:
            raise DataError(f"{file}: there is no text in it. Write what is said, or remove the recording.")
    return found


def _of_chapters(files: list[Path]) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for file in files:
        for number, line in enumerate(read_lines(file), 1):
            name, _, text = line.strip().partition(" ")
            if not name:
                continue
            if not text.strip() or "/" in name or "\\" in name:
                raise DataError(
                    f"{file}, line {number}: a line is the name of a recording, a space and its text, found "
                    f"{shown(line, 60)}."
                )
            if file.parent / name in found:
                raise DataError(f"{file}, line {number}: {shown(name, 40)} stands there twice.")
            found[file.parent / name] = text.strip()
    return found
