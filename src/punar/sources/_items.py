"""What a user names on the command line -> items for a pretrained network, with labels; no item is opened here.

Items are paths of pictures or recordings, sentences, or the pictures of an array. A folder has one subfolder per class;
a csv, tsv or parquet file has a column of paths or of texts, and a target.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from punar.core.words import counted, listed
from punar.data.decode import PICTURES, SOUNDS
from punar.errors import DataError, ParameterError, shown, suggest
from punar.sources import _builtin as builtin
from punar.sources import _data as files
from punar.sources import _folder
from punar.sources._labels import Labels, as_amounts, as_classes, as_sets, named

if TYPE_CHECKING:
    import pandas as pd

    from punar.sources._table import Table

TASKS = ("classification", "regression", "multilabel")
KINDS = {"vision": "pictures", "text": "texts", "audio": "recordings"}
_SUFFIXES = {"vision": PICTURES, "audio": SOUNDS}
_SHORTEST_TEXT = 15  # characters; names and categories are shorter
_ROWS_LOOKED_AT = 200


@dataclass(frozen=True, eq=False)
class UserItems:
    """Items, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    items : sequence
        Paths as text, sentences, or an array of pictures (n, h, w) or (n, h, w, c).
    y : ndarray or None
        int64 (n,) indices into ``classes`` for classification, float64 (n,) for regression, int64 (n, labels) of 0 and
        1 for multilabel.
    kind : {"vision", "text", "audio"}
    name, description : str
    classes : tuple of str
        Names of the classes, or of the labels of multilabel.
    target_kind : {"classification", "regression", "multilabel"} or None
    notes : list of str
    row_names : tuple of str
        File names, or the numbers (from 0) of the rows.
    row_title : str
        What ``row_names`` are: "file" or "row".
    """

    items: Any
    y: np.ndarray | None
    kind: str
    name: str
    description: str
    classes: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()
    row_title: str = "row"

    def __len__(self) -> int:
        return len(self.items)

    def labels(self) -> np.ndarray | None:
        """Return y for an estimator: names of classes, numbers, or the indicator matrix."""
        if self.y is None or self.target_kind != "classification":
            return self.y
        return np.array(self.classes, dtype=str)[self.y]

    def take(self, rows: Sequence[int]) -> UserItems:
        """Return some of the items."""
        index = list(rows)
        items = self.items[index] if isinstance(self.items, np.ndarray) else [self.items[i] for i in index]
        names = tuple(self.row_names[i] for i in index) if self.row_names else tuple(str(i) for i in index)
        return replace(self, items=items, y=None if self.y is None else self.y[index], row_names=names)


def read_items(
    source: str | os.PathLike[str],
    *,
    kind: str | None = None,
    target: str | None = None,
    text: str | None = None,
    path: str | None = None,
    task: str | None = None,
    header: bool | None = None,
    on_error: str = "raise",
) -> UserItems:
    """Return the items that ``source`` names.

    Parameters
    ----------
    source : str or path
        A folder of pictures or recordings; a csv, tsv or parquet file with a column of paths or texts; a npy or npz
        file of pictures; or a built-in set of pictures.
    kind : {"vision", "text", "audio"} or None, default=None
        What the items must be; None tells it by content.
    target : str or None, default=None
        The column with the labels.
    text, path : str or None, default=None
        The column of texts, or of paths (as they are, or relative to the file). None looks for one.
    task : {"classification", "regression", "multilabel"} or None, default=None
        How the target is read; None tells it by content. Several labels stand in one field, as ``red; round``.
    header : bool or None, default=None
        csv, tsv: whether line 1 holds the column names.
    on_error : {"raise", "skip"}, default="raise"
        Whether rows without a text, a label or an existing file are refused, or left out with a note.

    Raises
    ------
    DataError
        Nothing there can be items; the message says what was found and what to do.
    ParameterError
        An option does not belong to this kind of source.
    """
    if kind is not None and kind not in KINDS:
        raise ParameterError(f"kind must be one of {', '.join(KINDS)}, got {shown(kind)}.{suggest(kind, KINDS)}")
    if task is not None and task not in TASKS:
        raise ParameterError(f"task must be one of {', '.join(TASKS)}, got {shown(task)}.{suggest(task, TASKS)}")
    where, place = os.fspath(source), Path(source)
    column_of = {"text": text, "path": path}
    given = [name for name, value in column_of.items() if value is not None]
    built_in = isinstance(source, str) and where in builtin.names()
    if not built_in and place.is_dir():
        _refuse_options([*given, *(["target"] if target else [])], where, "a folder: its subfolders are the labels")
        found = _from_folder(place, kind)
    elif not built_in and place.is_file() and place.suffix.lower() in files.TABLES:
        table = files.read_table(place, header=header, target=target)
        found = _from_table(table, place, kind, target, column_of, task, on_error)
    else:
        _refuse_options(given, where, "data without columns of text")
        found = _from_arrays(where, kind, target)
    if not built_in and place.is_dir() and task not in (None, "classification"):
        raise ParameterError(f"{where}: the subfolders of a folder are classes; task={task!r} needs a csv file.")
    return found


def holds_items(source: str, target: str | None = None, text: str | None = None, path: str | None = None) -> bool:
    """Return whether ``source`` is plainly labelled items: a folder of subfolders, or a table with such a column."""
    place = Path(source)
    if source in builtin.names():
        return False
    if place.is_dir():
        kinds = [k for k, suffixes in _SUFFIXES.items() if _folder.count(place, suffixes)]
        # A flat folder of pictures has no labels, and is what autoencoders are for.
        return len(kinds) == 1 and bool(_folder.find(place, _SUFFIXES[kinds[0]], kinds[0]).labels)
    if not place.is_file() or place.suffix.lower() not in files.TABLES or target is None:
        return False
    frame = files.read_table(place, target=target).frame
    return bool(text or path or _candidates(frame, place.parent, target))


def kind_of(values: Any) -> str:
    """Return what items in memory are: "vision", "text" or "audio".

    Raises
    ------
    DataError
        They are rows of a table, or nothing known.
    """
    if hasattr(values, "columns"):
        raise DataError("a table was given; pass one column of texts or of paths.")
    shape = getattr(values, "shape", None)
    if shape is not None and getattr(getattr(values, "dtype", None), "kind", "f") not in "OUT":
        if len(shape) in (3, 4):
            return "vision"
        raise DataError(f"an array of shape {tuple(shape)} was given; pictures are (n, h, w) or (n, h, w, channels).")
    some = list(values)[:_ROWS_LOOKED_AT]
    if some and all(isinstance(v, (str, os.PathLike)) for v in some):
        for kind, suffixes in _SUFFIXES.items():
            if sum(Path(v).suffix.lower() in suffixes for v in some) * 2 > len(some):
                return kind
        return "text"
    first = some[0] if some else None
    if isinstance(first, tuple) or len(getattr(first, "shape", ())) == 1:
        return "audio"
    if hasattr(first, "getexif") or len(getattr(first, "shape", ())) in (2, 3):
        return "vision"
    raise DataError(f"items must be paths, pictures, texts or sound samples, got {shown(first)}.")


def _refuse_options(given: Sequence[str], where: str, what: str) -> None:
    if given:
        raise ParameterError(f"{given[0]} cannot be used with {where}, which is {what}. Leave it out.")


def _from_folder(folder: Path, kind: str | None) -> UserItems:
    counts = {k: _folder.count(folder, s) for k, s in _SUFFIXES.items()}
    if kind == "text":
        raise DataError(f"{folder}: texts are read from a csv, tsv or parquet file, not from a folder.")
    if kind is None and all(counts.values()):
        raise DataError(
            f"{folder}: there are {counts['vision']:,} pictures and {counts['audio']:,} recordings; move one of the "
            "two to another folder."
        )
    kind = kind or ("audio" if counts["audio"] else "vision")
    found = _folder.find(folder, _SUFFIXES[kind], KINDS[kind][:-1])
    labels = named(found.labels) if found.labels else None
    notes = list(found.notes)
    if labels is not None:
        notes.append(f"target: {counted(len(labels.classes), 'subfolder')} ({listed(labels.classes)})")
    return UserItems(
        items=[str(p) for p in found.files],
        y=None if labels is None else labels.y,
        kind=kind,
        name=folder.resolve().name or "items",
        description=str(folder),
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=notes,
        row_names=tuple(str(p.relative_to(folder)) for p in found.files),
        row_title="file",
    )


def _from_arrays(where: str, kind: str | None, target: str | None) -> UserItems:
    data = files.read(where, target=target)
    if data.kind != "images" or kind not in (None, "vision"):
        wanted = KINDS[kind] if kind else "pictures, texts or recordings"
        raise DataError(
            f"{where}: read as {data.kind} of shape {tuple(data.X.shape)}, but {wanted} are needed: a folder, or a csv "
            "file with a column of paths or texts."
        )
    return UserItems(
        data.X, data.y, "vision", data.name, data.description, data.classes, data.target_kind, list(data.notes)
    )


def _from_table(
    table: Table,
    place: Path,
    kind: str | None,
    target: str | None,
    column_of: dict[str, str | None],
    task: str | None,
    on_error: str,
) -> UserItems:
    from punar.sources._columns import check_known

    frame, where = table.frame, str(place)
    names = [str(c) for c in frame.columns]
    asked = [v for v in (*column_of.values(), target) if v is not None]
    check_known(asked, names, "as asked", where)
    if column_of["text"] and column_of["path"]:
        raise ParameterError(f"{where}: give a column of texts or one of paths, not both.")
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    column, kind = _column(frame, place, kind, target, column_of)
    notes, folder = list(table.notes), place.parent
    unused = [n for n in names if n not in (column, target)]
    notes += [f"columns that are not used: {listed(unused)}"] if unused else []
    values = frame[column]
    bad = {int(i): f"column {shown(column)} is empty" for i in np.flatnonzero(values.isna().to_numpy())}
    items = [str(v) for v in values]
    if kind != "text":
        items = [_existing(item, folder) for item in items]
        bad |= {
            i: f"there is no file {shown(str(values.iloc[i]))}"
            for i, item in enumerate(items)
            if i not in bad and not Path(item).is_file()
        }
    if target is not None:
        bad |= {int(i): f"column {shown(target)} is empty" for i in np.flatnonzero(frame[target].isna().to_numpy())}
    kept = [i for i in range(len(frame)) if i not in bad]
    if bad:
        named = "; ".join(f"{table.line_of(i)}: {bad[i]}" for i in sorted(bad)[:5])
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
        if on_error == "raise" or not kept:
            raise DataError(
                f"{where}: {len(bad)} of {len(frame):,} rows cannot be used: {named}{more}. Repair them, or leave them "
                "out (--skip-bad)."
            )
        notes.append(f"{len(bad)} of {len(frame):,} rows were left out: {named}{more}")
    labels: Labels | None = None
    if target is not None:
        at = f"{where}, column {shown(target)}"
        values_of = frame[target].iloc[kept]
        if task == "regression":
            labels = as_amounts(values_of, at)
        elif task == "multilabel":
            labels = as_sets(values_of, at)
        else:
            labels = as_classes(values_of, at, strict=task is not None)
        notes.append(labels.note)
    return UserItems(
        items=[items[i] for i in kept],
        y=None if labels is None else labels.y,
        kind=kind,
        name=place.stem,
        description=where,
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=[*notes, f"items: the {KINDS[kind]} of column {shown(column)}"],
        row_names=tuple(str(i) if kind == "text" else str(values.iloc[i]) for i in kept),
        row_title="row" if kind == "text" else "file",
    )


def _existing(item: str, folder: Path) -> str:
    """Return a path as it can be opened from here: one beside the table comes before one in this folder."""
    beside = folder / item
    return str(beside) if beside.is_file() or not Path(item).is_file() else item


def _column(
    frame: pd.DataFrame, place: Path, kind: str | None, target: str | None, column_of: dict[str, str | None]
) -> tuple[str, str]:
    """Return the column that holds the items, and what they are."""
    if column_of["text"] is not None:
        return column_of["text"], "text"
    found = _candidates(frame, place.parent, target)
    if column_of["path"] is not None:
        column = column_of["path"]
        told = found.get(column) or kind_of([str(v) for v in frame[column].dropna()])
        return column, kind or ("vision" if told == "text" else told)
    if kind is not None:
        found = {c: k for c, k in found.items() if k == kind}
    if not found:
        wanted = KINDS[kind] if kind else "paths of pictures or recordings, or of texts"
        raise DataError(
            f"{place}: no column of {wanted} was found among {listed(list(frame.columns))}; name it with --text COLUMN "
            "or --path COLUMN (text=, path=)."
        )
    if len(found) > 1:
        raise DataError(
            f"{place}: {listed(list(found))} could all hold the items; choose one with --text COLUMN or --path COLUMN "
            "(text=, path=)."
        )
    return next(iter(found.items()))


def _candidates(frame: pd.DataFrame, folder: Path, target: str | None) -> dict[str, str]:
    """Return the columns that could hold items, by what more than half of their first values look like."""
    found: dict[str, str] = {}
    for name in frame.columns:
        values = frame[name].dropna().iloc[:_ROWS_LOOKED_AT]
        if name == target or not len(values) or not all(isinstance(v, str) for v in values):
            continue
        for kind, suffixes in _SUFFIXES.items():
            like = [v for v in values if Path(v).suffix.lower() in suffixes]
            if len(like) * 2 > len(values) and any(Path(_existing(v, folder)).is_file() for v in like):
                found[str(name)] = kind
        if str(name) not in found and sum(map(_is_text, values)) * 2 > len(values):
            found[str(name)] = "text"
    # A sentence beside a path describes it; the path is the item.
    paths = {c: k for c, k in found.items() if k != "text"}
    return paths or found


def _is_text(value: str) -> bool:
    # Long words without spaces are identifiers, except in scripts that write without them.
    return len(value) >= _SHORTEST_TEXT and (" " in value.strip() or not value.isascii())
