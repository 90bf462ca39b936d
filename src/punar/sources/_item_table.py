"""A table with a column of texts, or of paths of pictures or recordings -> items with labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from punar.core.words import listed
from punar.errors import DataError, ParameterError, shown
from punar.sources._found import FoundTable
from punar.sources._kinds import ITEM_KINDS, LOOKED_AT, SUFFIXES, is_text, kind_of
from punar.sources._labels import Labels, as_form
from punar.sources._names import check_known
from punar.sources._userdata import UserItems

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMED = 5


@dataclass(frozen=True)
class Wanted:
    """What is asked of a table's columns.

    Attributes
    ----------
    kind : {"vision", "text", "audio"} or None
    target, text, path : str or None
        Columns.
    form : str or None
        How the target is read; see :class:`punar.sources.Request`.
    on_error : {"raise", "skip"}
    advice : str
        What else a person may do where no column holds items; ends the message.
    """

    kind: str | None = None
    target: str | None = None
    text: str | None = None
    path: str | None = None
    form: str | None = None
    on_error: str = "raise"
    advice: str = ""


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
    frame, where = table.frame, str(place)
    names = [str(c) for c in frame.columns]
    check_known([v for v in (wanted.text, wanted.path, wanted.target) if v is not None], names, "as asked", where)
    if wanted.text and wanted.path:
        raise ParameterError(f"{where}: give a column of texts or one of paths, not both.")
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    column, kind = _column(frame, place, wanted)
    items, bad = _items(frame, column, kind, place.parent)
    if wanted.target is not None:
        bad |= _empty(frame, wanted.target)
    kept = [i for i in range(len(frame)) if i not in bad]
    notes = list(table.notes)
    unused = [n for n in names if n not in (column, wanted.target)]
    notes += [f"columns that are not used: {listed(unused)}"] if unused else []
    notes += _left_out(bad, table, where, may_skip=wanted.on_error != "raise" and bool(kept))
    labels: Labels | None = None
    if wanted.target is not None:
        labels = as_form(frame[wanted.target].iloc[kept], f"{where}, column {shown(wanted.target)}", wanted.form)
        notes.append(labels.note)
    of_text = kind == "text"
    return UserItems(
        items=[items[i] for i in kept],
        y=None if labels is None else labels.y,
        kind=kind,
        name=place.stem,
        description=where,
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=[*notes, f"items: the {ITEM_KINDS[kind]} of column {shown(column)}"],
        row_names=tuple(str(i) if of_text else str(frame[column].iloc[i]) for i in kept),
        row_title="row" if of_text else "file",
    )


def _empty(frame: pd.DataFrame, column: str) -> dict[int, str]:
    return {int(i): f"column {shown(column)} is empty" for i in np.flatnonzero(frame[column].isna().to_numpy())}


def _items(frame: pd.DataFrame, column: str, kind: str, folder: Path) -> tuple[list[str], dict[int, str]]:
    """Return an item per row, and why of the rows that have none."""
    values, bad = frame[column], _empty(frame, column)
    items = [str(v) for v in values]
    if kind == "text":
        return items, bad
    items = [_existing(item, folder) for item in items]
    lost = [i for i, item in enumerate(items) if i not in bad and not Path(item).is_file()]
    return items, bad | {i: f"there is no file {shown(str(values.iloc[i]))}" for i in lost}


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
        told = found.get(wanted.path) or kind_of([str(v) for v in frame[wanted.path].dropna()])
        return wanted.path, wanted.kind or ("vision" if told == "text" else told)
    if wanted.kind is not None:
        found = {c: k for c, k in found.items() if k == wanted.kind}
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


def candidates(frame: pd.DataFrame, folder: Path, target: str | None) -> dict[str, str]:
    """Return the columns that could hold items, by what more than half of their first values look like."""
    found: dict[str, str] = {}
    for name in frame.columns:
        values = frame[name].dropna().iloc[:LOOKED_AT]
        if name == target or not len(values) or not all(isinstance(v, str) for v in values):
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
