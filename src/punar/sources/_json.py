"""Objects in JSON, with errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from punar.errors import DataError, shown
from punar.sources._text import read_lines

_T = TypeVar("_T")
_DIGITS = 18  # a whole number of more may not fit into 64 bits


def read_object(path: Path, form: str) -> dict[str, Any]:
    """Return the object that a file holds; ``form`` says in messages what it should look like.

    Raises
    ------
    DataError
        Empty, not UTF-8, no JSON, or another kind of value.
    """
    try:
        found = json.loads("\n".join(read_lines(path)), parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: this is no JSON ({shown(str(error), 80)}).") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: it must be an object {form}, found {shown(found, 60)}.")
    return found


def rows_of(whole: Mapping[str, Any], name: str, path: Path | str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a list, and how to call each in a message.

    Raises
    ------
    DataError
        It is no list of objects.
    """
    found = whole.get(name)
    if not isinstance(found, list):
        raise DataError(f"{path}: the field {name} must be a list, found {shown(found, 60)}.")
    for i, row in enumerate(found):
        where = f"{path}, {name}[{i}]"
        if not isinstance(row, dict):
            raise DataError(f"{where}: it must be an object, found {shown(row, 60)}.")
        yield where, row


def entry(row: Mapping[str, Any], name: str, kind: type[_T], where: str) -> _T:
    """Return a field of an object; halves of letters, which JSON can spell and no text can hold, are escaped.

    Raises
    ------
    DataError
        It is missing, or of another type.
    """
    value: Any = row.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}
        raise DataError(
            f"{where}: the field {name} must be {words.get(kind, kind.__name__)}, found {shown(value, 60)}."
        )
    if isinstance(value, str):
        value = value.encode(errors="backslashreplace").decode()
    return value


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)
