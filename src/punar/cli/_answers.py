"""What a model predicts, as a file or on the terminal, and how right it is where the data has labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.cli import _written
from punar.cli._writing import frame_text, write_frame, write_text
from punar.errors import DataError, PunarWarning
from punar.texts import cli as texts
from punar.texts import layouts
from punar.texts import predictions as names
from punar.texts import structured as words

if TYPE_CHECKING:
    from punar.sources import UserItems, UserSequences


def reads_tokens(task: Any) -> bool:
    """Return whether a fitted task has labels per token of lists, so that files are read as one token per line."""
    return task.target_form == "sequences" and getattr(task, "form_", None) == "tokens"


def reads_whole_texts(fitted: Any) -> bool:
    """Return whether a fitted model reads texts as they are, so that each line of a text file is one."""
    task = getattr(getattr(fitted, "fitted_", None), "task", None)
    domain = getattr(getattr(fitted, "preparation_", None), "domain", None)
    return domain == "text" and (task is None or not reads_tokens(task))


def reads_as_learned(task: Any) -> bool:
    """Return whether data are read for the task that a model was fitted to, whatever their own labels look like."""
    from punar.sources import STRUCTURED

    return task.target_form in (*STRUCTURED, "none") or reads_tokens(task)


def write_answers(fitted: Any, found: UserItems | UserSequences, out: Path | None) -> None:
    """Write predictions, and print how many are right.

    Parameters
    ----------
    fitted : TransferLearner or SequenceModel
    found : UserItems or UserSequences
    out : Path or None
        None prints the predictions on stdout, and all else on stderr.

    Raises
    ------
    ParameterError
        The file's suffix is not for what the model predicts.
    """
    task = fitted.fitted_.task
    tokens = reads_tokens(task)
    known = (*_written.TABLES, *_written.TOKENS) if tokens else _written.suffixes(task.target_form, found.kind)
    if out is not None:
        _written.check_heard(task.target_form, out, found.kind)
        _written.check_suffix(out, known)
    own = _written.writer_for(task.target_form, out, len(found))
    found = _in_words(found) if tokens else found
    answers, items = answers_of(fitted, found.items)
    predictions, table = task.predictions(answers, items), task.table(answers, items)
    if task.target_form == "none":
        _say_unchanged(predictions, found.items)
    columns = {}
    if own is None:
        columns = _titled(found, as_rows(table, predictions))
    as_tokens = tokens and {names.TOKEN, names.LABEL} <= table.columns.keys()
    what = texts.PREDICTED.format(n=len(found))
    if own is not None and out is not None:
        what = own(out, _written.Answers(found, predictions, table))
    elif as_tokens and (out is None or out.suffix.lower() in _written.TOKENS):
        text = _lines(table.item, table.columns[names.TOKEN], table.columns[names.LABEL])
        write_text(out, text) if out is not None else typer.echo(text, nl=False)
    elif out is not None:
        write_frame(out, columns)
    else:
        typer.echo(frame_text(columns), nl=False)
    if out is not None:
        typer.echo(texts.WRITTEN.format(path=out, what=what))
    line = _score(task, found, predictions, items)
    if line:
        typer.echo(line, err=out is None)


def _say_unchanged(predictions: Any, items: Any) -> None:
    """Say how many texts were given back as they are, for there was nothing in them to fill."""
    same = sum(isinstance(text, str) and text == item for text, item in zip(predictions, items, strict=True))
    if same:
        typer.echo(words.NO_BLANKS.format(same=same, total=len(predictions)), err=True)


def _in_words(found: UserItems | UserSequences) -> UserItems | UserSequences:
    """Return plain texts as lists of words, as a model of lists of words reads them."""
    if not isinstance(found.items, list) or not any(isinstance(item, str) for item in found.items):
        return found
    import dataclasses

    from punar.preparations.words import Words

    split = Words().words
    items = [[t[a:b] for a, b in split(t)] if isinstance(t, str) else t for t in found.items]
    typer.echo(texts.READ_NOTE.format(name=found.name, note=texts.SPLIT_INTO_WORDS), err=True)
    return dataclasses.replace(found, items=items)


def as_rows(table: Any, predictions: Any) -> Any:
    """Return a table of which each cell is one value: of masks a row for each number in them, and its share."""
    import numpy as np

    first = next(iter(predictions), None) if isinstance(predictions, list) else None
    if getattr(first, "ndim", 0) < 2 or names.PREDICTION not in table.columns:
        return table
    counts = [np.unique(np.asarray(mask), return_counts=True) for mask in predictions]
    columns = {
        names.VALUE: np.concatenate([values for values, _ in counts]),
        names.SHARE: np.concatenate([number / number.sum() for _, number in counts]).round(4),
    }
    return table._replace(item=np.repeat(np.arange(len(counts)), [len(v) for v, _ in counts]), columns=columns)


def answers_of(fitted: Any, X: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return an encoded answer for each item, and the items: from one pass, whatever the table shows of them."""
    import punar
    from punar.models.recurrent import answer as recurrent
    from punar.models.structured import answer as structured
    from punar.models.zero_shot import answer as transfer  # of every strategy

    carriers: dict[str, Any] = {"transfer": transfer, "structured": structured}
    own = isinstance(fitted, punar.SequenceModel)
    model = recurrent if own else next(carriers[name] for name in fitted.fitted_.task.models if name in carriers)
    found: tuple[Sequence[Any], Sequence[Any]] = model.answers(fitted, fitted.fitted_, X, "predict")
    return found


