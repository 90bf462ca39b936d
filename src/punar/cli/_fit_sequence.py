"""``punar fit DATA --cell NAME`` and ``--task forecasting``: a recurrent network from scratch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from punar.cli import _sequences
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts


def fit_sequence(
    data: str,
    out: Path,
    *,
    reading: dict[str, Any],
    task: str | None,
    settings: dict[str, Any],
    checkpoint: Path | None,
) -> None:
    """Fit, report, save.

    Parameters
    ----------
    data : str
    out : Path
        Checked.
    reading : dict
        Options of :func:`punar.cli._sequences.read`.
    task : str or None
        None takes what suits the labels.
    settings : dict
        Of the estimator; those that are None are left out.
    checkpoint : Path or None
    """
    import punar
    from punar.sources import SEQUENCE_KINDS

    forecasts = task == "forecasting"
    if forecasts and settings["horizon"] is None:
        raise ParameterError(texts.FORECAST_NEEDS_HORIZON)
    if not forecasts and (settings["horizon"] or settings["context"] or settings["season"]):
        raise ParameterError("--horizon, --context and --season need --task forecasting.")
    found = _sequences.read(data, task=task, **reading)
    if not forecasts and found.y is None:
        what = "put them into one subfolder per class" if Path(data).is_dir() else "name them with --target"
        raise DataError(f"{found.name}: there are no labels to learn from; {what}.")
    given = {name: value for name, value in settings.items() if value is not None}
    model = punar.SequenceModel(
        task=task or str(found.target_kind),
        kind=SEQUENCE_KINDS[found.kind],
        id_column=found.id_column,
        time_column=found.time_column,
        **given,
    )
    if forecasts:
        model.fit(found.items, checkpoint=checkpoint)
    else:
        model.fit(found.items, found.y, checkpoint=checkpoint)
    punar.save(model, out)
    typer.echo(texts.FIT_REPORT.format(verdict=str(model.fit_report_)))
    typer.echo(texts.FIT_SAVED.format(path=out))
    column = {"--text": reading["text"], "--path": reading["path"]}
    words = [word for option, value in column.items() if value for word in (option, value)]
    end = ["--out", "forecast.csv"] if forecasts else [data, *words, "--out", "preds.csv"]
    typer.echo(texts.FIT_NEXT.format(command=shlex.join(["punar", "predict", str(out), *end])))
