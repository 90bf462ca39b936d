"""Labels as classes, amounts, sets of labels, or a sequence of labels per item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from punar.core.words import counted, listed
from punar.errors import DataError, ParameterError, shown
from punar.sources._columns import plain
from punar.sources._names import printable
from punar.sources._target import read_target

_SEPARATORS = (";", "|", ",")
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")
# What suits each form of target: a task's name for the reader of the data.
TASK_OF = {
    "classes": "classification",
    "amounts": "regression",
    "sets": "multilabel",
    "sequences": "tagging",
    "masks": "segmentation",
    "boxes": "detection",
    "answers": "question_answering",
    "texts": "translation",
}
_OF_SOUNDS = "speech_recognition"
_STRUCTURED = ("masks", "boxes", "answers", "texts")


def form_for(task: str | None) -> str | None:
    """Return the form of the targets of a task that :class:`UserItems` name; None for others."""
    return "texts" if task == _OF_SOUNDS else next((form for form, name in TASK_OF.items() if name == task), None)


@dataclass(frozen=True, eq=False)
class Labels:
    """What stands for the labels, the names of the classes, and the task that suits them.

    Attributes
    ----------
    y : ndarray or list
        Numbers of the classes, amounts, or an indicator matrix; of sequences a list of one list of names per item.
    classes : tuple of str
    kind : {"classification", "regression", "multilabel", "tagging"}
    note : str
    outputs : tuple of str
        What several amounts of an item are called.
    """

    y: Any
    classes: tuple[str, ...]
    kind: str
    note: str
    outputs: tuple[str, ...] = ()


def named(values: Sequence[str]) -> Labels:
    """Return names as classes, in alphabetical order."""
    names, codes = np.unique(np.array([printable(v) for v in values], dtype=str), return_inverse=True)
    classes = tuple(map(str, names))
    note = f"target: {len(classes)} classes ({listed(classes)})"
    return Labels(codes.reshape(-1).astype(np.int64), classes, "classification", note)


def of_subfolders(values: Sequence[str]) -> Labels:
    """Return the names of subfolders as classes."""
    found = named(values)
    note = f"target: {counted(len(found.classes), 'subfolder')} ({listed(found.classes)})"
    return Labels(found.y, found.classes, found.kind, note)


def as_form(column: pd.Series, where: str, form: str | None) -> Labels:
    """Return one label per item as ``form`` says; None tells classes and amounts apart by content.

    Parameters
    ----------
    column : Series of shape (n,)
        Nothing missing.
    where : str
        File and column, for messages.
    form : {"classes", "amounts", "sets", "sequences"} or None

    Raises
    ------
    DataError
        The labels are not of this form.
    """
    if form in _STRUCTURED:
        raise ParameterError(f"{where}: targets of the form {form!r} are not read from a column of this table.")
    if form == "sequences":
        raise ParameterError(
            f"{where}: a label per token is read from a conll file, one token and its label on each line; a table has "
            "one label per row."
        )
    if form == "amounts":
        return as_amounts(column, where)
    if form == "sets":
        return as_sets(column, where)
    return as_classes(column, where, strict=form is not None)


def as_columns(frame: pd.DataFrame, where: str, form: str | None) -> Labels:
    """Return several columns as labels that an item carries or not, or as several amounts.

    Parameters
    ----------
    frame : DataFrame of shape (n, targets)
        Nothing missing.
    where : str
        The file, for messages.
    form : {"sets", "amounts"} or None
        None takes columns of 0 and 1, or yes and no, for labels, and other numbers for amounts.

    Raises
    ------
    DataError
        A column is neither.
    ParameterError
        Another form.
    """
    names = tuple(str(c) for c in frame.columns)
    if form not in (None, "sets", "amounts"):
        raise ParameterError(
            f"{where}: several targets ({listed(names)}) suit task='multilabel' (columns of 0 and 1) or "
            f"task='regression' (amounts), not {TASK_OF.get(form, form)!r}. Name one target, or another task."
        )
    carried = {name: _carried(frame[name]) for name in names}
    if form != "amounts" and all(column is not None for column in carried.values()):
        y = np.column_stack([column for column in carried.values() if column is not None]).astype(np.int64)
        note = f"target: {len(names)} labels, one in each of the columns {listed(names)}"
        return Labels(y, names, TASK_OF["sets"], note)
    if form == "sets":
        bad = next(name for name, column in carried.items() if column is None)
        raise DataError(
            f"{where}: labels in several columns must be 0 or 1, or yes or no, but column {shown(bad)} holds "
            f"{shown(_odd(frame[bad]))}."
        )
    amounts = [as_amounts(frame[name], f"{where}, column {shown(name)}").y for name in names]
    note = f"target: {len(names)} amounts, one in each of the columns {listed(names)}"
    return Labels(np.column_stack(amounts), (), TASK_OF["amounts"], note, names)


def _carried(column: pd.Series) -> np.ndarray | None:
    """Return whether each item carries a label; None where a value says neither yes nor no."""
    words = [_word(v) for v in column]
    return np.array([w in _YES for w in words]) if all(w in _YES or w in _NO for w in words) else None


def _odd(column: pd.Series) -> str:
    return next(str(v) for v in column if _word(v) not in _YES + _NO)


def _word(value: Any) -> str:
    text = str(value).strip().lower()
    return text.removesuffix(".0")


def as_sequences(targets: Sequence[Any], items: Sequence[Any], where: str) -> Labels:
    """Return a list of labels per item, as long as the item.

    Raises
    ------
    DataError
        An item's labels are none, or more or fewer than its tokens or steps.
    """
    y: list[list[str]] = []
    for i, (labels, item) in enumerate(zip(targets, items, strict=True)):
        if isinstance(labels, (str, bytes)) or not hasattr(labels, "__len__"):
            raise DataError(f"{where}: item {i} needs a list of labels, one per token or step, found {shown(labels)}.")
        if not isinstance(item, str) and len(labels) != len(item):
            raise DataError(
                f"{where}: item {i} has {counted(len(item), 'token')} and {counted(len(labels), 'label')}; there must "
                "be one label for each."
            )
        y.append([str(label) for label in labels])
    return _sequences(y)


def as_given(targets: Sequence[Any], form: str, kind: str, classes: tuple[str, ...], where: str) -> Labels:
    """Return masks, boxes, answers or texts as they are, one for each item of a kind.

    Raises
    ------
    DataError
        An item has none.
    """
    missing = next((i for i, target in enumerate(targets) if target is None), None)
    if missing is not None:
        raise DataError(f"{where}: item {missing} has no target; there must be one for each item.")
    task = _OF_SOUNDS if form == "texts" and kind == "audio" else TASK_OF[form]
    words = {"masks": "a mask", "boxes": "boxes", "answers": "an answer", "texts": "a text"}
    note = f"target: {words[form]} for each of {counted(len(targets), 'item')}"
    return Labels(list(targets), classes, task, note)


def _sequences(y: list[list[str]]) -> Labels:
    names = tuple(sorted({label for labels in y for label in labels}))
    total = sum(map(len, y))
    note = f"target: {counted(len(names), 'label')} of {counted(total, 'token')} ({listed(names)})"
    return Labels(y, names, TASK_OF["sequences"], note)


def as_classes(column: pd.Series, where: str, *, strict: bool = False) -> Labels:
    """Return names as classes, and numbers as classes or amounts.

    Parameters
    ----------
    column : Series of shape (n,)
        Nothing missing.
    where : str
        File and column, for messages.
    strict : bool, default=False
        Whether numbers are names of classes in any case.
    """
    if strict:
        return named([str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in column])
    found = read_target(plain(column), where)
    return Labels(found.y, found.classes, found.kind, found.note)


def as_amounts(column: pd.Series, where: str) -> Labels:
    """Return numbers, float64.

    Raises
    ------
    DataError
        A value is no finite number.
    """
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(numbers).all():
        bad = str(column.iloc[int(np.argmin(np.isfinite(numbers)))])
        raise DataError(f"{where}: regression needs finite numbers, but there is {shown(bad)}.")
    return Labels(numbers, (), "regression", f"target: numbers from {numbers.min():g} to {numbers.max():g}")


def as_sets(column: pd.Series, where: str) -> Labels:
    """Return an indicator matrix, int64 (n, labels), for fields such as ``red; round``."""
    texts = [str(v) for v in column]
    separator = next((s for s in _SEPARATORS if any(s in t for t in texts)), _SEPARATORS[0])
    sets = [{part.strip() for part in t.split(separator)} - {""} for t in texts]
    names = sorted(set().union(*sets))
    if not names:
        raise DataError(f"{where}: there is no label at all; several labels of one item are written 'red; round'.")
    y = np.array([[name in labels for name in names] for labels in sets], dtype=np.int64)
    note = f"target: {len(names)} labels, separated by {separator!r}, in this order: {listed(names)}"
    return Labels(y, tuple(names), "multilabel", note)
