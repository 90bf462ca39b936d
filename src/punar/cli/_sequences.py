"""Sequences on the command line: read with every decision said on stderr, predicted, and turned into features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli._reading import form_of
from punar.cli._writing import write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserSequences

_DOMAINS = {"series": "series", "history": "series", "text": "text", "audio": "audio"}


def read(source: str, *, task: Any = None, skip_bad: bool = False, **options: Any) -> UserSequences:
    """Return the sequences that ``source`` names, and print how many and the notes.

    Parameters
    ----------
    source : str
    task : str, Task or None, default=None
        Says how the target is read; None tells it by content.
    skip_bad : bool, default=False
        Leave out items without what is needed, and recordings that cannot be opened.
    **options
        See :func:`punar.sources.read_sequences`.
    """
    from punar.sources import leave_out_unreadable, read_sequences

    found = read_sequences(source, form=form_of(task), on_error="skip" if skip_bad else "raise", **options)
    if skip_bad:
        found = leave_out_unreadable(found)
    what = texts.KIND_SERIES if found.kind == "series" else texts.KIND_ITEMS[found.kind]
    for note in [what.format(n=len(found)), *found.notes]:
        typer.echo(texts.READ_NOTE.format(name=found.name, note=note), err=True)
    return found


def task_of(source: str, target: str | None, text: str | None, path: str | None, horizon: int | None) -> str | None:
    """Return "forecasting" where the question can only be what comes next."""
    if horizon is not None:
        return "forecasting"
    place = Path(source)
    plain = target is None and text is None and path is None
    return "forecasting" if plain and place.suffix.lower() in (".csv", ".tsv", ".parquet", ".npy") else None


def read_for(fitted: Any, data: str, reading: dict[str, Any]) -> UserSequences:
    """Return sequences in the form that a fitted model takes: its columns, its kind."""
    facts = fitted.preparation_
    of_table: dict[str, Any] = {name: getattr(facts, name, None) for name in ("id_column", "time_column")}
    forecasts = fitted.task == "forecasting"
    if reading.get("target") is not None or forecasts:
        reading = reading | {"task": fitted.task}
    channels = list(getattr(facts, "names", ())) or None
    return read(data, kind=_DOMAINS[facts.domain], channels=channels, **of_table, **reading)


def predict(fitted: Any, model: Path, data: str | None, out: Path, reading: dict[str, Any]) -> None:
    """Write predictions, or the steps to come."""
    from punar.cli.predict import write_answers

    if fitted.task == "forecasting":
        from punar.cli._forecast import forecast

        forecast(fitted, None if data is None else read_for(fitted, data, reading), out)
        return
    if data is None:
        raise ParameterError(texts.PREDICT_NEEDS_DATA.format(model=model))
    write_answers(fitted, read_for(fitted, data, reading), out)


def transform(fitted: Any, data: str, out: Path, reading: dict[str, Any]) -> None:
    """Write the pooled state of each sequence."""
    found = read_for(fitted, data, reading)
    rows = fitted.transform(found.items)
    write_rows(out, rows, [f"feature{i}" for i in range(rows.shape[1])], found.row_names, found.row_title)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FEATURES_SHAPE.format(n=rows.shape[0], d=rows.shape[1])))
