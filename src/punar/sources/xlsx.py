"""Workbooks of Excel and LibreOffice, through openpyxl: the first sheet that is not empty."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from punar.core.words import counted, listed
from punar.errors import DataError, MissingExtraError, shown
from punar.sources._beginning import check_beginning
from punar.sources._found import FoundTable
from punar.sources._memory import check_room
from punar.sources._names import check_names
from punar.sources._source import Request, Source
from punar.sources._typed import typed

if TYPE_CHECKING:
    import pandas as pd

_ADVICE = "Save the sheet as 'CSV UTF-8'."


class Xlsx(Source):
    """Tables in workbooks: xlsx. Needs the extra ``table``."""

    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundTable:
        """Return the first sheet with content; its first line holds the names. Formulas count by their last value.

        Raises
        ------
        MissingExtraError
            openpyxl is not installed.
        DataError
            The file is damaged, empty or larger than memory, or a column has no name.
        """
        try:
            check_beginning(path, b"PK\x03\x04")
        except DataError as error:
            raise DataError(f"{error} {_ADVICE}") from None
        try:
            import openpyxl  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                f"{path}: reading xlsx needs openpyxl, which is not installed. Run: pip install 'punar[table]'. Or: "
                f"{_ADVICE}"
            ) from None
        import pandas as pd

        try:
            with zipfile.ZipFile(path) as archive:
                # A few kilobytes may unpack to gigabytes; a cell takes some ten times its text.
                check_room(10 * sum(i.file_size for i in archive.infolist()), str(path), _ADVICE)
            with warnings.catch_warnings():
                # Of styles and checks that punar does not use.
                warnings.simplefilter("ignore")
                sheets = pd.read_excel(
                    path, sheet_name=None, engine="openpyxl", header=None, keep_default_na=False, na_values=[""]
                )
        except (DataError, MemoryError):
            raise
        # openpyxl raises whatever damaged XML makes it raise
        except Exception as error:
            raise DataError(f"{path}: it cannot be read as a workbook ({shown(str(error), 120)}). {_ADVICE}") from None
        full = {name: sheet for name, sheet in sheets.items() if sheet.notna().to_numpy().any()}
        if not full:
            raise DataError(f"{path}: every sheet is empty; a line of column names and at least one row are needed.")
        first = next(iter(full))
        notes = [f"the sheet {shown(first, 40)} is read, of {listed(list(full))}"] if len(full) > 1 else []
        return _table(full[first], path, request, notes)


def _table(sheet: pd.DataFrame, path: Path, request: Request, notes: list[str]) -> FoundTable:
    """Return a sheet's cells as a table: names in the first line that is not blank."""
    sheet = sheet.dropna(axis=1, how="all")
    blank = int(sheet.isna().all(axis=1).sum())
    sheet = sheet.dropna(axis=0, how="all")
    if blank:
        notes.append(f"{counted(blank, 'blank line')} skipped")
    names = ["" if name != name else str(name).strip() for name in sheet.iloc[0]]
    numbers = [name for name in sheet.iloc[0] if isinstance(name, (int, float)) and name == name]
    if len(numbers) == len(names):
        raise DataError(
            f"{path}: the first line must hold column names, but there are only numbers ({', '.join(names[:4])}). Add "
            "a line of names."
        )
    check_names(names, str(path))
    lines = [int(i) + 1 for i in sheet.index[1:]]
    frame = sheet.iloc[1:].set_axis(names, axis=1).reset_index(drop=True)
    frame = frame.apply(lambda column: column.infer_objects())
    return FoundTable(typed(frame, request, notes), notes, lambda row: f"line {lines[row]}")
