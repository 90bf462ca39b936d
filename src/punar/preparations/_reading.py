"""Untrusted facts become a dataclass: types and bounds stand at its fields, msgspec checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from msgspec import Meta, ValidationError, convert

from punar.errors import shown

_T = TypeVar("_T")
_MOST = 2**31
_LARGEST = 1.7e308  # NaN and infinity are beyond it

Size = Annotated[int, Meta(ge=1, le=_MOST)]
Count = Annotated[int, Meta(ge=0, le=_MOST)]
Finite = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
Positive = Annotated[float, Meta(gt=0, le=_LARGEST)]


def read_facts(kind: type[_T], facts: Mapping[str, Any], *, complete: bool = False) -> _T:
    """Return an instance of a dataclass.

    Parameters
    ----------
    kind : type
        A dataclass; bounds are ``Annotated[..., msgspec.Meta(...)]`` at its fields.
    facts : mapping
        JSON values by field; others are ignored, lists become tuples where the field is one.
    complete : bool, default=False
        Whether fields with a default must be there as well.

    Raises
    ------
    ValueError
        A field is missing, or its value has another type or breaks a bound; the message names field, rule and value.
    """
    if not isinstance(facts, Mapping):
        raise ValueError(f"the facts of {kind.__name__} must be an object, found {shown(facts)}")
    if complete:
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name not in facts:
                raise ValueError(f"{kind.__name__} must have the field {field.name!r}, found {sorted(map(str, facts))}")
    try:
        return convert(dict(facts), kind)
    except ValidationError as error:
        rule, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`").lstrip(".")
        where = f"{kind.__name__}.{path}" if path else kind.__name__
        raise ValueError(f"{where}: {rule}, found {shown(_value(facts, path))}") from None


def _value(facts: Any, path: str) -> Any:
    """Return what stands at a path such as ``size[0]``; where it cannot be followed, what it was followed to."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            facts = facts[name] if name else facts[int(index)]
        except (KeyError, IndexError, TypeError):
            break
    return facts
