"""What a user names on the command line -> items for a pretrained network, with labels; no item is opened here.

Items are paths of pictures or recordings, sentences, lists of tokens, or the pictures of an array. A folder has one
subfolder per class; a table has a column of paths or of texts, and a target; a conll file has a label per token. With
``form=`` "masks", "boxes", "answers" or "texts" the sources of that form are asked first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punar.errors import DataError, ParameterError, shown
from punar.sources._asked import FORMS, STRUCTURED, Asked, check_one_of, look_up, refuse
from punar.sources._found import Found, FoundArrays, FoundFiles, FoundItems, FoundTable
from punar.sources._item_table import Wanted, all_of, candidates, items_of
from punar.sources._kinds import ITEM_KINDS
from punar.sources._labels import TASK_OF, Labels, as_form, as_given, as_sequences, of_subfolders
from punar.sources._names import printable
from punar.sources._source import Request
from punar.sources._text import NAME_IT_CONLL
from punar.sources._userdata import UserData, UserItems

if TYPE_CHECKING:
    import pandas as pd

_OF_FOLDER = "a folder: its subfolders are the labels"
_NO_COLUMNS = "data without columns of text"
_OWN_LABELS = "a format that knows its items and labels"
_SPOKEN = {
    "amounts": "amounts",
    "sets": "several labels of one item",
    "sequences": "a label per token or step",
    "masks": "masks",
    "boxes": "boxes",
    "answers": "answers to questions",
    "texts": "texts",
}


def read_items(
    source: str | os.PathLike[str],
    *,
    kind: str | None = None,
    target: str | Sequence[str] | None = None,
    text: str | None = None,
    path: str | None = None,
    root: str | None = None,
    suffix: str | None = None,
    keep: Sequence[str] = (),
    form: str | None = None,
    header: bool | None = None,
    on_error: str = "raise",
    parts: Iterable[object] = (),
    target_path: str | None = None,
    whole_texts: bool = False,
) -> UserItems:
    """Return the items that ``source`` names.

    Parameters
    ----------
    source : str or path
        A folder of pictures or recordings; a table with a column of paths or texts; a conll file; a text file of one
        text per line; a npy or npz file of pictures; or a built-in set of pictures.
    kind : {"vision", "text", "audio"} or None, default=None
        What the items must be; None tells it by content.
    target : str, sequence of str or None, default=None
        The column with the labels; several columns are labels of 0 and 1 each, or amounts.
    text, path : str or None, default=None
        The column of texts, or of paths (as they are, or relative to the file). None looks for one.
    root, suffix : str or None, default=None
        The folder that paths begin in, and what they lack at their end, such as ".png".
    keep : sequence of str, default=()
        Columns of a table to keep beside the items.
    form : {"classes", "amounts", "sets", "sequences", "masks", "boxes", "answers", "texts", "none"} or None
        How the target is read (``target_form`` of a task); None tells it by content, "none" reads no labels. A set of
        labels stands in one field, as ``red; round``.
    header : bool or None, default=None
        csv, tsv: whether line 1 holds the column names.
    on_error : {"raise", "skip"}, default="raise"
        Whether rows without a text, a label or an existing file are refused, or left out with a note.
    parts : iterable, default=()
        Sources of one's own, asked before those of punar; see :class:`punar.sources.Source`.
    target_path : str or None, default=None
        Where the targets lie, apart from ``source``: the folder of masks, the file whose lines are the translations,
        the json, xml or txt files of boxes.
    whole_texts : bool, default=False
        Whether each line of a text file is one text, even where it looks like one token per line.

    Raises
    ------
    DataError
        Nothing there can be items; the message says what was found and what to do.
    ParameterError
        An option does not belong to this kind of source.
    """
    check_one_of("kind", kind, ITEM_KINDS)
    check_one_of("form", form, FORMS)
    named = None if form == "none" or target is None else all_of(target)
    wanted = Wanted(kind, one_or_all(named), text, path, form, on_error, advice_for(form), root, suffix, tuple(keep))
    asked = look_up(source, parts, form=form, target_path=target_path)
    with asked.naming_files():
        if asked.path.is_dir() and not asked.built_in and not asked.source.forms:
            refuse(_given(wanted), asked.where, _OF_FOLDER)
        # Several columns are numbers or yes and no, whose spelling is nobody's name.
        one = wanted.target if isinstance(wanted.target, str) else None
        found = asked.read(
            Request(
                target=one,
                header=header,
                kind=kind,
                form=form,
                target_path=target_path,
                root=root if asked.source.forms else None,
                skip=on_error == "skip",
                whole_texts=whole_texts,
            )
        )
        return as_items(found, asked, wanted)


def one_or_all(names: tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    """Return one name as itself, several as they are, and none as None.

    Raises
    ------
    ParameterError
        A name stands there twice.
    """
    twice = next((n for n in names or () if (names or ()).count(n) > 1), None)
    if twice is not None:
        raise ParameterError(f"target {shown(twice)} was given twice. Name it once.")
    return names[0] if names and len(names) == 1 else (names or None)


def _given(wanted: Wanted, *, target: bool = True) -> dict[str, Any]:
    """Return what was asked of the columns of a table."""
    columns = {"text": wanted.text, "path": wanted.path, "root": wanted.root, "suffix": wanted.suffix}
    return columns | {"keep": wanted.keep} | ({"target": wanted.target} if target else {})


def advice_for(form: str | None) -> str:
    """Return what to say where a table has no column of items, and this form of target was asked for."""
    return NAME_IT_CONLL if form == "sequences" else ""


def as_items(found: Found, asked: Asked, wanted: Wanted) -> UserItems:
    """Return what a source found as items.

    Raises
    ------
    DataError, ParameterError
        See :func:`read_items`.
    """
    where = asked.where
    if isinstance(found, FoundTable):
        return _from_table(found, found.place or asked.path, wanted)
    if isinstance(found, FoundFiles):
        refuse(_given(wanted), where, _OF_FOLDER)
        return _from_files(found, asked, wanted.form)
    if isinstance(found, FoundItems):
        own = asked.source.options if asked.source.forms else ()
        refuse({k: v for k, v in _given(wanted).items() if k not in own}, where, _OWN_LABELS)
        return _from_ready(found, asked, wanted)
    refuse(_given(wanted, target=False), where, _NO_COLUMNS)
    if isinstance(found, UserData):
        refuse({"target": wanted.target}, where, _OWN_LABELS)
    return _from_rows(found, asked, wanted)


def holds_items(
    source: str,
    target: str | tuple[str, ...] | None = None,
    text: str | None = None,
    path: str | None = None,
    *,
    parts: Iterable[object] = (),
) -> bool:
    """Return whether ``source`` is plainly labelled items.

    That is a folder of subfolders, a table with a target and a column of texts or paths, or a format that has labels of
    its own.
    """
    try:
        asked = look_up(source, parts)
        with asked.naming_files():
            # Without a target there is no need to read a table for the answer.
            if asked.built_in or (target is None and asked.source.tabular):
                return False
            found = asked.read(Request(target=target if isinstance(target, str) else None))
    except DataError:
        return False  # whoever reads it says why
    if isinstance(found, FoundTable):
        return target is not None and bool(text or path or candidates(found.frame, asked.path.parent, target))
    # A flat folder of pictures has no labels, and is what autoencoders are for.
    return bool(found.labels) if isinstance(found, FoundFiles) else isinstance(found, FoundItems) and _labelled(found)


def _labelled(found: FoundItems) -> bool:
    return found.targets is not None and found.kind in ITEM_KINDS


def _from_table(found: FoundTable, place: Path, wanted: Wanted) -> UserItems:
    if wanted.form in ("answers", "texts"):
        from punar.sources._text_pairs import questions_of, texts_of

        return questions_of(found, place, wanted) if wanted.form == "answers" else texts_of(found, place, wanted)
    return items_of(found, place, wanted)


def _from_files(found: FoundFiles, asked: Asked, form: str | None) -> UserItems:
    if form in _SPOKEN and form not in STRUCTURED:
        raise ParameterError(
            f"{asked.where}: the subfolders of a folder are classes; {_SPOKEN[form]} (form={form!r}) needs a csv file "
            "with a column of paths and one of labels."
        )
    # Files that lie without masks, boxes or texts can be answered for all the same; subfolders are no such targets.
    labels = of_subfolders(found.labels) if found.labels and form not in ("none", *STRUCTURED) else None
    return UserItems(
        items=[str(p) for p in found.files],
        y=None if labels is None else labels.y,
        kind=found.kind,
        name=asked.name,
        description=asked.where,
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=[*found.notes, *([labels.note] if labels is not None else [])],
        row_names=tuple(p.name if p == asked.path else printable(p.relative_to(asked.path)) for p in found.files),
        row_title="file",
    )


def _from_ready(found: FoundItems, asked: Asked, wanted: Wanted) -> UserItems:
    if found.kind != (wanted.kind or found.kind) or found.kind not in ITEM_KINDS:
        needed = ITEM_KINDS[wanted.kind] if wanted.kind else "pictures, texts or recordings"
        raise DataError(f"{asked.where}: it holds {ITEM_KINDS.get(found.kind, found.kind)}, but {needed} are needed.")
    labels = labels_of(found, asked.where, wanted.form)
    return UserItems(
        items=list(found.items),
        y=None if labels is None else labels.y,
        kind=found.kind,
        name=asked.name,
        description=asked.where,
        classes=() if labels is None else labels.classes,
        target_kind=None if labels is None else labels.kind,
        notes=[*found.notes, *([labels.note] if labels is not None else [])],
        row_names=found.names or tuple(str(i) for i in range(len(found.items))),
        row_title=found.title,
        kept=dict(found.kept),
        class_ids=dict(found.class_ids),
        lines=found.lines,
    )


def labels_of(found: FoundItems, where: str, form: str | None) -> Labels | None:
    """Return the labels that a format gives with its items, read as ``form`` says.

    Raises
    ------
    DataError
        A label is missing, or not of this form.
    ParameterError
        The format has labels of another form.
    """
    if found.targets is None or form == "none":
        return None
    own = found.form
    if own is not None and form is not None and form != own:
        raise ParameterError(
            f"{where}: it has {_SPOKEN.get(own, 'a class per item')}, which suits task={TASK_OF[own]!r}; {form!r} was "
            "asked for."
        )
    if (form or own) in STRUCTURED:
        return as_given(found.targets, str(form or own), found.kind, found.classes, where)
    if (form or own) == "sequences":
        return as_sequences(found.targets, found.items, where)
    column = _column_of(found)
    if column.isna().any():
        raise DataError(f"{where}: item {int(column.isna().to_numpy().argmax())} has no label.")
    return as_form(column, where, form or own)


def _column_of(found: FoundItems) -> pd.Series:
    import pandas as pd

    return pd.Series(list(found.targets or ()))


def _from_rows(found: FoundArrays | UserData, asked: Asked, wanted: Wanted) -> UserItems:
    from punar.sources._rows import rows_of

    data = found if isinstance(found, UserData) else rows_of(found, asked.path, None)
    if data.kind != "images" or wanted.kind not in (None, "vision"):
        needed = ITEM_KINDS[wanted.kind] if wanted.kind else "pictures, texts or recordings"
        raise DataError(
            f"{asked.where}: read as {data.kind} of shape {tuple(data.X.shape)}, but {needed} are needed: a folder, or "
            "a csv file with a column of paths or texts."
        )
    labelled = wanted.form != "none"
    return UserItems(
        data.X,
        data.y if labelled else None,
        "vision",
        data.name,
        data.description,
        data.classes if labelled else (),
        data.target_kind if labelled else None,
        list(data.notes),
    )
