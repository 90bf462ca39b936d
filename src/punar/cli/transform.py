"""``punar transform MODEL DATA --out FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punar.cli import _options as o
from punar.cli._reading import read_for
from punar.cli._writing import ROWS, check_file, write_rows
from punar.texts import cli as texts


def transform(
    model: o.Model,
    data: o.Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=texts.TRANSFORM_OUT, show_default=False)],
    force: o.Force = False,
    drop: o.Drop = None,
    key: o.Key = None,
    header: o.Header = None,
    skip_bad: o.SkipBad = False,
) -> None:
    """Write codes."""
    check_file(out, ROWS, "--out", may_replace=force)
    import punar

    fitted = punar.load(model)
    found, X = read_for(fitted, data, drop=drop, key=key, header=header, skip_bad=skip_bad)
    codes = fitted.transform(X)
    names = [str(n) for n in fitted.get_feature_names_out()]
    write_rows(out, codes, names, found.row_names, "file" if found.kind == "images" else "row")
    typer.echo(texts.WRITTEN.format(path=out, what=texts.CODES_SHAPE.format(n=codes.shape[0], d=codes.shape[1])))
