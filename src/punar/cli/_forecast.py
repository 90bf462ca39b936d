"""What a forecasting model says of the steps to come, as a table with a row for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli._writing import frame_text, write_frame
from punar.errors import ParameterError, PunarError, shown
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserSequences

_COVERAGE = 0.8


def forecast(
    fitted: Any, found: UserSequences | None, future: UserSequences | None, out: Path | None, coverage: float | None
) -> None:
    """Write a row for each series and step: id, number, time, the forecast and its interval where there is one.

    Parameters
    ----------
    fitted : SequenceModel
    found : UserSequences or None
        The series to continue; None takes those that the model was fitted on.
    future : UserSequences or None
        What is known of the steps to come.
    out : Path or None
        None prints.
    coverage : float or None
        Of the intervals; None takes 0.8, and no intervals where these cannot be calibrated.
    """
    from punar.data.times import as_text

    if future is None and fitted.preparation_.known_ahead:
        raise ParameterError(texts.FORECAST_NEEDS_FUTURE.format(names=_known_ahead(fitted), horizon=_horizon(fitted)))
    share = _COVERAGE if coverage is None else coverage
    X = None if found is None else _timed(found, fitted)
    ahead = None if future is None else future.items
    try:
        table = fitted.predict_table(X, coverage=share, future=ahead)
    except PunarError as error:
        if coverage is not None:
            raise
        # Few held-out windows are no reason to give no forecast; what is wrong with the data is raised again here.
        table = fitted.predict_table(X, coverage=None, future=ahead)
        typer.echo(texts.FORECAST_NO_INTERVAL.format(reason=str(error)), err=True)
    columns = {str(name): table[name] for name in table.columns}
    facts = fitted.preparation_
    time = facts.time_column or "time"
    if time in columns:
        form = None if found is None else found.time_format
        columns[time] = as_text(table[time].tolist(), form or facts.time_format)
    if out is None:
        typer.echo(frame_text(columns), nl=False)
        return
    write_frame(out, columns)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FORECASTED.format(n=len(table), coverage=share)))


def _timed(found: UserSequences, fitted: Any) -> Any:
    """Return the series; where the model knows no column of times, with them in the index."""
    if found.time_column is None or fitted.preparation_.time_column is not None:
        return found.items
    return found.items.set_index(found.time_column)


def _known_ahead(fitted: Any) -> str:
    facts = fitted.preparation_
    return ", ".join(shown(facts.names[c] if facts.names else c) for c in facts.known_ahead)


def _horizon(fitted: Any) -> int:
    return int(fitted.fitted_.forecaster.horizon)
