"""Records in JSON: one object per line, a list of objects, or an object with a list for each column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from punar.errors import DataError, shown
from punar.sources._found import FoundTable
from punar.sources._names import check_names, printable
from punar.sources._source import Request, Source
from punar.sources._text import read_lines
from punar.sources._typed import typed

_DIGITS = 18  # a whole number of more may not fit into 64 bits


_MEND = "Give each value a field of its own."
# A field of formats that are no tables, and the task that reads them.
_TASKS = {"paragraphs": "question_answering", "annotations": "detection"}


def _advice(found: dict[str, Any]) -> str:
    task = next((task for field, task in _TASKS.items() if repr(field) in str(found)), None)
    if task is None:
        return _MEND
    return f"Such files are for the task {task}: a model that was fitted with --task {task} reads them."


class Jsonl(Source):
    """Tables as records: jsonl, ndjson and json.

    A field that a record lacks is missing. Fields that are lists or objects themselves are refused.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")
    tabular: ClassVar[bool] = True

    def read(self, path: Path, request: Request) -> FoundTable:
        """Return the table.

        Raises
        ------
        DataError
            Empty, not UTF-8, no JSON, no records, or a field that holds more than one value.
        """
        import pandas as pd

        lines = read_lines(path)
        whole = path.suffix.lower() == ".json"
        rows, places = _whole(path, lines) if whole else _by_line(path, lines)
        names = list(dict.fromkeys(name for row in rows for name in row))
        if not names:
            raise DataError(f"{path}: there is no record with a field in it.")
        check_names(names, str(path))
        for row, place in zip(rows, places, strict=True):
            nested = next((name for name, value in row.items() if isinstance(value, (list, dict))), None)
            if nested is not None:
                raise DataError(
                    f"{path}, {place}: the field {shown(nested, 40)} holds {shown(row[nested], 40)}; a table has one "
                    f"value in each field. {_advice(row)}"
                )
        frame = pd.DataFrame([[row.get(name) for name in names] for row in rows], columns=names)
        notes: list[str] = []
        return FoundTable(typed(frame, request, notes), notes, lambda row: places[row])


def _by_line(path: Path, lines: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    rows, places = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"line {number}"
            rows.append(_record(_parsed(line, f"{path}, {place}"), f"{path}, {place}"))
            places.append(place)
    if not rows:
        raise DataError(f"{path}: there is no record in it, only blank lines.")
    return rows, places


def _whole(path: Path, lines: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    found = _parsed("\n".join(lines), str(path))
    if isinstance(found, dict):
        found = _of_columns(found, path)
    if not isinstance(found, list) or not found:
        raise DataError(
            f"{path}: a table in JSON is a list of objects, or an object with a list for each column, found "
            f"{shown(found, 60)}."
        )
    places = [f"record {i}" for i in range(1, len(found) + 1)]
    return [_record(each, f"{path}, {place}") for each, place in zip(found, places, strict=True)], places


def _of_columns(found: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    lengths = {len(column) if isinstance(column, list) else None for column in found.values()}
    if len(lengths) != 1 or None in lengths:
        raise DataError(
            f"{path}: an object is a table where it has one list for each column, all of one length; found "
            f"{shown(found, 60)}. {_advice(found)}"
        )
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _record(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise DataError(f'{where}: a record is an object such as {{"text": "fine"}}, found {shown(found, 60)}.')
    # JSON can spell halves of letters, which no text can hold.
    return {printable(name): printable(value) if isinstance(value, str) else value for name, value in found.items()}


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: this is no JSON ({shown(str(error), 80)}).") from None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)
