"""Sequences on the command line: read with every decision said on stderr, predicted, and turned into features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli import _answers, _items, _typed
from punar.cli._forecast import forecast
from punar.cli._panels import Given
from punar.cli._writing import write_rows
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts import layouts

if TYPE_CHECKING:
    from punar.sources import UserSequences

_DOMAINS = {"series": "series", "history": "series", "text": "text", "audio": "audio"}
_COLUMNS = (
    *("target", "text", "path", "root", "suffix", "id_column", "time_column", "time_format", "drop", "key", "header"),
    *("kind", "skip_bad", "keep", "target_path"),
)


def columns(reading: Given) -> Given:
    """Return the options of the data panel that :func:`read` takes, as it takes them."""
    found = {name: reading[name] for name in _COLUMNS if name in reading}
    return found | {"drop": reading.get("drop") or (), "keep": reading.get("keep") or ()}


def read(source: str, *, skip_bad: bool = False, **options: Any) -> UserSequences:
    """Return the sequences that ``source`` names, and print how many and the notes.

    Parameters
    ----------
    source : str
    skip_bad : bool, default=False
        Leave out items without what is needed, and recordings that cannot be opened.
    **options
        See :func:`punar.sources.read_sequences`.
    """
    from punar.sources import leave_out_unreadable, read_sequences

    found = read_sequences(source, on_error="skip" if skip_bad else "raise", **options)
    if skip_bad:
        found = leave_out_unreadable(found)
    for note in [_items.how_many(len(found), found.kind), *found.notes]:
        typer.echo(texts.READ_NOTE.format(name=found.name, note=note), err=True)
    return found


def form_of(source: str, target: str | None, text: str | None, path: str | None, horizon: int | None) -> str | None:
    """Return "none" where the question can only be what comes next, so that nothing is a label."""
    from punar.sources import rows_are_series

    plain = target is None and text is None and path is None
    table = Path(source).suffix.lower() in (".csv", ".tsv", ".parquet", ".npy")
    return "none" if horizon is not None or (plain and table and not rows_are_series(source)) else None


def read_for(fitted: Any, data: str, reading: Given, parts: tuple[type, ...] = ()) -> UserSequences:
    """Return sequences in the form that a fitted model takes: its columns, its kind."""
    facts, task = fitted.preparation_, fitted.fitted_.task
    if _typed.is_typed(data, facts.domain):
        return _typed.as_sequences(data)
    of_table: Given = {name: getattr(facts, name, None) for name in ("id_column", "time_column", "time_format")}
    said = reading.get("time_format")
    of_table |= {"strict_format": said is not None} | ({} if said is None else {"time_format": said})
    # A target is read as the model learned it.
    learned = reading.get("target") is not None or _answers.reads_as_learned(task)
    with _typed.advising(data, facts.domain):
        return read(
            data,
            kind=_DOMAINS[facts.domain],
            channels=list(getattr(facts, "names", ())) or None,
            steps=getattr(facts, "step_names", ()),
            form=task.target_form if learned else None,
            parts=parts,
            whole_texts=_answers.reads_whole_texts(fitted),
            **of_table,
            **{name: value for name, value in columns(reading).items() if name not in of_table and name != "kind"},
        )


def remember_steps(fitted: Any, found: UserSequences) -> None:
    """Keep the names of the steps in a fitted model, which only the reader of a table with a row per series knows."""
    if not found.steps or not hasattr(fitted.preparation_, "step_names"):
        return
    from dataclasses import replace

    facts = replace(fitted.preparation_, step_names=found.steps)
    fitted.fitted_ = replace(fitted.fitted_, preparation=facts)


def read_future(fitted: Any, data: str, parts: tuple[type, ...]) -> UserSequences:
    """Return what is known of the steps to come: the columns that a forecaster was fitted with as known ahead."""
    facts = fitted.preparation_
    names = [facts.names[c] for c in facts.known_ahead] if facts.names else None
    return read(
        data,
        kind="series",
        channels=names or None,
        form="none",
        parts=parts,
        id_column=facts.id_column,
        usual_time=facts.time_column,
        time_format=facts.time_format,
        strict_format=False,
    )


def refuse_ahead(ahead: Given) -> None:
    """Raise for the first option of forecasts that was given to another model."""
    for name, value in ahead.items():
        if value is not None:
            raise ParameterError(texts.ONLY_FORECASTS_AHEAD.format(name=name))


def predict(
    fitted: Any,
    model: Path,
    data: str | None,
    ahead: Given,
    out: Path | None,
    reading: Given,
    parts: tuple[type, ...],
) -> None:
    """Write predictions, or the steps to come; ``ahead`` has what is asked and known of these."""
    if hasattr(fitted, "predict_table"):
        if reading.get("keep"):
            raise ParameterError(layouts.KEEP_NOT_STEPS)
        found = None if data is None else read_for(fitted, data, reading, parts)
        future = None if ahead["future"] is None else read_future(fitted, ahead["future"], parts)
        forecast(fitted, found, future, out, ahead["coverage"])
        return
    refuse_ahead(ahead)
    if data is None:
        raise ParameterError(texts.PREDICT_NEEDS_DATA.format(model=model))
    _answers.write_answers(fitted, read_for(fitted, data, reading, parts), out)


def transform(fitted: Any, data: str, out: Path, reading: Given, parts: tuple[type, ...]) -> None:
    """Write the pooled state of each sequence."""
    found = read_for(fitted, data, reading, parts)
    rows = fitted.transform(found.items)
    if not hasattr(rows, "shape"):
        raise ParameterError(texts.TRANSFORM_NOT_STEPS)
    names = [f"feature{i}" for i in range(rows.shape[1])]
    write_rows(out, rows, names, found.row_names, found.row_title, found.kept)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FEATURES_SHAPE.format(n=rows.shape[0], d=rows.shape[1])))
