"""Fits that go on from the weights of the fit before: ``warm_start=True``."""

from __future__ import annotations

from typing import Any

from torch import nn

from punar.errors import ParameterError
from punar.texts import fit as texts
from punar.training.checkpoint import hash_tensors
from punar.training.report import FitReport


def random_state(estimator: Any, before: Any) -> Any:
    """Return what fixes a fit: the seed of the fit before where none is set, so that it holds out the same rows."""
    return estimator.seed_ if before is not None and estimator.random_state is None else estimator.random_state


def refuse_other(estimator: Any, what: str, before: object, now: object) -> None:
    """Raise where a network is not the one of the fit before.

    Raises
    ------
    ParameterError
    """
    if before != now:
        raise ParameterError(
            f"{type(estimator).__name__}.fit: warm_start=True goes on from the weights of the fit before, whose {what} "
            f"was {before}; now it is {now}. Set it back, or warm_start=False to begin anew."
        )


def take(estimator: Any, module: nn.Module, before: nn.Module) -> None:
    """Give a new module the weights of the fit before.

    Raises
    ------
    ParameterError
        Its tensors are others.
    """
    old, new = before.state_dict(), module.state_dict()
    for name in dict.fromkeys([*old, *new]):
        shapes = [tuple(state[name].shape) if name in state else "absent" for state in (old, new)]
        refuse_other(estimator, f"tensor {name}", *shapes)
    module.load_state_dict(old)


def facts(before: Any) -> dict[str, Any]:
    """Return what a checkpoint's fingerprint holds of the fit before, if there is one: the weights of its module."""
    return {} if before is None else {"begins_with": hash_tensors(before.module.state_dict().values())}


def say(report: FitReport, before: Any, *, given: bool) -> None:
    """Write into a report that the weights had a past; rows that they may have seen are no evidence.

    Parameters
    ----------
    report : FitReport
    before : object or None
        The fit before; without one nothing is written.
    given : bool
        Whether a person gave the rows of the verdict, and so vouches for them.
    """
    if before is None:
        return
    if given:
        report["verdict"] += texts.WENT_ON
        return
    if report["learned"]:
        report["learned"] = None
        report["verdict"] = report["verdict"].replace(texts.SAYS_LEARNED, texts.SAYS_CANNOT_TELL, 1)
    report["verdict"] += texts.MAY_HAVE_SEEN
