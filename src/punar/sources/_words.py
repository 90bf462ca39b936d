"""Columns of words beside columns of numbers: what "None" and "NA" say in each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from punar.core.words import listed
from punar.sources._numerals import MISSING

if TYPE_CHECKING:
    import pandas as pd

_DATE = re.compile(r"\d{1,4}[-/. ](?:\d{1,2}|[^\W\d]{3,9})(?:[-/. ]\d{1,4})?(?:[T ].*)?|\d{4}-?[QqWw]\d{1,2}")


def with_words(
    frame: pd.DataFrame, texts: pd.DataFrame, numbers: Mapping[str, pd.Series], notes: list[str]
) -> pd.DataFrame:
    """Return a table in which columns of words keep their "None" and "NA"; in others these say that a value is missing.

    Parameters
    ----------
    frame : DataFrame
        As pandas tells the columns, with these words taken for missing.
    texts : DataFrame
        Some of its columns as they stand in the file.
    numbers : mapping of str to Series
        Those of them that hold numbers.
    notes : list of str
        Gains a sentence where such a word is kept.
    """
    import pandas as pd

    made = frame.copy(deep=False)
    kept = []
    for name in texts.columns:
        if name in numbers:
            # 007 is a name, and a target comes as text so that it stays one.
            plain = pd.to_numeric(texts[name], errors="coerce").notna().eq(texts[name].notna()).all()
            if not (plain and frame[name].equals(texts[name])):
                made[name] = numbers[name]
        elif not pd.api.types.is_numeric_dtype(frame[name].dtype) and _holds_words(frame[name]):
            made[name] = texts[name]
            kept += [str(name)] if texts[name].isin(MISSING).any() else []
    if kept:
        notes.append(f"'None', 'NA' and the like are words here, and only empty fields are missing: {listed(kept)}")
    return made


def _holds_words(column: pd.Series) -> bool:
    """Return whether a column holds text that is no date; yes, no and whole numbers of any length are no text."""
    words = [v for v in column.dropna().unique() if isinstance(v, str)]
    return bool(words) and not all(_DATE.fullmatch(v.strip()) for v in words)
