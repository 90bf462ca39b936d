"""Untrusted facts, checked against a type before anything is built from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from punar.errors import DamagedModelError, ModelFolderError, shown

T = TypeVar("T")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def convert(facts: object, kind: type[T], where: str, name: str = "config.json") -> T:
    """Return untrusted facts as an instance of ``kind``.

    Parameters
    ----------
    facts : JSON value
    kind : type
        A ``msgspec.Struct``, a dataclass or any other type that msgspec knows. Nothing but it is built, and text is
        not read as a number nor a number as truth.
    where : str
        The folder, for messages.
    name : str, default="config.json"
        What the facts are, for messages.

    Raises
    ------
    DamagedModelError
        A field is missing, or has another type or value than ``kind`` allows.
    """
    try:
        return msgspec.convert(facts, kind)
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at ")
        at = path.strip("`").removeprefix("$.")
        found = shown(_found(facts, path))
        raise DamagedModelError(
            f"{where}: {name}{f', {at}' if at else ''}: {shown(rule, 200)[1:-1]}, found {found}. "
            "Get the folder again from where it came."
        ) from None


@contextmanager
def as_damage(where: str) -> Iterator[None]:
    """Turn what wrong facts lead to (a missing key, a wrong type or size, a broken rule) into DamagedModelError."""
    try:
        yield
    except ModelFolderError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError, AssertionError) as error:
        words = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DamagedModelError(f"{where}: config.json does not describe a model: {shown(words, 300)}.") from None


def _found(facts: Any, path: str) -> Any:
    """Return what stands at a path such as ``$.clocks[0].step``, or at its part before a key that it does not name."""
    for key, index in _STEP.findall(path.partition("[...]")[0]):
        facts = facts[key] if key else facts[int(index)]
    return facts
