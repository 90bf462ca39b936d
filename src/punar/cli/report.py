"""``punar report MODEL DATA --out FILE``."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _answers, _items, _sequences
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._parts import Parts, load_parts
from punar.cli._spoken import spoken
from punar.cli._writing import check_file
from punar.errors import DataError, ParameterError
from punar.texts import cli as texts
from punar.texts import report as words


@takes(reading=o.DATA.without("size", "kind"), targets=o.STRUCTURED.only("target_path"))
def report(
    model: o.Model,
    data: o.Data,
    reading: Given,
    targets: Given,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=words.OUT, show_default=False)],
    worst: Annotated[int, typer.Option("--worst", metavar="N", min=1, max=500, help=words.WORST)] = 20,
    parts: o.Parts = None,
    force: o.Force = False,
) -> None:
    """Write the page, and print the score beside chance."""
    check_file(out, (".html", ".htm"), "--out", may_replace=force)
    from punar.core.files import write_atomic
    from punar.inspection.answer_facts import answer_facts
    from punar.reporting.answers import html

    own = load_parts(parts)
    fitted = own.load(model)
    found = _read(fitted, model, data, reading | targets, own)
    task = fitted.fitted_.task
    truth = _truth(task, found)
    answers, items = _answers.answers_of(fitted, found.items)
    encoded = task.encode(truth, "report", items)
    facts = answer_facts(
        task,
        answers,
        items,
        encoded,
        truth=truth,
        predictions=task.predictions(answers, items),
        names=_names(found),
        count=worst,
    )
    facts |= {
        "model": model.resolve().name,
        "data": found.name,
        "task": _task_name(task),
        "metric": _answers.metric_of(task),
        "verdict": spoken(str(fitted.fit_report_)) if getattr(fitted, "fit_report_", None) else None,
        "made": words.MADE.format(**_versions()),
    }
    write_atomic(out, html(facts))
    what = words.WRITTEN.format(n=len(facts["cards"]), total=facts["items"])
    typer.echo(texts.WRITTEN.format(path=out, what=what))
    ends = facts["interval"]
    between = "" if ends is None else words.FIGURES_INTERVAL.format(low=ends[0], high=ends[1])
    figures = {name: facts[name] for name in ("metric", "score", "chance")}
    typer.echo(words.FIGURES.format(**figures, interval=between))


def _read(fitted: Any, model: Path, data: str, reading: Given, own: Parts) -> Any:
    """Return items with targets as the model learned them."""
    import punar

    if hasattr(fitted, "predict_table"):
        raise ParameterError(words.NO_FORECASTS.format(model=model, data=data))
    if isinstance(fitted, punar.SequenceModel):
        return _sequences.read_for(fitted, data, reading, own.classes)
    if not hasattr(fitted, "predict") or _items.domain_of(fitted) is None:
        raise ParameterError(f"{model} is a {type(fitted).__name__}, which does not predict; use punar reconstruct.")
    _items.refuse(o.DATA.given(reading, "id_column", "time_column", "time_format", "drop", "key"), texts.ONLY_SEQUENCES)
    task = fitted.fitted_.task
    learned = reading["target"] is not None or _answers.reads_as_learned(task)
    form = task.target_form if learned else None
    return _items.read_for(fitted, data, form=form, open_each=True, parts=own.classes, **_items.columns(reading))


def _truth(task: Any, found: Any) -> Any:
    """Return the targets in the user's terms; None where what is right lies in the items themselves.

    Raises
    ------
    DataError
        There are none, or others than the model learned.
    """
    if not task.takes_targets:
        return None
    truth = _answers.known_labels(task, found)
    if truth is None:
        advice = _items.no_targets(found, task.target_form) or words.ADVICE
        if found.labels() is None and advice == words.ADVICE:
            advice = words.ADVICE_FOLDER if found.row_title == "file" else words.ADVICE_COLUMN
        raise DataError(words.NEEDS_TARGETS.format(data=found.name, advice=advice))
    return truth


def _names(found: Any) -> list[str]:
    own = list(found.row_names) or [str(i) for i in range(len(found))]
    return [name if found.row_title == "file" else f"{found.row_title} {name}" for name in own]


def _task_name(task: Any) -> str:
    from punar.core.words import snake

    return snake(type(task).__name__)


def _versions() -> dict[str, str]:
    import torch

    import punar

    return {"punar": punar.__version__, "torch": torch.__version__, "python": platform.python_version()}
