"""A folder that is split into train, val and test: what is fitted, and what is held out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer

from punar.cli._panels import Given
from punar.texts import layouts as texts


def to_learn_from(data: str) -> tuple[str, str | None]:
    """Return what to fit, and what to validate on where there is such a part: the folder itself where it is not split.

    The parts that are not fitted are named on stderr, with the command that measures on them.
    """
    from punar.sources import splits_of

    parts = splits_of(data)
    if not parts:
        return data, None
    train = str(parts["train"])
    typer.echo(texts.SPLIT_TRAIN.format(data=data, train=train), err=True)
    if "test" in parts:
        typer.echo(texts.SPLIT_TEST.format(data=data, test=parts["test"]), err=True)
    return train, str(parts["val"]) if "val" in parts else None


def held_out(fit: Callable[..., Any], validation: str | None, read: Callable[[str], Any]) -> Given:
    """Return what ``fit`` is told of the part to validate on, and say whether it is used.

    Parameters
    ----------
    fit : callable
        An estimator's method.
    validation : str or None
        From :func:`to_learn_from`.
    read : callable
        Path -> UserItems or UserSequences, with labels.
    """
    if validation is None:
        return {}
    if "validation_data" not in inspect.signature(fit).parameters:
        typer.echo(texts.SPLIT_NO_VAL.format(val=validation), err=True)
        return {}
    found = read(validation)
    typer.echo(texts.SPLIT_VAL.format(val=validation, n=len(found)), err=True)
    return {"validation_data": (found.items, found.labels())}
