"""Sentences with one token per line: tokens and their labels, read from the lines of a text file.

The layout is that of CoNLL-2003 and its many children: columns separated by tabs or spaces, the token first and its
label last, a blank line between sentences, ``-DOCSTART-`` lines between documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from punar.core.words import counted
from punar.errors import DataError, shown
from punar.sources._found import FoundItems

_BREAK = "-DOCSTART-"
_BIO = re.compile(r"O|[BIESLU]-\S+")
_LONG = 500  # tokens: longer than any sentence, and than most networks read


@dataclass
class _Sentences:
    """What has been read so far."""

    tokens: list[list[str]] = field(default_factory=lambda: [[]])
    labels: list[list[str]] = field(default_factory=lambda: [[]])
    ends: list[int] = field(default_factory=list)  # the last line of each sentence
    comments: int = 0
    breaks: int = 0

    @property
    def begun(self) -> bool:
        return bool(self.tokens[-1])

    def add(self, columns: Sequence[str], line: int) -> None:
        if not self.begun:
            self.ends.append(line)
        self.ends[-1] = line
        self.tokens[-1].append(columns[0])
        self.labels[-1].append(columns[-1])

    def end(self) -> None:
        if self.begun:
            self.tokens.append([])
            self.labels.append([])


def columns_of(line: str) -> list[str]:
    """Return the columns of a line: between tabs where it has some, else between spaces, several counted as one."""
    # Only the space itself: others, such as U+00A0, may stand inside a token.
    return [c.strip(" ") for c in line.split("\t")] if "\t" in line else [c for c in line.split(" ") if c]


def is_blank(line: str) -> bool:
    """Return whether a line ends a sentence."""
    return not line.strip(" \t")


def is_label(text: str) -> bool:
    """Return whether a text is an entity label such as O, B-PER or I-LOC."""
    return _BIO.fullmatch(text) is not None


def is_comment(line: str, width: int) -> bool:
    """Return whether a line begins as a comment does, and is no token "#" with its label."""
    if not line.startswith("# "):
        return False
    columns = columns_of(line)
    return not (len(columns) == width > 1 and is_label(columns[-1]))


def width_of(lines: Sequence[str]) -> tuple[int, int]:
    """Return how many columns the first token has, and its line from 1; (0, 0) where there is none."""
    for number, line in enumerate(lines, 1):
        if not is_blank(line) and not line.startswith("# ") and columns_of(line)[0] != _BREAK:
            return len(columns_of(line)), number
    return 0, 0


def sentences_of(path: Path, lines: Sequence[str]) -> FoundItems:
    """Return sentences as lists of tokens, with lists of labels where there is more than one column.

    Parameters
    ----------
    path : Path
        For messages.
    lines : sequence of str
        Without their ends.

    Raises
    ------
    DataError
        There is no token, a line has another number of columns than the first, or a column is empty.
    """
    width, first = width_of(lines)
    if not width:
        raise DataError(
            f"{path}: there is no token in it; each line must hold one, and its label after a tab or space."
        )
    found = _Sentences()
    for number, line in enumerate(lines, 1):
        _take(found, line, number, width, first, path)
    found.end()
    tokens, labels = found.tokens[:-1], found.labels[:-1]
    return FoundItems(
        items=tokens,
        targets=labels if width > 1 else None,
        kind="text",
        form="sequences",
        title="sentence",
        notes=_notes(found, tokens, width),
    )


def _take(found: _Sentences, line: str, number: int, width: int, first: int, path: Path) -> None:
    if is_blank(line):
        found.end()
        return
    if not found.begun and is_comment(line, width):
        found.comments += 1
        return
    columns = columns_of(line)
    if columns[0] == _BREAK:
        found.end()
        found.breaks += 1
        return
    if len(columns) != width:
        raise DataError(
            f"{path}, line {number}: {counted(len(columns), 'column')} where line {first} has {width}; every token "
            f"needs the same, between tabs or spaces. The line is {shown(line, 60)}."
        )
    if not all(columns):
        raise DataError(
            f"{path}, line {number}: column {columns.index('') + 1} is empty; a token and its label must both be "
            f"there. The line is {shown(line, 60)}."
        )
    found.add(columns, number)


def _notes(found: _Sentences, tokens: list[list[str]], width: int) -> list[str]:
    total, sizes = sum(map(len, tokens)), [len(sentence) for sentence in tokens]
    notes = [f"read as one token per line: {counted(total, 'token')} in {counted(len(tokens), 'sentence')}"]
    if width == 1:
        notes.append("there is one column, so the tokens have no labels")
    if width > 2:
        notes.append(f"of {width} columns the first is the token and the last its label; the others are not used")
    if found.breaks:
        notes.append(f"{counted(found.breaks, f'{_BREAK} line')} skipped")
    if found.comments:
        notes.append(f"{counted(found.comments, 'comment line')} skipped")
    if len(tokens) == 1 and total > 1:
        notes.append("no blank line parts the tokens, so all of them are one sentence")
    longest = max(sizes)
    if longest > _LONG:
        notes.append(
            f"the longest sentence has {longest:,} tokens and ends in line {found.ends[sizes.index(longest)]}; is a "
            "blank line missing?"
        )
    return notes
