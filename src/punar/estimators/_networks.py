"""Which kind of model carries a task of a pretrained network: heads in closed form, or heads that are trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from punar.errors import ParameterError
from punar.models.structured import answer as structured_answer
from punar.models.structured import fit as structured_fit
from punar.models.structured.module import Structured
from punar.models.transfer import answer as transfer_answer
from punar.models.transfer import fit as transfer_fit
from punar.models.transfer.module import Transfer


class Carrier(NamedTuple):
    """What fits a task and answers for it.

    Attributes
    ----------
    fit, answers, features : callable
        See :mod:`punar.models.transfer.fit` and :mod:`punar.models.transfer.answer`.
    module : type
        Of the fitted network.
    """

    fit: Callable[..., Any]
    answers: Callable[..., Any]
    features: Callable[..., Any]
    module: type


_CARRIERS = {
    "transfer": Carrier(transfer_fit.fit, transfer_answer.answers, transfer_answer.features, Transfer),
    "structured": Carrier(structured_fit.fit, structured_answer.answers, structured_answer.features, Structured),
}


def carrier_of(estimator: Any, task: Any) -> Carrier:
    """Return what carries a task.

    Raises
    ------
    ParameterError
        A task that no pretrained network can carry.
    """
    for name in task.models:
        if name in _CARRIERS:
            return _CARRIERS[name]
    raise ParameterError(
        f"{type(estimator).__name__}: task={estimator.task!r} is not for pretrained networks. Use punar.SequenceModel."
    )
