"""A folder that is split into train, val and test: what is fitted, and what is held out."""

from __future__ import annotations

from typing import Any

import typer

from punar.texts import cli
from punar.texts import layouts as texts


def to_learn_from(data: str, validation: str | None, form: str | None = None) -> tuple[str, str | None]:
    """Return what to fit, and what to validate on: the folder itself and ``validation`` where it is not split.

    Pictures with masks or boxes may be parted by lists (``form`` is that of the targets). The parts that are not fitted
    are named on stderr, with the command that measures on them. A list that names what is learned from is a
    :class:`~punar.errors.DataError`.
    """
    from punar.sources import check_lists, lists_of, splits_of

    parts = splits_of(data) or (lists_of(data) if form in ("masks", "boxes") else {})
    if not parts:
        return data, validation
    check_lists(*(parts[name] for name in ("train", "test") if name in parts))
    train = str(parts["train"])
    typer.echo(texts.SPLIT_TRAIN.format(data=data, train=train), err=True)
    if "test" in parts:
        typer.echo(texts.SPLIT_TEST.format(data=data, test=parts["test"]), err=True)
    if validation is None and "val" in parts:
        check_lists(parts["train"], parts["val"])
        validation = str(parts["val"])
        typer.echo(texts.SPLIT_VAL.format(val=validation), err=True)
    return train, validation


def say_shared(data: str, found: Any, validation: str, others: Any) -> None:
    """Say what the data to learn from and those to validate on share; see :func:`punar.sources.check_held_out`.

    Raises
    ------
    DataError
        What is held out is learned from.
    """
    from punar.sources import check_held_out

    for note in check_held_out(data, validation, found, others):
        typer.echo(cli.READ_NOTE.format(name=others.name, note=note), err=True)
