"""What a forecasting model says of the steps to come, as a table with a row for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli._writing import frame_text, write_frame
from punar.errors import PunarError
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserSequences

_COVERAGE = 0.8


def forecast(fitted: Any, found: UserSequences | None, future: UserSequences | None, out: Path | None) -> None:
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
    """
    X = None if found is None else found.items
    ahead = None if future is None else future.items
    try:
        table = fitted.predict_table(X, coverage=_COVERAGE, future=ahead)
    except PunarError as error:
        # Few held-out windows are no reason to give no forecast; what is wrong with the data is raised again here.
        table = fitted.predict_table(X, coverage=None, future=ahead)
        typer.echo(texts.FORECAST_NO_INTERVAL.format(reason=str(error)), err=True)
    columns = {str(name): table[name] for name in table.columns}
    if out is None:
        typer.echo(frame_text(columns), nl=False)
        return
    write_frame(out, columns)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FORECASTED.format(n=len(table), coverage=_COVERAGE)))
