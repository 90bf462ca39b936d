"""The preparation that facts read from a file describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from punar.core import plugins
from punar.errors import UnknownPartError, shown
from punar.preparations._preparation import Preparation


def of_facts(facts: Mapping[str, Any], parts: Iterable[Any] = ()) -> Preparation:
    """Return the preparation whose :meth:`Preparation.facts` these are.

    Parameters
    ----------
    facts : mapping
        Untrusted JSON values.
    parts : iterable
        Classes of the user's own, or instances of them; those that are no preparations are passed over.

    Raises
    ------
    ValueError, KeyError, TypeError
        A field is missing, or its value has another type or breaks a rule; the message names field, rule and value.
    UnknownPartError
        They name a class of the user's own that ``parts`` does not hold.
    """
    if not isinstance(facts, Mapping):
        raise ValueError(f"the facts of a preparation must be an object, found {shown(facts)}")
    if "part" in facts:
        return _own(facts["part"], parts).from_facts(facts)
    return _kind(facts).from_facts(facts)


def _own(name: Any, parts: Iterable[Any]) -> type[Preparation]:
    kinds = {part if isinstance(part, type) else type(part) for part in parts}
    found = [kind for kind in kinds if issubclass(kind, Preparation) and kind.__name__ == name]
    if len(found) != 1:
        known = str(name)[:80] if isinstance(name, str) else "..."
        count = "" if not found else f" There are {len(found)} of that name in parts."
        raise UnknownPartError(
            f"config.json: the model was saved with a preparation of somebody's own, {shown(name)}. Pass its class: "
            f"parts=[{known}].{count}"
        )
    return found[0]


def _kind(facts: Mapping[str, Any]) -> type[Preparation]:
    """Return punar's preparation of this domain with these fields, of several the one with the fewest others."""
    given = set(facts) - {"domain", "part"}
    known: list[Any] = [plugins.member("preparations", name) for name in plugins.members("preparations")]
    fitting = [k for k in known if k.domain == facts.get("domain") and given <= {field.name for field in fields(k)}]
    if fitting:
        found: type[Preparation] = min(fitting, key=lambda kind: len(fields(kind)))
        return found
    domains = ", ".join(sorted({repr(kind.domain) for kind in known}))
    raise ValueError(
        f"input must have a domain ({domains}) and the fields of a preparation of it, found "
        f"{shown(facts.get('domain'))} with {shown(sorted(map(str, given)), 200)}"
    )
