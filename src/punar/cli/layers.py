"""``punar layers NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punar.cli import _options as o
from punar.cli._parts import load_parts
from punar.cli._unfreeze import stages
from punar.texts import layers as texts


def layers(
    name: Annotated[str, typer.Argument(metavar="NAME", help=texts.LAYERS_NAME, show_default=False)],
    unfreeze: Annotated[
        list[str] | None, typer.Option("--unfreeze", metavar="WHAT", help=texts.LAYERS_UNFREEZE, show_default=False)
    ] = None,
    depth: Annotated[int, typer.Option("--depth", metavar="N", help=texts.LAYERS_DEPTH)] = 1,
    parts: o.Parts = None,
    json: Annotated[bool, typer.Option("--json", help=texts.LAYERS_JSON)] = False,
) -> None:
    """Show blocks."""
    import punar

    own = load_parts(parts)
    saved = own.files and unfreeze is None and Path(name).is_dir()
    table = punar.layers(own.load(name) if saved else name, depth=depth, unfreeze=stages(unfreeze))
    if json:
        from json import dumps

        typer.echo(dumps({"rows": table.rows, "totals": table.totals, "notes": table.notes}, indent=1))
    else:
        typer.echo(str(table))
