"""The preparation that facts read from a file describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
    if facts.get("part") is not None:
        return _own(facts["part"], parts).from_facts(facts)
    return _kind(facts).from_facts(facts)


def _own(name: Any, parts: Iterable[Any]) -> type[Preparation]:
    kinds = {part if isinstance(part, type) else type(part) for part in parts}
    found = [kind for kind in kinds if issubclass(kind, Preparation) and kind.__name__ == name]
    if len(found) != 1:
        count = "none" if not found else f"{len(found)} of that name"
        raise UnknownPartError(
            f"The input is prepared by {shown(name)}, a class outside punar; parts must hold it once, found {count}. "
            "Pass it: punar.load(folder, parts=[...])."
        )
    return found[0]


def _kind(facts: Mapping[str, Any]) -> type[Preparation]:
    from punar.preparations.frames import Frames
    from punar.preparations.histories import Histories
    from punar.preparations.pictures import Pictures
    from punar.preparations.rows import Rows
    from punar.preparations.sentences import Sentences
    from punar.preparations.series import Series
    from punar.preparations.sounds import Sounds
    from punar.preparations.words import Words

    kinds: dict[str, type[Preparation]] = {
        kind.domain: kind for kind in (Pictures, Sentences, Series, Histories, Rows, Sounds)
    }
    domain = facts.get("domain")
    if not isinstance(domain, str) or domain not in kinds:
        raise ValueError(f"domain must be one of {', '.join(map(repr, kinds))}, found {shown(domain)}")
    if domain == Words.domain and "buckets" in facts:
        return Words
    if domain == Sounds.domain and "kind" not in facts:
        return Frames
    return kinds[domain]
