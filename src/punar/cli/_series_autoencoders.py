"""What a saved autoencoder of series is used for on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli import _sequences
from punar.cli._panels import Given
from punar.cli._parts import Parts
from punar.cli._writing import write_frame, write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import sequences as words

if TYPE_CHECKING:
    import numpy as np

    from punar.sources import UserSequences

_TABLES = (".csv", ".tsv", ".parquet")


def reads_series(fitted: Any) -> bool:
    """Return whether a model is an autoencoder with a recurrent network."""
    return hasattr(getattr(fitted, "network_", None), "cell")


def read(data: str, reading: Given, fitted: Any = None, *, parts: Parts) -> tuple[UserSequences, list[np.ndarray]]:
    """Return what ``data`` names, and its series one by one.

    Parameters
    ----------
    data : str
    reading : dict
        Options of :func:`punar.cli._sequences.read`.
    fitted : Autoencoder, optional
        Whose channels are wanted, where they have names, in its order.
    parts : Parts
    """
    import numpy as np

    from punar.data.sequences import read_series

    names = getattr(fitted, "feature_names_in_", None)
    channels = None if names is None else [str(n) for n in names]
    own = parts.classes
    found = _sequences.read(data, kind="series", channels=channels, parts=own, **_sequences.columns(reading))
    series = list(read_series(found.items, found.name, id_column=found.id_column, time_column=found.time_column).items)
    if isinstance(found.items, np.ndarray):
        # In an array a shorter series ends in NaN.
        series = [x[: int(np.flatnonzero(~np.isnan(x).all(1)).max(initial=-1)) + 1] for x in series]
    return found, series


def transform(fitted: Any, data: str, out: Path, reading: Given, parts: Parts) -> None:
    """Write the code of each series."""
    found, series = read(data, reading, fitted, parts=parts)
    codes = fitted.transform(series)
    names = [str(n) for n in fitted.get_feature_names_out()]
    write_rows(out, codes, names, found.row_names, found.row_title, found.kept)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.CODES_SHAPE.format(n=codes.shape[0], d=codes.shape[1])))


def reconstruct(fitted: Any, data: str, out: Path | None, reading: Given, parts: Parts) -> None:
    """Print how good reconstructions are, and write them as a long table: a row per step, with its own error."""
    if out is not None and out.suffix.lower() not in _TABLES:
        raise ParameterError(f"--out must end in {', '.join(_TABLES)} for series, got '{out}'.")
    import numpy as np

    found, series = read(data, reading, fitted, parts=parts)
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

    beside = found.kept | {found.row_title: np.array(found.row_names, dtype=object)}
    columns: dict[str, Any] = {
        **{name: np.repeat(values, [len(one) for one in again]) for name, values in beside.items()},
        free("step"): np.concatenate([np.arange(len(one)) for one in again]),
        **{name: steps[:, i] for i, name in enumerate(names)},
        free("squared error"): np.nansum(off, axis=1) / known,
    }
    write_frame(out, columns)
    typer.echo(texts.WRITTEN.format(path=out, what=words.STEPS_SHAPE.format(n=len(steps), series=len(series))))
