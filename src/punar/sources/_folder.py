"""Files of one kind below a folder, in a fixed order; subfolders are classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from punar.core.words import counted, listed
from punar.errors import DataError, shown


@dataclass(frozen=True)
class Found:
    """Files with, where the folder has subfolders, a label each."""

    files: list[Path]
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find(folder: Path, suffixes: Sequence[str], noun: str) -> Found:
    """Return the files with one of ``suffixes``.

    Parameters
    ----------
    folder : Path
        Holds such files, or one subfolder of them per class. Hidden files are ignored; others with a note.
    suffixes : sequence of str
        In lower case, with the dot.
    noun : str
        What one such file is called, such as ``"picture"``.

    Raises
    ------
    DataError
        There are none, or some lie beside subfolders that hold others.
    """
    entries = _visible(folder)
    loose, others = _split((p for p in entries if not p.is_dir()), suffixes)
    folders = [p for p in entries if p.is_dir()]
    files: list[Path] = []
    labels: list[str] = []
    notes: list[str] = []
    for sub in folders:
        inside, rest = _split((p for p in _visible(sub) if not p.is_dir()), suffixes)
        files += inside
        labels += [sub.name] * len(inside)
        others += rest
        if not inside:
            notes.append(f"the subfolder {shown(sub.name, 40)} holds no {noun}s")
    if others:
        notes.append(f"not {noun}s by their suffix, ignored: {listed([p.name for p in others])}")
    if files and loose:
        raise DataError(
            f"{folder}: {counted(len(loose), noun)} beside {counted(len(folders), 'subfolder')} "
            f"({listed([p.name for p in folders])}). Use either one subfolder per class or one flat folder; "
            f"move the loose {noun}s."
        )
    if not files and not loose:
        deeper = [p.name for p in folders if any(q.is_dir() for q in p.iterdir())]
        hint = f" Deeper subfolders are in {listed(deeper)}: name one of those." if deeper else ""
        raise DataError(
            f"{folder}: no {noun}s are in this folder or its {counted(len(folders), 'subfolder')} "
            f"({counted(len(others), 'other file')}). They end in {', '.join(suffixes)}.{hint}"
        )
    return Found(files, labels, notes) if files else Found(loose, [], notes)


def count(folder: Path, suffixes: Sequence[str]) -> int:
    """Return how many such files lie in a folder and its subfolders, one level deep."""
    places = [folder, *(p for p in _visible(folder) if p.is_dir())]
    return sum(len(_split((p for p in _visible(place) if not p.is_dir()), suffixes)[0]) for place in places)


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)


def _split(paths: Iterable[Path], suffixes: Sequence[str]) -> tuple[list[Path], list[Path]]:
    wanted: list[Path] = []
    others: list[Path] = []
    for path in paths:
        (wanted if path.suffix.lower() in suffixes else others).append(path)
    return wanted, others
