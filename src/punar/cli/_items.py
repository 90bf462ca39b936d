"""Items on the command line: read with every decision said on stderr, and matched to models and backbones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli._reading import form_of
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserItems

USUAL = {"vision": "starter", "text": "minilm"}


def read_labelled(source: str, **options: Any) -> UserItems:
    """Return the items that ``source`` names, which must have labels; see :func:`read`."""
    found = read(source, **options)
    if found.y is None:
        what = "put them into one subfolder per class" if Path(source).is_dir() else "name the column with --target"
        raise DataError(f"{found.name}: there are no labels to learn from; {what}.")
    return found


def read(
    source: str, *, task: Any = None, skip_bad: bool = False, open_each: bool = False, **options: Any
) -> UserItems:
    """Return the items that ``source`` names, and print how many and the notes.

    Parameters
    ----------
    source : str
    task : str, Task or None, default=None
        Says how the target is read; None tells it by content.
    skip_bad : bool, default=False
        Leave out rows without what is needed.
    open_each : bool, default=False
        With ``skip_bad``: open each item, and leave out those that cannot be.
    **options
        See :func:`punar.sources.read_items`.
    """
    from punar.sources import leave_out_unreadable, read_items

    found = read_items(source, form=form_of(task), on_error="skip" if skip_bad else "raise", **options)
    if skip_bad and open_each:
        found = leave_out_unreadable(found)
    for note in [texts.KIND_ITEMS[found.kind].format(n=len(found)), *found.notes]:
        typer.echo(texts.READ_NOTE.format(name=found.name, note=note), err=True)
    return found


def chosen_backbone(name: str | None, weights: str | None, kind: str | None) -> Any:
    """Return the backbone that --backbone and --weights name, or the usual one for the kind of items."""
    import punar

    name = name or USUAL.get(str(kind))
    if name is None:
        raise ParameterError(
            f"No pretrained network for {kind} comes with punar; name one with --backbone (see: punar models)."
        )
    return punar.backbone(name, weights={None: "default", "none": None}.get(weights, weights))


def domain_of(model: Any) -> str | None:
    """Return what a fitted model reads: "vision", "text" or "audio"; None for one that takes rows."""
    body = getattr(model, "body_", None) or getattr(model, "_body", None)
    return None if body is None else str(body.plan.preparation.domain)


def refuse(options: dict[str, Any], message: str) -> None:
    """Raise for the first of the options that was given."""
    for name, value in options.items():
        if value:
            raise ParameterError(message.format(option=name))
