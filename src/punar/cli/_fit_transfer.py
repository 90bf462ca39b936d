"""``punar fit DATA --backbone NAME``: a pretrained network fitted to labels."""

from __future__ import annotations

from typing import Any

from punar.cli import _items
from punar.cli import _options as o
from punar.cli._asked import Asked
from punar.cli._panels import Given
from punar.cli._splits import say_shared
from punar.cli._unfreeze import stages
from punar.texts import cli as texts


def fit_transfer(asked: Asked) -> None:
    """Fit, report, save."""
    import punar

    reading, transfer = asked.reading, asked.transfer
    _items.refuse(o.SEQUENCES.given(asked.sequences, "branch"), texts.FIT_BRANCH)
    _items.refuse(
        o.SEQUENCES.given(asked.sequences) | o.DATA.given(reading, "id_column", "time_column", "time_format"),
        texts.FIT_ONLY_WITH_CELL,
    )
    _items.refuse(
        o.AUTOENCODER.given(asked.autoencoder) | o.DATA.given(reading, "size", "key", "drop", "kind"),
        texts.FIT_NOT_WITH,
    )
    name, weights = transfer["backbone"], transfer["weights"]
    recipe = None if name is None else _items.chosen_backbone(name, weights, None, asked.parts)
    # Training from scratch has no pass over the items before it begins, so they are opened here.
    scratch = transfer["strategy"] == "scratch"
    options = _items.columns(reading) | {"open_each": scratch, "parts": asked.parts.classes}
    found = _items.read_labelled(asked.data, form=asked.form, **options)
    own = {"strategy": transfer["strategy"], "interpolation": transfer["interpolation"]}
    # "none" is a choice, and what was not given is none.
    augment: dict[str, Any] = {} if transfer["augment"] is None else {"augment": _none(transfer["augment"])}
    model = punar.TransferLearner(
        recipe or _items.chosen_backbone(None, weights, found.kind, asked.parts),
        asked.task_for(found),
        on_error="skip" if reading["skip_bad"] and not scratch else "raise",
        **asked.settings(own, {"unfreeze": stages(transfer["unfreeze"])}),
        **augment,
    )
    given: Given = {}
    if asked.validation is not None:
        form = _items.form_of(asked.form, found)
        other = _items.read_labelled(asked.validation, kind=found.kind, form=form, **options)
        say_shared(asked.data, found, asked.validation, other)
        given = {"validation_data": (other.items, other.labels())}
    model.fit(found.items, found.labels(), **asked.of_fit(), **asked.groups(found), **given)
    out = _items.file_for(found, asked.form)
    asked.finish(model, [], ["predict", str(asked.out), asked.data, *asked.columns(), "--out", out])


def _none(name: str) -> str | None:
    return None if name.lower() == "none" else name
