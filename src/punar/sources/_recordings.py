"""Tables of recordings with what is said in them: none told twice, none passed over, names with or without endings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources._apart import files_in
from punar.sources._found import FoundTable
from punar.sources._kinds import LOOKED_AT, SUFFIXES
from punar.sources._names import printable

if TYPE_CHECKING:
    import pandas as pd


def check_recordings(
    table: FoundTable, items: Sequence[str], texts: pd.Series | None, where: str, *, may_skip: bool
) -> list[str]:
    """Return notes on recordings that a table names twice, and on those beside them that it does not name.

    Parameters
    ----------
    table : FoundTable
        Its ``folder`` is the one of which every recording must be named.
    items : sequence of str
        The path in each row.
    texts : Series or None
        What is said in each, where that is known.
    where : str
    may_skip : bool
        Whether recordings without a text may be left out.

    Raises
    ------
    DataError
        One recording has two texts, or recordings of the folder have none.
    """
    paths = [os.path.abspath(item) for item in items]
    notes = [] if texts is None else _twice(table, paths, list(texts), where)
    known = set(paths)
    if table.folder is not None:
        beside = files_in(table.folder, SUFFIXES["audio"])
    else:
        beside = [p for folder in sorted({Path(p).parent for p in paths}) for p in _directly_in(folder)]
    lost = [path for path in beside if os.path.abspath(path) not in known]
    if not lost:
        return notes
    names = [printable(p.name if table.folder is None else p.relative_to(table.folder)) for p in lost]
    one = len(lost) == 1
    said = (
        f"{len(lost):,} of {len(beside):,} recordings {'has' if one else 'have'} no text, for the table does not name "
        f"{'it' if one else 'them'}: {listed(names)}"
    )
    if table.folder is not None and not may_skip:
        raise DataError(
            f"{where}: {said}. Add {'its line' if one else 'their lines'}, remove {'it' if one else 'them'}, or leave "
            f"{'it' if one else 'them'} out (--skip-bad)."
        )
    return [*notes, f"not used: {said}"]


def _directly_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    known = SUFFIXES["audio"]
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in known and p.name[0] != "." and p.is_file())


def _twice(table: FoundTable, paths: Sequence[str], texts: Sequence[object], where: str) -> list[str]:
    """Return a note on rows that say the same of the same recording.

    Raises
    ------
    DataError
        They say something else.
    """
    first: dict[str, int] = {}
    again = []
    for row, path in enumerate(paths):
        before = first.setdefault(path, row)
        if before == row:
            continue
        again.append(row)
        if str(texts[before]).split() != str(texts[row]).split():
            raise DataError(
                f"{where}: the recording {shown(printable(Path(path).name))} has two texts, {shown(texts[before], 40)} "
                f"({table.line_of(before)}) and {shown(texts[row], 40)} ({table.line_of(row)}). Keep the line that is "
                "right."
            )
    if not again:
        return []
    return [f"{counted(len(again), 'row')} said once more what another says, the first in {table.line_of(again[0])}"]


def without_ending(frame: pd.DataFrame, folder: Path) -> str:
    """Return what says where the recordings of a table are whose names lack their endings; "" where none is found.

    Parameters
    ----------
    frame : DataFrame
    folder : Path
        In which they lie, or one folder deeper.
    """
    places = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())] if folder.is_dir() else []
    for column in frame.columns:
        names = [str(v) for v in frame[column].dropna().iloc[:LOOKED_AT] if isinstance(v, str) and _is_name(v)]
        for place in places:
            for suffix in SUFFIXES["audio"]:
                there = sum((place / f"{name}{suffix}").is_file() for name in names)
                if there * 2 > len(names):
                    root = "" if place == folder else f" --root {place}"
                    return f"--path {column}{root} --suffix {suffix}"
    return ""


def _is_name(value: str) -> bool:
    return 0 < len(value) < 200 and "\0" not in value and "\n" not in value
