"""A table with a column of texts, or of paths of pictures or recordings -> items with labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from punar.core.words import listed
from punar.errors import DataError, ParameterError, shown
from punar.sources._found import FoundTable
from punar.sources._kinds import ITEM_KINDS, LOOKED_AT, SUFFIXES, is_text, kind_of
from punar.sources._labels import Labels, as_columns, as_form, as_given
from punar.sources._names import check_known, printable
from punar.sources._recordings import check_recordings
from punar.sources._userdata import UserItems

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMED = 5
_TEXTS = ("text", "texts", "sentence", "review", "comment", "message", "पाठ", "वाक्य")


@dataclass(frozen=True)
class Wanted:
    """What is asked of a table's columns.

    Attributes
    ----------
    kind : {"vision", "text", "audio"} or None
    target : str, tuple of str or None
        The column of the labels, or several.
    text, path : str or None
        Columns.
    root, suffix : str or None
        Where the paths begin, and what they lack at their end.
    keep : sequence of str
        Columns to keep beside the items.
    form : str or None
        How the target is read; see :class:`punar.sources.Request`.
    on_error : {"raise", "skip"}
    advice : str
        What else a person may do where no column holds items; ends the message.
    """

    kind: str | None = None
    target: str | tuple[str, ...] | None = None
    text: str | None = None
    path: str | None = None
    form: str | None = None
    on_error: str = "raise"
    advice: str = ""
    root: str | None = None
    suffix: str | None = None
    keep: Sequence[str] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of the labels."""
        return all_of(self.target)


