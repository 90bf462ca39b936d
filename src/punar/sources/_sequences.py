"""What a user names on the command line -> sequences: series of numbers, texts or recordings, with labels.

A folder, a conll file or a table with a column of texts or paths holds items, as for pretrained networks. A long table
has a row for each step, and a column that says which series the row belongs to; without that column all rows are one
series. A wide table has a row for each series, and a column for each step. npy and npz files hold arrays (n, time,
channels).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from punar.errors import DataError, ParameterError
from punar.sources._asked import FORMS, STRUCTURED, Asked, check_one_of, look_up, refuse
from punar.sources._found import Found, FoundArrays, FoundFiles, FoundItems, FoundTable
from punar.sources._item_table import Wanted, all_of, candidates
from punar.sources._items import advice_for, as_items, labels_of, one_or_all, read_items
from punar.sources._labels import TASK_OF
from punar.sources._source import Request
from punar.sources._step_names import check_steps
from punar.sources._steps import Columns, series_of
from punar.sources._target import read_target
from punar.sources._userdata import UserData, UserItems, UserSequences
from punar.sources._wide import TIME, Wide, layout_of, melted, series_by_row

SEQUENCE_KINDS = {"series": "series", "text": "texts", "audio": "sounds"}
_SAY_ID = " If its rows are steps of series, say which belongs to which: --id COLUMN."


@dataclass(frozen=True)
class _Asking:
    """What a person asks for: columns of items, or of steps."""

    items: Wanted
    steps: Columns

    @property
    def of_steps(self) -> bool:
        """Whether rows of a table can only be steps."""
        named = self.items.text is not None or self.items.path is not None
        per_step = self.steps.form == "sequences" and self.steps.target is not None and not named
        of_items = self.items.kind is not None
        return self.steps.id_column is not None or (not of_items and (self.steps.form == "none" or per_step))

    @property
    def may_be_rows(self) -> bool:
        """Whether each row of a table can be a whole series."""
        apart = (self.items.text, self.items.path, self.items.kind, self.steps.id_column, self.steps.time_column)
        return all(each is None for each in apart) and self.steps.form not in ("none", "sequences")


def read_sequences(
    source: str | os.PathLike[str],
    *,
    target: str | Sequence[str] | None = None,
    text: str | None = None,
    path: str | None = None,
    root: str | None = None,
    suffix: str | None = None,
    keep: Sequence[str] = (),
    id_column: str | None = None,
    time_column: str | None = None,
    usual_time: str | None = None,
    time_format: str | None = None,
    strict_format: bool = True,
    channels: Sequence[str] | None = None,
    steps: Sequence[str] = (),
    drop: Sequence[str] = (),
    key: str | None = None,
    header: bool | None = None,
    form: str | None = None,
    kind: str | None = None,
    on_error: str = "raise",
    parts: Iterable[object] = (),
    target_path: str | None = None,
    whole_texts: bool = False,
) -> UserSequences:
    """Return the sequences that ``source`` names.

    Parameters
    ----------
    source : str or path
    target : str, sequence of str or None
        The column with the labels: one per text, file, row or id, or per step with ``form="sequences"``. With
        ``form="none"`` the column that is forecast. Several columns are labels of 0 and 1 each, or amounts.
    text, path : str or None
        The column of texts, or of paths of recordings; None looks for one.
    root, suffix : str or None
        The folder that paths begin in, and what they lack at their end, such as ".wav".
    keep : sequence of str
        Columns of a table to keep beside the sequences; of a long table with one value for each id.
    id_column, time_column : str or None
        Of a long table.
    usual_time : str or None
        What the column of times is called where it is there; without it another is looked for.
    time_format : str or None
        The format of times that are text; None finds it.
    strict_format : bool
        Whether another format than that is an error.
    channels : sequence of str or None
        The columns that a fitted model needs, in this order; None takes all that are left.
    steps : sequence of str
        The columns of the steps that a fitted model needs, of a table with a row for each series.
    drop : sequence of str
        Columns to leave out.
    key : str or None
        npz: the array with the series.
    header : bool or None
        csv, tsv: whether line 1 holds the column names.
    form : {"classes", "amounts", "sets", "sequences", "masks", "boxes", "answers", "texts", "none"} or None
        How the target is read (``target_form`` of a task); None tells it by content.
    kind : {"series", "text", "audio"} or None
        What it must be.
    on_error : {"raise", "skip"}
        Whether items without a text, a label or an existing file are refused, or left out.
    parts : iterable, default=()
        Sources of one's own, asked before those of punar; see :class:`punar.sources.Source`.
    target_path : str or None, default=None
        Where the texts lie that belong to those of ``source``, line by line.
    whole_texts : bool, default=False
        Whether each line of a text file is one text, even where it looks like one token per line.

    Raises
    ------
    DataError
        Nothing there can be sequences; the message says what was found and what to do.
    ParameterError
        An option does not belong to this kind of source.
    """
    check_one_of("kind", kind, SEQUENCE_KINDS)
    check_one_of("form", form, FORMS)
    item_kind = None if kind == "series" else kind
    if form in STRUCTURED:
        of_series = {"id": id_column, "time": time_column, "drop": tuple(drop), "key": key}
        refuse({f"--{name}": value for name, value in of_series.items()}, str(source), "read as items with targets")
        return _from_items(
            read_items(
                source,
                kind=item_kind,
                target=target,
                text=text,
                path=path,
                root=root,
                suffix=suffix,
                keep=keep,
                form=form,
                header=header,
                on_error=on_error,
                parts=parts,
                target_path=target_path,
                whole_texts=whole_texts,
            ),
            str(source),
        )
    named = one_or_all(all_of(target))
    columns = Columns(
        named,
        id_column,
        time_column,
        channels,
        drop,
        form,
        tuple(keep),
        usual_time=usual_time,
        time_format=time_format,
        strict=strict_format,
    )
    advice = _SAY_ID + advice_for(form)
    asking = _Asking(Wanted(item_kind, named, text, path, form, on_error, advice, root, suffix, tuple(keep)), columns)
    of_steps = kind == "series" or asking.of_steps
    asked = look_up(source, parts)
    with asked.naming_files():
        folder = asked.path.is_dir() and not asked.built_in
        if of_steps and folder and asked.source.fallback:
            raise _no_series(asked)
        request = Request(
            target=named if columns.labelled and isinstance(named, str) else None,
            key=key,
            header=header,
            kind=item_kind or ("audio" if folder else None),
            form=form,
            by_row=asking.may_be_rows,
            whole_texts=whole_texts,
        )
        found = asked.read(request)
        if isinstance(found, FoundTable):
            check_steps(steps, [str(c) for c in found.frame.columns], asked.where)
        return _as_sequences(found, asked, asking, of_steps)


def _as_sequences(found: Found, asked: Asked, asking: _Asking, of_steps: bool) -> UserSequences:
    steps, columns = asking.steps, {"--text": asking.items.text, "--path": asking.items.path}
    if isinstance(found, UserData):
        what = "pictures" if found.kind == "images" else "rows of a table"
        raise DataError(f"{asked.where}: this built-in set holds {what}, not sequences.")
    if isinstance(found, FoundArrays):
        given = {"--id": steps.id_column, **_of_times(steps), **columns}
        refuse(given, asked.where, "read as arrays")
        refuse({"--target": steps.target if steps.form == "none" else None}, asked.where, "arrays without column names")
        refuse({"--keep": steps.keep}, asked.where, "arrays without column names")
        return _from_arrays(found, asked, steps.form)
    wide = _wide(found, asking) if isinstance(found, FoundTable) else None
    if isinstance(found, FoundTable) and wide is not None:
        if steps.form != "none":
            return series_by_row(found, wide, asked.where, asked.name, steps)
        found, steps = melted(found, wide, asked.where, steps)
    if isinstance(found, FoundTable) and of_steps:
        refuse(columns, asked.where, "read as a table of steps")
        return series_of(found, asked.where, asked.name, steps)
    refuse(_of_times(steps), asked.where, "read as data without --id")
    if isinstance(found, FoundItems) and found.kind == "series":
        refuse({"--target": steps.target, "--keep": steps.keep}, asked.where, "a format that knows its own labels")
        return _from_ready(found, asked, steps.form)
    if of_steps:
        raise _no_series(asked)
    if isinstance(found, FoundFiles) and found.kind == "vision":
        raise _pictures(asked.where)
    return _from_items(as_items(found, asked, asking.items), asked.where)


def _wide(found: FoundTable, asking: _Asking) -> Wide | None:
    """Return which columns are steps where each row of a table is a series; None where rows are steps or items."""
    names, steps = [str(c) for c in found.frame.columns], asking.steps
    # A model that was fitted on a wide table asks for the columns that were made of it.
    own = (steps.id_column is None or steps.id_column in names) and steps.time_column is None
    if steps.form == "none" and (own or (steps.time_column == TIME and TIME not in names)) and steps.target is None:
        wide = layout_of(found.frame)
        return wide if wide is not None and wide.dated and len(wide.channels) == 1 else None
    if not asking.may_be_rows or candidates(found.frame, Path(), steps.target):
        return None
    return layout_of(found.frame)


def rows_are_series(source: str | os.PathLike[str], parts: Iterable[object] = ()) -> bool:
    """Return whether a file plainly holds labelled series, one to a row or item, and not the steps of one."""
    try:
        asked = look_up(source, parts)
        if asked.built_in or asked.path.is_dir():
            return False
        with asked.naming_files():
            found = asked.read(Request(by_row=True))
        if isinstance(found, FoundItems):
            return found.kind == "series" and found.targets is not None
        if not isinstance(found, FoundTable) or (wide := layout_of(found.frame)) is None:
            return False
        return series_by_row(found, wide, asked.where, "", Columns()).y is not None
    except (DataError, ParameterError):
        return False  # whoever reads it says why


def _of_times(steps: Columns) -> dict[str, str | None]:
    return {"--time": steps.time_column, "--time-format": steps.time_format if steps.strict else None}


def _no_series(asked: Asked) -> DataError:
    return DataError(f"{asked.where}: series are read from csv, tsv, txt, ts, arff, parquet, npy and npz files.")


def _pictures(where: str) -> DataError:
    return DataError(f"{where}: it holds pictures; sequence models read series, texts and recordings.")


def _from_items(found: UserItems, where: str) -> UserSequences:
    if found.kind == "vision":
        raise _pictures(where)
    return UserSequences(
        items=list(found.items),
        y=found.labels(),
        kind=found.kind,
        name=found.name,
        description=where,
        target_kind=found.target_kind,
        notes=found.notes,
        row_names=found.row_names or tuple(str(i) for i in range(len(found))),
        row_title=found.row_title,
        kept=found.kept,
        lines=found.lines,
    )


def _from_ready(found: FoundItems, asked: Asked, form: str | None) -> UserSequences:
    labels = labels_of(found, asked.where, form)
    y: Any = None if labels is None else labels.y
    if labels is not None and labels.kind == TASK_OF["classes"]:
        y = np.array(labels.classes, dtype=str)[labels.y]
    return UserSequences(
        items=list(found.items),
        y=y,
        kind="series",
        name=asked.name,
        description=asked.where,
        target_kind=None if labels is None else labels.kind,
        notes=[*found.notes, *([labels.note] if labels is not None else [])],
        row_names=found.names or tuple(str(i) for i in range(len(found.items))),
        row_title=found.title,
    )


def _from_arrays(found: FoundArrays, asked: Asked, form: str | None) -> UserSequences:
    X = found.X
    if X.ndim not in ((1, 2, 3) if form == "none" else (2, 3)):
        raise DataError(f"{asked.where}: series are (n, time, channels), or (n, time), got shape {X.shape}.")
    y, kind, notes = _array_labels(found, form)
    one = form == "none" and X.ndim < 3  # (time,) or (time, channels)
    return UserSequences(
        items=X,
        y=y,
        kind="series",
        name=asked.name,
        description=asked.where,
        target_kind=kind,
        notes=[*found.notes, *notes],
        row_names=("0",) if one else tuple(str(i) for i in range(len(X))),
    )


def _array_labels(found: FoundArrays, form: str | None) -> tuple[Any, str | None, list[str]]:
    """Return labels for an estimator, the task that suits them, and notes."""
    y = found.y
    if y is None or form == "none":
        return None, None, []
    if form == "sequences":
        if y.ndim < 2 or y.shape[:2] != found.X.shape[:2]:
            raise DataError(
                f"{found.where_y}: a label per step is needed, shape {found.X.shape[:2]}, but the shape is {y.shape}."
            )
        names = np.unique(y.astype(str))
        return list(y.astype(str)), TASK_OF["sequences"], [f"target: {len(names)} labels of {y.size:,} steps"]
    labels = read_target(y.reshape(-1), found.where_y)
    if labels.classes and form != "amounts":
        return np.array(labels.classes, dtype=str)[labels.y], TASK_OF["classes"], [labels.note]
    return y.reshape(-1).astype(np.float64), TASK_OF["amounts"], [labels.note]
