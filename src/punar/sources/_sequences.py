"""What a user names on the command line -> sequences: series of numbers, texts or recordings, with labels.

A folder or a csv, tsv or parquet file with a column of texts or paths holds items, as for pretrained networks. A long
table has a row for each step, and a column that says which series the row belongs to; without that column all rows are
one series. npy and npz files hold arrays (n, time, channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from punar.core.words import listed
from punar.errors import DataError, ParameterError, shown
from punar.sources import _arrays
from punar.sources import _data as files
from punar.sources._columns import check_known
from punar.sources._items import read_items
from punar.sources._labels import Labels, as_amounts, as_classes
from punar.sources._target import read_target

if TYPE_CHECKING:
    import pandas as pd

    from punar.sources._table import Table

KINDS = {"series": "series", "text": "texts", "audio": "sounds"}
_TIMES = ("time", "date", "datetime", "timestamp", "month", "day", "year", "ds", "समय", "तारीख", "दिनांक")


@dataclass(frozen=True, eq=False)
class UserSequences:
    """Sequences, labels where there are any, and what was decided while reading them.

    Attributes
    ----------
    items : array, list or DataFrame
        For :class:`punar.SequenceModel`; a DataFrame where it is a long table with ids, or one series to forecast.
    y : ndarray, Series or None
        Names of classes, or numbers; a Series by id for a long table.
    kind : {"series", "text", "audio"}
    name, description : str
    id_column, time_column : str or None
        Of a long table.
    channels : tuple of str
        Names, where they came from a table.
    target_kind : {"classification", "regression"} or None
    notes : list of str
    row_names : tuple of str
        Of the sequences: files, ids, or numbers from 0.
    row_title : str
        What they are.
    """

    items: Any
    y: Any
    kind: str
    name: str
    description: str
    id_column: str | None = None
    time_column: str | None = None
    channels: tuple[str, ...] = ()
    target_kind: str | None = None
    notes: list[str] = field(default_factory=list)
    row_names: tuple[str, ...] = ()
    row_title: str = "row"

    def __len__(self) -> int:
        return len(self.row_names)

    def labels(self) -> np.ndarray | None:
        """Return names of classes, or numbers, in the order of the sequences."""
        return None if self.y is None else np.asarray(self.y)


def read_sequences(
    source: str,
    *,
    target: str | None = None,
    text: str | None = None,
    path: str | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    channels: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    key: str | None = None,
    header: bool | None = None,
    task: str | None = None,
    kind: str | None = None,
    on_error: str = "raise",
) -> UserSequences:
    """Return the sequences that ``source`` names.

    Parameters
    ----------
    source : str
    target : str or None
        The column with the labels: one per text, file or id. For forecasting the column that is forecast.
    text, path : str or None
        The column of texts, or of paths of recordings; None looks for one.
    id_column, time_column : str or None
        Of a long table.
    channels : sequence of str or None
        The columns that a fitted model needs, in this order; None takes all that are left.
    drop : sequence of str
        Columns to leave out.
    key : str or None
        npz: the array with the series.
    header : bool or None
    task : {"classification", "regression", "forecasting"} or None
    kind : {"series", "text", "audio"} or None
        What it must be.
    on_error : {"raise", "skip"}
        Whether items without a text, a label or an existing file are refused, or left out.

    Raises
    ------
    DataError
        Nothing there can be sequences; the message says what was found and what to do.
    ParameterError
        An option does not belong to this kind of source.
    """
    place = Path(source)
    if not place.exists():
        files.read(source)  # says that it is not there, or that it is a built-in set
        raise DataError(f"{source}: this built-in set holds rows of a table, not sequences.")
    if place.is_file() and place.suffix.lower() in (".npy", ".npz"):
        _refuse({"--id": id_column, "--time": time_column, "--text": text, "--path": path}, source, "arrays")
        return _from_arrays(place, key, target, task)
    of_steps = kind == "series" or id_column is not None or task == "forecasting"
    if of_steps and place.is_file() and place.suffix.lower() in files.TABLES:
        _refuse({"--text": text, "--path": path}, source, "a table of steps")
        table = files.read_table(place, header=header, target=target)
        return _from_steps(table, place, target, id_column, time_column, channels, drop, task)
    if of_steps:
        raise DataError(f"{source}: series are read from csv, tsv, parquet, npy and npz files.")
    _refuse({"--time": time_column}, source, "data without --id")
    wanted = {"text": "text", "audio": "audio"}.get(str(kind)) or ("audio" if place.is_dir() else None)
    try:
        found = read_items(
            source, kind=wanted, target=target, text=text, path=path, task=task, header=header, on_error=on_error
        )
    except DataError as error:
        if "no column of" not in str(error):
            raise
        raise DataError(f"{error} If its rows are steps of series, say which belongs to which: --id COLUMN.") from None
    if found.kind == "vision":
        raise DataError(f"{source}: it holds pictures; sequence models read series, texts and recordings.")
    names = found.row_names or tuple(str(i) for i in range(len(found)))
    return UserSequences(
        items=list(found.items),
        y=found.labels(),
        kind=found.kind,
        name=found.name,
        description=source,
        target_kind=found.target_kind,
        notes=found.notes,
        row_names=names,
        row_title=found.row_title,
    )


def _refuse(options: dict[str, str | None], source: str, what: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise ParameterError(f"{name} cannot be used with {source}, which is read as {what}. Leave it out.")


def _from_arrays(place: Path, key: str | None, target: str | None, task: str | None) -> UserSequences:
    files._check_beginning(place, place.suffix.lower())
    if place.suffix.lower() == ".npy":
        if target is not None or key is not None:
            raise ParameterError(f"{place}: a npy file holds one array; --target and --key are for npz files.")
        X, y, where = _arrays.raw_npy(place), None, str(place)
        notes: list[str] = []
    else:
        X, y, where, notes = _arrays.raw_npz(place, key=key, target=target)
    if X.ndim not in ((1, 2, 3) if task == "forecasting" else (2, 3)):
        raise DataError(f"{place}: series are (n, time, channels), or (n, time), got shape {X.shape}.")
    labels = None
    if y is not None and task != "forecasting":
        found = read_target(y.reshape(-1), where)
        named = np.array(found.classes, dtype=str)[found.y] if found.classes and task != "regression" else None
        labels = named if named is not None else y.reshape(-1).astype(np.float64)
        notes = [*notes, found.note]
    one = task == "forecasting" and X.ndim < 3  # (time,) or (time, channels)
    return UserSequences(
        items=X,
        y=labels,
        kind="series",
        name=place.stem,
        description=str(place),
        target_kind=None if labels is None else "regression" if labels.dtype.kind == "f" else "classification",
        notes=notes,
        row_names=("0",) if one else tuple(str(i) for i in range(len(X))),
    )


def _from_steps(
    table: Table,
    place: Path,
    target: str | None,
    id_column: str | None,
    time_column: str | None,
    channels: Sequence[str] | None,
    drop: Sequence[str],
    task: str | None,
) -> UserSequences:
    frame, where = table.frame, str(place)
    names = [str(c) for c in frame.columns]
    asked = [c for c in (id_column, time_column, target, *drop, *(channels or ())) if c is not None]
    check_known(asked, names, "as asked", where)
    if not len(frame):
        raise DataError(f"{where}: there are column names but no rows.")
    notes = list(table.notes)
    if time_column is None:
        apart = [id_column] if id_column is not None else []
        likely = [c for c in names if c.lower() in _TIMES and c not in (id_column, target, *drop)]
        time_column = next((c for c in likely if not frame.duplicated([*apart, c]).any()), None)
        notes += [f"time: the column {shown(time_column)} (--time)"] if time_column is not None else []
    aside = {id_column, time_column, *drop}
    labels = None
    if target is not None and task != "forecasting":
        if id_column is None:
            raise ParameterError(
                f"{where}: --target {target} needs --id COLUMN, which says whose label it is. For the steps to come of "
                "this column say --task forecasting; to leave it out --drop."
            )
        labels = _labels_by_id(frame, str(id_column), target, f"{where}, column {shown(target)}", task)
        notes.append(labels[1])
        aside.add(target)
    if channels is not None:
        used = list(channels)
    elif task == "forecasting" and target is not None:
        used = [target]
    else:
        used = [c for c in names if c not in aside]
    if not used:
        raise DataError(f"{where}: no column is left that could be a channel; there are {listed(names)}.")
    _check_numbers(frame, used, where)
    notes.append(f"channels: {listed(used)}")
    key = [id_column] if id_column is not None else []
    long = frame[[*key, *([time_column] if time_column is not None else []), *used]]
    items: Any
    ids: tuple[str, ...]
    if id_column is None and task == "forecasting":
        items, ids, title = long, ("0",), "series"
    elif id_column is None:
        # A column of one value makes it a long table of one series, which then is sorted by time like any other.
        from punar.data import long_table as _long_table

        series, _, _ = _long_table.split(long.assign(**{_ONE: 0}), where, tuple(used), _ONE, time_column)
        items, ids, title = series, ("0",), "series"
    else:
        items, ids, title = long, tuple(str(i) for i in long[id_column].drop_duplicates()), id_column
    return UserSequences(
        items=items,
        y=None if labels is None else labels[0],
        kind="series",
        name=place.stem,
        description=where,
        id_column=id_column,
        time_column=time_column if hasattr(items, "columns") else None,
        channels=tuple(used),
        target_kind=None if labels is None else labels[2],
        notes=notes,
        row_names=ids,
        row_title=title,
    )


_ONE = "\x00one"


def _labels_by_id(
    frame: pd.DataFrame, id_column: str, target: str, where: str, task: str | None
) -> tuple[pd.Series, str, str]:
    """Return labels indexed by id, a note, and what they are."""
    import pandas as pd

    several = frame.groupby(id_column, sort=False)[target].nunique(dropna=False)
    if (several > 1).any():
        first = several.index[int((several > 1).argmax())]
        raise DataError(
            f"{where}: id {shown(first)} has {int(several.max())} different labels; a series has one, the same in all "
            "its rows. To forecast a column say --task forecasting."
        )
    column = frame.drop_duplicates(id_column).set_index(id_column)[target]
    if column.isna().any():
        raise DataError(f"{where}: id {shown(column.index[int(column.isna().argmax())])} has no label.")
    found: Labels = as_amounts(column, where) if task == "regression" else as_classes(column, where, strict=bool(task))
    values = np.array(found.classes, dtype=object)[found.y] if found.classes else found.y
    return pd.Series(values, index=column.index), f"{found.note}, one of each of {len(column):,} series", found.kind


def _check_numbers(frame: pd.DataFrame, used: Sequence[str], where: str) -> None:
    import pandas as pd

    bad = [c for c in used if not pd.api.types.is_numeric_dtype(frame[c].dtype)]
    if bad:
        first = next((str(v) for v in frame[bad[0]] if isinstance(v, str)), "")
        raise DataError(
            f"{where}: {listed(bad)} must hold numbers to be channels, found {shown(first)}. Leave them out (--drop "
            "COLUMN), or say what they are: --id, --time or --target COLUMN."
        )


def leave_out_unreadable(found: UserSequences) -> UserSequences:
    """Return the recordings that can be opened; a note counts and names the others.

    Raises
    ------
    DataError
        None can be opened.
    """
    from punar.sources._readable import said, unreadable

    bad = {} if found.kind != "audio" else unreadable(found.items, found.kind)
    if not bad:
        return found
    sentence = said(bad, found.row_names, len(found))
    if len(bad) == len(found):
        raise DataError(f"{found.description}: {sentence}.")
    kept = [i for i in range(len(found)) if i not in bad]
    return replace(
        found,
        items=[found.items[i] for i in kept],
        y=None if found.y is None else found.y[kept],
        row_names=tuple(found.row_names[i] for i in kept),
        notes=[*found.notes, f"left out: {sentence}"],
    )
