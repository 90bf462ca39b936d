"""What a source finds in a file or folder, before anything is asked of it: a few plain forms that the readers know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from punar.sources._userdata import UserData

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class FoundTable:
    """A table as it stands in a file.

    Attributes
    ----------
    frame : DataFrame
        Column names are there and differ.
    notes : list of str
        What was decided while reading.
    line_of : callable
        Row number from 0 -> "line 12" or "row 10".
    spelled : dict of str to Series
        Columns of whole numbers with zeros before them, as they are written.
    place : Path or None
        The file, where another path was named; paths in the table are relative to its folder.
    written : callable or None
        Names of columns -> the columns as they are written; None where the format knows numbers itself.
    folder : Path or None
        Where recordings lie that all need a row.
    """

    frame: pd.DataFrame
    notes: list[str]
    line_of: Callable[[int], str]
    spelled: Mapping[str, pd.Series] = field(default_factory=dict)
    place: Path | None = None
    written: Callable[[list[str]], pd.DataFrame] | None = None
    folder: Path | None = None

    def as_names(self, columns: Iterable[str | None]) -> FoundTable:
        """Return the table with these columns as they are written, 007 and not 7, because they name something."""
        wanted = {name: self.spelled[name] for name in columns if name is not None and name in self.spelled}
        return replace(self, frame=self.frame.assign(**wanted)) if wanted else self

    def as_texts(self, columns: Iterable[str | None]) -> FoundTable:
        """Return the table with these columns as texts: numbers too, as they stand in the file where that tells it."""
        others = [n for n in dict.fromkeys(columns) if n in self.frame.columns and not _all_texts(self.frame[n])]
        if not others:
            return self
        names = [str(n) for n in others]
        texts = {n: _as_text(self.frame[n]) for n in names} if self.written is None else self.written(names)
        return replace(self, frame=self.frame.assign(**{n: texts[n] for n in names}))


def _all_texts(column: pd.Series) -> bool:
    return all(isinstance(v, str) for v in column.dropna())


def _as_text(column: pd.Series) -> pd.Series:
    """Return values as texts; whole numbers that a gap has made decimals are whole again."""
    there = column.dropna()
    whole = all(isinstance(v, float) and v.is_integer() for v in there)
    return there.map(lambda v: str(int(v)) if whole else str(v)).reindex(column.index).astype(object)


@dataclass(frozen=True, eq=False)
class FoundArrays:
    """Numbers in one array whose first axis is the row, and labels where the file has some.

    Attributes
    ----------
    X : ndarray of shape (n, ...)
    y : ndarray of shape (n,), (n, 1) or (n, time), or None
    where_y : str
        File and name of the labels, for messages.
    notes : list of str
    """

    X: np.ndarray
    y: np.ndarray | None = None
    where_y: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class FoundFiles:
    """Files of one kind, none of them opened.

    Attributes
    ----------
    kind : {"vision", "audio"}
    files : list of Path
        In a fixed order.
    labels : list of str
        One per file, or empty.
    notes : list of str
    """

    kind: str
    files: list[Path]
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class FoundItems:
    """Items with their targets ready.

    Attributes
    ----------
    items : sequence
        Texts, lists of tokens, paths, series: one per answer.
    targets : sequence or None
        One per item: a class, an amount, a text of several labels ("red; round"), a list of one label per token, the
        path of a mask, a dict of boxes and labels, an answer, or a text.
    kind : {"vision", "text", "audio", "series"}
    form : {"classes", "amounts", "sets", "sequences", "masks", "boxes", "answers", "texts"} or None
        What the targets are; None tells it by content.
    names : tuple of str
        Of the items, such as file names; empty counts them from 0.
    title : str
        What ``names`` are: "row", "file", "sentence".
    notes : list of str
        What was decided while reading, a sentence each.
    classes : tuple of str
        Names of the values of masks by number, or of the labels of boxes; empty where the format does not say.
    kept : dict of str to ndarray of shape (n,)
        What else the format says of each item, such as its ``image_id``.
    class_ids : dict of str to int or str
        The format's own ids of the classes by name.
    lines : int
        How many lines the text file has, or rows the table, those without a text among them; ``names`` are their
        numbers from 0. It is 0 where items are no lines.
    """

    items: Sequence[Any]
    targets: Sequence[Any] | None = None
    kind: str = "text"
    form: str | None = None
    names: tuple[str, ...] = ()
    title: str = "row"
    notes: list[str] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    kept: Mapping[str, np.ndarray] = field(default_factory=dict)
    class_ids: Mapping[str, Any] = field(default_factory=dict)
    lines: int = 0


# UserData are rows ready for an estimator: what the built-in sets are.
Found: TypeAlias = FoundTable | FoundArrays | FoundFiles | FoundItems | UserData
