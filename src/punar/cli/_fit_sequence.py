"""``punar fit DATA --cell NAME``, and tasks that no pretrained network carries: a recurrent network from scratch."""

from __future__ import annotations

from typing import Any

from punar.cli import _items, _sequences
from punar.cli import _options as o
from punar.cli._asked import Asked
from punar.cli._panels import Given
from punar.cli._splits import say_shared
from punar.errors import ParameterError
from punar.texts import cli as texts

_ONLY_FORECASTS = ("freq", "horizon", "context", "season", "known_ahead", "lower", "upper")


def fit_sequence(asked: Asked) -> None:
    """Fit, report, save."""
    import punar
    from punar.sources import SEQUENCE_KINDS

    reading, sequences = asked.reading, asked.sequences
    _items.refuse(
        o.TRANSFER.given(asked.transfer)
        | o.AUTOENCODER.given(asked.autoencoder, "objective", "network", "latent_dim")
        | o.DATA.given(reading, "size"),
        texts.FIT_CELL_NOT_WITH,
    )
    forecasts = asked.task is not None and "forecaster" in asked.task_class.models
    if forecasts and sequences["horizon"] is None:
        raise ParameterError(texts.FORECAST_NEEDS_HORIZON)
    if forecasts:
        _items.refuse(o.TRAINING.given(asked.training, "validation", "groups"), texts.FIT_NOT_WITH_FORECASTS)
    if not forecasts and o.SEQUENCES.given(sequences, *_ONLY_FORECASTS):
        raise ParameterError(texts.ONLY_FORECASTS)
    ahead = list(sequences["known_ahead"] or ())
    target = reading["target"] if ahead else None
    options = _sequences.columns(reading) | {"drop": asked.left_out, "parts": asked.parts.classes}
    channels = None if target is None else [target, *(name for name in ahead if name != target)]
    found = _sequences.read(asked.data, form=asked.form, channels=channels, **options)
    if not forecasts and found.y is None:
        raise _items.no_labels(found, asked.form)
    branch = sequences["branch"]
    own = {k: v for k, v in sequences.items() if k != "branch"}
    own |= {"cell": asked.parts.part("cells", sequences["cell"]), "known_ahead": ahead or None}
    model = punar.SequenceModel(
        task=asked.task_for(found),
        kind=SEQUENCE_KINDS[found.kind],
        id_column=found.id_column,
        time_column=found.time_column,
        time_format=found.time_format,
        target=target,
        **asked.settings(own, {"scaling": asked.autoencoder["scaling"]}),
    )
    if branch is not None:
        model.set_params(branch="conv" if branch else None)
    if forecasts:
        model.fit(found.items, **asked.of_fit())
        coming = ["--future", "future.csv"] if ahead else []
        command = ["predict", str(asked.out), *coming, "--out", "forecast.csv"]
    else:
        model.fit(found.items, found.y, **asked.of_fit(), **asked.groups(found), **_given(asked, found, options))
        _sequences.remember_steps(model, found)
        command = ["predict", str(asked.out), asked.data, *asked.columns(), "--out", _items.file_for(found, asked.form)]
    asked.finish(model, [], command)


def _given(asked: Asked, found: Any, options: Given) -> Given:
    """Return what to validate on as an argument of ``fit``, where --validation names it: read as the data were."""
    if asked.validation is None:
        return {}
    named = {"kind": found.kind, "id_column": found.id_column, "time_column": found.time_column}
    form = _items.form_of(asked.form, found)
    channels = list(found.channels) or None
    other = _sequences.read(asked.validation, form=form, channels=channels, **(options | named))
    if other.y is None:
        raise _items.no_labels(other, asked.form)
    say_shared(asked.data, found, asked.validation, other)
    return {"validation_data": (other.items, other.y)}
