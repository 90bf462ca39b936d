"""A wide table, one row for each series and one column for each step -> series, with a label per row.

The columns of the steps are told by their names: t0, t1, t2 and the like, whole numbers or times in order; in a file
without names they are all columns after the first, which holds the label, as in the UCR archive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from punar.core.words import counted, listed
from punar.errors import DataError, shown
from punar.sources._found import FoundTable
from punar.sources._labels import TASK_OF, Labels, as_columns, as_form
from punar.sources._names import check_known
from punar.sources._step_names import by_date, worth_keeping
from punar.sources._steps import Columns
from punar.sources._userdata import UserSequences
from punar.sources._when import is_called_time

if TYPE_CHECKING:
    import pandas as pd

# As a melted table's columns are called, where the file has no better names.
SERIES, TIME, VALUE = "series", "time", "value"
_FEWEST = 3  # steps: two columns in order are no series
_LABELS = ("label", "labels", "class", "target", "y", "लेबल", "वर्ग")
_UNNAMED = "column "
_NUMBERED = re.compile(r"(.*?)(\d+(?:\.\d+)?)")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2}(?:[T ][\d:.+Z-]+)?)?|\d{4}-?[QqWw]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"
)


@dataclass(frozen=True)
class Wide:
    """Which columns of a wide table are steps.

    Attributes
    ----------
    channels : dict of str to list of str
        The columns of the steps, by channel, in the order of time.
    others : list of str
        All other columns.
    dated : bool
        Whether the names of the columns are times.
    unnamed : bool
        Whether the file has no names, so that the first column is the label.
    """

    channels: dict[str, list[str]]
    others: list[str]
    dated: bool = False
    unnamed: bool = False


def layout_of(frame: pd.DataFrame) -> Wide | None:
    """Return which columns are steps; None where no names are in order, or a column holds times."""
    names = [str(c) for c in frame.columns]
    if names == [f"{_UNNAMED}{i}" for i in range(1, len(names) + 1)]:
        steps = names[1:]
        return Wide({VALUE: steps}, names[:1], unnamed=True) if len(steps) >= _FEWEST else None
    if any(map(is_called_time, names)):
        return None
    dates = [name for name in names if _DATE.fullmatch(name.strip())]
    if len(dates) >= _FEWEST:
        return Wide({VALUE: by_date(dates)}, [n for n in names if n not in dates], dated=True)
    channels = _numbered(names)
    if [n for columns in channels.values() for n in columns] == names and _label_first(frame):
        channels = {VALUE: names[1:]}
    numbered = {name for columns in channels.values() for name in columns}
    years = len(channels) == 1 and all(re.fullmatch(r"(?:19|20)\d\d", n) for n in numbered)
    return Wide(channels, [n for n in names if n not in numbered], dated=years) if channels else None


def _label_first(frame: pd.DataFrame) -> bool:
    """Return whether the first of columns called 0, 1, 2, ... holds whole numbers, and another does not: a label."""
    whole = [_numeric(frame[c]) and bool((frame[c].dropna() % 1 == 0).all()) for c in frame.columns]
    return whole[0] and not all(whole[1:]) and frame.columns[0] == "0"


def _numbered(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that count, such as t0, t1, t2, by what stands before the number; all of one length.

    A program may have written them in the order of the alphabet, t0, t1, t10, t2: the number says which comes first.
    """
    groups: dict[str, list[tuple[float, str]]] = {}
    for name in names:
        found = _NUMBERED.fullmatch(name.strip())
        if found is not None:
            groups.setdefault(found[1], []).append((float(found[2]), name))
    groups = {prefix: sorted(some, key=lambda each: each[0]) for prefix, some in groups.items()}
    runs = {prefix: [n for _, n in some] for prefix, some in groups.items() if len(some) >= _FEWEST and _in_order(some)}
    longest = max(map(len, runs.values()), default=0)
    return {prefix.strip(" _-.") or VALUE: run for prefix, run in runs.items() if len(run) == longest}


