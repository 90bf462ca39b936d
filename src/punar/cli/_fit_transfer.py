"""``punar fit DATA --backbone NAME``: a pretrained network fitted to labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from punar.cli import _items
from punar.texts import cli as texts


def fit_transfer(
    data: str,
    out: Path,
    *,
    backbone: str | None,
    weights: str | None,
    task: str | None,
    unfreeze: list[str],
    reading: dict[str, Any],
    settings: dict[str, Any],
    checkpoint: Path | None,
) -> None:
    """Fit, report, save.

    Parameters
    ----------
    data : str
    out : Path
        Checked.
    backbone, weights, task : str or None
        As given; None takes what suits the data.
    unfreeze : list of str
    reading : dict
        Options of :func:`punar.cli._items.read`.
    settings : dict
        Of the estimator; those that are None are left out.
    checkpoint : Path or None
    """
    import punar
    from punar.cli.layers import _wanted

    recipe = None if backbone is None else _items.chosen_backbone(backbone, weights, None)
    # Training from scratch has no pass over the items before it begins, so they are opened here.
    scratch = settings.get("strategy") == "scratch"
    found = _items.read_labelled(data, task=task, open_each=scratch, **reading)
    given = {name: value for name, value in settings.items() if value is not None}
    model = punar.TransferLearner(
        recipe or _items.chosen_backbone(None, weights, found.kind),
        task or str(found.target_kind),
        on_error="skip" if reading["skip_bad"] and not scratch else "raise",
        **(given | ({"unfreeze": _wanted(unfreeze)} if unfreeze else {})),
    )
    model.fit(found.items, found.labels(), checkpoint=checkpoint)
    punar.save(model, out)
    typer.echo(texts.FIT_REPORT.format(verdict=str(model.fit_report_)))
    typer.echo(texts.FIT_SAVED.format(path=out))
    column = {"--text": reading["text"], "--path": reading["path"]}
    words = [word for option, value in column.items() if value for word in (option, value)]
    follow_up = ["punar", "predict", str(out), data, *words, "--out", "preds.csv"]
    typer.echo(texts.FIT_NEXT.format(command=shlex.join(follow_up)))
