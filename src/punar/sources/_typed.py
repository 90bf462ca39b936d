"""Columns that a format has typed already, of which some hold numbers as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.sources._numerals import read_numerals

if TYPE_CHECKING:
    import pandas as pd

    from punar.sources._source import Request


def typed(frame: pd.DataFrame, request: Request, notes: list[str]) -> pd.DataFrame:
    """Return a table whose columns of numbers that were written as text are numbers.

    Parameters
    ----------
    frame : DataFrame
    request : Request
        Whose target stays as it is where it is read as classes, sets or sequences; nothing is made a number where
        texts or answers are wanted.
    notes : list of str
        Gains a sentence for each way of writing.
    """
    if request.form in ("texts", "answers"):
        return frame
    kept = request.target if request.form in ("classes", "sets", "sequences") else None
    words = [name for name in frame.columns if name != kept and _is_text(frame[name])]
    numbers = read_numerals(frame[words], "", notes) if words else {}
    # 007 is a name.
    plain = [name for name in numbers if frame[name].dropna().str.fullmatch(r"\s*0\d+\s*").any()]
    return frame.assign(**{name: values for name, values in numbers.items() if name not in plain})


def _is_text(column: pd.Series) -> bool:
    values = column.dropna()
    return bool(len(values)) and all(isinstance(v, str) for v in values)
