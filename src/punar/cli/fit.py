"""``punar fit DATA --out MODEL``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from punar.cli import _options as o
from punar.cli._items import refuse
from punar.cli._reading import read_data
from punar.cli._writing import check_model_folder
from punar.texts import cli as texts


def fit(
    data: o.Data,
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help=texts.FIT_OUT, show_default=False)],
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help=texts.FIT_BACKBONE, show_default=False)
    ] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="NAME", help=texts.TASK, show_default=False)] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help=texts.STRATEGY, show_default=False)
    ] = None,
    unfreeze: Annotated[
        list[str] | None, typer.Option("--unfreeze", metavar="WHAT", help=texts.UNFREEZE, show_default=False)
    ] = None,
    augment: Annotated[
        str | None, typer.Option("--augment", metavar="NAME", help=texts.AUGMENT, show_default=False)
    ] = None,
    weights: o.Weights = None,
    cell: o.CellName = None,
    hidden_size: o.HiddenSize = None,
    horizon: o.Horizon = None,
    context: Annotated[
        int | None, typer.Option("--context", metavar="N", help=texts.CONTEXT, show_default=False)
    ] = None,
    season: o.Season = None,
    id_column: o.IdColumn = None,
    time_column: o.TimeColumn = None,
    missing: Annotated[
        str | None, typer.Option("--missing", metavar="WHAT", help=texts.MISSING, show_default=False)
    ] = None,
    objective: Annotated[
        str | None, typer.Option("--objective", metavar="NAME", help=texts.OBJECTIVE, show_default=False)
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", metavar="NAME", help=texts.NETWORK, show_default=False)
    ] = None,
    latent_dim: o.LatentDim = None,
    epochs: Annotated[int | None, typer.Option("--epochs", metavar="N", help=texts.EPOCHS, show_default=False)] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", help=texts.BATCH_SIZE, show_default=False)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", metavar="X", help=texts.LEARNING_RATE, show_default=False)
    ] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", metavar="N", help=texts.PATIENCE, show_default=False)
    ] = None,
    scaling: Annotated[
        str | None, typer.Option("--scaling", metavar="NAME", help=texts.SCALING, show_default=False)
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FOLDER", help=texts.CHECKPOINT, show_default=False)
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=texts.STRICT)] = False,
    force: o.Force = False,
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
    """Fit, report, save."""
    from punar.core.plugins import members

    check_model_folder(out, may_replace=force)
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "patience": patience}
    own: dict[str, Any] = {
        "--objective": objective,
        "--network": network,
        "--latent-dim": latent_dim,
        "--scaling": scaling,
    }
    own |= {"--size": size, "--key": key, "--drop": drop, "--kind": kind}
    transfer = {"--strategy": strategy, "--unfreeze": unfreeze, "--augment": augment, "--weights": weights}
    steps: dict[str, Any] = {"hidden_size": hidden_size, "horizon": horizon, "context": context, "season": season}
    if cell is not None or task == "forecasting":
        from punar.cli._fit_sequence import fit_sequence

        shapes = {name: own[name] for name in ("--objective", "--network", "--latent-dim", "--size")}
        refuse({"--backbone": backbone, **transfer, **shapes}, texts.FIT_CELL_NOT_WITH)
        fit_sequence(
            data,
            out,
            reading={"target": target, "text": text, "path": path, "drop": drop or (), "key": key, "header": header}
            | {"id_column": id_column, "time_column": time_column, "kind": kind, "skip_bad": skip_bad},
            task=task,
            settings={**given, **steps, "cell": cell, "scaling": scaling, "device": device, "random_state": seed}
            | {"missing": missing, "strict": strict, "verbose": 0 if quiet else 1},
            checkpoint=checkpoint,
        )
        return
    named = {f"--{name.replace('_', '-')}": value for name, value in steps.items()}
    columns = {"--id": id_column, "--time": time_column, "--missing": missing}
    cells = members("cells")
    recurrent = network == "recurrent" or network in cells
    if recurrent:
        named.pop("--hidden-size")
    refuse(named | ({} if recurrent else columns), texts.FIT_ONLY_WITH_CELL)
    if backbone is not None or task is not None:
        from punar.cli._fit_transfer import fit_transfer

        refuse(own, texts.FIT_NOT_WITH)
        fit_transfer(
            data,
            out,
            backbone=backbone,
            weights=weights,
            task=task,
            unfreeze=unfreeze or [],
            reading={"target": target, "text": text, "path": path, "header": header, "skip_bad": skip_bad},
            settings={**given, "strategy": strategy, "augment": augment, "device": device, "random_state": seed}
            | {"strict": strict, "verbose": 0 if quiet else 1},
            checkpoint=checkpoint,
        )
        return
    refuse(transfer | {"--text": text, "--path": path}, texts.FIT_ONLY_WITH)
    import punar

    chosen = {**given, "latent_dim": latent_dim, "scaling": scaling, "missing": missing}
    model = punar.Autoencoder(
        objective or "reconstruction",
        _network(network, hidden_size if recurrent else None),
        device=device,
        random_state=seed,
        strict=strict,
        verbose=0 if quiet else 1,
        **{name: value for name, value in chosen.items() if value is not None},  # type: ignore[arg-type]
    )
    if recurrent:
        from punar.cli import _series_autoencoders

        refuse({"--size": size, "--kind": kind}, texts.FIT_NOT_WITH_SERIES)
        reading = {"target": target, "drop": drop or (), "key": key, "header": header, "skip_bad": skip_bad}
        reading |= {"id_column": id_column, "time_column": time_column}
        _series_autoencoders.fit(model, data, out, reading, checkpoint)
        return
    found = read_data(data, target=target, drop=drop, key=key, header=header, size=size, kind=kind, skip_bad=skip_bad)
    model.set_params(kind=found.kind)
    model.fit(found.as_input(), checkpoint=checkpoint)
    punar.save(model, out)
    typer.echo(texts.FIT_REPORT.format(verdict=str(model.fit_report_)))
    for line in shares(model.fit_report_):
        typer.echo(line)
    typer.echo(texts.FIT_SAVED.format(path=out))
    follow_up = ["punar", "reconstruct", str(out), data, *(["--key", key] if key else [])]
    typer.echo(texts.FIT_NEXT.format(command=shlex.join(follow_up)))


def _network(name: str | None, hidden_size: int | None) -> Any:
    """Return what stands for a network: its name, or a recurrent one of that width."""
    if hidden_size is None:
        return name or "dense"
    from punar.core.plugins import member
    from punar.networks.recurrent import Recurrent

    cell = None if name == "recurrent" else member("cells", str(name))()
    return Recurrent(cell, hidden_size=hidden_size)


def shares(report: dict[str, Any]) -> list[str]:
    """Return the lines that put an autoencoder beside PCA and the untrained network."""
    where = texts.FIT_HELD_OUT if report["rows_from"] == "held_out" else texts.FIT_TRAINING
    lines = [texts.FIT_TABLE_HEAD.format(rows=report["rows"], where=where)]
    for label, key in texts.FIT_ROWS:
        if report.get(key) is not None:
            lines.append(f"  {label:<22}{report[key]:8.4f}")
    return lines
