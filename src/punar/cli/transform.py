"""``punar transform MODEL DATA --out FILE``, or with a pretrained network ``punar transform DATA --backbone NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _items, _sequences, _series_autoencoders
from punar.cli import _options as o
from punar.cli._keeping import kept_columns
from punar.cli._panels import Given, takes
from punar.cli._parts import Parts, load_parts
from punar.cli._reading import read_for
from punar.cli._writing import ROWS, check_file, write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import options


@takes(
    reading=o.DATA.only(
        *("text", "path", "root", "suffix", "id_column", "time_column", "time_format", "drop", "key", "header"),
        "skip_bad",
    ),
    kept=o.KEEP,
    network=o.TRANSFER.only("weights"),
)
def transform(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=texts.TRANSFORM_MODEL, show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=texts.TRANSFORM_OUT, show_default=False)],
    reading: Given,
    kept: Given,
    network: Given,
    data: Annotated[str | None, typer.Argument(metavar="DATA", help=options.DATA, show_default=False)] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help=texts.TRANSFORM_BACKBONE, show_default=False)
    ] = None,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write codes or features."""
    check_file(out, ROWS, "--out", may_replace=force)
    if (data is None) != (backbone is not None):
        raise ParameterError("Give either MODEL and DATA, or DATA and --backbone NAME.")
    own = load_parts(parts)
    reading = reading | kept
    import punar

    if backbone is not None:
        extractor = punar.FeatureExtractor(_items.chosen_backbone(backbone, network["weights"], None, own)).fit()
        _features(extractor, model, out, reading, own)
        return
    _items.refuse(o.TRANSFER.given(network), "{option} needs --backbone.")
    assert data is not None
    fitted = own.load(model)
    items = o.DATA.given(reading, "text", "path", "root", "suffix")
    if _series_autoencoders.reads_series(fitted):
        _items.refuse(items, "{option} is for pretrained networks; this model takes series.")
        _series_autoencoders.transform(fitted, data, out, reading, own)
        return
    of_times = () if isinstance(fitted, punar.SequenceModel) else ("time_format",)
    _items.refuse(o.DATA.given(reading, "id_column", "time_column", *of_times), texts.ONLY_FOR_SERIES)
    if isinstance(fitted, punar.SequenceModel):
        _sequences.transform(fitted, data, out, reading, own.classes)
    elif _items.domain_of(fitted) is not None:
        _features(fitted, data, out, reading, own)
    else:
        _items.refuse(items, "{option} is for pretrained networks; this model takes rows.")
        _codes(fitted, data, out, reading, own)


def _codes(model: Any, data: str, out: Path, reading: Given, own: Parts) -> None:
    given = {name: reading[name] for name in ("drop", "key", "header", "skip_bad")}
    found, X = read_for(model, data, parts=own.classes, **given)
    codes = model.transform(X)
    names = [str(n) for n in model.get_feature_names_out()]
    beside = kept_columns(data, found, reading, own.classes)
    write_rows(out, codes, names, found.row_names, "file" if found.kind == "images" else "row", beside)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.CODES_SHAPE.format(n=codes.shape[0], d=codes.shape[1])))


def _features(model: Any, data: str, out: Path, reading: Given, own: Parts) -> None:
    found = _items.read_for(model, data, open_each=True, parts=own.classes, **_items.columns(reading))
    rows = model.transform(found.items)
    if not hasattr(rows, "shape"):
        raise ParameterError(texts.TRANSFORM_NOT_STEPS)
    names = [f"feature{i}" for i in range(rows.shape[1])]
    write_rows(out, rows, names, found.row_names, found.row_title, found.kept)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FEATURES_SHAPE.format(n=rows.shape[0], d=rows.shape[1])))