def all_of(target: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return one target, several or none as a tuple."""
    if target is None:
        return ()
    return (target,) if isinstance(target, str) else tuple(target)


def items_of(table: FoundTable, place: Path, wanted: Wanted) -> UserItems:
    """Return the items of a table, with labels where there is a target.

    Parameters
    ----------
    table : FoundTable
    place : Path
        The file: paths in the table are relative to its folder, or as they are.
    wanted : Wanted

    Raises
    ------
    DataError
        No column, or several, could hold items; or rows lack a text, a label or an existing file.
    ParameterError
        Both a column of texts and one of paths.
    """
    table = table.as_names([wanted.path, wanted.text, *wanted.keep])
    frame, where = table.frame, str(place)
    names = [str(c) for c in frame.columns]
    asked = [v for v in (wanted.text, wanted.path) if v is not None]
    check_known([*asked, *wanted.targets, *wanted.keep], names, "as asked", where)
    if (wanted.root or wanted.suffix) and wanted.path is None:
        raise ParameterError(f"{where}: --root and --suffix belong to a column of paths; name it with --path COLUMN.")
    if wanted.text and wanted.path:
        raise ParameterError(f"{where}: give a column of texts or one of paths, not both.")
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    column, kind = _column(frame, place, wanted)
    items, bad = _items(frame, column, kind, place.parent, wanted)
    for target in wanted.targets:
        bad |= _empty(frame, target)
    masks = wanted.form == "masks" and isinstance(wanted.target, str)
    if masks:
        paths, lost = _files(frame[str(wanted.target)], place.parent, wanted)
        frame, bad = frame.assign(**{str(wanted.target): paths}), lost | bad
    kept = [i for i in range(len(frame)) if i not in bad]
    notes = list(table.notes)
    unused = [n for n in names if n not in (column, *wanted.targets, *wanted.keep)]
    notes += [f"columns that are not used: {listed(unused)}"] if unused else []
    if kind != "text":
        notes += _checked_files(table, items, frame, column, kind, wanted, where)
    notes += _left_out(bad, table, where, may_skip=wanted.on_error != "raise" and bool(kept))
    labels: Labels | None = None
    if isinstance(wanted.target, str) and (masks or wanted.form == "texts"):
        texts = [str(v) for v in frame[wanted.target].iloc[kept]]
        labels = as_given(texts, str(wanted.form), kind, (), where)
    elif isinstance(wanted.target, str):
        labels = as_form(frame[wanted.target].iloc[kept], f"{where}, column {shown(wanted.target)}", wanted.form)
    elif wanted.target is not None:
        labels = as_columns(frame[list(wanted.targets)].iloc[kept], where, wanted.form)
    notes += [labels.note] if labels is not None else []
    of_text = kind == "text"
    return UserItems(
        items=[items[i] for i in kept],
        y=None if labels is None else labels.y,
        kind=kind,
        name=place.stem,
        description=where,
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        outputs=() if labels is None else labels.outputs,
        notes=[*notes, f"items: the {ITEM_KINDS[kind]} of column {shown(column)}"],
        row_names=tuple(str(i) if of_text else printable(frame[column].iloc[i]) for i in kept),
        row_title="row" if of_text else "file",
        kept={name: frame[name].iloc[kept].to_numpy() for name in wanted.keep},
        lines=len(frame) if of_text else 0,
    )


def _checked_files(
    table: FoundTable, items: list[str], frame: pd.DataFrame, column: str, kind: str, wanted: Wanted, where: str
) -> list[str]:
    """Return notes on files that a column names; raise where none is there, or a recording is told twice or not."""
    _check_some(items, frame[column], where, wanted)
    if kind != "audio" or wanted.form != "texts":
        return []
    texts = frame[wanted.target] if isinstance(wanted.target, str) else None
    return check_recordings(table, items, texts, where, may_skip=wanted.on_error != "raise")


def _check_some(items: list[str], values: pd.Series, where: str, wanted: Wanted) -> None:
    """Raise where not one of the files is there: it is the folder or the suffix that is wrong, and not the rows."""
    if wanted.path is None or any(Path(item).is_file() for item in items):
        return
    first = next((i for i, v in enumerate(values) if isinstance(v, str) or v == v), None)
    if first is None:
        return
    near = _near(Path(items[first]), Path(where).parent)
    raise DataError(
        f"{where}: none of the {len(items):,} files of column {shown(wanted.path)} is there; the first is "
        f"{shown(items[first])}. Say where they begin and what they end in: --root FOLDER, --suffix .png (root=, "
        f"suffix=).{near}"
    )


def _near(path: Path, folder: Path) -> str:
    """Return where a file of this name lies, one folder deep, whatever it ends in."""
    places = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())] if folder.is_dir() else []
    found = (place / f"{path.name}{s}" for place in places for kind in SUFFIXES.values() for s in ("", *kind))
    there = next((p for p in found if p.is_file()), None)
    return f" There is {there}." if there is not None else ""


def _empty(frame: pd.DataFrame, column: str) -> dict[int, str]:
    return {int(i): f"column {shown(column)} is empty" for i in np.flatnonzero(frame[column].isna().to_numpy())}


def _items(
    frame: pd.DataFrame, column: str, kind: str, folder: Path, wanted: Wanted
) -> tuple[list[str], dict[int, str]]:
    """Return an item per row, and why of the rows that have none."""
    values, bad = frame[column], _empty(frame, column)
    items = [str(v) for v in values]
    if kind == "text":
        return items, bad
    paths, lost = _files(values, folder, wanted)
    return paths, lost | bad


def _files(values: pd.Series, folder: Path, wanted: Wanted) -> tuple[list[str], dict[int, str]]:
    """Return the paths that a column names, and why of the rows whose file is not there."""
    root = folder if wanted.root is None else Path(wanted.root)
    paths = [_existing(_ended(str(v), wanted), root) for v in values]
    lost = [i for i, path in enumerate(paths) if not Path(path).is_file()]
    bad = {i: f"there is no file {shown(str(values.iloc[i]))}" for i in lost}
    # As with COCO's names, nothing but the data themselves is opened because data say so.
    inside = os.path.abspath(root)
    away = [i for i, path in enumerate(paths) if not Path(os.path.abspath(path)).is_relative_to(inside)]
    return paths, bad | {
        i: f"the file {shown(str(values.iloc[i]))} must lie inside {root}; say where the files are (--root FOLDER)"
        for i in away
    }


def _left_out(bad: dict[int, str], table: FoundTable, where: str, *, may_skip: bool) -> list[str]:
    """Return a note on the rows that cannot be used; none where all can."""
    if not bad:
        return []
    named = "; ".join(f"{table.line_of(i)}: {bad[i]}" for i in sorted(bad)[:_MOST_NAMED])
    more = f"; and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    total = f"{len(bad)} of {len(table.frame):,} rows"
    if may_skip:
        return [f"{total} were left out: {named}{more}"]
    raise DataError(f"{where}: {total} cannot be used: {named}{more}. Repair them, or leave them out (--skip-bad).")


def _ended(item: str, wanted: Wanted) -> str:
    """Return a path with the suffix that was asked for, where it has not got it."""
    suffix = wanted.suffix or ""
    suffix = f".{suffix}" if suffix and not suffix.startswith(".") else suffix
    return item if item.lower().endswith(suffix.lower()) else item + suffix


def _existing(item: str, folder: Path) -> str:
    """Return a path as it can be opened from here: one beside the table comes before one in this folder."""
    beside = folder / item
    return str(beside) if beside.is_file() or not Path(item).is_file() else item


def _column(frame: pd.DataFrame, place: Path, wanted: Wanted) -> tuple[str, str]:
    """Return the column that holds the items, and what they are."""
    if wanted.text is not None:
        return wanted.text, "text"
    found = candidates(frame, place.parent, wanted.target)
    if wanted.path is not None:
        told = found.get(wanted.path) or kind_of([_ended(str(v), wanted) for v in frame[wanted.path].dropna()])
        return wanted.path, wanted.kind or ("vision" if told == "text" else told)
    if wanted.kind is not None:
        found = {c: k for c, k in found.items() if k == wanted.kind}
        if not found and wanted.kind == "text":
            found = _short_texts(frame, wanted)
    if not found:
        what = ITEM_KINDS[wanted.kind] if wanted.kind else "paths of pictures or recordings, or of texts"
        raise DataError(
            f"{place}: no column of {what} was found among {listed(list(frame.columns))}; name it with --text COLUMN "
            f"or --path COLUMN (text=, path=).{wanted.advice}"
        )
    if len(found) > 1:
        raise DataError(
            f"{place}: {listed(list(found))} could all hold the items; choose one with --text COLUMN or --path COLUMN "
            "(text=, path=)."
        )
    return next(iter(found.items()))


def _short_texts(frame: pd.DataFrame, wanted: Wanted) -> dict[str, str]:
    """Return the column of texts where they must be there but are too short to look so.

    It is the one that is called so, or the only one of words that has no other use.
    """
    words = [
        str(name)
        for name in frame.columns
        if name not in (*wanted.targets, *wanted.keep) and all(isinstance(v, str) for v in frame[name].dropna())
    ]
    called = [name for name in words if name.lower() in _TEXTS]
    return dict.fromkeys(called[:1] or (words if len(words) == 1 else []), "text")


def candidates(frame: pd.DataFrame, folder: Path, target: str | tuple[str, ...] | None) -> dict[str, str]:
    """Return the columns that could hold items, by what more than half of their first values look like."""
    found: dict[str, str] = {}
    for name in frame.columns:
        values = frame[name].dropna().iloc[:LOOKED_AT]
        if name in all_of(target) or not len(values) or not all(isinstance(v, str) for v in values):
            continue
        kind = _look_of(list(values), folder)
        if kind is not None:
            found[str(name)] = kind
    # A sentence beside a path describes it; the path is the item.
    paths = {c: k for c, k in found.items() if k != "text"}
    return paths or found


def _look_of(values: list[str], folder: Path) -> str | None:
    for kind, suffixes in SUFFIXES.items():
        like = [v for v in values if Path(v).suffix.lower() in suffixes]
        if len(like) * 2 > len(values) and any(Path(_existing(v, folder)).is_file() for v in like):
            return kind
    return "text" if sum(map(is_text, values)) * 2 > len(values) else None