def _titled(found: UserItems | UserSequences, table: Any) -> dict[str, Any]:
    """Return the table's columns after those that say which item, and for steps which time."""
    import numpy as np

    own = list(found.row_names) or [str(i) for i in range(len(found))]
    first: dict[str, Any] = {name: np.asarray(values)[table.item] for name, values in found.kept.items()}
    first.setdefault(found.row_title, np.array(own, dtype=object)[table.item])
    time = getattr(found, "time_column", None)
    if time is not None and len(table.item) == len(found.items) > len(own):
        first[time] = _times(found, time)

    def free(name: str) -> str:
        return free(f"{name} (punar)") if name in first else name

    return first | {free(name): values for name, values in table.columns.items()}


def _times(found: Any, time: str) -> Any:
    """Return the times of the steps of a long table, in the order of its series and steps."""
    from punar.data import long_table
    from punar.data.times import as_text, given_back

    order, _, _ = long_table.in_order(found.items, found.name, found.id_column, time)
    times = found.items[time].iloc[order].tolist()
    return as_text(given_back(times, found.time_format), found.time_format)


def _lines(item: Sequence[int], tokens: Sequence[str], labels: Sequence[Any]) -> str:
    """Return one token and its label per line, with a blank line after each sentence."""
    lines, before = [], None
    for at, token, label in zip(item, tokens, labels, strict=True):
        if any(c in f"{token}{label}" for c in "\t\n\r"):
            raise DataError(f"sentence {at}: the token {token!r} holds a tab or a line break; write a .csv file.")
        if before is not None and at != before:
            lines.append("")
        lines.append(f"{token}\t{label}")
        before = at
    return "".join(f"{line}\n" for line in lines)


def _score(task: Any, found: UserItems | UserSequences, predictions: Any, items: Sequence[Any]) -> str:
    """Return a line on how right the predictions are, where the labels are the model's own."""
    from punar.sources import STRUCTURED

    truth = known_labels(task, found)
    if truth is not None and task.target_form in STRUCTURED:
        said = texts.PREDICT_SCORE.format(metric=metric_of(task), score=float(task.score(truth, predictions)))
        return said + _chance(task, truth, items)
    if truth is None or getattr(truth, "ndim", 1) != getattr(predictions, "ndim", 1):
        return ""
    if task.target_form == "sets":
        return layouts.ALL_RIGHT.format(score=float(task.score(truth, predictions)))
    metric = metric_of(task)
    if task.target_form == "amounts" and len(truth) < 2:
        raise DataError(f"{found.name}: {metric} needs at least 2 items with labels; leave out --target.")
    return texts.PREDICT_SCORE.format(metric=metric, score=float(task.score(truth, predictions)))


def metric_of(task: Any) -> str:
    """Return the name of a task's metric for people."""
    return texts.METRICS.get(task.metric, str(task.metric))


def _chance(task: Any, truth: Any, items: Sequence[Any]) -> str:
    """Return what the best constant answer scores; nothing where the model has not learned every label."""
    try:
        with warnings.catch_warnings():  # the score has said what is unknown
            warnings.simplefilter("ignore", PunarWarning)
            targets = task.encode(truth, "predict", items)
    except DataError:
        return ""
    meter = task.meter()
    meter.add(task.constant(targets), targets)
    return words.CHANCE.format(chance=float(meter.value()))


def known_labels(task: Any, found: UserItems | UserSequences) -> Any:
    """Return the labels of data as the model knows them; None where there are none, or others than it learned.

    Subfolders of new data may be called anything. Labels that nobody named with --target are told by content, which
    takes few whole numbers for classes.
    """
    import numpy as np

    from punar.sources import TASK_OF, form_for

    labels = found.labels()
    if labels is None or found.target_kind is None:
        return None
    if found.target_kind in (TASK_OF["classes"], TASK_OF["amounts"]):
        if task.target_form == "amounts":
            return _numbers(labels) if np.ndim(labels) == 1 else _amounts(labels, getattr(task, "target_names_", ()))
        if task.target_form == "classes":
            known: Mapping[str, Any] = {str(c): c for c in np.asarray(getattr(task, "classes_", ())).tolist()}
            names = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in labels.tolist()]
            return [known[name] for name in names] if all(name in known for name in names) else None
    if form_for(found.target_kind) != task.target_form:
        return None
    return _by_name(labels, task.classes_) if hasattr(labels, "columns") else labels


def _by_name(labels: Any, classes: Any) -> Any:
    """Return a table of 0 and 1 as the model's labels are ordered; None where the model knows other names."""
    known = [str(c) for c in classes]
    if not set(labels.columns) <= set(known):
        return None
    return labels.reindex(columns=known, fill_value=0).to_numpy()


def _amounts(labels: Any, names: Sequence[str]) -> Any:
    """Return several amounts per item in the model's order; None where these are others."""
    import numpy as np

    if names and hasattr(labels, "columns"):
        if set(names) != set(labels.columns):
            return None
        labels = labels[list(names)]
    return np.asarray(labels, dtype=np.float64)


def _numbers(labels: Any) -> Any:
    import numpy as np
    import pandas as pd

    found = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy(dtype=np.float64)
    return found if np.isfinite(found).all() else None
