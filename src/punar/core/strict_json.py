"""JSON from a stranger: bounded depth, no duplicate keys, no numbers outside JSON, one kind of exception."""

from __future__ import annotations

import json
import math
import re
from typing import Any

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
    if data[:1] == b"\x80" or data[:2] == b"PK":
        kind = "a pickle" if data[:1] == b"\x80" else "a zip archive"
        raise DamagedModelError(f"{where} must be JSON, but it looks like {kind}, which punar never opens.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise DamagedModelError(f"{where} must be UTF-8 text; byte {e.start} is not. {_ADVICE}") from e
    _check_depth(text, where)

    def refuse(rule: str, value: str) -> Any:
        raise DamagedModelError(f"{where}: {rule}, found {shown(value)}. {_ADVICE}")

    def integer(digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            refuse(f"an integer may have at most {_MAX_DIGITS} digits", digits)
        return int(digits)

    def real(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse("a number must be finite", digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
            refuse("a key may stand once in an object", twice)
        return found

    try:
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_int=integer,
            parse_float=real,
            parse_constant=lambda name: refuse("a number must be finite", name),
        )
        if "\\u" in text:  # an escaped half of a surrogate pair cannot be printed or stored again
            json.dumps(value, ensure_ascii=False).encode()
    except DamagedModelError:
        raise
    except (ValueError, RecursionError) as e:
        raise DamagedModelError(f"{where} must be JSON: {shown(str(e), 200)}. {_ADVICE}") from e
    return value


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
