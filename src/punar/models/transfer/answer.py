"""What a fitted transfer model answers: features from the frozen engine, a head, the task's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from punar.core.progress import counting
from punar.core.runtime import as_usual, available_cores, pick_device, threads
from punar.features import cache as caches
from punar.features import frozen
from punar.models.samples import Samples, answered
from punar.models.transfer.fit import Fitted
from punar.preparations import say_unknown, say_unread
from punar.texts import fit as texts


def answers(estimator: Any, fitted: Fitted, X: Any, method: str) -> tuple[list[Any], Sequence[Any]]:
    """Return an encoded answer for each item, and the items.

    Parameters
    ----------
    estimator : TransferLearner
    fitted : Fitted
        Of the estimator.
    X : sequence
        As for fit.
    method : str
        For messages.
    """
    where, task = f"{type(estimator).__name__}.{method}", fitted.task
    items = _items(fitted, X, where)
    samples = _sampled(fitted, items, where)
    shown = _shown(estimator, fitted, items, samples, where)
    head: nn.Module = fitted.module.head.to(pick_device(estimator.device))
    every = torch.arange(len(samples))
    with as_usual(), torch.no_grad():
        parts = answered(task, lambda rows: _run(head, rows), shown, samples.traces(every))
    return samples.merged(task, parts, every, items), items


def features(estimator: Any, fitted: Fitted, X: Any, method: str) -> Tensor | list[Tensor]:
    """Return what the head sees of each item: (n, width), or for tokens (t, width) for each sample."""
    where = f"{type(estimator).__name__}.{method}"
    items = _items(fitted, X, where)
    return _shown(estimator, fitted, items, _sampled(fitted, items, where), where)


def _items(fitted: Fitted, X: Any, where: str) -> Sequence[Any]:
    preparation = fitted.body.plan.preparation
    items = preparation.check(X, where)
    if fitted.task.view == "vector":  # tokens are read in windows, to the end
        say_unread(preparation, items, where)
    say_unknown(preparation, items, where)
    return items


def _sampled(fitted: Fitted, items: Sequence[Any], where: str) -> Samples:
    # The engine prepares items by itself: of their samples only the traces are read here.
    return Samples.of(fitted.task, fitted.body.plan.preparation, items, where, room=0)


def _run(head: nn.Module, shown: Tensor) -> Tensor:
    device = next(iter(head.state_dict().values())).device
    found: Tensor = head(shown.to(device)).cpu()
    return found


def _shown(estimator: Any, fitted: Fitted, items: Sequence[Any], samples: Samples, where: str) -> Tensor | list[Tensor]:
    body, tokens = fitted.body, fitted.task.view != "vector"
    preparation, pieces = samples.read_as(body.plan.preparation, items)
    view = body.plan.view(fitted.task.view)
    with as_usual(), threads(available_cores()), counting(texts.FEATURES, int(estimator.verbose)) as progress:
        rows = frozen.extract(
            body,
            frozen.of_view(view),
            {"stage": None} | ({"view": view.form} if tokens else {}),
            items=pieces,
            device=pick_device(estimator.device),
            cache=caches.check(estimator.cache, where),
            where=where,
            preparation=preparation,
            progress=progress,
        )
    return [rows.row(i) for i in range(len(rows))] if tokens else rows.tensor()
