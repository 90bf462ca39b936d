"""The contract of a source: one file format, or one layout of a folder, and what is found in it.

To add one, add one file here whose class is the file's name in CamelCase; or pass a class of your own to
``parts=``, which is asked before those of punar. A source of lines such as ``{"text": "a film", "label": "good"}``:

>>> import json
>>> from punar.sources import FoundItems, Source
>>> class Jsonl(Source):
...     '''One object per line, with a text and a label.'''
...
...     suffixes = (".jsonl",)
...
...     def read(self, path, request):
...         rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
...         return FoundItems([row["text"] for row in rows], [row["label"] for row in rows], kind="text")
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sklearn.base import BaseEstimator

from punar.sources._found import Found


@dataclass(frozen=True)
class Request:
    """What is asked of a source; a format uses what concerns it.

    Attributes
    ----------
    target : str or None
        The column or array with the labels. A format of text keeps their spelling: "007" is a name.
    key : str or None
        Which of several arrays holds the rows.
    header : bool or None
        Whether line 1 holds the column names; None tells it by content.
    kind : {"vision", "text", "audio", "series"} or None
        What the items must be, where a file or folder can hold several kinds.
    form : {"classes", "amounts", "sets", "sequences", "masks", "boxes", "answers", "texts", "none"} or None
        How the target will be read: a class, an amount, a set of labels, a label per token or step, a mask or the boxes
        of a picture, the answer to a question, a text, or not at all.
    by_row : bool
        Whether a row of numbers can be a whole series, so that a first line of numbers is no line of names.
    target_path : str or None
        Where the targets lie, apart from the items: a folder of masks, a file of lines.
    root : str or None
        The folder that paths inside the file begin in.
    skip : bool
        Whether items without what is needed may be left out, with a note that counts and names them.
    whole_texts : bool
        Whether each line of a text file is one text, even where it looks like one token per line.
    """

    target: str | None = None
    key: str | None = None
    header: bool | None = None
    kind: str | None = None
    form: str | None = None
    by_row: bool = False
    target_path: str | None = None
    root: str | None = None
    skip: bool = False
    whole_texts: bool = False


class Source(BaseEstimator, ABC):
    """One format of files or folders.

    Attributes
    ----------
    suffixes : tuple of str
        Of its files, in lower case, with the dot.
    forms : tuple of str
        Forms of target that it alone reads. A source that names some is asked only where one of them is asked for, and
        then before those that name none.
    options : tuple of {"header", "key", "root", "target", "target_path"}
        What it uses of a request besides kind and form, and target where it names no forms; the others are refused
        where a person gives them.
    tabular : bool
        Whether it holds a table or arrays, of which a person has to say where the labels are.
    fallback : bool
        Whether it is asked after all others, because it takes whatever they leave.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    forms: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()
    tabular: ClassVar[bool] = False
    fallback: ClassVar[bool] = False

    def names(self) -> Sequence[str]:
        """Return names that stand for data without any file, such as "iris"."""
        return ()

    def takes(self, path: Path) -> bool:
        """Return whether an existing path is this format: by default, a file with one of :attr:`suffixes`.

        The layout of a folder is told here: ``path.is_dir() and (path / "annotations.json").is_file()``.
        """
        return path.is_file() and path.suffix.lower() in self.suffixes

    def takes_with(self, path: Path, target_path: Path) -> bool:
        """Return whether items at one path and their targets at another are this format; both exist. By default not."""
        return False

    @abstractmethod
    def read(self, path: Path, request: Request) -> Found:
        """Return what is there.

        Parameters
        ----------
        path : Path
            One that :meth:`takes` accepted, or one of :meth:`names`.
        request : Request

        Raises
        ------
        DataError
            It is damaged, empty or of another format; the message names file, line where known, rule and value.
        """
