"""``punar compare DATA``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from punar.cli import _options as o
from punar.cli._reading import read_data
from punar.cli._writing import check_file
from punar.errors import ParameterError
from punar.texts import cli as texts


def compare(
    data: o.Data,
    question: Annotated[str, typer.Option("--question", metavar="NAME", help=texts.QUESTION)] = "reducer",
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
    if report is None and not no_report:
        # The name may be a path's or a user's own; only what no file system takes is replaced.
        report = Path(texts.REPORT_NAME.format(name=re.sub(r'[\s/\\:*?"<>|]+', "-", found.name)))
        check_file(report, (".html",), "--report", may_replace=True)
    import punar

    result = punar.compare(
        found.as_input(),
        found.labels(),
        question=question,
        latent_dim=latent_dim,
        budget=budget,
        cv=folds,
        device=device,
        random_state=seed,
        verbose=0 if quiet else 1,
        kind=found.kind,
        name=found.name,
    )
    typer.echo(str(result))
    if report is not None:
        result.to_html(report)
        typer.echo(texts.REPORT_WRITTEN.format(path=report))
    if json is not None:
        result.to_json(json)
        typer.echo(texts.JSON_WRITTEN.format(path=json))