def _in_order(some: Sequence[tuple[float, str]]) -> bool:
    steps = {round(b - a, 9) for (a, _), (b, _) in pairwise(some)}
    whole = all(number.is_integer() for number, _ in some)
    return min(steps) > 0 and (steps == {1} or not whole or len(steps) == 1)


def series_by_row(table: FoundTable, wide: Wide, where: str, name: str, wanted: Columns) -> UserSequences:
    """Return a series for each row of a wide table.

    Parameters
    ----------
    table : FoundTable
    wide : Wide
    where, name : str
        For messages and titles.
    wanted : Columns
        ``target`` is the column with the labels; None takes one that is called so, or the first of a file without
        names.

    Raises
    ------
    DataError
        Unknown columns, no rows, steps that are no numbers, a row without any value, or missing labels.
    """
    table = table.as_names([*wide.others, *wanted.keep])
    frame = table.frame
    asked = [*wanted.targets, *wanted.drop, *wanted.keep]
    check_known(asked, [str(c) for c in frame.columns], "as asked", where)
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    others = [n for n in wide.others if n not in wanted.drop]
    channels = {
        channel: kept
        for channel, names in wide.channels.items()
        if (kept := [n for n in names if n not in (*wanted.targets, *wanted.drop, *wanted.keep)])
    }
    targets = wanted.targets if wanted.labelled else _label(frame, wide, others, wanted)
    if wide.unnamed and not targets:
        channels, others = {VALUE: [*others, *channels[VALUE]]}, []
    items = _items(table, channels, where)
    labels = _labels(table, targets, where, wanted.form) if targets else None
    title, names = _names(frame, [n for n in others if n not in targets])
    unused = [n for n in others if n not in (*targets, title, *wanted.keep)]
    notes = [*table.notes, _said(channels, wide, bool(targets))]
    notes += [f"columns that are not used: {listed(unused)}"] if unused else []
    return UserSequences(
        items=items,
        y=_for_estimator(labels),
        kind="series",
        name=name,
        description=where,
        target_kind=None if labels is None else labels.kind,
        notes=[*notes, *([labels.note] if labels is not None else [])],
        row_names=names,
        row_title=title,
        kept={column: frame[column].to_numpy() for column in wanted.keep},
        steps=() if wide.dated else worth_keeping([n for columns in channels.values() for n in columns]),
    )


def _said(channels: dict[str, list[str]], wide: Wide, labelled: bool) -> str:
    steps = len(next(iter(channels.values())))
    first = next(iter(channels.values()))
    of = f"{counted(len(channels), 'channel')}, " if len(channels) > 1 else ""
    said = f"each row is one series of {of}{steps:,} steps (columns {shown(first[0], 30)} to {shown(first[-1], 30)})"
    if wide.unnamed:
        said += "; column 1 is the label" if labelled else "; column 1 is a step too, as it holds no classes"
    return said


def _items(table: FoundTable, channels: dict[str, list[str]], where: str) -> Any:
    """Return an array (n, time, channels), or a list of arrays where series end before the last column."""
    import pandas as pd

    frame = table.frame
    names = [n for columns in channels.values() for n in columns]
    if not names:
        raise DataError(f"{where}: no column is left that could be a step; there are {listed(list(frame.columns))}.")
    bad = [n for n in names if not pd.api.types.is_numeric_dtype(frame[n].dtype) and frame[n].notna().any()]
    if bad:
        first = next(v for v in frame[bad[0]] if isinstance(v, str) or v == v)
        raise DataError(
            f"{where}: the steps of a series must be numbers, but column {shown(bad[0], 40)} holds "
            f"{shown(first, 40)}. Leave it out (--drop COLUMN)."
        )
    width = min(map(len, channels.values()))
    stacked = [frame[columns[:width]].to_numpy(dtype=np.float64, na_value=np.nan) for columns in channels.values()]
    X = np.stack(stacked, axis=2)
    # A row that ends in empty fields is a shorter series.
    ends = [int(np.flatnonzero(~np.isnan(x).all(1)).max(initial=-1)) + 1 for x in X]
    if min(ends) == 0:
        raise DataError(f"{where}, {table.line_of(ends.index(0))}: the series has no value at all. Remove the row.")
    return X if min(ends) == width else [x[:end] for x, end in zip(X, ends, strict=True)]


