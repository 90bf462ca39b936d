"""Tables as Weka and the UEA archive keep them: an arff file, with a line for each column and then the rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from punar.errors import DataError, shown
from punar.sources._found import FoundTable
from punar.sources._names import check_names
from punar.sources._source import Request, Source
from punar.sources._text import read_lines

_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)
_NUMBERS = ("numeric", "real", "integer")


class Arff(Source):
    """Tables with typed columns, of which numbers, names and texts are read."""

    suffixes: ClassVar[tuple[str, ...]] = (".arff",)
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundTable:
        """Return the table.

        Raises
        ------
        DataError
            Empty, not UTF-8, without columns or ``@data``, sparse, relational, or with a row of another length.
        """
        import pandas as pd

        columns, rows = _parsed(path, read_lines(path))
        names = [column.name for column in columns]
        check_names(names, str(path))
        frame = pd.DataFrame([row for _, row in rows], columns=names, dtype=object)
        for i, column in enumerate(columns):
            if column.is_number:
                frame[column.name] = _numbers([row[i] for _, row in rows], [n for n, _ in rows], column.name, path)
        return FoundTable(frame, [], lambda row: f"line {rows[row][0]}")


@dataclass(frozen=True)
class _Column:
    name: str
    is_number: bool


def _parsed(path: Path, lines: Sequence[str]) -> tuple[list[_Column], list[tuple[int, list[str | None]]]]:
    """Return the columns, and for each row its line and its fields; None is missing."""
    columns: list[_Column] = []
    rows: list[tuple[int, list[str | None]]] = []
    begun = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if begun:
            rows.append((number, _row(text, columns, f"{path}, line {number}")))
        elif text.lower() == "@data":
            begun = True
        elif text.lower().startswith("@attribute"):
            columns.append(_column(text, f"{path}, line {number}"))
        elif not text.startswith("@"):
            raise DataError(f"{path}, line {number}: only lines with @ stand before @data, found {shown(text, 60)}.")
    if not begun or not columns:
        raise DataError(f"{path}: an arff file has lines @attribute and then a line @data; one of the two is missing.")
    return columns, rows


def _column(text: str, where: str) -> _Column:
    found = _ATTRIBUTE.fullmatch(text)
    if found is None:
        raise DataError(f"{where}: a column is written '@attribute NAME TYPE', found {shown(text, 60)}.")
    name, kind = found[1], found[2].strip().lower()
    if kind == "relational":
        raise DataError(f"{where}: relational columns are not read. Take the ts file of the same data, or a csv file.")
    quoted = name[:1] in "'\"" and name[:1] == name[-1:] and len(name) > 1
    return _Column(name[1:-1] if quoted else name, kind.split(" ")[0] in _NUMBERS)


def _row(text: str, columns: Sequence[_Column], where: str) -> list[str | None]:
    if text.startswith("{"):
        raise DataError(f"{where}: sparse rows are not read. Save the table with all its values, or as csv.")
    quote = "'" if "'" in text else '"'
    try:
        reader = csv.reader([text], quotechar=quote, escapechar="\\", skipinitialspace=True, strict=True)
        fields = next(iter(reader))
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{where}: the row cannot be read ({error}).") from None
    if len(fields) != len(columns):
        raise DataError(f"{where}: {len(fields)} values where there are {len(columns)} columns; each needs one.")
    return [None if (value := field.strip()) == "?" else value for field in fields]


def _numbers(values: Sequence[str | None], lines: Sequence[int], name: str, path: Path) -> list[float]:
    found = []
    for value, line in zip(values, lines, strict=True):
        try:
            found.append(float("nan") if value is None else float(value))
        except ValueError:
            raise DataError(
                f"{path}, line {line}: column {shown(name, 40)} must hold numbers, found {shown(value, 40)}."
            ) from None
    return found
