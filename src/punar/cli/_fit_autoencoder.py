"""``punar fit DATA``: an autoencoder of rows, pictures or series."""

from __future__ import annotations

from typing import Any

from punar.cli import _options as o
from punar.cli import _series_autoencoders
from punar.cli._asked import Asked
from punar.cli._items import refuse
from punar.cli._panels import Given
from punar.cli._parts import Parts
from punar.cli._reading import read_data, say_notes
from punar.cli._splits import say_shared
from punar.errors import DataError
from punar.texts import cli as texts
from punar.texts import sequences as words


def fit_autoencoder(asked: Asked) -> None:
    """Fit, report, save."""
    import punar

    reading, sequences = asked.reading, asked.sequences
    network, recurrent = _network(asked.autoencoder["network"], sequences["hidden_size"], asked.parts)
    used = ("hidden_size", "missing") if recurrent else ()
    others = {name: value for name, value in sequences.items() if name not in used}
    columns = {} if recurrent else o.DATA.given(reading, "id_column", "time_column", "time_format")
    refuse(o.SEQUENCES.given(sequences, "branch"), texts.FIT_BRANCH)
    refuse(o.SEQUENCES.given(others) | columns, texts.FIT_ONLY_WITH_CELL)
    refuse(o.STRUCTURED.given(reading, "target_path", "task_settings"), texts.FIT_ONLY_WITH)
    refuse(o.TRANSFER.given(asked.transfer) | o.DATA.given(reading, "text", "path"), texts.FIT_ONLY_WITH)
    own = {name: asked.autoencoder[name] for name in ("latent_dim", "scaling")}
    model = punar.Autoencoder(
        asked.parts.part("objectives", asked.autoencoder["objective"]) or "reconstruction",
        network,
        **asked.settings(own, {"missing": sequences["missing"]}),
    )
    if recurrent:
        refuse(o.DATA.given(reading, "size", "kind"), texts.FIT_NOT_WITH_SERIES)
        command = _fit_series(model, asked)
    else:
        command = _fit_rows(model, asked)
    asked.finish(model, shares(model.fit_report_), ["reconstruct", str(asked.out), asked.data, *command])


def _fit_rows(model: Any, asked: Asked) -> list[str]:
    """Fit on a table or pictures, and return the options that read the same again."""
    names = ("target", "drop", "key", "header", "size", "kind", "skip_bad")
    options = {name: asked.reading[name] for name in names} | {"drop": asked.left_out}
    found = read_data(asked.data, parts=asked.parts.classes, **options)
    model.set_params(kind=found.kind)
    given: Given = {}
    if asked.validation is not None:
        columns = list(found.columns) or None
        other = read_data(asked.validation, parts=asked.parts.classes, columns=columns, **options)
        say_shared(asked.data, found, asked.validation, other)
        given = {"validation_data": (other.as_input(), None)}
    model.fit(found.as_input(), **asked.of_fit(), **asked.groups(found), **given)
    say_notes(found.name, model.table_.notes if model.table_ is not None else ())
    key = asked.reading["key"]
    return ["--key", key] if key else []


def _fit_series(model: Any, asked: Asked) -> list[str]:
    """Fit on series, and return the options that read the same again."""
    import numpy as np

    names = ("target", "drop", "key", "header", "skip_bad", "id_column", "time_column", "time_format")
    reading = {name: asked.reading[name] for name in names} | {"drop": asked.left_out}
    found, series = _series_autoencoders.read(asked.data, reading, parts=asked.parts)
    if len(series) == 1:
        raise DataError(words.ONE_SERIES.format(name=found.name))
    given = {}
    if asked.validation is not None:
        named = reading | {"id_column": found.id_column, "time_column": found.time_column}
        other, held_out = _series_autoencoders.read(asked.validation, named, parts=asked.parts)
        say_shared(asked.data, found, asked.validation, other)
        given = {"validation_data": (held_out, None)}
    model.fit(series, **asked.of_fit(), **asked.groups(found), **given)
    if found.channels:
        model.feature_names_in_ = np.asarray(found.channels, dtype=object)
    columns = {"--id": found.id_column, "--time": found.time_column, "--key": reading["key"]}
    return [word for option, value in columns.items() if value for word in (option, value)]


def _network(name: str | None, hidden_size: int | None, parts: Parts) -> tuple[Any, bool]:
    """Return what an estimator takes for a network, and whether it reads series."""
    from punar.core.plugins import members

    own_cell = parts.own("cells", name)
    if own_cell is None and name != "recurrent" and name not in members("cells"):
        found = parts.part("networks", name) or "dense"
        return found, bool(getattr(found, "sequences_only", False))
    if own_cell is None and hidden_size is None:
        return name, True
    from punar.networks.recurrent import Recurrent

    cell: Any = None if name == "recurrent" else parts.cls("cells", str(name))()
    return Recurrent(cell) if hidden_size is None else Recurrent(cell, hidden_size), True


def shares(report: dict[str, Any]) -> list[str]:
    """Return the lines that put an autoencoder beside PCA and the untrained network."""
    where = texts.FIT_HELD_OUT if report["rows_from"] == "held_out" else texts.FIT_TRAINING
    lines = [texts.FIT_TABLE_HEAD.format(rows=report["rows"], where=where)]
    for label, key in texts.FIT_ROWS:
        if report.get(key) is not None:
            lines.append(f"  {label:<22}{report[key]:8.4f}")
    return lines
