"""``punar compare DATA``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _items, _sequences
from punar.cli import _options as o
from punar.cli._reading import read_data
from punar.cli._writing import check_file
from punar.errors import ParameterError
from punar.texts import cli as texts

_KINDS = {"images": "vision"}  # as rows are called, and as items are


def compare(
    data: o.Data,
    question: Annotated[
        str | None, typer.Option("--question", metavar="NAME", help=texts.QUESTION, show_default=False)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help=texts.COMPARE_BACKBONE, show_default=False)
    ] = None,
    backbones: Annotated[
        str | None, typer.Option("--backbones", metavar="NAMES", help=texts.COMPARE_BACKBONES, show_default=False)
    ] = None,
    weights: o.Weights = None,
    equal: Annotated[str | None, typer.Option("--equal", metavar="WHAT", help=texts.EQUAL, show_default=False)] = None,
    hidden_size: o.HiddenSize = None,
    horizon: o.Horizon = None,
    season: o.Season = None,
    id_column: o.IdColumn = None,
    time_column: o.TimeColumn = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="TIME", help=texts.BUDGET, show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help=texts.REPORT, show_default=False)
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help=texts.NO_REPORT)] = False,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help=texts.JSON, show_default=False)] = None,
    latent_dim: o.LatentDim = None,
    folds: Annotated[int, typer.Option("--folds", metavar="N", help=texts.FOLDS)] = 5,
    target: o.Target = None,
    text: o.Text = None,
    path: o.PathColumn = None,
    drop: o.Drop = None,
    key: o.Key = None,
    header: o.Header = None,
    size: o.Size = None,
    kind: o.Kind = None,
    skip_bad: o.SkipBad = False,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    quiet: o.Quiet = False,
) -> None:
    """Print the table and the verdict, and write the report."""
    if report is not None and no_report:
        raise ParameterError("--report and --no-report contradict each other; leave one out.")
    if report is not None:
        check_file(report, (".html", ".htm"), "--report", may_replace=True)
    if json is not None:
        check_file(json, (".json",), "--json", may_replace=True)
    asked = question or _usual(data, target, text, path, backbone, backbones)
    given: dict[str, Any] = {}
    found: Any
    reads = _reads(asked)
    own: dict[str, Any]
    of_cells: dict[str, Any] = {"equal": equal, "hidden_size": hidden_size, "horizon": horizon, "season": season}
    of_cells |= {"id_column": id_column, "time_column": time_column}
    if reads != "sequences":
        named = {f"--{k.removesuffix('_column').replace('_', '-')}": v for k, v in of_cells.items()}
        _items.refuse(named, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(asked)))
    if reads == "sequences":
        own = {"--size": size, "--latent-dim": latent_dim, "--backbone": backbone, "--backbones": backbones}
        _items.refuse(own | {"--weights": weights}, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(asked)))
        found = _sequences.read(
            data,
            target=target,
            text=text,
            path=path,
            id_column=id_column,
            time_column=time_column,
            drop=drop or (),
            key=key,
            header=header,
            kind=kind,
            task=_sequences.task_of(data, target, text, path, horizon),
            skip_bad=skip_bad,
        )
        X, labels = found.items, found.y
        given |= of_cells | {"id_column": found.id_column, "time_column": found.time_column}
    elif reads == "items":
        own = {"--size": size, "--latent-dim": latent_dim, "--key": key, "--drop": drop}
        _items.refuse(own, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(asked)))
        found = _items.read_labelled(
            data,
            target=target,
            text=text,
            path=path,
            header=header,
            kind=_KINDS.get(str(kind), kind),
            skip_bad=skip_bad,
            open_each=True,
        )
        X, labels = found.items, found.labels()
        if backbones is not None:
            given["candidates"] = [name for part in backbones.split(",") if (name := part.strip())]
        if backbone is not None or weights is not None:
            given["backbone"] = _items.chosen_backbone(backbone, weights, found.kind)
    else:
        own = {"--backbone": backbone, "--backbones": backbones, "--weights": weights, "--text": text, "--path": path}
        _items.refuse(own, texts.COMPARE_NOT_FOR.replace("{question!r}", repr(asked)))
        found = read_data(
            data,
            target=target,
            drop=drop,
            key=key,
            header=header,
            size=size,
            kind=kind,
            skip_bad=skip_bad,
            say_shape=False,  # punar.compare says it
        )
        X, labels, given["latent_dim"] = found.as_input(), found.labels(), latent_dim
    if report is None and not no_report:
        # The name may be a path's or a user's own; only what no file system takes is replaced.
        report = Path(texts.REPORT_NAME.format(name=re.sub(r'[\s/\\:*?"<>|]+', "-", found.name)))
        check_file(report, (".html",), "--report", may_replace=True)
    import punar

    result = punar.compare(
        X,
        labels,
        question=asked,
        budget=budget,
        cv=folds,
        device=device,
        random_state=seed,
        verbose=0 if quiet else 1,
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


def _usual(
    data: str, target: str | None, text: str | None, path: str | None, backbone: str | None, backbones: str | None
) -> str:
    """Return the question that suits what was given."""
    from punar.sources import holds_items

    if backbones is not None:
        return "backbone"
    return "strategy" if backbone is not None or holds_items(data, target, text, path) else "reducer"


def _reads(question: str) -> str:
    from punar.comparison.ask import find_question

    return find_question(question).reads
