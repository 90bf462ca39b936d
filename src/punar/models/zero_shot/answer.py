"""What a fitted zero-shot model answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from punar.errors import DataTypeError, shown
from punar.models.transfer import answer as transfer
from punar.models.transfer.fit import Fitted
from punar.models.zero_shot import pairs
from punar.models.zero_shot.heads import Entailment
from punar.preparations import say_unknown, say_unread
from punar.preparations.sentences import Sentences


def answers(estimator: Any, fitted: Fitted, X: Any, method: str) -> tuple[list[Any], Sequence[Any]]:
    """Return an encoded answer for each item, and the items; see :func:`punar.models.transfer.answer.answers`."""
    if not isinstance(fitted.module.head, Entailment):
        return transfer.answers(estimator, fitted, X, method)
    where, preparation = f"{type(estimator).__name__}.{method}", fitted.body.plan.preparation
    items = preparation.check(X, where)
    if not isinstance(items[0], str):
        raise DataTypeError(f"{where}: X must hold texts, got lists of words, such as {shown(items[0])}. Join them.")
    assert isinstance(preparation, Sentences)
    say_unread(pairs.beside(preparation, fitted.module.head.prompts, where), items, where)
    say_unknown(preparation, items, where)
    return list(pairs.raw(estimator, fitted, items, where)), items
