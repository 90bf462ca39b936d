"""Items on the command line: read with every decision said on stderr, and matched to models and backbones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from punar.cli import _answers, _typed
from punar.cli._panels import Given
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts
from punar.texts import structured

if TYPE_CHECKING:
    from punar.cli._parts import Parts
    from punar.sources import UserItems

USUAL = {"vision": "starter", "text": "minilm"}


def columns(reading: Given) -> Given:
    """Return the options of the data panel that :func:`read` takes."""
    names = ("target", "text", "path", "root", "suffix", "keep", "header", "skip_bad", "target_path")
    found = {name: reading[name] for name in names if name in reading}
    return found | {"keep": reading.get("keep") or ()}


def read_labelled(source: str, **options: Any) -> UserItems:
    """Return the items that ``source`` names, which must have labels unless ``form`` says "none"; see :func:`read`."""
    found, form = read(source, **options), options.get("form")
    if found.y is None and form != "none":
        raise no_labels(found, form)
    return found


def no_labels(found: Any, form: str | None = None) -> DataError:
    """Return the error for data to learn from that has no labels of the form that was asked for."""
    advice = no_targets(found, form)
    if advice is not None:
        return DataError(f"{found.name}: there is nothing to learn from; {advice}.")
    what = "put them into one subfolder per class" if found.row_title == "file" else "name the column with --target"
    if holds_tokens(found):
        what = "write each token's label after it, with a tab between"
    return DataError(f"{found.name}: there are no labels to learn from; {what}.")


def no_targets(found: Any, form: str | None) -> str | None:
    """Return what to do about data without targets of a form; None of labels, amounts and what needs none."""
    return structured.NO_TARGETS.get("recordings" if form == "texts" and found.kind == "audio" else str(form))


def holds_tokens(found: Any) -> bool:
    """Return whether the items are lists of tokens."""
    first = found.items[0] if isinstance(found.items, list) and found.items else None
    return isinstance(first, (list, tuple)) and bool(first) and isinstance(first[0], str)


def read(source: str, *, skip_bad: bool = False, open_each: bool = False, **options: Any) -> UserItems:
    """Return the items that ``source`` names, and print how many and the notes.

    Parameters
    ----------
    source : str
    skip_bad : bool, default=False
        Leave out rows without what is needed.
    open_each : bool, default=False
        With ``skip_bad``: open each item, and leave out those that cannot be.
    **options
        See :func:`punar.sources.read_items`.
    """
    from punar.sources import leave_out_unreadable, read_items

    found = read_items(source, on_error="skip" if skip_bad else "raise", **options)
    if skip_bad and open_each:
        found = leave_out_unreadable(found)
    for note in [how_many(len(found), found.kind), *found.notes]:
        typer.echo(texts.READ_NOTE.format(name=found.name, note=note), err=True)
    return found


def how_many(count: int, kind: str) -> str:
    """Return how many items of a kind there are, in words."""
    if count == 1:
        return texts.KIND_ITEM[kind]
    return (texts.KIND_SERIES if kind == "series" else texts.KIND_ITEMS[kind]).format(n=count)


def chosen_backbone(name: str | None, weights: str | None, kind: str | None, parts: Parts) -> Any:
    """Return the backbone that --backbone and --weights name, or the usual one for the kind of items."""
    import punar

    name = name or USUAL.get(str(kind))
    if name is None:
        raise ParameterError(
            f"No pretrained network for {kind} comes with punar; name one with --backbone (see: punar models)."
        )
    wanted = {None: "default", "none": None}.get(weights, weights)
    return parts.backbone(name, wanted) or punar.backbone(name, weights=wanted)


def domain_of(model: Any) -> str | None:
    """Return what a fitted model reads: "vision", "text" or "audio"; None for one that takes rows."""
    preparation = getattr(model, "preparation_", None)
    return None if preparation is None else str(preparation.domain)


def kind_for(model: Any) -> str | None:
    """Return which kind of items a source must give a fitted model; None leaves it to a preparation of one's own."""
    from punar.sources import ITEM_KINDS

    domain = domain_of(model)
    return domain if domain in ITEM_KINDS else None


def read_for(model: Any, source: str, **options: Any) -> UserItems:
    """Return items as a fitted model takes them: a text may be typed in place of its file's name; see :func:`read`."""
    domain = domain_of(model)
    task = getattr(getattr(model, "fitted_", None), "task", None)
    asks = getattr(task, "target_form", None) == "answers"
    if _typed.is_typed(source, domain):
        return _typed.as_question(source) if asks else _typed.as_items(source)
    with _typed.advising(source, None if asks else domain):
        return read(source, kind=kind_for(model), whole_texts=_answers.reads_whole_texts(model), **options)


def form_of(asked: str | None, found: Any) -> str | None:
    """Return the form in which further targets are read: as asked, else as those that were found."""
    return asked or {"classification": "classes", "regression": "amounts", "multilabel": "sets"}.get(found.target_kind)


def file_for(found: Any, form: str | None = None) -> str:
    """Return the name of a file, or of a folder for masks, that suits predictions of these items."""
    own = {"masks": "masks", "boxes": "boxes.json", "answers": "answers.json"}.get(str(form))
    if own is not None:
        return own
    return "preds.conll" if holds_tokens(found) else "preds.csv"


def refuse(options: dict[str, Any], message: str) -> None:
    """Raise for the first of the options that were given; see :meth:`punar.cli._panels.Panel.given`."""
    for name in options:
        raise ParameterError(message.format(option=name))
