"""What a user names on the command line -> rows: a built-in name, a table, arrays, or a folder of pictures.

>>> read_data("iris").columns[:2]
('sepal length (cm)', 'sepal width (cm)')
>>> read_data("flowers.docx")  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
punar.errors.DataError: flowers.docx: there is no such file or folder. Built-in data sets are: ...
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from punar.errors import DataError, ParameterError, shown, suggest
from punar.sources._asked import Asked, look_up
from punar.sources._found import Found, FoundArrays, FoundFiles, FoundTable
from punar.sources._names import check_known
from punar.sources._source import Request
from punar.sources._userdata import UserData

_OPTIONS: dict[type, tuple[str, ...]] = {
    FoundTable: ("target", "drop", "on_error"),
    FoundArrays: ("target",),
    FoundFiles: ("size", "on_error"),
}


def read_data(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    kind: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    key: str | None = None,
    header: bool | None = None,
    size: int | tuple[int, int] | None = None,
    on_error: str = "raise",
    parts: Iterable[object] = (),
    mixed: bool | None = False,
) -> UserData:
    """Read what ``source`` names.

    Parameters
    ----------
    source : str or path
        A built-in name (``punar.sources.builtin.names()``), a file of a table or of arrays, or a folder of pictures.
        Text that is a built-in name is the built-in set, unless written with a suffix or a separator (``./iris``).
    target : str or None, default=None
        The column, or the array of a npz file, that becomes ``y``.
    kind : {"table", "images"} or None, default=None
        How arrays are read: None takes 2-D as a table, 4-D and 3-D uint8 as pictures.
    drop : sequence of str, default=()
        Columns to leave out.
    columns : sequence of str or None, default=None
        The columns that a fitted model needs: where columns have names, only these are taken, in this order.
    key : str or None, default=None
        The array of a npz file that holds the rows.
    header : bool or None, default=None
        Whether line 1 of a text file holds names. None looks, and refuses a line of numbers.
    size : int, (height, width) or None, default=None
        The size that pictures are brought to. None keeps them where all are alike and no side is longer than 64
        pixels; otherwise the median shape, reduced to 64 pixels on its longer side.
    on_error : {"raise", "skip"}, default="raise"
        Whether rows with missing values and unreadable pictures are refused, or left out with a note.
    parts : iterable, default=()
        Sources of one's own, asked before those of punar; see :class:`punar.sources.Source`.
    mixed : bool or None, default=False
        Whether columns of a table may hold text, dates and gaps: ``X`` is then a DataFrame of the columns as they are.
        None takes them so where there are such; False refuses them.

    Returns
    -------
    UserData

    Raises
    ------
    DataError
        The source cannot be used; the message names file, line and column where they are known, the rule, the
        value found and what to do.
    MissingExtraError
        A parquet file, and pyarrow is not installed.
    ParameterError
        An option that does not belong to this kind of source.
    """
    if on_error not in ("raise", "skip"):
        raise ParameterError(f"on_error must be 'raise' or 'skip', got {shown(on_error)}.")
    if kind not in (None, "table", "images"):
        raise ParameterError(
            f"kind must be 'table', 'images' or None, got {shown(kind)}.{suggest(kind, ['table', 'images'])}"
        )
    if target is not None and not isinstance(target, str):
        raise ParameterError(
            f"target must be one column of {source}, got {shown(target)}. Name one, and drop the others."
        )
    options = {
        "target": target,
        "drop": list(drop) or None,
        "size": size,
        "on_error": on_error if on_error != "raise" else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    asked = look_up(source, parts)
    with asked.naming_files():
        found = asked.read(Request(target=target, key=key, header=header, kind="vision"))
        _check_options(given, asked, found)
        data = _as_rows(found, asked, given, kind, columns, mixed)
    if kind is not None and kind != data.kind:
        raise ParameterError(f"kind={kind!r} does not fit {data.name}, which is read as {data.kind!r}. Leave kind out.")
    return data


def read_table(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    key: str | None = None,
    header: bool | None = None,
    parts: Iterable[object] = (),
) -> FoundTable | None:
    """Return the columns that ``source`` names as they are, text and holes included; None where it is no table.

    Parameters
    ----------
    source, target, key, header, parts
        See :func:`read_data`.

    Raises
    ------
    DataError
        It is damaged.
    """
    asked = look_up(source, parts)
    with asked.naming_files():
        if asked.built_in or asked.path.is_dir():
            return None
        found = asked.read(Request(target=target, key=key, header=header))
    return found if isinstance(found, FoundTable) else None


def _as_rows(
    found: Found,
    asked: Asked,
    given: dict[str, Any],
    kind: str | None,
    columns: Sequence[str] | None,
    mixed: bool | None,
) -> UserData:
    if isinstance(found, UserData):
        return _select(found, columns)
    if isinstance(found, FoundTable):
        from punar.sources._columns import to_user_data

        return to_user_data(found, where=asked.where, name=asked.name, columns=columns, mixed=mixed, **given)
    if isinstance(found, FoundArrays):
        from punar.sources._rows import rows_of

        return rows_of(found, asked.path, kind)
    if isinstance(found, FoundFiles):
        from punar.sources._pictures import pictures_of

        return pictures_of(found, asked.path, **given)
    advice = " If it is a table, name it .csv or .tsv." if asked.path.suffix.lower() == ".txt" else ""
    raise DataError(
        f"{asked.where}: it holds {len(found.items):,} items of kind {found.kind!r}, but rows of numbers or pictures "
        f"are needed.{advice}"
    )


def _check_options(given: dict[str, Any], asked: Asked, found: Found) -> None:
    allowed = [*_OPTIONS.get(type(found), ()), *asked.source.options]
    for name in given:
        if name not in allowed:
            raise ParameterError(
                f"{name} cannot be used with {asked.where}: it takes {', '.join(allowed) or 'no options'}. "
                "Leave it out."
            )


def _select(data: UserData, columns: Sequence[str] | None) -> UserData:
    if columns is None or not data.columns or tuple(columns) == data.columns:
        return data
    check_known(columns, data.columns, "for the model, which was fitted on it", data.name)
    places = [data.columns.index(c) for c in columns]
    return replace(data, X=data.X[:, places], columns=tuple(columns))
