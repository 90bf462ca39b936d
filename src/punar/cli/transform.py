"""``punar transform MODEL DATA --out FILE``, or with a pretrained network ``punar transform DATA --backbone NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _items, _sequences, _series_autoencoders
from punar.cli import _options as o
from punar.cli._reading import read_for
from punar.cli._writing import ROWS, check_file, write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts


def transform(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=texts.TRANSFORM_MODEL, show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=texts.TRANSFORM_OUT, show_default=False)],
    data: Annotated[str | None, typer.Argument(metavar="DATA", help=texts.DATA, show_default=False)] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help=texts.TRANSFORM_BACKBONE, show_default=False)
    ] = None,
    weights: o.Weights = None,
    text: o.Text = None,
    path: o.PathColumn = None,
    force: o.Force = False,
    drop: o.Drop = None,
    key: o.Key = None,
    header: o.Header = None,
    id_column: o.IdColumn = None,
    time_column: o.TimeColumn = None,
    skip_bad: o.SkipBad = False,
) -> None:
    """Write codes or features."""
    check_file(out, ROWS, "--out", may_replace=force)
    if (data is None) != (backbone is not None):
        raise ParameterError("Give either MODEL and DATA, or DATA and --backbone NAME.")
    _items.refuse({"--weights": weights} if backbone is None else {}, "{option} needs --backbone.")
    import punar

    if backbone is not None:
        extractor = punar.FeatureExtractor(_items.chosen_backbone(backbone, weights, None)).fit()
        _features(extractor, model, out, text, path, header, skip_bad)
        return
    assert data is not None
    fitted = punar.load(model)
    plain: dict[str, Any] = {"drop": drop or (), "key": key, "header": header, "skip_bad": skip_bad}
    if _series_autoencoders.reads_series(fitted):
        _items.refuse({"--text": text, "--path": path}, "{option} is for pretrained networks; this model takes series.")
        columns = {"id_column": id_column, "time_column": time_column}
        _series_autoencoders.transform(fitted, data, out, plain | columns)
        return
    _items.refuse({"--id": id_column, "--time": time_column}, texts.ONLY_FOR_SERIES)
    if isinstance(fitted, punar.SequenceModel):
        reading = plain | {"text": text, "path": path}
        _sequences.transform(fitted, data, out, reading)
        return
    if _items.domain_of(fitted) is not None:
        _features(fitted, data, out, text, path, header, skip_bad)
        return
    _items.refuse({"--text": text, "--path": path}, "{option} is for pretrained networks; this model takes rows.")
    found, X = read_for(fitted, data, drop=drop, key=key, header=header, skip_bad=skip_bad)
    codes = fitted.transform(X)
    names = [str(n) for n in fitted.get_feature_names_out()]
    write_rows(out, codes, names, found.row_names, "file" if found.kind == "images" else "row")
    typer.echo(texts.WRITTEN.format(path=out, what=texts.CODES_SHAPE.format(n=codes.shape[0], d=codes.shape[1])))


def _features(
    model: Any, data: str, out: Path, text: str | None, path: str | None, header: bool | None, skip_bad: bool
) -> None:
    kind = _items.domain_of(model)
    found = _items.read(data, kind=kind, text=text, path=path, header=header, skip_bad=skip_bad, open_each=True)
    rows = model.transform(found.items)
    names = [f"feature{i}" for i in range(rows.shape[1])]
    write_rows(out, rows, names, found.row_names, found.row_title)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FEATURES_SHAPE.format(n=rows.shape[0], d=rows.shape[1])))
