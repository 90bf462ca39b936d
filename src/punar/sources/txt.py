"""Text files: one text per line, or one token per line, told by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from punar.core.words import counted
from punar.errors import DataError
from punar.sources._found import FoundItems, FoundTable
from punar.sources._kinds import LOOKED_AT, is_text
from punar.sources._number_lines import rows_of_numbers
from punar.sources._source import Request, Source
from punar.sources._text import read_lines
from punar.sources._tokens import columns_of, is_blank, is_label, sentences_of


class Txt(Source):
    """Texts without labels, one per line; a file that holds one token per line is read as a conll file is.

    It holds tokens where most lines are a single word, or where all have the same number of columns and the last is a
    label: B-PER, O and their like, or anything where labels per token are asked for. It never does where whole texts
    are asked for. Where a row can be a series, lines of numbers are rows of a table, as in the UCR archive.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    def read(self, path: Path, request: Request) -> FoundItems | FoundTable:
        """Return the texts, or sentences as lists of tokens; rows of numbers where each can be a series.

        Raises
        ------
        DataError
            Empty, not UTF-8, or nothing but blank lines.
        """
        lines = read_lines(path)
        table = rows_of_numbers(lines) if request.by_row else None
        if table is not None:
            return table
        # A translation may be one word, and so may a text without a label.
        whole = request.whole_texts or request.form in ("texts", "none")
        if not whole and _holds_tokens(lines, request.form):
            return sentences_of(path, lines)
        texts = {str(i): line.strip() for i, line in enumerate(lines) if not is_blank(line)}
        if not texts:
            raise DataError(f"{path}: there is no text in it, only blank lines.")
        notes = [f"read as one text per line: {counted(len(texts), 'text')}"]
        if len(texts) < len(lines):
            notes.append(f"{counted(len(lines) - len(texts), 'blank line')} skipped")
        return FoundItems(list(texts.values()), kind="text", names=tuple(texts), notes=notes, lines=len(lines))


def _holds_tokens(lines: Sequence[str], form: str | None) -> bool:
    whole = [line for line in lines if not is_blank(line) and not line.startswith(("# ", "-DOCSTART-"))]
    rows = [columns_of(line) for line in whole[:LOOKED_AT]]
    words = sum(len(row) == 1 and not is_text(row[0]) for row in rows)
    if 2 * words > len(rows):
        return True
    if not rows or len(rows[0]) == 1 or any(len(row) != len(rows[0]) for row in rows):
        return False
    labelled = sum(is_label(row[-1]) for row in rows) * 2 > len(rows)
    return labelled or form == "sequences" or (all("\t" in line for line in whole) and _has_breaks(lines))


def _has_breaks(lines: Sequence[str]) -> bool:
    blank = [is_blank(line) for line in lines]
    return any(blank[blank.index(False) : len(blank) - blank[::-1].index(False)])
