"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punar.texts import cli as texts

Data = Annotated[str, typer.Argument(metavar="DATA", help=texts.DATA, show_default=False)]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help=texts.MODEL, show_default=False)]
Target = Annotated[str | None, typer.Option("--target", metavar="COLUMN", help=texts.TARGET, show_default=False)]
Drop = Annotated[list[str] | None, typer.Option("--drop", metavar="COLUMN", help=texts.DROP, show_default=False)]
Key = Annotated[str | None, typer.Option("--key", metavar="NAME", help=texts.KEY, show_default=False)]
Header = Annotated[bool | None, typer.Option("--header/--no-header", help=texts.HEADER, show_default=False)]
Size = Annotated[str | None, typer.Option("--size", metavar="PIXELS", help=texts.SIZE, show_default=False)]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help=texts.KIND, show_default=False)]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help=texts.SKIP_BAD)]
Text = Annotated[str | None, typer.Option("--text", metavar="COLUMN", help=texts.TEXT, show_default=False)]
PathColumn = Annotated[str | None, typer.Option("--path", metavar="COLUMN", help=texts.PATH, show_default=False)]
Weights = Annotated[str | None, typer.Option("--weights", metavar="WHAT", help=texts.WEIGHTS, show_default=False)]
LatentDim = Annotated[int | None, typer.Option("--latent-dim", metavar="N", help=texts.LATENT_DIM, show_default=False)]
CellName = Annotated[str | None, typer.Option("--cell", metavar="NAME", help=texts.CELL, show_default=False)]
HiddenSize = Annotated[
    int | None, typer.Option("--hidden-size", metavar="N", help=texts.HIDDEN_SIZE, show_default=False)
]
Horizon = Annotated[int | None, typer.Option("--horizon", metavar="N", help=texts.HORIZON, show_default=False)]
Season = Annotated[int | None, typer.Option("--season", metavar="N", help=texts.SEASON, show_default=False)]
IdColumn = Annotated[str | None, typer.Option("--id", metavar="COLUMN", help=texts.ID_COLUMN, show_default=False)]
TimeColumn = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help=texts.TIME_COLUMN, show_default=False)]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help=texts.SEED)]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help=texts.DEVICE)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help=texts.QUIET)]
Force = Annotated[bool, typer.Option("--force", help=texts.FORCE)]
