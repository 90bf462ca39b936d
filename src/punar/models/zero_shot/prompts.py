"""Labels as words, and the sentences that a network reads of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from punar.core.words import listed
from punar.errors import DataError, DataTypeError, ParameterError, ParameterTypeError, shown

BLANK = "{}"
_FORM = 'Pass fit(None, ["sports", "politics"]), or wordings of each: {"sports": ["sport", "football"], ...}.'


@dataclass(frozen=True)
class Prompts:
    """What a network reads of each label.

    Attributes
    ----------
    names : tuple of str
        The labels, sorted.
    sentences : tuple of tuple of str
        Of each label: every wording in every template.
    """

    names: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, wordings: Mapping[str, Sequence[str]], templates: Sequence[str]) -> Prompts:
        """Put every wording of every label into every template."""
        names = tuple(sorted(wordings))
        made = (tuple(t.replace(BLANK, word) for word in wordings[name] for t in templates) for name in names)
        return cls(names, tuple(made))

    @property
    def flat(self) -> list[str]:
        """All sentences, label by label."""
        return [sentence for own in self.sentences for sentence in own]

    @property
    def counts(self) -> list[int]:
        """How many sentences each label has."""
        return [len(own) for own in self.sentences]


def wordings_of(labels: Any, where: str) -> dict[str, list[str]]:
    """Return the wordings of each label.

    Parameters
    ----------
    labels : list of str, or mapping of str to str or list of str
        A list's labels are their own wordings.
    where : str
        The caller, for messages.

    Raises
    ------
    DataError, DataTypeError
        There are fewer than two labels, two are the same, or one is no text.
    """
    if isinstance(labels, Mapping):
        found = {_word(name, where): _several(name, given, where) for name, given in labels.items()}
    else:
        names = _as_list(labels, where)
        found = {}
        for name in names:
            if _word(name, where) in found:
                raise DataError(f"{where}: labels must differ, got {shown(name)} twice.")
            found[name] = [name]
    refuse_alike({name: frozenset(map(str.strip, words)) for name, words in found.items()}, where)
    if len(found) < 2:
        what = f"1 label: {shown(next(iter(found)))}" if found else "none"
        raise DataError(f"{where}: strategy='zero_shot' needs at least 2 labels to choose from, got {what}. {_FORM}")
    return found


def refuse_alike(read: Mapping[str, Any], where: str) -> None:
    """Raise where a network reads the same of two labels, which are the values of ``read``."""
    first: dict[Any, str] = {}
    for name, own in read.items():
        other = first.setdefault(own, name)
        if other != name:
            raise DataError(
                f"{where}: the labels {shown(other)} and {shown(name)} are the same words to the network, which could "
                "not tell them apart. Give them other names or wordings."
            )


def names_in(y: Any, where: str) -> list[str]:
    """Return the different labels of rows, sorted; rows of several labels (task="multilabel") hold lists.

    Raises
    ------
    DataError, DataTypeError
        A label is no text.
    """
    found: set[str] = set()
    for each in _as_list(y, where):
        found.update(_word(label, where) for label in (each if isinstance(each, (list, tuple, set)) else [each]))
    return sorted(found)


def templates_of(templates: Any, usual: str, where: str) -> list[str]:
    """Return the templates; ``usual`` where none is given.

    Raises
    ------
    ParameterError, ParameterTypeError
        One is no text, or does not have ``{}`` exactly once.
    """
    if templates is None:
        return [usual]
    given = [templates] if isinstance(templates, str) else templates
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, str) for each in given):
        raise ParameterTypeError(f"{where}: templates must be a text or a list of texts, got {shown(templates)}.")
    if not given:
        raise ParameterError(f"{where}: templates must hold at least one text, got an empty list.")
    for each in given:
        if each.count(BLANK) != 1:
            raise ParameterError(
                f"{where}: a template must have {BLANK} once, where the label goes, got {shown(each)}. "
                f"Such as {usual!r}."
            )
    return list(given)


def _as_list(labels: Any, where: str) -> list[Any]:
    if labels is None:
        raise DataError(f"{where}: strategy='zero_shot' needs the names of the labels, got None. {_FORM}")
    if isinstance(labels, (str, bytes)):
        raise DataTypeError(f"{where}: labels must be a list of names, got one text {shown(labels)}. {_FORM}")
    if hasattr(labels, "tolist") and getattr(labels, "ndim", 1) == 1:
        return list(labels.tolist())
    if isinstance(labels, (list, tuple, set, frozenset)):
        return list(labels)
    raise DataTypeError(f"{where}: labels must be a list of names or a dict, got {type(labels).__name__}. {_FORM}")


def _several(name: Any, given: Any, where: str) -> list[str]:
    words = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple)) else None
    if not words:
        raise DataTypeError(
            f"{where}: the wordings of {shown(name)} must be a text or a list of texts, got {shown(given)}. {_FORM}"
        )
    if len(set(map(str, words))) < len(words):
        raise DataError(f"{where}: the wordings of {shown(name)} must differ, got {listed(words)}.")
    return [_word(word, where) for word in words]


def _word(label: Any, where: str) -> str:
    if isinstance(label, (Number, np.bool_)):
        raise DataTypeError(
            f"{where}: with strategy='zero_shot' a label must be a name in words, which the network reads; got the "
            f"number {shown(label)}. Say what it stands for, such as 'positive'."
        )
    if not isinstance(label, str):
        raise DataTypeError(f"{where}: a label must be text, got {shown(label)} ({type(label).__name__}).")
    if not label.strip():
        raise DataError(f"{where}: a label must be a name in words, got {shown(label)}.")
    return str(label)
