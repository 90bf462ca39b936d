"""The lines of a text table, looked through once: what parts the fields, how quotes are meant, what line 1 is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from punar.errors import DataError, shown
from punar.sources._memory import size_text
from punar.sources._numerals import is_number
from punar.sources._opened import open_bytes, plain_name
from punar.sources._text import check_no_binary, not_utf8

# A line longer than this is no table's: 784 pixels take 3 kB, 100,000 genes 1 MB.
LONGEST_LINE = 16_000_000
ADVICE = "Save it again as 'CSV UTF-8'"
_LOOKED_AT = 100  # rows below line 1
_GUESSED_BY = 20  # lines that tell the separator


@dataclass(frozen=True)
class Quotes:
    """How quotation marks are meant: around fields, with a backslash before those inside, or as letters."""

    settings: dict[str, Any]
    note: str = ""


QUOTES = (
    Quotes({"doublequote": True}),
    Quotes(
        {"doublequote": False, "escapechar": "\\"}, "a backslash stands before quotation marks inside fields; read so"
    ),
    Quotes({"quoting": csv.QUOTE_NONE}, "quotation marks are not closed, so they are read as letters"),
)


@dataclass
class Lines:
    """What the lines of a table hold.

    Attributes
    ----------
    path : Path
    separator : str
    quotes : Quotes
    first : list of str
        The fields of line 1.
    below : list of list of str
        Those of the first rows after it.
    rows, blank : int
        How many records there are, line 1 among them, and how many blank lines.
    merged : bool
        Whether a field holds a line break.
    """

    path: Path
    separator: str
    quotes: Quotes
    first: list[str] = field(default_factory=list)
    below: list[list[str]] = field(default_factory=list)
    rows: int = 0
    blank: int = 0
    merged: bool = False

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line in the file where each record ends, and its fields; of a blank line no fields.

        Raises
        ------
        DataError
            A quote is not closed, or the text is not UTF-8.
        """
        most = csv.field_size_limit(LONGEST_LINE)
        with open_bytes(self.path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            settings = {"strict": True, "skipinitialspace": True} | self.quotes.settings
            reader = csv.reader(file, delimiter=self.separator, **settings)
            try:
                for fields in reader:
                    yield reader.line_num, fields
            except csv.Error as error:
                raise DataError(f"{self.path}, line {reader.line_num}: {_spoken_error(error)}") from None
            except UnicodeDecodeError:
                raise not_utf8(self.path, ADVICE) from None
            finally:
                # The limit is the whole process's.
                csv.field_size_limit(most)

    def line_of(self, record: int) -> int:
        """Return the line in the file where a record ends; quoted line breaks make the two differ."""
        seen = -1
        for line, fields in self.records():
            seen += bool(fields)
            if seen == record:
                return line
        return record + 1

    def look(self) -> Lines:
        """Read all records once.

        Raises
        ------
        DataError
            A record has another number of fields than line 1.
        """
        before = 0
        for line, fields in self.records():
            self.merged |= line - before > 1
            before = line
            if not fields:
                self.blank += 1
                continue
            if self.first and len(fields) != len(self.first):
                raise DataError(
                    f"{self.path}, line {line}: {len(fields)} field{'s' if len(fields) > 1 else ''} where line 1 has "
                    f"{len(self.first)}; every line must have the same number. It begins "
                    f"{shown(self.separator.join(fields[:3]), 60)}. Put quotes around text that holds the separator."
                )
            if not self.first:
                self.first = [f.strip() for f in fields]
            elif len(self.below) < _LOOKED_AT:
                self.below.append([f.strip() for f in fields])
            self.rows += 1
        return self


def look_through(path: Path) -> tuple[Lines, list[str]]:
    """Return what the lines of a file hold, and notes on how they are read.

    Raises
    ------
    DataError
        Not text, not UTF-8, empty, or ragged.
    """
    usual = "," if plain_name(path).suffix.lower() != ".tsv" else "\t"
    likely = _separators(_first_lines(path), usual)
    try:
        found = Lines(path, likely[0], QUOTES[0]).look()
    except DataError:
        other = _otherwise(path, likely)
        if other is None:
            raise
        found = other
    else:
        # A mark at the beginning of one field and another lines below swallow what lies between, without an error.
        plain = _tried(path, likely[0], QUOTES[-1]) if found.merged and len(found.first) > 1 else None
        found = plain or found
    notes = [] if found.separator == usual else [_separated(found.separator, usual)]
    return found, [*notes, *([found.quotes.note] if found.quotes.note else [])]


def _otherwise(path: Path, separators: Sequence[str]) -> Lines | None:
    """Return the lines as another meaning of quotes, or another separator, makes them all equally long."""
    for separator in separators:
        for quotes in QUOTES:
            found = _tried(path, separator, quotes)
            if found is not None and len(found.first) > 1:
                return found
    return None


def _tried(path: Path, separator: str, quotes: Quotes) -> Lines | None:
    try:
        return Lines(path, separator, quotes).look()
    except DataError:
        return None


def _spoken_error(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a field is longer than {size_text(LONGEST_LINE)}. Is it a csv file?"
    # The separator stands in the message as it is, and nobody sees a tab.
    said = str(error).replace("\t", "\\t")
    return f"{said}. A quote that is not closed, or stands inside a field, does this; inside quotes write it twice."


def _separators(lines: Sequence[str], usual: str) -> list[str]:
    """Return what may stand between the columns by the first lines, the likeliest first."""
    first = lines[0]
    found = [s for s in (";", "\t", ",", "|") if s in first]
    if usual not in found:
        return found or [usual]
    others = [s for s in found if s != usual]
    return [";", usual, *others] if usual == "," and _with_decimal_commas(lines) else [usual, *others]


def _with_decimal_commas(lines: Sequence[str]) -> bool:
    """Return whether semicolons part the columns, and commas the decimals, as in 1,5;2,5 under names or without."""
    rows = [[f.strip() for f in line.split(";")] for line in lines]
    below = [f for row in rows[1:] or rows for f in row if "," in f]
    return len(rows[0]) > 1 and len(set(map(len, rows))) == 1 and all(map(is_number, below))


def _separated(other: str, separator: str) -> str:
    return f"the columns are separated by {_spoken(other)}, not by {_spoken(separator)}; read so"


def _spoken(separator: str) -> str:
    return {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(separator, shown(separator))


def _first_lines(path: Path) -> list[str]:
    """Return line 1, and some below it."""
    with open_bytes(path) as file:
        raw = file.readline(LONGEST_LINE)
        below = [line for line in (file.readline(LONGEST_LINE) for _ in range(_GUESSED_BY)) if line]
    if not raw.removeprefix(b"\xef\xbb\xbf").strip():
        if not below:
            raise DataError(f"{path}: the file is empty; a line of column names and at least one row are needed.")
        raise DataError(f"{path}: line 1 is blank; it must hold the column names. Remove the blank line.")
    check_no_binary(path, raw, ADVICE, "line 1")
    if len(raw) == LONGEST_LINE:
        raise DataError(
            f"{path}: line 1 is longer than {size_text(LONGEST_LINE)}; a table has one row per line. Is it a csv file?"
        )
    try:
        return [raw.decode("utf-8-sig"), *(t for line in below if (t := line.decode(errors="replace")).strip())]
    except UnicodeDecodeError:
        raise not_utf8(path, ADVICE) from None
