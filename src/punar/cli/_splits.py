"""A folder that is split into train, val and test: what is fitted, and what is held out."""

from __future__ import annotations

import typer

from punar.texts import layouts as texts


def to_learn_from(data: str, validation: str | None, form: str | None = None) -> tuple[str, str | None]:
    """Return what to fit, and what to validate on: the folder itself and ``validation`` where it is not split.

    Pictures with masks or boxes may be parted by lists (``form`` is that of the targets). The parts that are not fitted
    are named on stderr, with the command that measures on them.
    """
    from punar.sources import lists_of, splits_of

    parts = splits_of(data) or (lists_of(data) if form in ("masks", "boxes") else {})
    if not parts:
        return data, validation
    train = str(parts["train"])
    typer.echo(texts.SPLIT_TRAIN.format(data=data, train=train), err=True)
    if "test" in parts:
        typer.echo(texts.SPLIT_TEST.format(data=data, test=parts["test"]), err=True)
    if validation is None and "val" in parts:
        validation = str(parts["val"])
        typer.echo(texts.SPLIT_VAL.format(val=validation), err=True)
    return train, validation
