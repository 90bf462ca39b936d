"""Comma- and tab-separated text, looked through once for what pandas would repair in silence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from punar.errors import DataError
from punar.sources._beginning import check_beginning
from punar.sources._codes import padded
from punar.sources._csv_lines import Lines, look_through
from punar.sources._found import FoundTable
from punar.sources._header import NO_NAMES, has_names
from punar.sources._names import COUNTS_ROWS, check_names, index_name
from punar.sources._numerals import MISSING, has_commas, read_numerals
from punar.sources._opened import check_size, is_packed, open_bytes, plain_name
from punar.sources._source import Request, Source
from punar.sources._text import NAME_IT_CONLL
from punar.sources._words import with_words

if TYPE_CHECKING:
    import pandas as pd


class Csv(Source):
    """Tables in text: csv and tsv, also packed by gzip (.csv.gz).

    The separator is a comma or a tab; a file that plainly uses another one is read with that, and a note says so.
    Numbers may be written as people do, 1.234,5 or 1,234.5; "None", "NA" and the like say in a column of numbers that
    one is missing, and are words in a column of words.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    options: ClassVar[tuple[str, ...]] = ("header",)
    tabular: ClassVar[bool] = True

    def takes(self, path: Path) -> bool:
        """Return whether a file ends in .csv or .tsv, or in .csv.gz or .tsv.gz."""
        return path.is_file() and plain_name(path).suffix.lower() in self.suffixes

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
    if not is_packed(path):
        check_beginning(path)
    check_size(path, 6, "Convert it to parquet or npy, or take fewer rows.")
    lines, notes = look_through(path)
    has_header = has_names(lines, request.header, rows_of_numbers=request.by_row)
    if not has_header:
        notes.append(f"line 1 is data; the columns were named 'column 1' to 'column {len(lines.first)}'")
    if lines.blank:
        notes.append(f"{lines.blank} blank line{'s' if lines.blank > 1 else ''} skipped")
    columns = lines.first if has_header else [f"column {i}" for i in range(1, len(lines.first) + 1)]
    unnamed_index = has_header and len(columns) > 1 and not columns[0].strip() and lines.rows > 1
    if unnamed_index:
        columns = [index_name(columns), *columns[1:]]
    try:
        check_names(columns, str(path))
    except DataError as error:
        raise error if request.header else DataError(f"{error} {NO_NAMES}") from None
    frame = _parse(lines, columns, has_header, request)
    if unnamed_index:
        counts = _counts_rows(frame[columns[0]])
        frame = frame.drop(columns=columns[0]) if counts else frame
        notes.append(f"column 1 has no name{COUNTS_ROWS if counts else f', and is called {columns[0]!r} here'}")

    def line_of(row: int) -> str:
        return f"line {lines.line_of(row + has_header)}"

    # A class may be called 1,5 or 007: only amounts are numbers, whatever else the labels look like.
    kept = request.target if request.form not in (None, "amounts", "none") else None

    def written(names: list[str]) -> pd.DataFrame:
        return _texts(lines, columns, has_header, names)

    spelled = padded(frame, lines.below, columns, written)
    frame = _with_texts(frame, lines, columns, has_header, kept, notes)
    return FoundTable(frame, notes, line_of, spelled, written=written)


def _counts_rows(column: pd.Series) -> bool:
    values = column.tolist()
    return values == list(range(len(values))) or values == list(range(1, len(values) + 1))


def _parse(lines: Lines, columns: list[str], has_header: bool, request: Request) -> pd.DataFrame:
    """Return the columns as pandas tells them; a target as text."""
    target = request.target if request.target in columns else None
    # A class may well be called "NA" or "None"; in a column of numbers they say that there is none.
    missing = {name: [""] if name == target else list(MISSING) for name in columns}
    return _table(lines, columns, has_header, na_values=missing, dtype=None if target is None else {target: str})


def _with_texts(
    frame: pd.DataFrame, lines: Lines, columns: list[str], has_header: bool, kept: str | None, notes: list[str]
) -> pd.DataFrame:
    """Return the table with its columns of text as they stand in the file, and those of numbers as numbers.

    Pandas reads the file again for it, and only for it: most tables hold numbers that it knows.
    """
    import pandas as pd

    others = [n for n in frame.columns if not pd.api.types.is_numeric_dtype(frame[n].dtype)]
    if not others:
        return frame
    texts = _texts(lines, columns, has_header, others)
    if has_commas(texts[[n for n in others if n != kept]]):
        # pandas took 1.234 for a number below two; where others have decimal commas it is a thousand and more.
        points = [n for n in frame.columns if pd.api.types.is_float_dtype(frame[n].dtype)]
        texts = _texts(lines, columns, has_header, [*others, *points])
    numbers = read_numerals(texts[[n for n in texts.columns if n != kept]], lines.separator, notes)
    return with_words(frame, texts, numbers, notes)


def _texts(lines: Lines, columns: list[str], has_header: bool, wanted: list[str]) -> pd.DataFrame:
    return _table(lines, columns, has_header, na_values=[""], dtype=str, usecols=wanted)


def _table(lines: Lines, columns: list[str], has_header: bool, **given: Any) -> pd.DataFrame:
    import pandas as pd

    try:
        with open_bytes(lines.path) as file:
            return pd.read_csv(
                file,
                sep=lines.separator,
                encoding="utf-8-sig",
                names=columns,
                header=0 if has_header else None,
                index_col=False,
                keep_default_na=False,
                skipinitialspace=True,
                low_memory=False,
                **lines.quotes.settings,
                **given,
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise DataError(f"{lines.path}: it cannot be read as a table: {error}.") from None
