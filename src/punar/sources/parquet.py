"""Parquet files, through pandas and pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from punar.errors import DataError, MissingExtraError, shown
from punar.sources._beginning import check_beginning
from punar.sources._found import FoundTable
from punar.sources._memory import check_room
from punar.sources._names import check_names
from punar.sources._source import Request, Source


class Parquet(Source):
    """Tables in columns: parquet. Needs the extra ``table``."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundTable:
        """Return the table.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        DataError
            The file is damaged or does not fit into memory.
        """
        check_beginning(path, b"PAR1")
        try:
            import pyarrow.parquet as pq  # type: ignore[import-untyped]
        except ImportError:
            raise MissingExtraError(
                f"{path}: reading parquet needs pyarrow, which is not installed. Run: pip install 'punar[table]'"
            ) from None
        import pandas as pd

        try:
            about = pq.read_metadata(path)
            check_room(2 * 8 * about.num_rows * about.num_columns, str(path), "Take fewer rows or columns.")
            # pandas keeps a table's row names as columns of these names
            names = [str(n) for n in pq.read_schema(path).names if not str(n).startswith("__index_level_")]
            check_names(names, str(path))
            frame = pd.read_parquet(path, engine="pyarrow")
        except (DataError, MemoryError):
            raise
        # pyarrow raises its own and Python's errors for damaged files
        except Exception as error:
            raise DataError(f"{path}: it cannot be read as parquet ({shown(str(error), 200)}).") from None
        frame.columns = [str(c) for c in frame.columns]
        return FoundTable(frame, [], lambda row: f"row {row}")
