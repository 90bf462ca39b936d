"""``punar data [NAME or FILE]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punar.cli import _mixed
from punar.cli import _options as o
from punar.cli._panels import Given, takes
from punar.cli._reading import describe_shape, parse_size
from punar.errors import DataError, PunarError
from punar.texts import cli as texts
from punar.texts import options

if TYPE_CHECKING:
    import pandas as pd

    from punar.sources import UserData

_MOST_COLUMNS = 40


@takes(reading=o.DATA.only("target", "drop", "key", "header", "size", "kind", "skip_bad"))
def data(
    reading: Given,
    source: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help=options.DATA_OPTIONAL, show_default=False)
    ] = None,
) -> None:
    """List or describe."""
    if source is None:
        _list()
        return
    from punar.sources import read_data, read_table

    plain = {name: reading[name] for name in ("target", "key", "header")}
    trouble: PunarError | None = None
    found = None
    try:
        found = read_data(
            source,
            **plain,
            kind=reading["kind"],
            drop=reading["drop"] or (),
            size=None if reading["size"] is None else parse_size(reading["size"]),
            on_error="skip" if reading["skip_bad"] else "raise",
            mixed=None,
        )
        found.notes.extend(_mixed.notes(found))
    except DataError as error:
        # A table with text or holes can still be described, which is what its owner needs to see.
        trouble = error
    if found is not None:
        _describe(found)
    table = read_table(source, **plain) if found is None or found.columns else None
    if table is not None:
        _columns(table.frame)
    elif found is not None and found.columns:
        _columns(found.as_input())
    if trouble is not None and table is None:
        raise trouble
    if trouble is not None:
        typer.echo(f"{texts.CANNOT_USE} {trouble}")


def _list() -> None:
    from punar.sources import builtin

    typer.echo(texts.BUILTIN_HEAD)
    for name in builtin.names():
        found = builtin.load(name)
        typer.echo(texts.BUILTIN_LINE.format(name=name, what=f"{describe_shape(found)}; {_target(found)}"))
        typer.echo(texts.BUILTIN_LINE.format(name="", what=found.description))


def _target(found: UserData) -> str:
    if found.y is None:
        return texts.TARGET_NONE
    if not found.classes:
        return texts.TARGET_NUMBERS.format(low=float(found.y.min()), high=float(found.y.max()))
    names = ", ".join(found.classes[:10]) + (", ..." if len(found.classes) > 10 else "")
    return texts.TARGET_CLASSES.format(k=len(found.classes), names=names)


def _describe(found: UserData) -> None:
    facts = [
        (texts.LABEL_NAME, found.name),
        (texts.LABEL_KIND, describe_shape(found)),
        *_numbers(found.X),
        (texts.LABEL_TARGET, _target(found)),
        *((texts.LABEL_NOTE, note) for note in found.notes),
    ]
    if found.description not in (found.name, found.name + Path(found.description).suffix):
        facts.append(("", found.description))
    for label, value in facts:
        typer.echo(texts.FACT.format(label=label, value=value))


def _numbers(X: Any) -> list[tuple[str, str]]:
    """Return type and range of rows of numbers; nothing for columns that are not."""
    if hasattr(X, "columns"):
        return []
    span = texts.RANGE.format(low=float(X.min()), high=float(X.max()), mean=float(X.mean()))
    return [(texts.LABEL_TYPE, str(X.dtype)), (texts.LABEL_RANGE, span)]


def _columns(frame: pd.DataFrame) -> None:
    """Print one line per column: what it holds, how much is missing, and its range."""
    import pandas as pd

    lines: list[tuple[str, ...]] = [texts.COLUMN_HEAD]
    for name in list(frame.columns)[:_MOST_COLUMNS]:
        column = frame[name]
        missing = int(column.isna().sum())
        if pd.api.types.is_bool_dtype(column.dtype):
            column = column.astype("float64")
        if pd.api.types.is_numeric_dtype(column.dtype):
            spread = (column.min(), column.mean(), column.max())
            lines.append((str(name), texts.COLUMN_NUMBERS, str(missing), *(f"{v:.6g}" for v in spread)))
        else:
            dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
            what = texts.COLUMN_DATES if dates else texts.COLUMN_TEXT.format(n=column.astype(str).nunique())
            lines.append((str(name), what, str(missing), "", "", ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        left = "  ".join(f"{line[i]:<{widths[i]}}" for i in (0, 1))
        right = "  ".join(f"{line[i]:>{widths[i]}}" for i in range(2, len(line)))
        typer.echo(f"{left}  {right}".rstrip())
    if frame.shape[1] > _MOST_COLUMNS:
        typer.echo(texts.MORE_COLUMNS.format(n=frame.shape[1] - _MOST_COLUMNS))
