"""What a user names on the command line -> data: a built-in name, a file of rows, or a folder of pictures.

>>> read("iris").columns[:2]
('sepal length (cm)', 'sepal width (cm)')
>>> read("flowers.docx")  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
punar.errors.DataError: flowers.docx: there is no such file or folder. Built-in data sets are: ...
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punar.errors import DataError, ParameterError, shown, suggest
from punar.sources import _builtin as builtin
from punar.sources._userdata import UserData

if TYPE_CHECKING:
    from punar.sources._table import Table

# How files that are often misnamed begin, so that the message can say what they are.
_BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive (an .xlsx workbook and a .npz file are such)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a parquet file"),
    (b"\x93NUMPY", "a npy array"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)
_OWN_BEGINNING = {".npz": b"PK\x03\x04", ".parquet": b"PAR1", ".npy": b"\x93NUMPY"}
_TEXT_OPTIONS = ("target", "drop", "header", "on_error")
TABLES = (".csv", ".tsv", ".parquet")
_OPTIONS: dict[str, tuple[str, ...]] = {
    ".csv": _TEXT_OPTIONS,
    ".tsv": _TEXT_OPTIONS,
    ".parquet": ("target", "drop", "on_error"),
    ".npy": (),
    ".npz": ("target", "key"),
}
_ELSEWHERE = {
    ".xlsx": "Save the sheet as 'CSV UTF-8'.",
    ".xls": "Save the sheet as 'CSV UTF-8'.",
    ".ods": "Save the sheet as csv in UTF-8.",
    ".gz": "Unpack it first.",
    ".zip": "Unpack it first.",
    ".tar": "Unpack it first.",
    ".pkl": "A pickle can run anything and is never read; save it as csv, parquet or npz.",
    ".pickle": "A pickle can run anything and is never read; save it as csv, parquet or npz.",
    ".txt": "If it is a table, name it .csv or .tsv.",
    ".json": "Convert it to csv or parquet.",
    ".png": "Pictures are given as the folder that holds them.",
    ".jpg": "Pictures are given as the folder that holds them.",
    ".jpeg": "Pictures are given as the folder that holds them.",
}


def read(
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
) -> UserData:
    """Read what ``source`` names.

    Parameters
    ----------
    source : str or path
        A built-in name (:func:`punar.sources._builtin.names`), a ``.csv``, ``.tsv``, ``.parquet``, ``.npy`` or
        path is the built-in set, unless written with a suffix or a separator (``./iris``).
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
        The size that pictures are brought to; see :func:`punar.sources._images.read_folder`.
    on_error : {"raise", "skip"}, default="raise"
        Whether rows with missing values and unreadable pictures are refused, or left out with a note.

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
    options = {
        "target": target,
        "drop": list(drop) or None,
        "key": key,
        "header": header,
        "size": size,
        "on_error": on_error if on_error != "raise" else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    path, text = Path(source), os.fspath(source)
    if not text:
        raise DataError(f"The data's name is empty. Name a built-in set ({', '.join(builtin.names())}) or a path.")
    if isinstance(source, str) and text in builtin.names():
        _check_options(given, (), text)
        return _as_kind(_select(builtin.load(text), columns), kind)
    try:
        if not path.exists():
            return _unknown(text)
        return _as_kind(_read_path(path, given, kind, columns), kind)
    except PermissionError as error:
        raise DataError(f"{error.filename or path}: it may not be read by you (permission denied).") from None
    except OSError as error:
        raise DataError(f"{shown(text)}: the system cannot read it ({error.strerror or error}).") from None


def _unknown(text: str) -> UserData:
    if not Path(text).suffix and not any(s in text for s in (os.sep, os.altsep or os.sep)):
        return builtin.load(text)
    parent = Path(text).parent
    near = [p.name for p in parent.iterdir()] if parent.is_dir() else []
    raise DataError(
        f"{text}: there is no such file or folder.{suggest(Path(text).name, near)} Built-in data sets are: "
        f"{', '.join(builtin.names())}."
    )


def _read_path(path: Path, given: dict[str, Any], kind: str | None, columns: Sequence[str] | None) -> UserData:
    if path.is_dir():
        from punar.sources._images import read_folder

        _check_options(given, ("size", "on_error"), str(path))
        return read_folder(path, **given)
    if not path.is_file():
        raise DataError(f"{path}: it is neither a file nor a folder.")
    suffix = path.suffix.lower()
    if suffix not in _OPTIONS:
        raise DataError(
            f"{path}: files must end in {', '.join(_OPTIONS)}, got "
            f"{shown(suffix) if suffix else 'no suffix'}. "
            f"{_ELSEWHERE.get(suffix, 'Convert it to one of these.')}"
        )
    _check_options(given, _OPTIONS[suffix], str(path))
    if suffix in TABLES:
        from punar.sources._columns import to_user_data

        table = read_table(path, header=given.pop("header", None), target=given.get("target"))
        return to_user_data(table, where=str(path), name=path.stem, columns=columns, **given)
    from punar.sources import _arrays

    _check_beginning(path, suffix)
    if suffix == ".npy":
        return _arrays.read_npy(path, kind=kind)
    return _arrays.read_npz(path, key=given.get("key"), target=given.get("target"), kind=kind)


def read_table(path: Path, *, header: bool | None = None, target: str | None = None) -> Table:
    """Return the columns of a csv, tsv or parquet file as they are, text and holes included.

    Parameters
    ----------
    path : Path
        An existing file with one of these suffixes.
    header, target
        See :func:`read`.

    Raises
    ------
    DataError
        It is not such a file.
    """
    suffix = path.suffix.lower()
    _check_beginning(path, suffix)
    if suffix == ".parquet":
        from punar.sources._parquet import read_parquet

        return read_parquet(path)
    from punar.sources._csv import read_csv

    return read_csv(path, separator="," if suffix == ".csv" else "\t", header=header, target=target)


def _check_options(given: dict[str, Any], allowed: Sequence[str], where: str) -> None:
    for name in given:
        if name not in allowed:
            raise ParameterError(
                f"{name} cannot be used with {where}: it takes {', '.join(allowed) or 'no options'}. Leave it out."
            )


def _select(data: UserData, columns: Sequence[str] | None) -> UserData:
    if columns is None or not data.columns or tuple(columns) == data.columns:
        return data
    from punar.sources._columns import check_known

    check_known(columns, data.columns, "for the model, which was fitted on it", data.name)
    places = [data.columns.index(c) for c in columns]
    return replace(data, X=data.X[:, places], columns=tuple(columns))


def _as_kind(data: UserData, kind: str | None) -> UserData:
    if kind is not None and kind != data.kind:
        raise ParameterError(f"kind={kind!r} does not fit {data.name}, which is read as {data.kind!r}. Leave kind out.")
    return data


def _check_beginning(path: Path, suffix: str) -> None:
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise DataError(f"{path}: the file is empty.")
    own = _OWN_BEGINNING.get(suffix)
    if own is not None and head.startswith(own):
        return
    what = next((text for start, text in _BEGINNINGS if head.startswith(start)), None)
    if what is not None:
        raise DataError(
            f"{path}: by its content this is {what}, not a {suffix} file. Give it the right name or format."
        )
    if own is not None:
        raise DataError(f"{path}: this is not a {suffix} file; it begins with {shown(head[:8])}.")