def _label(frame: pd.DataFrame, wide: Wide, others: Sequence[str], wanted: Columns) -> tuple[str, ...]:
    """Return the column that is plainly the label, where nobody has named one."""
    if wanted.form == "none" or not others:
        return ()
    if wide.unnamed:
        whole = frame[others[0]].dropna().astype("float64") if _numeric(frame[others[0]]) else None
        few = whole is None or (whole == whole.round()).all()
        return (others[0],) if few or wanted.form == "amounts" else ()
    called = [n for n in others if n.lower() in (*_LABELS, "0")]
    return tuple(called) if len(called) == 1 else ()


def _numeric(column: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column.dtype))


def _labels(table: FoundTable, targets: Sequence[str], where: str, form: str | None) -> Labels:
    columns = table.frame[list(targets)]
    missing = columns.isna().any(axis=1).to_numpy()
    if missing.any():
        raise DataError(f"{where}, {table.line_of(int(missing.argmax()))}: the series has no label. Fill it.")
    if len(targets) > 1:
        return as_columns(columns, where, form)
    return as_form(columns[targets[0]], f"{where}, column {shown(targets[0])}", form)


def _for_estimator(labels: Labels | None) -> Any:
    if labels is None:
        return None
    if labels.kind == TASK_OF["classes"] and labels.classes:
        return np.array([labels.classes[i] for i in np.asarray(labels.y)], dtype=str)
    if labels.kind == TASK_OF["sets"] or labels.outputs:
        import pandas as pd

        return pd.DataFrame(labels.y, columns=list(labels.outputs or labels.classes))
    return labels.y


def _names(frame: pd.DataFrame, others: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what rows are called: the first other column with a value of its own for each, or their numbers."""
    for name in others:
        if frame[name].notna().all() and frame[name].is_unique and not _decimals(frame[name]):
            return name, tuple(str(v) for v in frame[name])
    return "row", tuple(str(i) for i in range(len(frame)))


def _decimals(column: pd.Series) -> bool:
    return column.dtype.kind == "f"


def melted(table: FoundTable, wide: Wide, where: str, wanted: Columns) -> tuple[FoundTable, Columns]:
    """Return a wide table whose column names are times as a long one, to forecast each row.

    Raises
    ------
    DataError
        Steps that are no numbers, or a row without any value.
    """
    table = table.as_names(wide.others)
    frame = table.frame
    title, names = _names(frame, wide.others)
    key = wanted.id_column if wanted.id_column in wide.others else (title if title != "row" else SERIES)
    ids = [str(v) for v in frame[key]] if key in wide.others else list(names)
    steps = wide.channels[VALUE]
    items = _items(table, {VALUE: steps}, where)
    import pandas as pd

    lengths = [len(x) for x in items]
    long = pd.DataFrame(
        {
            key: np.repeat(np.array(ids, dtype=object), lengths),
            TIME: [steps[i] for n in lengths for i in range(n)],
            VALUE: np.concatenate([np.asarray(x)[:, 0] for x in items]),
        }
    )
    if wide.dated and all(re.fullmatch(r"\d{4}", s) for s in steps):
        long[TIME] = long[TIME].astype("int64")
    note = f"each row is one series; the names of columns {shown(steps[0])} to {shown(steps[-1])} are its times"
    unused = [n for n in wide.others if n != key]
    notes = [*table.notes, note, *([f"columns that are not used: {listed(unused)}"] if unused else [])]
    asked = Columns(id_column=key, time_column=TIME, form=wanted.form)
    return FoundTable(long, notes, lambda row: f"row {row}"), asked
