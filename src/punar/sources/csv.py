"""Comma- and tab-separated text, looked through once for what pandas would repair in silence."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from punar.errors import DataError, shown
from punar.sources._beginning import check_beginning
from punar.sources._found import FoundTable
from punar.sources._memory import check_room, size_text
from punar.sources._names import check_names
from punar.sources._source import Request, Source
from punar.sources._text import NAME_IT_CONLL, check_no_binary, not_utf8

if TYPE_CHECKING:
    import pandas as pd

# A line longer than this is no table's: 784 pixels take 3 kB, 100,000 genes 1 MB.
_LONGEST_LINE = 16_000_000

_ADVICE = "Save it again as 'CSV UTF-8'"
_MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None", "none"]


class Csv(Source):
    """Tables in text: csv and tsv.

    The separator is a comma or a tab; a file that plainly uses another one is read with that, and a note says so.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    options: ClassVar[tuple[str, ...]] = ("header",)
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundTable:
        """Return the table; its target is read as text, so that labels keep their spelling.

        Raises
        ------
        DataError
            Not text, not UTF-8, ragged, without names, empty, or larger than memory.
        """
        try:
            return _read(path, request)
        except DataError as error:
            if request.form != "sequences" or request.target is not None:
                raise
            raise DataError(f"{error}{NAME_IT_CONLL}") from None


def _read(path: Path, request: Request) -> FoundTable:
    check_beginning(path)
    check_room(6 * path.stat().st_size, str(path), "Convert it to parquet or npy, or take fewer rows.")
    separator, notes = _separator(path)
    names, rows, blank = _scan(path, separator)
    has_names = _has_header(names, request.header, path)
    if not has_names:
        notes.append(f"line 1 is data; the columns were named 'column 1' to 'column {len(names)}'")
    if blank:
        notes.append(f"{blank} blank line{'s' if blank > 1 else ''} skipped")
    columns = names if has_names else [f"column {i}" for i in range(1, len(names) + 1)]
    unnamed_index = has_names and len(columns) > 1 and not columns[0].strip() and rows > 1
    if unnamed_index:
        columns = ["column 1", *columns[1:]]
    check_names(columns, str(path))
    frame = _parse(path, separator, columns, has_names, request.target)
    if unnamed_index:
        if not _counts_rows(frame["column 1"]):
            check_names(["", *columns[1:]], str(path))
        frame = frame.drop(columns="column 1")
        notes.append("column 1 has no name and only counts the rows; left out")

    def line_of(row: int) -> str:
        return f"line {_line_number(path, separator, row + has_names)}"

    return FoundTable(frame, notes, line_of)


def _separator(path: Path) -> tuple[str, list[str]]:
    """Return what stands between the columns, and a note where the suffix says otherwise."""
    separator = "," if path.suffix.lower() != ".tsv" else "\t"
    first = _first_line(path)
    other = next((s for s in (";", "\t", ",", "|") if s in first), separator)
    if separator in first or other == separator:
        return separator, []
    return other, [f"the columns are separated by {_spoken(other)}, not by {_spoken(separator)}; read so"]


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.readline(_LONGEST_LINE)
    if not raw.removeprefix(b"\xef\xbb\xbf").strip():
        if path.stat().st_size == len(raw):
            raise DataError(f"{path}: the file is empty; a line of column names and at least one row are needed.")
        raise DataError(f"{path}: line 1 is blank; it must hold the column names. Remove the blank line.")
    check_no_binary(path, raw, _ADVICE, "line 1")
    if len(raw) == _LONGEST_LINE:
        raise DataError(
            f"{path}: line 1 is longer than {size_text(_LONGEST_LINE)}; a table has one row per line. Is it a csv file?"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise not_utf8(path, _ADVICE) from None


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
        try:
            for fields in reader:
                yield reader.line_num, fields
        except csv.Error as error:
            raise DataError(
                f"{path}, line {reader.line_num}: {error}. A quote that is not closed, or stands inside a "
                "field, does this; inside quotes write it twice."
            ) from None
        except UnicodeDecodeError:
            raise not_utf8(path, _ADVICE) from None


def _scan(path: Path, separator: str) -> tuple[list[str], int, int]:
    """Return the fields of line 1, how many records there are, and how many lines are blank."""
    names: list[str] = []
    rows = blank = 0
    for line, fields in _records(path, separator):
        if not fields:
            blank += 1
        elif not names:
            names, rows = [f.strip() for f in fields], 1
        elif len(fields) != len(names):
            raise DataError(
                f"{path}, line {line}: {len(fields)} field{'s' if len(fields) > 1 else ''} where line 1 has "
                f"{len(names)}; every line must have the same number. It begins "
                f"{shown(separator.join(fields[:3]), 60)}. Put quotes around text that holds the separator."
            )
        else:
            rows += 1
    return names, rows, blank


def _line_number(path: Path, separator: str, record: int) -> int:
    """Return the line in the file where a record ends; quoted line breaks make the two differ."""
    seen = -1
    for line, fields in _records(path, separator):
        seen += bool(fields)
        if seen == record:
            return line
    return record + 1


def _has_header(names: Sequence[str], header: bool | None, path: Path) -> bool:
    if header is not None:
        return header
    numbers = [_number(n) for n in names]
    if any(n is None for n in numbers):
        return True
    # 0, 1, 2, ... and 2019, 2020, ... are column names that pandas and people write.
    if len(numbers) > 1 and all(b - a == 1 for a, b in pairwise(numbers)):  # type: ignore[operator]
        return True
    raise DataError(
        f"{path}, line 1: column names are needed, but there are only numbers ({', '.join(names[:4])}"
        f"{', …' if len(names) > 4 else ''}). Add a line of names, or say that there is none: --no-header, "
        "header=False (or --header, header=True, if these are the names)."
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _counts_rows(column: pd.Series) -> bool:
    values = column.tolist()
    return values == list(range(len(values))) or values == list(range(1, len(values) + 1))


def _parse(path: Path, separator: str, columns: list[str], has_names: bool, target: str | None) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            path,
            sep=separator,
            encoding="utf-8-sig",
            names=columns,
            header=0 if has_names else None,
            index_col=False,
            dtype={target: str} if target in columns else None,
            # A class may well be called "NA" or "None"; in a column of numbers they say that there is none.
            keep_default_na=False,
            na_values={name: [""] if name == target else _MISSING for name in columns},
            skipinitialspace=True,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: it cannot be read as a table: {error}.") from None


def _spoken(separator: str) -> str:
    return {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(separator, shown(separator))
