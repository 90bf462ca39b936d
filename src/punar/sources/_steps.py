"""A long table, one row for each step -> series, with a label per series or per step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from punar.core.words import counted, listed
from punar.data import long_table
from punar.errors import DataError, ParameterError, shown
from punar.sources._found import FoundTable
from punar.sources._item_table import all_of
from punar.sources._labels import TASK_OF, as_columns, as_form
from punar.sources._names import check_known
from punar.sources._userdata import UserSequences
from punar.sources._when import (
    in_one_column,
    is_called_time,
    likely_time,
    refuse_times,
    refuse_unread,
    with_times,
)
from punar.texts import layouts

if TYPE_CHECKING:
    import pandas as pd

_ONE = "\x00one"


@dataclass(frozen=True)
class Columns:
    """What is asked of the columns of a long table.

    Attributes
    ----------
    target : str, tuple of str or None
        The column of the labels, or several.
    id_column, time_column : str or None
    usual_time : str or None
        What the column of times is called where it is there; another may be in its place.
    time_format : str or None
        Of times that are text.
    strict : bool
        Whether another format than that is an error.
    channels : sequence of str or None
        Those that a fitted model needs, in this order; None takes all that are left.
    drop : sequence of str
    form : str or None
        How the target is read; "none" makes it a channel, as for forecasts.
    keep : sequence of str
        Columns to keep beside the series.
    """

    target: str | tuple[str, ...] | None = None
    id_column: str | None = None
    time_column: str | None = None
    channels: Sequence[str] | None = None
    drop: Sequence[str] = ()
    form: str | None = None
    keep: Sequence[str] = ()
    usual_time: str | None = None
    time_format: str | None = None
    strict: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of the labels, or of what is forecast."""
        return all_of(self.target)

    @property
    def labelled(self) -> bool:
        """Whether the target is labels and no channel."""
        return self.target is not None and self.form != "none"


@dataclass(frozen=True, eq=False)
class _StepLabels:
    y: Any
    kind: str
    note: str


def series_of(table: FoundTable, where: str, name: str, wanted: Columns) -> UserSequences:
    """Return the series of a long table; without ids, all rows are one.

    Parameters
    ----------
    table : FoundTable
    where, name : str
        For messages and titles.
    wanted : Columns

    Raises
    ------
    DataError, DataTypeError
        Unknown columns, no rows, no channels, no numbers, labels that are missing or differ within a series.
    ParameterError
        A target without ids.
    """
    table = table.as_names([wanted.id_column, *wanted.keep])
    taken = (*wanted.targets, *wanted.drop, *wanted.keep, *(wanted.channels or ()))
    if wanted.form == "none":
        table = in_one_column(table, where, wanted.id_column, wanted.time_column, taken)
    frame = table.frame
    names = [str(c) for c in frame.columns]
    asked = (
        *(wanted.id_column, wanted.time_column, *wanted.targets),
        *(*wanted.drop, *(wanted.channels or ()), *wanted.keep),
    )
    check_known([c for c in asked if c is not None], names, "as asked", where)
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    notes = list(table.notes)
    if wanted.time_column is None:
        usual = wanted.usual_time if wanted.usual_time in names else None
        wanted = replace(wanted, time_column=usual or likely_time(frame, wanted.id_column, taken))
        notes += [f"time: the column {shown(wanted.time_column)} (--time)"] if wanted.time_column is not None else []
        if wanted.time_column is None:
            refuse_unread(frame, wanted.id_column, taken, where)
    time_format = None
    if wanted.time_column is not None:
        asked_format = wanted.time_format
        table, time_format = with_times(
            table, where, wanted.id_column, wanted.time_column, asked_format, strict=wanted.strict
        )
        frame = table.frame
        if time_format not in (None, asked_format, "%Y-%m-%d"):
            notes.append(layouts.TIMES_READ_AS.format(form=time_format))
    elif wanted.time_format is not None and wanted.strict:
        raise ParameterError(f"{where}: --time-format needs a column of times: --time COLUMN.")
    labels = _labels(table, where, wanted) if wanted.labelled else None
    used = _channels(frame, where, wanted)
    notes += [labels.note] if labels is not None else []
    notes.append(f"channels: {listed(used)}")
    items, ids, title = _arranged(frame, where, wanted, used)
    return UserSequences(
        items=items,
        y=None if labels is None else labels.y,
        kind="series",
        name=name,
        description=where,
        id_column=wanted.id_column,
        time_column=wanted.time_column if hasattr(items, "columns") else None,
        time_format=time_format,
        channels=tuple(used),
        target_kind=None if labels is None else labels.kind,
        notes=notes,
        row_names=ids,
        row_title=title,
        kept={column: _kept(frame, column, where, wanted) for column in wanted.keep},
    )


def _kept(frame: pd.DataFrame, column: str, where: str, wanted: Columns) -> np.ndarray:
    """Return a column's value of each series."""
    if wanted.id_column is None:
        raise ParameterError(f"{where}: --keep {column} needs --id COLUMN, or a table with a row for each series.")
    if column == wanted.id_column:
        found: np.ndarray = frame[column].drop_duplicates().to_numpy()
        return found
    several = frame.groupby(wanted.id_column, sort=False)[column].nunique(dropna=False)
    if (several > 1).any():
        first = str(several.index[int((several > 1).argmax())])
        raise DataError(
            f"{where}: --keep {column}: id {shown(first)} has several values in this column; what is kept must be the "
            "same in all rows of a series."
        )
    return frame.drop_duplicates(wanted.id_column)[column].to_numpy()


