"""Digits that are names and no amounts: 007 is not 7, and a zip code 01067 has five digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_PADDED = r"0\d+"


def padded(
    frame: pd.DataFrame,
    below: Sequence[Sequence[str]],
    columns: Sequence[str],
    texts_of: Callable[[list[str]], pd.DataFrame],
) -> dict[str, pd.Series]:
    """Return the columns of digits of which some begin with a zero, as they are written.

    Parameters
    ----------
    frame : DataFrame
        As pandas reads it, without the zeros.
    below : sequence of sequences of str
        The fields of the first rows.
    columns : sequence of str
        The names of these fields.
    texts_of : callable
        Names of columns -> the columns as text. Asked only for those that may have such zeros.
    """
    places = {name: i for i, name in enumerate(columns)}
    likely = [str(n) for n in frame.columns if _may_be(frame[n], [row[places[n]] for row in below])]
    if not likely:
        return {}
    texts = texts_of(likely)
    return {name: texts[name] for name in likely if _is_padded(texts[name].dropna().str.strip())}


def _may_be(column: pd.Series, first: Sequence[str]) -> bool:
    """Return whether a number may have begun with a zero: it did above, or it has fewer digits than all above."""
    import pandas as pd

    there = [field for field in first if field]
    if not there or not pd.api.types.is_numeric_dtype(column.dtype) or not all(f.isdecimal() for f in there):
        return False
    widths = {len(field) for field in there}
    if any(len(field) > 1 and field[0] == "0" for field in there):
        return True
    return len(widths) == 1 and widths != {1} and bool(column.min() < 10 ** (min(widths) - 1))


def _is_padded(texts: pd.Series) -> bool:
    return bool(texts.str.fullmatch(r"\d+").all() and texts.str.fullmatch(_PADDED).any())
