"""``punar fit DATA --out MODEL``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from punar.cli import _items
from punar.cli import _options as o
from punar.cli._asked import Asked
from punar.cli._panels import Given, takes
from punar.cli._parts import load_parts
from punar.cli._splits import to_learn_from
from punar.cli._writing import check_model_folder
from punar.errors import ParameterError
from punar.texts import cli as texts
from punar.texts.fit import ZERO_SHOT_STRATEGY
from punar.texts.structured import FIT_TASK_NOT_CELL


@takes(
    reading=o.DATA,
    transfer=o.TRANSFER,
    structured=o.STRUCTURED,
    sequences=o.SEQUENCES,
    autoencoder=o.AUTOENCODER,
    training=o.TRAINING,
)
def fit(
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help=texts.FIT_OUT, show_default=False)],
    reading: Given,
    transfer: Given,
    structured: Given,
    sequences: Given,
    autoencoder: Given,
    training: Given,
    data: o.MaybeData = None,
    task: Annotated[str | None, typer.Option("--task", metavar="NAME", help=texts.TASK, show_default=False)] = None,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Fit, report, save."""
    check_model_folder(out, may_replace=force)
    # Whoever names labels and no strategy means this one.
    strategy = transfer["strategy"] or (ZERO_SHOT_STRATEGY if transfer["labels"] else None)
    asked = Asked(
        data or "", out, task, load_parts(parts), reading | structured, transfer, sequences, autoencoder, training
    )
    if strategy != ZERO_SHOT_STRATEGY:
        if data is None:
            raise ParameterError(texts.FIT_NEEDS_DATA)
        _items.refuse(o.TRANSFER.given(transfer, "labels", "templates"), texts.FIT_ONLY_ZERO_SHOT)
        data, validation = to_learn_from(data, training["validation"], asked.form)
        asked = replace(asked, data=data, training=training | {"validation": validation})
    # Only the kind of model is chosen here; each says which options are not for it.
    of_network = task is None or bool({"transfer", "structured"} & set(asked.task_class.models))
    if strategy == ZERO_SHOT_STRATEGY:
        from punar.cli._fit_zero_shot import fit_zero_shot as chosen
    elif sequences["cell"] is not None or not of_network:
        if task is not None and not {"recurrent", "forecaster"} & set(asked.task_class.models):
            raise ParameterError(FIT_TASK_NOT_CELL.format(task=task))
        from punar.cli._fit_sequence import fit_sequence as chosen
    elif transfer["backbone"] is not None or task is not None:
        from punar.cli._fit_transfer import fit_transfer as chosen
    else:
        from punar.cli._fit_autoencoder import fit_autoencoder as chosen
    chosen(asked)
