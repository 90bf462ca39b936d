"""How a recurrent network reads texts with one answer for each: learned words, and how much of a text at most."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from punar.core.words import snake
from punar.data.decode import BadItem
from punar.errors import ParameterError, PunarWarning
from punar.preparations import learn_vocabulary
from punar.preparations.sentences import Sentences

# One text of a megabyte among short ones took gigabytes and minutes for each of its words' states. Nobody's reviews
# differ so: of 2,000 whole film reviews (median 700 words) the longest has 3.6 times the tokens that most have.
_TIMES = 8
_FEWEST, _MOST = 256, 8_192  # tokens
_PER_TOKEN = 20  # characters, far more than a word has


def how_to_pass(X: Any, domains: Sequence[str]) -> str:
    """Return advice on how texts or recordings are passed, for a task that reads nothing else."""
    columns = [str(name) for name in X.columns] if hasattr(X, "columns") else []
    if domains == ("text",):
        column = f"one column of the table, such as X[{columns[0]!r}]" if columns else "a list or a 1-D array of texts"
        return f" Pass {column}; what is to be predicted goes into y."
    if domains == ("audio",):
        column = f"a column of files, such as X[{columns[0]!r}]" if columns else "a list of files"
        return f" Pass {column}, or pairs of samples and their rate: [(wave, 16_000), ...]."
    return ""


def refuse_unused(estimator: Any, task: Any, kind: str, where: str) -> None:
    """Raise where a setting was given that a task with an answer at every step makes nothing of.

    Raises
    ------
    ParameterError
    """
    if task.view == "vector":
        return
    name = snake(type(task).__name__)
    if estimator.pooling != "auto":
        raise ParameterError(
            f"{where}: pooling={estimator.pooling!r} makes one state of all steps, and task={name!r} reads each of "
            "them. Leave pooling out."
        )
    if estimator.max_length is not None and kind != "series":
        raise ParameterError(
            f"{where}: max_length must be None for task={name!r}, whose answer hangs on all of an item, got "
            f"{estimator.max_length!r}. Leave it out."
        )


def read_texts(items: Sequence[Any], size: int, longest: int | None) -> Sentences:
    """Return how texts are read, learned from those that are trained on.

    Parameters
    ----------
    items : sequence of str, or of list of str
    size : int
        Words at most.
    longest : int or None
        Tokens of a text at most. None: eight times as many as nine of ten training texts have, at least 256 and at
        most 8,192.
    """
    if longest is not None:
        return learn_vocabulary(items, size, longest)
    begun = [item[: _PER_TOKEN * _MOST] for item in items]
    facts = learn_vocabulary(begun, size, None)
    lengths = sorted(_length(facts, item) for item in begun)
    usual = lengths[len(lengths) * 9 // 10]
    return replace(facts, max_length=min(max(_TIMES * usual, _FEWEST), _MOST))


def _length(facts: Sentences, item: Any) -> int:
    try:
        return len(facts.prepare(item))
    except BadItem:  # it is named where all items are prepared
        return 0


def say_far_longer(lengths: Tensor, where: str) -> None:
    """Warn of one sequence that is far longer than the others: its batch takes its time and memory."""
    usual, longest = int(lengths.float().quantile(0.9)), int(lengths.max())
    if len(lengths) > 1 and longest > max(_MOST, _TIMES * usual):
        warnings.warn(
            f"{where}: one sequence has {longest:,} steps, nine of ten have at most {usual:,}: the batches that "
            "it is in take its time and its memory. Cut it into pieces.",
            PunarWarning,
            stacklevel=3,
        )
