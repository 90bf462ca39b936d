"""What a forecasting model says of the steps to come, as a file with a row for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli._writing import write_frame
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.data.user_sequences import UserSequences


def forecast(fitted: Any, found: UserSequences | None, out: Path) -> None:
    """Write a row for each series and step: its id where there are several, its number, its time, and the values.

    Parameters
    ----------
    fitted : SequenceModel
    found : UserSequences or None
        The series to continue; None takes those that the model was fitted on.
    out : Path
    """
    import numpy as np

    facts, horizon = fitted.preparation_, int(fitted.horizon)
    given = () if found is None else (found.items,)
    values = np.asarray(fitted.predict(*given)).reshape(-1, horizon, facts.channels)
    numbered = [f"{texts.PREDICTION} {i}" for i in range(facts.channels)]
    names = list(facts.names) or (numbered if facts.channels > 1 else [texts.PREDICTION])
    columns: dict[str, Any] = {}
    if len(values) > 1 or facts.id_column is not None:
        ids = [str(i) for i in range(len(values))] if found is None else list(found.row_names)
        columns[facts.id_column or texts.SERIES] = np.repeat(ids, horizon)
    columns[texts.STEP] = np.tile(np.arange(1, horizon + 1), len(values))
    columns |= {name: values[:, :, i].reshape(-1) for i, name in enumerate(names)}
    write_frame(out, columns)
    typer.echo(texts.WRITTEN.format(path=out, what=texts.FORECASTED.format(steps=horizon, n=len(values))))
