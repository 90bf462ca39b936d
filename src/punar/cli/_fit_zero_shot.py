"""``punar fit --labels sports,politics``: labels by their names; what they are measured on is DATA, if there is any."""

from __future__ import annotations

from typing import Any

from punar.cli import _items
from punar.cli import _options as o
from punar.cli._asked import Asked
from punar.errors import ParameterError, shown
from punar.texts import cli as texts
from punar.texts import fit as words
from punar.texts import structured

_TRAINING = ("epochs", "batch_size", "learning_rate", "patience", "checkpoint", "time_limit", "validation", "groups")


def fit_zero_shot(asked: Asked) -> None:
    """Take the names, report, save."""
    import punar

    reading, transfer = asked.reading, asked.transfer
    _items.refuse(
        o.SEQUENCES.given(asked.sequences)
        | o.AUTOENCODER.given(asked.autoencoder)
        | o.TRANSFER.given(transfer, "unfreeze", "augment", "interpolation")
        | o.TRAINING.given(asked.training, *_TRAINING),
        texts.FIT_NOT_ZERO_SHOT,
    )
    names = _names(transfer["labels"])
    # Without labels of its own a checkpoint that does the task already is taken as it is.
    if asked.task is not None and "transfer" not in asked.task_class.models:
        _items.refuse(o.TRANSFER.given(transfer, "labels"), structured.FIT_NO_LABELS.format(task=asked.task))
    elif not asked.data and names is None:
        raise ParameterError(texts.FIT_NEEDS_LABELS)
    found = None
    if asked.data:
        options = _items.columns(reading) | {"open_each": True, "parts": asked.parts.classes}
        found = _items.read_labelled(asked.data, form=asked.form or "classes", **options)
    kind = "text" if found is None else found.kind
    settings: dict[str, Any] = {"strategy": words.ZERO_SHOT_STRATEGY, "templates": transfer["templates"] or None}
    model = punar.TransferLearner(
        _items.chosen_backbone(transfer["backbone"], transfer["weights"], kind, asked.parts),
        "classification" if asked.task is None and not asked.reading.get("task_settings") else asked.task_for(found),
        **asked.settings(settings),
    )
    if found is None:
        model.fit(None, names)  # none: of a checkpoint that is taken as it is
    elif names is None:
        model.fit(found.items, found.labels())
    else:
        _refuse_others(found, names, asked)
        model.fit(None, names, validation_data=(found.items, found.labels()))
    asked.finish(model, [], ["predict", str(asked.out), asked.data or "DATA", *asked.columns(), "--out", "preds.csv"])


def _refuse_others(found: Any, names: list[str], asked: Asked) -> None:
    """Raise for a label of the data that was not named."""
    if found.target_kind != "classification":
        return
    other = next((label for label in found.classes if label not in names), None)
    if other is not None:
        target = asked.reading["target"]
        where = f"column {target}" if isinstance(target, str) else "a label"
        message = structured.FIT_OTHER_LABELS.format(
            data=asked.data, where=where, label=shown(other), names=", ".join(names)
        )
        raise ParameterError(message)


def _names(labels: list[str] | None) -> list[str] | None:
    """Return what stands between commas."""
    found = [name.strip() for given in labels or () for name in given.split(",")]
    if found and not all(found):
        raise ParameterError(structured.FIT_EMPTY_LABEL.format(labels=shown(",".join(labels or ()))))
    return found or None
