"""Two text files whose lines belong together: a sentence in one, its translation in the other."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from punar.core.words import counted, listed
from punar.data.decode import SOUNDS
from punar.errors import DataError, shown
from punar.sources._apart import named
from punar.sources._found import FoundItems
from punar.sources._source import Request, Source
from punar.sources._text import read_lines

_MOST = 64  # files of a folder that are looked at
_TABLES = (".csv", ".tsv", ".jsonl", ".json", ".xlsx", ".parquet", ".gz", ".zip", ".conll")


class Aligned(Source):
    """Two files of lines: ``en.txt`` with ``hi.txt`` beside it (``--target-file``), or a folder with just these two.

    In a folder ``--target`` says which of the two is to be written, ``hi`` or ``hi.txt``; without it the second by name
    is.
    """

    forms: ClassVar[tuple[str, ...]] = ("texts",)
    options: ClassVar[tuple[str, ...]] = ("target", "target_path")

    def takes(self, path: Path) -> bool:
        """Return whether it is a folder with two text files and nothing else."""
        return len(_files(path)) == 2

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether both are files of lines."""
        plain = all(p.suffix.lower() not in _TABLES for p in (path, target_path))
        return plain and path.is_file() and target_path.is_file()

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the lines of one file, and those of the other as targets.

        Raises
        ------
        DataError
            They differ in their number of lines, a line is blank in one alone, or there is nothing in them.
        """
        notes: list[str] = []
        if request.target_path is not None:
            source, target = path, Path(request.target_path)
        else:
            source, target = _told(path, request.target)
            notes.append(f"{source.name} is read and {target.name} written; the other way: --target {source.name}")
        given, wanted = ([line.strip() for line in read_lines(p)] for p in (source, target))
        if len(given) != len(wanted):
            raise DataError(
                f"{source} has {counted(len(given), 'line')} and {target} {len(wanted):,}; line by line they must "
                "belong together, a sentence and its translation. Mend the one that lost or gained lines."
            )
        half = [i for i, (a, b) in enumerate(zip(given, wanted, strict=True), 1) if bool(a) != bool(b)]
        if half and not request.skip:
            raise DataError(
                f"{source} and {target}: {counted(len(half), 'line')} {'is' if len(half) == 1 else 'are'} blank in one "
                f"alone, the first is line "
                f"{half[0]}. Mend them, or leave them out (--skip-bad)."
            )
        kept = [i for i, (a, b) in enumerate(zip(given, wanted, strict=True)) if a and b]
        if not kept:
            raise DataError(f"{source}: there is no text in it, only blank lines.")
        if half:
            notes.append(f"left out, for being blank in one file alone: {counted(len(half), 'line')}")
        if len(kept) + len(half) < len(given):
            notes.append(f"{counted(len(given) - len(kept) - len(half), 'blank line')} skipped")
        return FoundItems(
            [given[i] for i in kept],
            [wanted[i] for i in kept],
            kind="text",
            form="texts",
            names=tuple(str(i) for i in kept),
            notes=notes,
            lines=len(given),
        )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    found = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    if len(found) > _MOST or any(not p.is_file() for p in found):
        return []
    other = ("readme", "license", "licence")
    found = [p for p in found if not p.stem.lower().startswith(other)]
    # train.en and train.hi are lines by what they are called together.
    stems, ends = {p.stem for p in found}, {p.suffix.lower() for p in found}
    if ends & set(SOUNDS):  # one recording with its transcript
        return []
    plain = ends == {".txt"} or (len(stems) == 1 and not ends & set(_TABLES) and all(2 < len(e) < 8 for e in ends))
    return found if plain else []


def _told(path: Path, target: str | None) -> tuple[Path, Path]:
    first, second = _files(path)
    if target is None:
        return first, second
    for source, written in ((first, second), (second, first)):
        if target in (written.name, written.stem if written.stem != source.stem else written.suffix[1:]):
            return source, written
    raise DataError(
        f"{path}: --target says which file is written, {listed([first.name, second.name])}, got {shown(target)}. There "
        f"are {named([first, second])}."
    )
