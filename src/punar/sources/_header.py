"""Is line 1 of a text table the names of its columns, or a row? What could be either is refused: a row is not lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from punar.core.words import listed
from punar.errors import DataError, shown
from punar.sources._csv_lines import Lines
from punar.sources._numerals import MISSING, is_number

_YEARS = (1900, 2100)
NO_NAMES = "If line 1 holds a row and no names, say so: --no-header, header=False."


def has_names(lines: Lines, header: bool | None, *, rows_of_numbers: bool = False) -> bool:
    """Return whether line 1 holds the names of the columns.

    Parameters
    ----------
    lines : Lines
    header : bool or None
        What the person says.
    rows_of_numbers : bool, default=False
        Whether a first line of nothing but numbers is a row, as in files that hold one series per row.

    Raises
    ------
    DataError
        It could be either: a row that is taken for names would be lost without a word.
    """
    if header is not None:
        return header
    # A series that is shorter than others ends in NaN, in the first row too.
    numbers = [name for name in lines.first if is_number(name)]
    missing = sum(name in MISSING[1:] for name in lines.first) if numbers else 0
    if not numbers:
        _check_not_repeated(lines)
        return True
    if len(numbers) + missing == len(lines.first):
        # pandas counts the columns from 0 where nobody named them.
        counted = not missing and len(numbers) > 2 and _counts(numbers) and (numbers[0] == "0" or not rows_of_numbers)
        if not counted and not rows_of_numbers:
            raise _only_numbers(lines)
        return counted
    # A series without a name, as pandas writes it, has nothing above its index and a 0 above its values.
    if (
        (numbers == ["0"] and lines.first[:1] == [""])
        or _over_numbers(lines)
        or _counts(numbers)
        or _evenly_spaced(numbers)
    ):
        return True
    raise _either(lines, f"{listed(numbers)} would be names of columns")


def _counts(numbers: Sequence[str]) -> bool:
    """Return whether numbers are names that pandas and people write: 0, 1, 2, ... and 2019, 2020, ..."""
    if not all(n.isascii() and n.isdigit() for n in numbers):
        return False
    values = [int(n) for n in numbers]
    years = all(_YEARS[0] <= v <= _YEARS[1] for v in values)
    return (
        (values[0] in (0, 1) or years) and all(b - a == 1 for a, b in pairwise(values)) and (years or len(values) > 1)
    )


def _evenly_spaced(numbers: Sequence[str]) -> bool:
    """Return whether numbers beside words are places on an axis, such as 400.5, 401, 401.5."""
    try:
        steps = {round(float(b) - float(a), 9) for a, b in pairwise(numbers)}
    except ValueError:  # a number as people write it
        return False
    return len(numbers) > 2 and len(steps) == 1 and min(steps) > 0


def _over_numbers(lines: Lines) -> bool:
    """Return whether a word of line 1 stands over a column of numbers, as names do and rows do not."""
    words = [i for i, name in enumerate(lines.first) if name not in MISSING and not is_number(name)]
    columns = ([row[i] for row in lines.below if row[i] not in MISSING] for i in words)
    return any(column and all(map(is_number, column)) for column in columns)


def _check_not_repeated(lines: Lines) -> None:
    again = [
        name for i, name in enumerate(lines.first) if name not in MISSING and any(row[i] == name for row in lines.below)
    ]
    if again and not _over_numbers(lines):
        raise _either(lines, f"{shown(again[0], 40)} stands below it too, in the same column")


def _either(lines: Lines, why: str) -> DataError:
    return DataError(
        f"{lines.path}, line 1: it could hold column names or a row ({', '.join(lines.first[:4])}"
        f"{', …' if len(lines.first) > 4 else ''}): {why}. If it is a row, say that there are no names: --no-header, "
        "header=False; if these are the names: --header, header=True."
    )


def _only_numbers(lines: Lines) -> DataError:
    return DataError(
        f"{lines.path}, line 1: column names are needed, but there are only numbers ({', '.join(lines.first[:4])}"
        f"{', …' if len(lines.first) > 4 else ''}). Add a line of names, or say that there is none: --no-header, "
        "header=False (or --header, header=True, if these are the names)."
    )
