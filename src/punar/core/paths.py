"""Paths that a person passes, checked before any work is done for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from punar.errors import ParameterError, ParameterTypeError, shown

_LONGEST_PATH = 4000  # bytes; Linux takes 4096 with what is written inside
_LONGEST = 255  # bytes of one name, on every usual file system


def folder_of(value: Any, parameter: str, where: str) -> Path | None:
    """Return the folder that ``value`` names, which need not be there; None where it is None.

    Parameters
    ----------
    value : str, path-like or None
    parameter, where : str
        For messages.

    Raises
    ------
    ParameterTypeError
        Neither a text nor a path of texts.
    ParameterError
        Empty, with a null character, or with a name that no file system takes; or a file stands there.

    Examples
    --------
    >>> folder_of("", "checkpoint", "Thing.fit")
    Traceback (most recent call last):
        ...
    punar.errors.ParameterError: Thing.fit: checkpoint must name a folder, got ''.
    """
    if value is None:
        return None
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(text, str):
        raise ParameterTypeError(f"{where}: {parameter} must be a path (str or Path) or None, got {shown(value)}.")
    if not text.strip():
        raise ParameterError(f"{where}: {parameter} must name a folder, got {shown(text)}.")
    if "\0" in text:
        raise ParameterError(f"{where}: {parameter} must be a path without null characters, got {shown(text)}.")
    if any(len(os.fsencode(part)) > _LONGEST for part in Path(text).parts):
        raise ParameterError(
            f"{where}: {parameter} must have names of at most {_LONGEST} bytes, got one of "
            f"{max(len(os.fsencode(part)) for part in Path(text).parts)}: {shown(text)}."
        )
    if len(os.fsencode(text)) > _LONGEST_PATH:
        raise ParameterError(
            f"{where}: {parameter} must be a path of at most {_LONGEST_PATH} bytes, got {shown(text)}."
        )
    found = Path(text)
    if _is_file(found):
        raise ParameterError(f"{where}: {parameter} must name a folder, and {shown(text)} is a file.")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long as a whole, or beyond one's rights: whoever opens it says so
        return False
