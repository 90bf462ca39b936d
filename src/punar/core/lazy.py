"""Names of a room that are loaded when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(room: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``: its contract by name, and its files, each loaded on first use.

    Parameters
    ----------
    room : str
        The package's dotted name.
    home : mapping of str to str
        Exported name -> the file that holds it.
    """

    def get(name: str) -> Any:
        if name in home:
            value = getattr(import_module(f"{room}.{home[name]}"), name)
        elif name.startswith("_"):
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        else:
            try:
                value = import_module(f"{room}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{room}.{name}":
                    raise
                raise AttributeError(f"module {room!r} has no attribute {name!r}") from None
        setattr(sys.modules[room], name, value)
        return value

    return get
