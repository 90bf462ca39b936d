"""Autoencoders of series on the command line: ``punar fit DATA --network lstm``, and what its model is used for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli import _sequences
from punar.cli._writing import write_frame, write_rows
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts
from punar.texts import sequences as words

if TYPE_CHECKING:
    import numpy as np

    from punar.sources import UserSequences

_TABLES = (".csv", ".tsv", ".parquet")


def reads_series(fitted: Any) -> bool:
    """Return whether a model is an autoencoder with a recurrent network."""
    return hasattr(getattr(fitted, "network_", None), "cell")


def read(data: str, reading: dict[str, Any], fitted: Any = None) -> tuple[UserSequences, list[np.ndarray]]:
    """Return what ``data`` names, and its series one by one.

    Parameters
    ----------
    data : str
    reading : dict
        Options of :func:`punar.cli._sequences.read`.
    fitted : Autoencoder, optional
        Whose channels are wanted, where they have names, in its order.
    """
    import numpy as np

    from punar.data.sequences import read_series

    names = getattr(fitted, "feature_names_in_", None)
    found = _sequences.read(data, kind="series", channels=None if names is None else [str(n) for n in names], **reading)
    series = list(read_series(found.items, found.name, id_column=found.id_column, time_column=found.time_column).items)
    if isinstance(found.items, np.ndarray):
        # In an array a shorter series ends in NaN.
        series = [x[: int(np.flatnonzero(~np.isnan(x).all(1)).max(initial=-1)) + 1] for x in series]
    return found, series


def fit(model: Any, data: str, out: Path, reading: dict[str, Any], checkpoint: Path | None) -> None:
    """Fit, report, save.

    Parameters
    ----------
    model : Autoencoder
        Not fitted.
    data : str
    out : Path
        Checked.
    reading : dict
        Options of :func:`read`.
    checkpoint : Path or None
    """
    import numpy as np

    import punar
    from punar.cli.fit import shares

    found, series = read(data, reading)
    if len(series) == 1:
        raise DataError(words.ONE_SERIES.format(name=found.name))
    model.fit(series, checkpoint=checkpoint)
    if found.channels:
        model.feature_names_in_ = np.asarray(found.channels, dtype=object)
    punar.save(model, out)
    for line in [texts.FIT_REPORT.format(verdict=str(model.fit_report_)), *shares(model.fit_report_)]:
        typer.echo(line)
    typer.echo(texts.FIT_SAVED.format(path=out))
    columns = {"--id": found.id_column, "--time": found.time_column, "--key": reading["key"]}
    options = [word for option, value in columns.items() if value for word in (option, value)]
    typer.echo(texts.FIT_NEXT.format(command=shlex.join(["punar", "reconstruct", str(out), data, *options])))


def transform(fitted: Any, data: str, out: Path, reading: dict[str, Any]) -> None:
    """Write the code of each series."""
    found, series = read(data, reading, fitted)
    codes = fitted.transform(series)
    write_rows(out, codes, [str(n) for n in fitted.get_feature_names_out()], found.row_names, found.row_title)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.CODES_SHAPE.format(n=codes.shape[0], d=codes.shape[1])))


def reconstruct(fitted: Any, data: str, out: Path | None, reading: dict[str, Any]) -> None:
    """Print how good reconstructions are, and write them as a long table: a row per step, with its own error."""
    if out is not None and out.suffix.lower() not in _TABLES:
        raise ParameterError(f"--out must end in {', '.join(_TABLES)} for series, got '{out}'.")
    import numpy as np

    found, series = read(data, reading, fitted)
    errors = fitted.reconstruction_error(series)
    worst = int(errors.argmax())
    typer.echo(texts.MEAN_ERROR.format(mean=float(errors.mean())))
    typer.echo(texts.WORST_ROW.format(error=float(errors[worst]), name=f"{found.row_title} {found.row_names[worst]}"))
    typer.echo(texts.EXPLAINED.format(score=fitted.score(series)))
    if out is None:
        return
    again = [np.asarray(one).reshape(len(one), -1) for one in fitted.reconstruct(series)]
    given = [np.asarray(one, dtype=np.float64).reshape(len(one), -1) for one in series]
    names = found.channels or tuple(f"channel {i}" for i in range(again[0].shape[1]))
    steps = np.concatenate(again)
    off = (steps - np.concatenate(given)) ** 2
    known = np.maximum(1, (~np.isnan(off)).sum(1))  # a step at which all is missing has no error: 0

    def free(name: str) -> str:
        return name if name not in (*names, found.row_title) else free(f"{name} (punar)")

    columns: dict[str, Any] = {
        found.row_title: np.repeat(np.array(found.row_names, dtype=object), [len(one) for one in again]),
        free("step"): np.concatenate([np.arange(len(one)) for one in again]),
        **{name: steps[:, i] for i, name in enumerate(names)},
        free("squared error"): np.nansum(off, axis=1) / known,
    }
    write_frame(out, columns)
    typer.echo(texts.WRITTEN.format(path=out, what=words.STEPS_SHAPE.format(n=len(steps), series=len(series))))
