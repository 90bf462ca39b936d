"""Arguments and options that several commands share, in panels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punar.cli._panels import Option, Panel
from punar.texts import detect, layouts, structured
from punar.texts import options as texts

Data = Annotated[str, typer.Argument(metavar="DATA", help=texts.DATA, show_default=False)]
MaybeData = Annotated[str | None, typer.Argument(metavar="[DATA]", help=texts.DATA, show_default=False)]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help=texts.MODEL, show_default=False)]
Force = Annotated[bool, typer.Option("--force", help=texts.FORCE)]
Parts = Annotated[list[Path] | None, typer.Option("--parts", metavar="FILE", help=texts.PARTS, show_default=False)]

DATA = Panel(
    texts.PANEL_DATA,
    target=Option("--target", texts.TARGET, "COLUMN", list[str], fold=True),
    text=Option("--text", texts.TEXT, "COLUMN"),
    path=Option("--path", texts.PATH, "COLUMN"),
    root=Option("--root", layouts.ROOT, "FOLDER"),
    suffix=Option("--suffix", layouts.SUFFIX, "SUFFIX"),
    id_column=Option("--id", texts.ID_COLUMN, "COLUMN"),
    time_column=Option("--time", texts.TIME_COLUMN, "COLUMN"),
    time_format=Option("--time-format", texts.TIME_FORMAT, "FORMAT"),
    drop=Option("--drop", texts.DROP, "COLUMN", list[str]),
    key=Option("--key", texts.KEY, "NAME"),
    header=Option("--header/--no-header", texts.HEADER, kind=bool),
    size=Option("--size", texts.SIZE, "PIXELS"),
    kind=Option("--kind", texts.KIND, "KIND"),
    skip_bad=Option("--skip-bad", texts.SKIP_BAD, kind=bool, default=False),
)
KEEP = Panel(texts.PANEL_DATA, keep=Option("--keep", layouts.KEEP, "COLUMN", list[str]))
TRANSFER = Panel(
    texts.PANEL_TRANSFER,
    backbone=Option("--backbone", texts.BACKBONE, "NAME"),
    weights=Option("--weights", texts.WEIGHTS, "WHAT"),
    strategy=Option("--strategy", texts.STRATEGY, "NAME"),
    labels=Option("--labels", texts.LABELS, "NAMES", list[str]),
    templates=Option("--template", texts.TEMPLATE, "TEXT", list[str]),
    unfreeze=Option("--unfreeze", texts.UNFREEZE, "WHAT", list[str]),
    augment=Option("--augment", texts.AUGMENT, "NAME"),
    interpolation=Option("--interpolation", texts.INTERPOLATION, "SHARE", float),
)
ANOMALIES = Panel(
    detect.PANEL,
    method=Option("--method", detect.METHOD, "NAME"),
    alpha=Option("--alpha", detect.ALPHA, "SHARE", float),
    trim=Option("--trim", detect.TRIM, "SHARE", float),
    calibration_fraction=Option("--calibration-fraction", detect.HELD_OUT, "SHARE", float),
)
STRUCTURED = Panel(
    structured.PANEL,
    target_path=Option("--target-file", structured.TARGET_PATH, "PATH", short="--masks"),
    task_settings=Option("--set", structured.SETTING, "NAME=VALUE", list[str]),
)
SEQUENCES = Panel(
    texts.PANEL_SEQUENCES,
    cell=Option("--cell", texts.CELL, "NAME"),
    hidden_size=Option("--hidden-size", texts.HIDDEN_SIZE, "N", int),
    bidirectional=Option("--bidirectional/--no-bidirectional", texts.BIDIRECTIONAL, kind=bool),
    branch=Option("--branch/--no-branch", texts.BRANCH, kind=bool),
    missing=Option("--missing", texts.MISSING, "WHAT"),
    freq=Option("--freq", texts.FREQ, "STEP"),
    horizon=Option("--horizon", texts.HORIZON, "N", int),
    context=Option("--context", texts.CONTEXT, "N", int),
    season=Option("--season", texts.SEASON, "N", int),
    known_ahead=Option("--known-ahead", texts.KNOWN_AHEAD, "COLUMN", list[str]),
    lower=Option("--lower", texts.LOWER, "NUMBER", float),
    upper=Option("--upper", texts.UPPER, "NUMBER", float),
)
AUTOENCODER = Panel(
    texts.PANEL_AUTOENCODER,
    objective=Option("--objective", texts.OBJECTIVE, "NAME"),
    network=Option("--network", texts.NETWORK, "NAME"),
    latent_dim=Option("--latent-dim", texts.LATENT_DIM, "N", int),
    scaling=Option("--scaling", texts.SCALING, "NAME"),
)
# Named as the estimators' parameters.
TRAINING = Panel(
    texts.PANEL_TRAINING,
    epochs=Option("--epochs", texts.EPOCHS, "N", int),
    batch_size=Option("--batch-size", texts.BATCH_SIZE, "N", int),
    learning_rate=Option("--learning-rate", texts.LEARNING_RATE, "X", float),
    patience=Option("--patience", texts.PATIENCE, "N", int),
    checkpoint=Option("--checkpoint", texts.CHECKPOINT, "FOLDER"),
    time_limit=Option("--time-limit", texts.TIME_LIMIT, "TIME"),
    validation=Option("--validation", texts.VALIDATION, "DATA"),
    groups=Option("--groups", texts.GROUPS, "COLUMN"),
    strict=Option("--strict", texts.STRICT, kind=bool, default=False),
    random_state=Option("--seed", texts.SEED, "N", int, 0),
    device=Option("--device", texts.DEVICE, "DEVICE", str, "auto"),
    quiet=Option("--quiet", texts.QUIET, kind=bool, default=False, short="-q"),
)
