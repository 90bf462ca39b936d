"""A text that is typed on the command line in place of a file that holds texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from punar.errors import DataError, shown
from punar.texts import app
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserItems, UserSequences

_NAME = "the text"


def is_typed(data: str, domain: str | None) -> bool:
    """Return whether ``data`` is a text for a model of texts, and not the name of a file.

    A text has a space, or letters of a script that no file suffix is written in; a path that is there, or that ends in
    a suffix, is a path.

    >>> is_typed("a dull and dreadful evening", "text"), is_typed("बहुत सुंदर", "text"), is_typed("很好看", "text")
    (True, True, True)
    >>> is_typed("new reviews.csv", "text"), is_typed("reviews", "text"), is_typed("a good film", "vision")
    (False, False, False)
    """
    if domain != "text" or not data.strip() or _is_path(data):
        return False
    return len(data.split()) > 1 or data != data.strip() or not data.isascii()


def _is_path(data: str) -> bool:
    try:
        if os.path.lexists(data):
            return True
    except (OSError, ValueError):
        return False
    suffix = Path(data).suffix
    if len(data.split()) > 1 and "://" in data:
        return False
    return 2 <= len(suffix) <= 8 and suffix[1:].isascii() and suffix[1:].isalnum() and not suffix[1:].isdecimal()


def as_items(text: str) -> UserItems:
    """Return a text as items, and say that it is read as one."""
    from punar.sources import UserItems

    _say()
    return UserItems([text], None, "text", _NAME, _NAME, row_names=("0",))


def as_sequences(text: str) -> UserSequences:
    """Return a text as sequences, and say that it is read as one."""
    from punar.sources import UserSequences

    _say()
    return UserSequences([text], None, "text", _NAME, _NAME, row_names=("0",))


def as_question(data: str) -> NoReturn:
    """Raise for a text that is typed for a model that reads questions, each with its context.

    Raises
    ------
    DataError
    """
    raise DataError(f"{_NAME}: {app.TYPED_QUESTION.format(data=shown(data, 60))}")


@contextmanager
def advising(data: str, domain: str | None) -> Iterator[None]:
    """Return a context whose error about data that is not there says what one word needs to be read as a text."""
    try:
        yield
    except DataError as error:
        if domain != "text" or _is_path(data) or not data.isalnum():
            raise
        raise type(error)(f"{error} {app.TYPED_WORD.format(word=data)}") from None


def _say() -> None:
    typer.echo(texts.READ_NOTE.format(name=_NAME, note=app.TYPED), err=True)
