"""A zero-shot model as facts and tensors: a transfer model whose head is made of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from torch import Tensor, nn

from punar import stored
from punar.backbones import View
from punar.errors import DamagedModelError, shown
from punar.models.transfer import store as transfer
from punar.models.transfer.fit import Fitted
from punar.models.zero_shot.heads import Cosine, Entailment
from punar.models.zero_shot.prompts import Prompts
from punar.tasks import Task

_PROMPTS = "prompts"  # the fact that only such models have


class _Facts(msgspec.Struct):
    names: list[str]
    sentences: list[list[str]]
    entails: int | None = None
    contradicts: int | None = None


def to_stored(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fitted model's facts and tensors, of whatever strategy."""
    facts, tensors = transfer.to_stored(fitted)
    head: Any = fitted.module.head
    if not isinstance(head, (Cosine, Entailment)):
        return facts, tensors
    found = _Facts(list(head.prompts.names), [list(own) for own in head.prompts.sentences])
    if isinstance(head, Entailment):
        found.entails, found.contradicts = head.entails, head.contradicts
    return facts | {_PROMPTS: msgspec.to_builtins(found)}, tensors


def from_stored(
    facts: dict[str, Any], tensors: dict[str, Tensor], where: str, parts: tuple[type, ...], *, wrap: Callable[..., Any]
) -> Fitted:
    """Return what a fit left behind, from untrusted facts; see :func:`punar.models.transfer.store.from_stored`.

    Raises
    ------
    DamagedModelError
        The labels' sentences are not those of the task's labels, or as there.
    """
    if _PROMPTS not in facts:
        return transfer.from_stored(facts, tensors, where, parts, wrap=wrap)
    found = stored.convert(facts[_PROMPTS], _Facts, where, _PROMPTS)

    def head(task: Task, view: View, backbone: nn.Module) -> nn.Module:
        return _head(found, task, view, backbone, where)

    fitted = transfer.from_stored(facts, tensors, where, parts, wrap=wrap, head=head)
    fitted.module.requires_grad_(False)
    return fitted


def _head(found: _Facts, task: Task, view: View, backbone: Any, where: str) -> nn.Module:
    names: Any = getattr(task, "classes_", ())
    if found.names != list(names) or len(found.sentences) != len(found.names) or not all(found.sentences):
        raise DamagedModelError(
            f"{where}: prompts must hold the sentences of each of the task's labels, found those of "
            f"{shown(found.names)}."
        )
    prompts = Prompts(tuple(found.names), tuple(map(tuple, found.sentences)))
    if found.entails is None and found.contradicts is None and view.form == "vector":
        return Cosine(prompts, view.width)
    classes = getattr(getattr(backbone, "config", None), "num_labels", 0)
    pair = (found.entails, found.contradicts)
    if not all(type(i) is int and 0 <= i < classes for i in pair) or pair[0] == pair[1]:
        raise DamagedModelError(
            f"{where}: entails and contradicts must be two of the network's {classes} classes, found {pair}."
        )
    if not type(backbone).__name__.endswith("ForSequenceClassification"):
        raise DamagedModelError(f"{where}: the network must judge entailment, found {type(backbone).__name__}.")
    return Entailment(prompts, *pair, independent=task.multi_output)  # type: ignore[arg-type]
