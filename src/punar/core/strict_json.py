"""Untrusted JSON: bounded depth, no duplicate keys, no numbers outside JSON, one kind of exception."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from punar.errors import DamagedModelError, shown

MAX_DEPTH = 64
_MAX_DIGITS = 40
# Possessive, and a string may end at the end of the text: linear in time whatever the text is.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_ADVICE = "Get the folder again from where it came."


def loads(data: bytes, where: str) -> Any:
    """Parse ``data`` strictly.

    Parameters
    ----------
    data : bytes
        UTF-8; the caller has capped its length.
    where : str
        The file, for messages.

    Raises
    ------
    DamagedModelError
        Not JSON, deeper than 64 levels, a key twice in one object, NaN or infinity, an integer of more than
        40 digits, text that is not Unicode.
    """
    text = _decoded(data, where)
    _check_depth(text, where)
    rules = _Rules(where)
    try:
        value = json.loads(
            text,
            object_pairs_hook=rules.unique,
            parse_int=rules.integer,
            parse_float=rules.real,
            parse_constant=rules.real,
        )
        if "\\u" in text:  # an escaped half of a surrogate pair cannot be printed or stored again
            json.dumps(value, ensure_ascii=False).encode()
    except DamagedModelError:
        raise
    except (ValueError, RecursionError) as e:
        raise DamagedModelError(f"{where} must be JSON: {shown(str(e), 200)}. {_ADVICE}") from e
    return value


class _Rules:
    """What the parser lets through and files may not hold."""

    def __init__(self, where: str) -> None:
        self._where = where

    def integer(self, digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            self._refuse(f"an integer may have at most {_MAX_DIGITS} digits", digits)
        return int(digits)

    def real(self, digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            self._refuse("a number must be finite", digits)
        return value

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                self._refuse("a key may stand once in an object", key)
            found[key] = value
        return found

    def _refuse(self, rule: str, value: str) -> NoReturn:
        raise DamagedModelError(f"{self._where}: {rule}, found {shown(value)}. {_ADVICE}")


def _decoded(data: bytes, where: str) -> str:
    if data[:1] == b"\x80" or data[:2] == b"PK":
        kind = "a pickle" if data[:1] == b"\x80" else "a zip archive"
        raise DamagedModelError(f"{where} must be JSON, but it looks like {kind}, which punar never opens.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise DamagedModelError(f"{where} must be UTF-8 text; byte {e.start} is not. {_ADVICE}") from e


def _check_depth(text: str, where: str) -> None:
    depth = 0
    for match in _TOKEN.finditer(text):
        first = match.group()[0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DamagedModelError(
                    f"{where} must nest at most {MAX_DEPTH} levels deep, found more at character "
                    f"{match.start()}. {_ADVICE}"
                )
        elif first in "]}":
            depth -= 1
