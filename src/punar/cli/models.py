"""``punar models``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.core.synonyms import advice
from punar.core.words import listed
from punar.errors import ParameterError, shown, suggest
from punar.texts import cli as texts

if TYPE_CHECKING:
    import pandas as pd


def models(
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="DOMAIN", help=texts.MODELS_DOMAIN, show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help=texts.MODELS_TASK, show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="PATTERN", help=texts.MODELS_NAME, show_default=False)
    ] = None,
    details: Annotated[
        str | None, typer.Option("--details", metavar="NAME", help=texts.MODELS_DETAILS, show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=texts.MODELS_JSON)] = False,
) -> None:
    """List or describe."""
    import punar

    if task is not None:
        _refuse_undone(task)
    found = punar.list_backbones(domain=domain, task=task, name=name)
    if details is not None:
        found = _one(found, details)
    if json:
        typer.echo(found.to_json(orient="records", indent=1, force_ascii=False))
    elif details is not None:
        _details(found.iloc[0].to_dict())
    elif found.empty:
        typer.echo(texts.MODELS_NONE)
    else:
        _table(found)


def _refuse_undone(task: str) -> None:
    """Say that punar does not do a task, and which networks others use for it."""
    import punar
    from punar.core import plugins, synonyms
    from punar.texts import synonyms as words

    undone = synonyms.undone_task(task)
    if undone is None:
        return
    message = words.NOT_DONE.format(task=undone, tasks=", ".join(plugins.members("tasks")))
    try:
        names = punar.list_backbones(task=undone)["name"].tolist()
    except ParameterError:  # nothing in the catalogue
        names = []
    raise ParameterError(message + (words.NOT_DONE_BUT.format(names=listed(names)) if names else ""))


def _one(found: pd.DataFrame, name: str) -> pd.DataFrame:
    known = found["name"].tolist()
    if name not in known:
        hint = advice("backbones", name) or suggest(name, known)
        raise ParameterError(f"--details: the catalogue has no {shown(name)}.{hint} punar models lists its names.")
    return found[found["name"] == name]


def _table(found: pd.DataFrame) -> None:
    from punar.inspection.catalogue import entries

    lines: list[tuple[str, ...]] = [texts.MODELS_HEAD]
    for row in found.to_dict("records"):
        here = texts.MODELS_HERE if row["here"] else texts.MODELS_NOT_HERE
        lines.append(
            (row["name"], str(row["year"]), _number(row["parameters"]), row["input"], _short(row["accuracy"]), here)
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = (f"{c:>{w}}" if i == 2 else f"{c:<{w}}" for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        typer.echo("  ".join(cells).rstrip())
    typer.echo()
    typer.echo(texts.MODELS_FOOT.format(n=len(found), all=len(entries())))


def _details(row: Mapping[Any, Any]) -> None:
    for key, label in texts.MODELS_FACTS.items():
        value = row[key]
        if key == "here":
            value = texts.MODELS_HERE if value else texts.MODELS_NOT_HERE
        elif key == "parameters":
            value = _number(value)
        for part in str(value).split("; ") if key == "used_for" else [value]:
            typer.echo(texts.FACT.format(label=label, value=texts.MODELS_UNKNOWN if _missing(part) else part))
            label = ""


def _short(accuracy: Any) -> str:
    """Return the measure and its value, without who states it."""
    return "-" if _missing(accuracy) else str(accuracy).split(" (")[0]


def _number(value: Any) -> str:
    return "-" if _missing(value) else f"{value:,}"


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))
