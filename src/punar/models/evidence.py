"""On which rows a fit is judged: rows that chose nothing, neither an epoch nor a penalty.

Validation rows choose the best epoch. With few items a fit is repeated on each half of them and answers for the other
half. With more, the validation rows are in two parts, and each is answered by the weights that were best on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from punar.core import deadline
from punar.core.progress import Progress
from punar.models.measure import Measured
from punar.texts import progress as texts
from punar.training.evidence import FEWEST
from punar.training.loop import Loop
from punar.training.report import CROSS_FITTED, HELD_OUT, TRAINING
from punar.training.settings import resolve

Pairs = list[tuple[Tensor, Tensor]]
# From so many items on the validation part alone tells enough, at no further price.
MANY = 200


def repeats(estimator: Any, count: int) -> bool:
    """Return whether a fit on ``count`` items is repeated for its verdict: where they are few, and it may cost time."""
    return estimator.evidence == "auto" and FEWEST <= count < MANY


def affordable(loop: Loop) -> bool:
    """Return whether a deadline, where there is one, leaves time to repeat a fit twice."""
    return deadline.seconds_left() >= 2.5 * (loop.history[-1]["seconds"] if loop.history else 0.0)


def as_long(settings: Any, all_items: int, learn: int) -> SimpleNamespace:
    """Return training settings for a fit on some of the items, with as many steps as a fit on all has.

    Parameters
    ----------
    settings : object
        Has ``epochs``, ``patience`` and the other training parameters.
    all_items, learn : int
        How many items the one fit and the other have.
    """
    longer = max(1.0, all_items / max(1, learn))
    more = {"epochs": round(settings.epochs * longer), "patience": round(settings.patience * longer), "verbose": 0}
    return resolve(SimpleNamespace(**(vars(settings) | more)), vars(settings), {})


def say_repeated(estimator: Any) -> None:
    """Tell that a fit is repeated on each half of the items: nothing else is shown of it."""
    Progress(int(estimator.verbose)).note(texts.REPEATED)


def crossed(
    repeated: Sequence[tuple[Tensor, Tensor]], refit: Callable[[Tensor, Tensor], tuple[Tensor, list[Any]]]
) -> Measured:
    """Return the answers of fits on one half of the items each for the other half.

    Parameters
    ----------
    repeated : sequence of (Tensor, Tensor)
        From :meth:`punar.models.division.Division.folds`.
    refit : callable
        ``refit(learn, ask)`` -> the items among ``learn`` whose loss was minimised, and answers for ``ask``.
    """
    parts, answers = [], []
    for learn, ask in repeated:
        train, found = refit(learn, ask)
        parts.append((train, ask))
        answers += found
    return Measured(answers, parts, CROSS_FITTED)


def held_out(
    loop: Loop,
    answer: Callable[[Tensor], list[Any]],
    train: Tensor,
    valid: Tensor,
    parts: tuple[Tensor, Tensor] | None,
    most: int,
) -> Measured:
    """Return the answers of a finished loop's module for its validation items, or for training items without such.

    Parameters
    ----------
    loop : Loop
    answer : callable
        Items -> the module's answers.
    train, valid : Tensor of int64
    parts : tuple of Tensor or None
        From :meth:`punar.models.division.Division.parts`; what the loop had as halves.
    most : int
        How many items are answered for at most.
    """
    if not len(valid):
        return Measured(answer(train[:most]), [(train, train[:most])], TRAINING)
    if parts is None:
        return Measured(answer(valid[:most]), [(train, valid[:most])], HELD_OUT)
    answers: list[Any] = []
    asked = []
    for half, items in enumerate(parts):
        some = items[: most // 2]
        with loop.best_of(1 - half):
            answers += answer(some)
        asked.append((train, some))
    return Measured(answers, asked, HELD_OUT)
