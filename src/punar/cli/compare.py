"""``punar compare DATA``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _items, _sequences
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._parts import Parts, load_parts
from punar.cli._reading import read_data
from punar.cli._splits import to_learn_from
from punar.cli._writing import check_file
from punar.errors import ParameterError
from punar.texts import cli as texts

_KINDS = {"images": "vision"}  # as rows are called, and as items are


@dataclass(frozen=True)
class _Asked:
    """What was asked: the question, each group of options by name, and parts of one's own."""

    data: str
    question: str
    reading: Given
    networks: Given
    sequences: Given
    latent_dim: int | None
    parts: Parts

    def refuse(self, **given: Any) -> None:
        """Raise for the first option that was given and is not for the question."""
        named = {f"--{name.replace('_', '-')}": value for name, value in given.items() if value is not None}
        _items.refuse(named, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(self.question)))

    def refuse_columns(self, *names: str) -> None:
        """Raise for the first option of the data panel that was given and is not for the question."""
        given = o.DATA.given(self.reading, *names)
        _items.refuse(given, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(self.question)))


@takes(
    reading=o.DATA,
    pretrained=o.TRANSFER.only("weights"),
    recurrent=o.SEQUENCES.only("hidden_size", "horizon", "season"),
    reduced=o.AUTOENCODER.only("latent_dim"),
    training=o.TRAINING.only("random_state", "device", "quiet"),
)
def compare(
    data: o.Data,
    reading: Given,
    pretrained: Given,
    recurrent: Given,
    reduced: Given,
    training: Given,
    question: Annotated[
        str | None, typer.Option("--question", metavar="NAME", help=texts.QUESTION, show_default=False)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help=texts.COMPARE_BACKBONE, show_default=False)
    ] = None,
    backbones: Annotated[
        str | None, typer.Option("--backbones", metavar="NAMES", help=texts.COMPARE_BACKBONES, show_default=False)
    ] = None,
    equal: Annotated[str | None, typer.Option("--equal", metavar="WHAT", help=texts.EQUAL, show_default=False)] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="TIME", help=texts.BUDGET, show_default=False)
    ] = None,
    folds: Annotated[int, typer.Option("--folds", metavar="N", help=texts.FOLDS)] = 5,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help=texts.REPORT, show_default=False)
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help=texts.NO_REPORT)] = False,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help=texts.JSON, show_default=False)] = None,
    parts: o.Parts = None,
) -> None:
    """Print the table and the verdict, and write the report."""
    _check_files(report, no_report, json)
    own = load_parts(parts)
    data, _ = to_learn_from(data, None)
    networks = {"backbone": backbone, "backbones": backbones, **pretrained}
    asked = _Asked(
        data,
        question or _usual(data, reading, networks, own),
        reading,
        networks,
        {"equal": equal, **recurrent},
        reduced["latent_dim"],
        own,
    )
    found, X, y, given = _READERS[_reads(asked.question)](asked)
    if report is None and not no_report:
        # The name may be a path's or a user's own; only what no file system takes is replaced.
        report = Path(texts.REPORT_NAME.format(name=re.sub(r'[\s/\\:*?"<>|]+', "-", found.name)))
        check_file(report, (".html",), "--report", may_replace=True)
    import punar

    result = punar.compare(
        X,
        y,
        question=asked.question,
        budget=budget,
        cv=folds,
        device=training["device"],
        random_state=training["random_state"],
        verbose=0 if training["quiet"] else 1,
        kind=found.kind,
        name=found.name,
        **given,
    )
    typer.echo(str(result))
    if report is not None:
        result.to_html(report)
        typer.echo(texts.REPORT_WRITTEN.format(path=report))
    if json is not None:
        result.to_json(json)
        typer.echo(texts.JSON_WRITTEN.format(path=json))


def _check_files(report: Path | None, no_report: bool, json: Path | None) -> None:
    if report is not None and no_report:
        raise ParameterError("--report and --no-report contradict each other; leave one out.")
    if report is not None:
        check_file(report, (".html", ".htm"), "--report", may_replace=True)
    if json is not None:
        check_file(json, (".json",), "--json", may_replace=True)


def _usual(data: str, reading: Given, networks: Given, own: Parts) -> str:
    """Return the question that suits what was given."""
    from punar.sources import holds_items

    if networks["backbones"] is not None:
        return "backbone"
    columns = (reading["target"], reading["text"], reading["path"])
    items = networks["backbone"] is not None or holds_items(data, *columns, parts=own.classes)
    return "strategy" if items else "reducer"


def _reads(question: str) -> str:
    from punar.comparison.ask import find_question

    return find_question(question).reads


def _of_sequences(asked: _Asked) -> tuple[Any, Any, Any, Given]:
    """Return sequences, X, y and what else the question is told."""
    reading = asked.reading
    asked.refuse_columns("size")
    asked.refuse(latent_dim=asked.latent_dim, **asked.networks)
    horizon = asked.sequences["horizon"]
    form = _sequences.form_of(asked.data, reading["target"], reading["text"], reading["path"], horizon)
    found = _sequences.read(asked.data, form=form, parts=asked.parts.classes, **_sequences.columns(reading))
    columns = {"id_column": found.id_column, "time_column": found.time_column}
    return found, found.items, found.y, asked.sequences | columns


def _of_items(asked: _Asked) -> tuple[Any, Any, Any, Given]:
    """Return items, X, y and what else the question is told."""
    reading, networks = asked.reading, asked.networks
    _refuse_sequences(asked)
    asked.refuse_columns("size", "key", "drop")
    asked.refuse(latent_dim=asked.latent_dim)
    found = _items.read_labelled(
        asked.data,
        kind=_KINDS.get(str(reading["kind"]), reading["kind"]),
        open_each=True,
        parts=asked.parts.classes,
        **_items.columns(reading),
    )
    given: Given = {}
    if networks["backbones"] is not None:
        names = [name for part in networks["backbones"].split(",") if (name := part.strip())]
        given["candidates"] = [asked.parts.backbone(name, "default") or name for name in names]
    if networks["backbone"] is not None or networks["weights"] is not None:
        chosen = _items.chosen_backbone(networks["backbone"], networks["weights"], found.kind, asked.parts)
        given["backbone"] = chosen
    return found, found.items, found.labels(), given


def _of_rows(asked: _Asked) -> tuple[Any, Any, Any, Given]:
    """Return rows, X, y and what else the question is told."""
    _refuse_sequences(asked)
    asked.refuse(**asked.networks)
    asked.refuse_columns("text", "path")
    names = ("target", "drop", "key", "header", "size", "kind", "skip_bad")
    given = {name: asked.reading[name] for name in names}
    found = read_data(asked.data, say_shape=False, parts=asked.parts.classes, **given)  # punar.compare says the shape
    return found, found.as_input(), found.labels(), {"latent_dim": asked.latent_dim}


def _refuse_sequences(asked: _Asked) -> None:
    asked.refuse(**asked.sequences)
    asked.refuse_columns("id_column", "time_column", "time_format")


# By what the question reads; see ``Question.reads``.
_READERS: dict[str, Callable[[_Asked], tuple[Any, Any, Any, Given]]] = {
    "sequences": _of_sequences,
    "items": _of_items,
    "rows": _of_rows,
}
