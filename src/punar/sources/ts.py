"""Series as sktime and aeon keep them: a ts file, with a series on each line and its label at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from punar.core.words import counted, listed
from punar.errors import DataError, shown, suggest
from punar.sources._found import FoundItems
from punar.sources._source import Request, Source
from punar.sources._text import read_lines

_PAIR = re.compile(r"\(([^,()]*),([^,()]*)\)")
_MISSING = ("?", "nan", "")


class Ts(Source):
    """Series with a class or an amount each.

    Lines that begin with ``@`` describe them, up to ``@data``; then each line is a series: its values with commas
    between, ``?`` where one is missing, colons between the dimensions, and the label behind the last colon. Series may
    differ in length.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".ts",)

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return the series as arrays (time, dimensions), and their labels where the file has some.

        Raises
        ------
        DataError
            Empty, not UTF-8, without ``@data``, or a line that is no series.
        """
        lines = read_lines(path)
        about, first = _about(path, lines)
        items: list[np.ndarray] = []
        labels: list[str] = []
        for number, line in enumerate(lines[first:], first + 1):
            if not line.strip() or line.startswith(("#", "%")):
                continue
            parts = line.strip().split(":")
            if about.labelled and len(parts) < 2:
                raise DataError(
                    f"{path}, line {number}: there is no label behind a last colon, as the header promises."
                )
            labels += [_label(parts.pop().strip(), about, f"{path}, line {number}")] if about.labelled else []
            items.append(_series(parts, about, f"{path}, line {number}"))
            if items[0].shape[1] != items[-1].shape[1]:
                raise DataError(
                    f"{path}, line {number}: {counted(items[-1].shape[1], 'dimension')} where the first series has "
                    f"{items[0].shape[1]}; every series must have the same number."
                )
        if not items:
            raise DataError(f"{path}: there is no series behind @data.")
        known = about.labelled and any(label != "?" for label in labels)
        notes = [f"{counted(items[0].shape[1], 'dimension')}; {_lengths(items)}"]
        if about.timed:
            notes.append("the time stamps of the values are not used; the steps are taken as evenly spaced")
        return FoundItems(items, labels if known else None, kind="series", form=about.form, notes=notes)


@dataclass(frozen=True)
class _About:
    """What the header says."""

    labelled: bool
    form: str | None
    timed: bool
    classes: tuple[str, ...] = ()


def _about(path: Path, lines: Sequence[str]) -> tuple[_About, int]:
    """Return what the lines before the data say, and where the data begins."""
    facts: dict[str, str] = {}
    for number, line in enumerate(lines):
        word, _, rest = line.strip().partition(" ")
        if word.lower() == "@data":
            classes, amounts = (_true(facts.get(key, "")) for key in ("@classlabel", "@targetlabel"))
            form = "amounts" if amounts else ("classes" if classes else None)
            timed = _true(facts.get("@timestamps", ""))
            names = tuple(facts["@classlabel"].split()[1:]) if form == "classes" else ()
            return _About(classes or amounts, form, timed, names), number + 1
        if word.startswith("@"):
            facts[word.lower()] = rest
        elif word and not word.startswith(("#", "%")):
            raise DataError(
                f"{path}, line {number + 1}: only lines with @ stand before @data, found {shown(line, 60)}."
            )
    raise DataError(f"{path}: there is no line @data, behind which the series of a ts file stand.")


def _label(label: str, about: _About, where: str) -> str:
    """Return a label that is one of the header's classes, where it names them; 1 and 1.0 are one."""
    if not about.classes or label == "?" or label in about.classes:
        return label
    if _is_float(label) and any(_is_float(name) and float(name) == float(label) for name in about.classes):
        return label
    raise DataError(
        f"{where}: the label {shown(label, 40)} is none of those that @classLabel names: {listed(about.classes)}."
        f"{suggest(label, about.classes)} Mend the label, or add it to @classLabel."
    )


def _true(value: str) -> bool:
    return value.strip().lower().split(" ")[0] in ("true", "1", "yes")


def _series(parts: Sequence[str], about: _About, where: str) -> np.ndarray:
    """Return one series, float64 (time, dimensions)."""
    dimensions = []
    for part in parts:
        values = [v for _, v in _PAIR.findall(part)] if about.timed else part.split(",")
        try:
            dimensions.append([np.nan if (v := value.strip()).lower() in _MISSING else float(v) for value in values])
        except ValueError:
            bad = next(v for v in values if not _is_float(v))
            raise DataError(f"{where}: a series holds numbers with commas between, found {shown(bad, 40)}.") from None
    lengths = {len(values) for values in dimensions}
    if len(lengths) != 1 or 0 in lengths:
        raise DataError(
            f"{where}: the dimensions of a series must have one length, got {sorted(lengths)[:5]}. Cut or fill them."
        )
    X = np.array(dimensions, dtype=np.float64).T
    if np.isnan(X).all() or np.isinf(X).any():
        raise DataError(f"{where}: a series needs finite numbers, and at least one; '?' says that one is missing.")
    return X


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip().lower() in _MISSING
    return True


def _lengths(items: Sequence[np.ndarray]) -> str:
    shortest, longest = min(map(len, items)), max(map(len, items))
    return counted(longest, "step") if shortest == longest else f"{shortest:,} to {longest:,} steps"
