"""Parameters that may be "auto", made values: one rule for every kind of model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any


def resolve(estimator: Any, names: Iterable[str], auto: Mapping[str, Any]) -> SimpleNamespace:
    """Return an estimator's parameters with "auto" replaced by what it stands for here.

    Parameters
    ----------
    estimator : object
        Its attributes are checked.
    names : iterable of str
        The parameters that are wanted.
    auto : mapping of str to value
        What "auto" stands for, by parameter; one that is not named keeps its "auto" for whoever knows better.
    """
    given = {name: getattr(estimator, name) for name in names}
    return SimpleNamespace(
        **{k: auto[k] if isinstance(v, str) and v == "auto" and k in auto else v for k, v in given.items()}
    )
