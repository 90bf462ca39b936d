"""Numbers as people and their office programs write them: 1.234,5 and 1,234.5 and 1 234,5, percent signs, currencies.

What a comma means is told by the column: "12,5" can only be a decimal comma, "1,234,567" only thousands. Where every
value of a column could be either, the other columns decide, then what stands between the columns: a file with
semicolons comes from a place where the comma is taken. Where nothing decides, the column stays text and a note says
why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from punar.core.words import listed
from punar.errors import shown

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None", "none")
POINT, COMMA = "point", "comma"
# A number without decimals, or one that both conventions can read: "1.234" and "1,234".
_NEUTRAL, _EITHER_DOT, _EITHER = "neutral", "either dot", "either"

# Space, no-break, thin and narrow no-break space, and the two apostrophes of Switzerland.
_GAPS = " \u00a0\u2009\u202f'\u2019"
_SIGN, _POWER = r"[+-]?", r"(?:[eE][+-]?[0-9]+)?"
_WHOLE = re.compile(_SIGN + r"[0-9]+")
_PLAIN = re.compile(_SIGN + r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)" + _POWER)
_WITH_COMMA = re.compile(_SIGN + r"[0-9]*,[0-9]+" + _POWER)
# The groups of India are of two digits but for the last: 12,34,567.
_COMMAS = re.compile(_SIGN + r"[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]*)?")
_DOTS = re.compile(_SIGN + r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]*)?")
_GAPPED = re.compile(_SIGN + rf"[1-9][0-9]{{0,2}}(?:[{_GAPS}][0-9]{{3}})+(?:[.,][0-9]*)?")
_ONE_COMMA = re.compile(_SIGN + r"[1-9][0-9]{0,2},[0-9]{3}")
_ONE_DOT = re.compile(_SIGN + r"[1-9][0-9]{0,2}\.[0-9]{3}")
_MARKS = "%€$£¥₹₽₩"
_LOOKED_AT = 50


@dataclass(frozen=True)
class _Column:
    """Numbers as they were written, and what their commas can mean.

    Attributes
    ----------
    bare : dict of str to str
        Each value as it stands, and without sign of percent or currency and without gaps.
    mark : str
        The sign that was taken off: "%", "€" or the like; empty without one.
    gaps : bool
        Whether spaces or apostrophes stood between thousands.
    means : {"point", "comma", "either", "either dot", "neutral"}
        What parts the decimals.
    """

    bare: dict[str, str]
    mark: str
    gaps: bool
    means: str


def is_number(text: str) -> bool:
    """Return whether a text is a number, in any of the ways that are read.

    >>> [is_number(t) for t in ("1.5", "1.234,5", "1 234", "5 %", "-3e4", "x", "", "2024-01-01", "1,2,3")]
    [True, True, True, True, True, False, False, False, False]
    """
    return _column([text]) is not None


def read_numerals(texts: pd.DataFrame, separator: str, notes: list[str]) -> dict[str, pd.Series]:
    """Return the columns that hold numbers, as float64.

    Parameters
    ----------
    texts : DataFrame
        Columns of text as it stands in the file; NaN where there is nothing. The words of :data:`MISSING` say the same
        in a column of numbers.
    separator : str
        Between the columns of the file; empty where the format has none.
    notes : list of str
        Gains a sentence for each way of writing.
    """
    found = {name: column for name in texts.columns if (column := _column_of(texts[name])) is not None}
    decided = {column.means for column in found.values()} & {POINT, COMMA}
    usual = decided.pop() if len(decided) == 1 else {";": COMMA, ",": POINT}.get(separator)
    made: dict[str, pd.Series] = {}
    said: dict[str, list[str]] = {}
    for name, column in found.items():
        means = _meaning(column, usual)
        if means is None:
            said.setdefault(_doubt(column), []).append(str(name))
            continue
        made[name] = _converted(texts[name], column, means)
        for sentence in _ways(column, means):
            said.setdefault(sentence, []).append(str(name))
    notes += [f"{sentence}: {listed(names)}" for sentence, names in said.items()]
    return made


def has_commas(texts: pd.DataFrame) -> bool:
    """Return whether a column of numbers has commas, so that points in others may part thousands."""
    found = (_column_of(texts[name]) for name in texts.columns)
    return any(column is not None and column.means in (COMMA, _EITHER) for column in found)


def _meaning(column: _Column, usual: str | None) -> str | None:
    if column.means == _EITHER:
        return usual
    if column.means == _EITHER_DOT:
        # 1.234 alone is what computers write; it is a thousand and more where other numbers have decimal commas.
        return COMMA if usual == COMMA else POINT
    return POINT if column.means == _NEUTRAL else column.means


def _column_of(column: pd.Series) -> _Column | None:
    """Return the numbers of a column of text; None where a value is none, or where all are missing."""
    values = column[column.notna() & ~column.isin(MISSING)]
    if not len(values) or _column([str(v) for v in values.iloc[:_LOOKED_AT]]) is None:
        return None
    return _column([str(v) for v in values.unique()])


def _column(texts: Sequence[str]) -> _Column | None:
    mark = _mark_of(texts)
    stripped = {t: _without_mark(t, mark) for t in texts}
    bare = {t: re.sub(f"[{_GAPS}]", "", s) if _GAPPED.fullmatch(s) else s for t, s in stripped.items()}
    kinds = {_kind(b) for b in bare.values()}
    if None in kinds or {POINT, COMMA} <= kinds:
        return None
    means = next((k for k in (POINT, COMMA, _EITHER, _EITHER_DOT) if k in kinds), _NEUTRAL)
    if means == _EITHER and _EITHER_DOT in kinds:
        return None  # 1,234 and 1.234: one of the two has decimals, and nobody knows which
    return _Column(bare, mark, bare != stripped, means)


def _kind(text: str) -> str | None:
    """Return what one number says of points and commas; None where it is no number."""
    for kind, form in ((_NEUTRAL, _WHOLE), (_EITHER_DOT, _ONE_DOT), (_EITHER, _ONE_COMMA)):
        if form.fullmatch(text):
            return kind
    if _PLAIN.fullmatch(text) or _COMMAS.fullmatch(text):
        return POINT
    return COMMA if _WITH_COMMA.fullmatch(text) or _DOTS.fullmatch(text) else None


def _mark_of(texts: Sequence[str]) -> str:
    """Return the sign that every text begins or ends with; an empty text where there is none."""
    first = texts[0].strip(_GAPS)
    found = [mark for mark in _MARKS if mark in (first[:1], first[1:2], first[-1:])]
    return found[0] if len(found) == 1 and all(found[0] in t for t in texts) else ""


def _without_mark(text: str, mark: str) -> str:
    text = text.strip(f"{_GAPS}\t").replace("\u2212", "-")
    if not mark:
        return text
    sign = text[:1] if text[:1] in "+-" else ""
    return sign + text[len(sign) :].strip(_GAPS).removeprefix(mark).removesuffix(mark).strip(_GAPS)


def _converted(column: pd.Series, found: _Column, means: str) -> pd.Series:
    numbers = {value: float(_plain(bare, means)) for value, bare in found.bare.items()}
    return column.map(numbers).astype("float64")


def _plain(bare: str, means: str) -> str:
    """Return a number as computers write it."""
    return bare.replace(".", "").replace(",", ".") if means == COMMA else bare.replace(",", "")


def _ways(column: _Column, means: str) -> list[str]:
    """Return a sentence for each way of writing that computers do not share."""
    found = []
    written = max((t for t in column.bare.values() if _plain(t, means) != t), key=len, default=None)
    if written is not None:
        found.append(f"decimals and thousands are written for people ({written} is {_plain(written, means)})")
    if column.gaps:
        found.append("spaces or apostrophes between thousands were taken out")
    if column.mark:
        found.append(f"the sign {column.mark} was left out (5{column.mark} is 5)")
    return found


def _doubt(column: _Column) -> str:
    first = next(t for t in column.bare.values() if "," in t)
    return f"left as text, because {shown(first)} may be {_plain(first, POINT)} or {_plain(first, COMMA)}"
