"""CoNLL files: one token and its label per line, a blank line between sentences."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from punar.sources._found import FoundItems
from punar.sources._source import Request, Source
from punar.sources._text import read_lines
from punar.sources._tokens import sentences_of


class Conll(Source):
    """Sentences with a label per token.

    Columns are separated by tabs or spaces; the first is the token, the last its label, and one column alone means
    tokens without labels. ``-DOCSTART-`` lines are skipped and counted, and so are lines that begin with "# " before
    the first token of a sentence.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".conll", ".iob", ".bio")

    def read(self, path: Path, request: Request) -> FoundItems:
        """Return sentences as lists of tokens, and their labels as lists of the same lengths.

        Raises
        ------
        DataError
            Empty, not UTF-8, without a token, or with lines of different numbers of columns.
        """
        return sentences_of(path, read_lines(path))
