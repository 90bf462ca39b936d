"""What a fitted model with a trained head answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from punar.core.runtime import as_usual, pick_device
from punar.core.words import snake
from punar.errors import NotSupportedError
from punar.models.samples import Samples
from punar.models.structured.passes import answers_of
from punar.models.structured.rows import StructuredRows
from punar.models.transfer.fit import Fitted
from punar.preparations import say_unknown

_ITEMS_AT_ONCE, _BYTES_AT_ONCE = 256, 2**29  # prepared and in memory


def answers(estimator: Any, fitted: Fitted, X: Any, method: str) -> tuple[list[Any], Sequence[Any]]:
    """Return an encoded answer for each item, and the items; see :func:`punar.models.transfer.answer.answers`."""
    where, task, body = f"{type(estimator).__name__}.{method}", fitted.task, fitted.body
    preparation = body.plan.preparation
    items = preparation.check(X, where)
    say_unknown(preparation, items, where)
    device = pick_device(estimator.device)
    module: Any = fitted.module
    module.to(device)
    found: list[Any] = []
    with as_usual():
        while len(found) < len(items):
            some = range(len(found), min(len(found) + _ITEMS_AT_ONCE, len(items)))
            samples = Samples.of(task, preparation, items, where, within=some, enough=_BYTES_AT_ONCE)
            assert samples.known is not None
            rows = StructuredRows(samples.known, preparation, None, None, device)
            read = torch.arange(some.start, int(samples.item[-1]) + 1)
            found += answers_of(task, module, rows, samples, read, items)
    return found, items


def features(estimator: Any, fitted: Fitted, X: Any, method: str) -> Tensor | list[Tensor]:
    """Raise: what such a head reads is no row of numbers.

    Raises
    ------
    NotSupportedError
    """
    raise NotSupportedError(
        f"{type(estimator).__name__}.{method}: task={snake(type(fitted.task).__name__)!r} reads no vector of "
        "features. Save the model and use its folder as a backbone: punar.FeatureExtractor(folder).transform(X)."
    )
