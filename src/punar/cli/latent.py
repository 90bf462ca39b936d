"""``punar latent MODEL DATA --out FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _items, _sequences, _series_autoencoders
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._parts import Parts, load_parts
from punar.cli._reading import read_for
from punar.cli._writing import check_file
from punar.texts import cli as texts
from punar.texts import latent as words


@takes(reading=o.DATA.without("size", "kind"))
def latent(
    model: o.Model,
    data: o.Data,
    reading: Given,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=words.OUT, show_default=False)],
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write the picture, and print the figures that belong to it."""
    check_file(out, (".html", ".htm", ".svg", ".png"), "--out", may_replace=force)
    import punar

    own = load_parts(parts)
    fitted = own.load(model)
    found, X = _read(fitted, data, reading, own)
    names = list(found.row_names) or None
    if names is not None:
        names = [name if found.row_title == "file" else f"{found.row_title} {name}" for name in names]
    picture = punar.latent_map(
        fitted, X, found.labels(), names=names, model_name=model.resolve().name, data_name=found.name
    )
    picture.save(out)
    size = picture.facts["size"]
    typer.echo(texts.WRITTEN.format(path=out, what=words.WRITTEN.format(n=len(picture.points), size=size)))
    if picture.scores:
        typer.echo(picture.figures()[:1].upper() + picture.figures()[1:])


def _read(fitted: Any, data: str, reading: Given, own: Parts) -> tuple[Any, Any]:
    """Return what was found, and X for the model."""
    import punar

    if _series_autoencoders.reads_series(fitted):
        return _series_autoencoders.read(data, reading, fitted, parts=own)
    _items.refuse(o.DATA.given(reading, "id_column", "time_column"), texts.ONLY_FOR_SERIES)
    if isinstance(fitted, punar.SequenceModel):
        found = _sequences.read_for(fitted, data, reading, own.classes)
        return found, found.items
    if _items.domain_of(fitted) is not None:
        given = {name: reading[name] for name in ("target", "text", "path", "header", "skip_bad")}
        items = _items.read_for(fitted, data, open_each=True, parts=own.classes, **given)
        return items, items.items
    given = {name: reading[name] for name in ("drop", "key", "header", "skip_bad", "target")}
    return read_for(fitted, data, parts=own.classes, **given)
