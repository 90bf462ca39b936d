"""``punar reconstruct MODEL DATA [--out FILE]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.cli import _mixed, _series_autoencoders
from punar.cli import _options as o
from punar.cli._items import refuse
from punar.cli._keeping import kept_columns
from punar.cli._panels import Given, takes
from punar.cli._parts import load_parts
from punar.cli._reading import read_for
from punar.cli._writing import ROWS, check_file, check_new_folder, write_arrays, write_pictures, write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import layouts
from punar.texts import mixed as mixed_texts

if TYPE_CHECKING:
    import numpy as np

    from punar.sources import UserData

_ARRAYS = (".npy", ".npz")


@takes(reading=o.DATA.only("id_column", "time_column", "time_format", "drop", "key", "header", "skip_bad"), kept=o.KEEP)
def reconstruct(
    model: o.Model,
    data: o.Data,
    reading: Given,
    kept: Given,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help=texts.RECONSTRUCT_OUT, show_default=False)
    ] = None,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write reconstructions and print how good they are."""
    if out is not None:
        _check_out(out, may_replace=force)
    own = load_parts(parts)
    reading = reading | kept
    fitted = own.load(model)
    if _series_autoencoders.reads_series(fitted):
        _series_autoencoders.reconstruct(fitted, data, out, reading, own)
        return
    refuse(o.DATA.given(reading, "id_column", "time_column", "time_format"), texts.ONLY_FOR_SERIES)
    given = {name: reading[name] for name in ("drop", "key", "header", "skip_bad")}
    found, X = read_for(fitted, data, parts=own.classes, **given)
    if out is not None and found.kind != "images" and not out.suffix:
        raise ParameterError(f"--out must end in {', '.join((*ROWS, '.npz'))} for a table, got '{out}'.")
    if out is not None and found.kind == "images" and out.suffix and out.suffix.lower() not in _ARRAYS:
        raise ParameterError(f"--out must end in {', '.join(_ARRAYS)}, or be a new folder, for pictures; got '{out}'.")
    mixed = getattr(fitted, "table_", None) is not None
    if mixed and out is not None and out.suffix.lower() in _ARRAYS:
        suffixes = ", ".join(each for each in ROWS if each not in _ARRAYS)
        raise ParameterError(layouts.ONLY_TEXT.format(suffixes=suffixes, out=out))
    errors = fitted.reconstruction_error(X)
    worst = int(errors.argmax())
    said = mixed_texts if mixed else texts
    typer.echo(said.MEAN_ERROR.format(mean=float(errors.mean())))
    name = found.row_names[worst] if found.kind == "images" and found.row_names else texts.ROW.format(row=worst)
    typer.echo(texts.WORST_ROW.format(error=float(errors[worst]), name=name))
    typer.echo(said.EXPLAINED.format(score=fitted.score(X)))
    again = fitted.reconstruct(X) if mixed or out is not None else None
    for line in _mixed.scores(fitted, X, again) if mixed else ():
        typer.echo(line)
    if out is not None:
        beside = kept_columns(data, found, reading, own.classes)
        if beside and out.suffix.lower() not in (".csv", ".tsv", ".parquet"):
            raise ParameterError(layouts.KEEP_TABLES.format(out=out))
        what = _write(out, again, errors, found, beside)
        typer.echo(texts.WRITTEN.format(path=out, what=what))


def _check_out(out: Path, *, may_replace: bool) -> None:
    if out.suffix:
        check_file(out, (*ROWS, ".npz"), "--out", may_replace=may_replace)
    else:
        check_new_folder(out, "--out")


def _write(out: Path, again: Any, errors: np.ndarray, found: UserData, beside: Given) -> str:
    """Write the rows in the form that the suffix asks for, and return what was written in words."""
    suffix = out.suffix.lower()
    if suffix == ".npz":
        write_arrays(out, again, error=errors)
    elif suffix == ".npy":
        write_arrays(out, again)
    elif not suffix:
        write_pictures(out, again, found.row_names, top=255 if found.X.dtype.kind == "u" else 1)
    else:
        columns = list(getattr(again, "columns", found.columns)) or [
            f"column {i}" for i in range(1, again.shape[1] + 1)
        ]
        write_rows(out, again, columns, found.row_names, "row", beside)
    if found.kind == "images":
        return texts.PICTURES_SHAPE.format(n=len(again), shape=" × ".join(map(str, again.shape[1:])))
    return texts.ROWS_SHAPE.format(n=len(again), d=again.shape[1])
