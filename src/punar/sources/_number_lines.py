"""Lines of numbers between spaces, tabs or commas, as the UCR archive keeps its series."""

from __future__ import annotations

import re
from collections.abc import Sequence

from punar.sources._found import FoundTable

_FEWEST = 4  # a label and three steps
_MISSING = ("nan", "?", "na")
_BETWEEN = re.compile(r"[\s,]+")


def rows_of_numbers(lines: Sequence[str]) -> FoundTable | None:
    """Return lines of numbers as a table without names; None where a line holds anything else.

    Rows may differ in length: those that are shorter end in missing values.
    """
    import pandas as pd

    rows: list[list[float]] = []
    places: list[int] = []
    for number, line in enumerate(lines, 1):
        fields = [f for f in _BETWEEN.split(line.strip()) if f]
        if not fields:
            continue
        values = _numbers(fields)
        if values is None or len(values) < _FEWEST:
            return None
        rows.append(values)
        places.append(number)
    if not rows:
        return None
    width = max(map(len, rows))
    names = [f"column {i}" for i in range(1, width + 1)]
    padded = [row + [float("nan")] * (width - len(row)) for row in rows]
    return FoundTable(pd.DataFrame(padded, columns=names), [], lambda row: f"line {places[row]}")


def _numbers(fields: Sequence[str]) -> list[float] | None:
    try:
        return [float("nan") if f.lower() in _MISSING else float(f) for f in fields]
    except ValueError:
        return None