def _channels(frame: pd.DataFrame, where: str, wanted: Columns) -> list[str]:
    if wanted.channels is not None:
        used = list(wanted.channels)
    elif wanted.target is not None and not wanted.labelled:
        used = list(wanted.targets)
    else:
        aside = {wanted.id_column, wanted.time_column, *wanted.targets, *wanted.drop, *wanted.keep}
        used = [c for c in map(str, frame.columns) if c not in aside]
    if not used:
        raise DataError(f"{where}: no column is left that could be a channel; there are {listed(list(frame.columns))}.")
    _check_numbers(frame, used, where)
    return used


def _check_numbers(frame: pd.DataFrame, used: Sequence[str], where: str) -> None:
    import pandas as pd

    bad = [c for c in used if not pd.api.types.is_numeric_dtype(frame[c].dtype)]
    if bad:
        refuse_times(frame, [c for c in bad if is_called_time(c)], where)
        first = next((str(v) for v in frame[bad[0]] if isinstance(v, str)), "")
        raise DataError(
            f"{where}: {listed(bad)} must hold numbers to be channels, found {shown(first)}. Leave them out (--drop "
            "COLUMN), or say what they are: --id, --time or --target COLUMN."
        )


def _arranged(frame: pd.DataFrame, where: str, wanted: Columns, used: list[str]) -> tuple[Any, tuple[str, ...], str]:
    """Return the series as an estimator takes them, their names, and what the names are."""
    key = [c for c in (wanted.id_column, wanted.time_column) if c is not None]
    long = frame[[*key, *used]]
    if wanted.id_column is not None:
        return long, tuple(str(i) for i in long[wanted.id_column].drop_duplicates()), wanted.id_column
    if wanted.form == "none":
        return long, ("0",), "series"
    series, _, _ = long_table.split(_as_one(long), where, tuple(used), _ONE, wanted.time_column)
    return series, ("0",), "series"


def _as_one(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a column of one value: a long table of one series, sorted by time like any other."""
    return frame.assign(**{_ONE: 0})


def _labels(table: FoundTable, where: str, wanted: Columns) -> _StepLabels:
    target = ", ".join(wanted.targets)
    at = f"{where}, column {shown(target)}"
    if wanted.form == "sequences" and len(wanted.targets) > 1:
        raise ParameterError(f"{where}: a label per step stands in one column, got {listed(wanted.targets)}. Name one.")
    if wanted.form == "sequences":
        return _labels_by_step(table, at, wanted)
    if wanted.id_column is None:
        raise ParameterError(
            f"{where}: --target {target} needs --id COLUMN, which says whose label it is. For the steps to come of "
            "this column say --task forecasting; to leave it out --drop."
        )
    return _labels_by_id(table.frame, at, wanted)


def _labels_by_step(table: FoundTable, where: str, wanted: Columns) -> _StepLabels:
    """Return an array of labels per series, in the order of its steps."""
    frame = table.frame
    column = frame[wanted.target]
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"{where}: {int(missing.sum()):,} of {len(column):,} steps have no label, the first in "
            f"{table.line_of(int(missing.argmax()))}. Fill it, or drop the row."
        )
    whole = frame if wanted.id_column is not None else _as_one(frame)
    order, cuts, ids = long_table.in_order(whole, where, wanted.id_column or _ONE, wanted.time_column)
    values = np.array([str(v) for v in column], dtype=str)
    names = [str(v) for v in np.unique(values)]
    note = (
        f"target: {counted(len(names), 'label')} of {counted(len(values), 'step')} in {len(ids):,} series "
        f"({listed(names)})"
    )
    return _StepLabels(np.split(values[order], cuts), TASK_OF["sequences"], note)


def _labels_by_id(frame: pd.DataFrame, where: str, wanted: Columns) -> _StepLabels:
    """Return one label per series, indexed by id."""
    import pandas as pd

    key, targets = wanted.id_column, list(wanted.targets)
    several = frame.groupby(key, sort=False)[targets].nunique(dropna=False).max(axis=1)
    if (several > 1).any():
        first = several.index[int((several > 1).argmax())]
        raise DataError(
            f"{where}: id {shown(first)} has {int(several.max())} different labels; a series has one, the same in all "
            "its rows. For a label per step say --task tagging; to forecast a column --task forecasting."
        )
    columns = frame.drop_duplicates(key).set_index(key)[targets]
    missing = columns.isna().any(axis=1)
    if missing.any():
        raise DataError(f"{where}: id {shown(columns.index[int(missing.argmax())])} has no label.")
    one = len(targets) == 1
    found = as_form(columns[targets[0]], where, wanted.form) if one else as_columns(columns, where, wanted.form)
    values: Any = found.y
    if found.kind == TASK_OF["classes"]:
        values = np.array(found.classes, dtype=object)[found.y]
    note = f"{found.note}, one of each of {len(columns):,} series"
    made: Any = pd.Series(values, index=columns.index) if values.ndim == 1 else None
    if made is None:
        made = pd.DataFrame(values, index=columns.index, columns=list(found.classes) or targets)
    return _StepLabels(made, found.kind, note)
