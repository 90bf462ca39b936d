"""What was read from a built-in name, a file or a folder, before any estimator sees it: rows, items or sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class UserData:
    """Rows, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    X : ndarray or DataFrame
        (n, features) float64 for a table, or a DataFrame where its columns are not all numbers; (n, h, w) or (n, h, w,
        c) for pictures, uint8 or floats in [0, 1].
    y : ndarray of shape (n,) or None
        int64 indices into ``classes`` for classification, float64 for regression.
    kind : {"table", "images"}
    name : str
        Short, for titles and file names.
    description : str
        Where the data comes from, in a sentence or two.
    columns : tuple of str
        The feature names of a table; empty where it has none.
    classes : tuple of str
        Names of the classes, in the order of the numbers in ``y``.
    target_kind : {"classification", "regression"} or None
    notes : list of str
        What was decided for the user: sizes, colours, rows left out.
    row_names : tuple of str
        File names of pictures, or the numbers (from 0) of the rows that were kept when some were left out.
    """

    X: Any
    y: np.ndarray | None
    kind: str
    name: str
    description: str
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()

    def labels(self) -> np.ndarray | None:
        """Return y with the names of the classes instead of their numbers."""
        if self.y is None or not self.classes:
            return self.y
        return np.array(self.classes, dtype=str)[self.y]

    def as_input(self) -> np.ndarray | pd.DataFrame:
        """Return X for an estimator: a DataFrame where columns have names, so that the model learns them."""
        if not self.columns or not isinstance(self.X, np.ndarray):
            return self.X
        import pandas as pd

        return pd.DataFrame(self.X, columns=list(self.columns), copy=False)


@dataclass(frozen=True, eq=False)
class UserItems:
    """Items, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    items : sequence
        Paths as text, sentences, lists of tokens, or an array of pictures (n, h, w) or (n, h, w, c).
    y : ndarray, list or None
        int64 (n,) indices into ``classes`` for classification, float64 (n,) for regression, int64 (n, labels) of 0 and
        1 for multilabel, a list of lists of names for tagging.
    kind : {"vision", "text", "audio"}
    name, description : str
    classes : tuple of str
        Names of the classes, or of the labels of multilabel and tagging.
    target_kind : {"classification", "regression", "multilabel", "tagging"} or None
        The task that suits the labels.
    notes : list of str
    row_names : tuple of str
        File names, or the numbers (from 0) of the rows.
    row_title : str
        What ``row_names`` are: "file", "row" or "sentence".
    kept : dict of str to ndarray of shape (n,)
        Columns of the table that stand beside the items.
    outputs : tuple of str
        What several amounts of an item are called.
    class_ids : dict of str to int or str
        The ids that the data's own format gives the classes, by name.
    lines : int
        How many lines the text file has, or rows the table, those without a text among them; ``row_names`` are their
        numbers from 0. It is 0 where items are no lines.
    """

    items: Any
    y: Any
    kind: str
    name: str
    description: str
    classes: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()
    row_title: str = "row"
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    class_ids: dict[str, Any] = field(default_factory=dict)
    lines: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def labels(self) -> Any:
        """Return y for an estimator: names of classes, numbers, a table by label or amount, or lists of names."""
        names = self.classes if self.target_kind == "multilabel" else self.outputs
        if self.target_kind == "multilabel" or names:
            import pandas as pd

            return pd.DataFrame(self.y, columns=list(names))
        if self.y is None or self.target_kind != "classification":
            return self.y
        return np.array(self.classes, dtype=str)[self.y]

    def take(self, rows: Sequence[int]) -> UserItems:
        """Return some of the items."""
        index = list(rows)
        names = tuple(self.row_names[i] for i in index) if self.row_names else tuple(str(i) for i in index)
        kept = {name: values[index] for name, values in self.kept.items()}
        return replace(self, items=chosen(self.items, index), y=chosen(self.y, index), row_names=names, kept=kept)


@dataclass(frozen=True, eq=False)
class UserSequences:
    """Sequences, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    items : array, list or DataFrame
        For :class:`punar.SequenceModel`; a DataFrame where it is a long table with ids, or one series to forecast.
    y : ndarray, Series, list or None
        Names of classes, or numbers; a Series by id for a long table; for tagging a list with a list or an array
        (time,) of names per sequence, in the order in which ids first appear, steps in the order of time.
    kind : {"series", "text", "audio"}
    name, description : str
    id_column, time_column : str or None
        Of a long table.
    time_format : str or None
        How the times were written; ``items`` have them as numbers or timestamps.
    channels : tuple of str
        Names, where they came from a table.
    target_kind : {"classification", "regression", "multilabel", "tagging"} or None
        The task that suits the labels.
    notes : list of str
    row_names : tuple of str
        Of the sequences: files, ids, or numbers from 0.
    row_title : str
        What they are.
    kept : dict of str to ndarray of shape (n,)
        Columns of the table that stand beside the sequences.
    steps : tuple of str
        The columns of the steps of a table with a row for each series, where they have names of their own.
    lines : int
        How many lines the text file has; see :class:`UserItems`.
    """

    items: Any
    y: Any
    kind: str
    name: str
    description: str
    id_column: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    channels: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()
    row_title: str = "row"
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    lines: int = 0

    def __len__(self) -> int:
        return len(self.row_names)

    def labels(self) -> Any:
        """Return names of classes, numbers, a table by label, or lists of names, in the order of the sequences."""
        return (
            self.y if self.y is None or isinstance(self.y, list) or hasattr(self.y, "columns") else np.asarray(self.y)
        )

    def take(self, rows: Sequence[int]) -> UserSequences:
        """Return some of the sequences of a list or an array."""
        index = list(rows)
        names = tuple(self.row_names[i] for i in index)
        kept = {name: values[index] for name, values in self.kept.items()}
        return replace(self, items=chosen(self.items, index), y=chosen(self.y, index), row_names=names, kept=kept)


def chosen(values: Any, index: list[int]) -> Any:
    """Return some rows of an array or entries of a list, in the form that they have; None of None."""
    if hasattr(values, "iloc"):
        return values.iloc[index]
    if values is None or hasattr(values, "shape"):
        return None if values is None else values[index]
    return [values[i] for i in index]
