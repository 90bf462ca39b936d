"""A preparation as facts and back: punar's by domain and fields, somebody's own by the name of its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from punar.core import plugins
from punar.errors import DamagedModelError, ParameterError, shown
from punar.preparations import Preparation, of_facts, vocabulary_size
from punar.preparations.sentences import Sentences
from punar.preparations.words import Words
from punar.stored._facts import as_damage
from punar.stored._text import without_text

PART = "part"  # the fact that names the class of somebody's own preparation


def is_own(preparation: Preparation) -> bool:
    """Return whether a preparation is somebody's own, not one of punar's."""
    return type(preparation).__module__.partition(".")[0] != __name__.partition(".")[0]


def preparation_facts(preparation: Preparation) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a preparation's facts, and what of them is stored as tensors."""
    facts, tensors = without_text(preparation.facts())
    return facts | ({PART: type(preparation).__name__} if is_own(preparation) else {}), tensors


def read_preparation(facts: Mapping[str, Any], where: str, parts: Iterable[object] = ()) -> Preparation:
    """Return the preparation that untrusted facts describe.

    Parameters
    ----------
    facts : mapping
        From :func:`preparation_facts`, with the text of its tokenizer (:func:`punar.stored.with_text`).
    where : str
        The folder, for messages.
    parts : iterable of classes
        The user's own parts.

    Raises
    ------
    DamagedModelError
        No preparation has such facts.
    UnknownPartError
        It is somebody's own, and its class is not among ``parts``.
    ValueError, TypeError, KeyError
        From the preparation's ``from_facts``; see :func:`punar.stored.as_damage`.
    """
    if not isinstance(facts, Mapping):
        raise DamagedModelError(f"{where}: input must be an object, found {shown(facts)}.")
    with as_damage(where):
        return of_facts(facts, parts)


def check_steps(preparation: Any, width: int, tokens: int | None, where: str) -> None:
    """Raise where a preparation gives other steps than a recurrent network reads.

    Parameters
    ----------
    preparation : Preparation
    width : int
        Numbers per step that the network reads.
    tokens : int or None
        Size of its vocabulary, where it reads tokens.
    where : str
        The folder, for messages.

    Raises
    ------
    DamagedModelError
        Steps of another width, or tokens of another vocabulary.
    """
    if tokens is None:
        found, wanted = getattr(preparation, "width", None), width
    elif isinstance(preparation, (Sentences, Words)):
        found, wanted = vocabulary_size(preparation), tokens
    elif is_own(preparation):
        return  # how many tokens it gives, only its author knows
    else:
        found, wanted = None, tokens
    if found != wanted:
        raise DamagedModelError(
            f"{where}: the input has {found} numbers per step or tokens, the network reads {wanted}."
        )


def estimator_parts(parts: Iterable[object]) -> tuple[object, ...]:
    """Return the parts that are recipes (scikit-learn's BaseEstimator): all but preparations, which are facts.

    Raises
    ------
    ParameterError
        Two preparations have one name.
    """
    own = _preparations(parts).values()
    return tuple(p for p in parts if not any(p is each for each in own))


def _known() -> list[Any]:
    return [plugins.member("preparations", name) for name in plugins.members("preparations")]


def _preparations(parts: Iterable[object]) -> dict[str, type[Preparation]]:
    found: dict[str, type[Preparation]] = {}
    for part in parts:
        if isinstance(part, type) and issubclass(part, Preparation) and found.setdefault(part.__name__, part) != part:
            raise ParameterError(f"parts must hold one class of each name, got two called {part.__name__!r}.")
    return found
