"""From words on the command line to data, with every decision said on stderr."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from punar.errors import DataError, ParameterError, shown
from punar.texts import cli as texts

if TYPE_CHECKING:
    from punar.sources import UserData


def read_data(
    source: str,
    *,
    target: str | None = None,
    drop: list[str] | None = None,
    key: str | None = None,
    header: bool | None = None,
    size: str | tuple[int, int] | None = None,
    kind: str | None = None,
    skip_bad: bool = False,
    columns: list[str] | None = None,
    say_shape: bool = True,
    parts: tuple[type, ...] = (),
    mixed: bool | None = None,
) -> UserData:
    """Return what ``source`` names, and print its shape and the notes; see :func:`punar.sources.read_data`."""
    from punar.sources import read_data as read

    data = read(
        source,
        target=target,
        kind=kind,
        drop=drop or (),
        columns=columns,
        key=key,
        header=header,
        size=parse_size(size) if isinstance(size, str) else size,
        on_error="skip" if skip_bad else "raise",
        parts=parts,
        mixed=mixed,
    )
    say_notes(data.name, ([describe_shape(data)] if say_shape else []) + data.notes)
    return data


def say_notes(name: str, notes: Iterable[str]) -> None:
    """Say what was decided about the data of this name, a line each."""
    for note in notes:
        typer.echo(texts.READ_NOTE.format(name=name, note=note), err=True)


def parse_size(text: str) -> int | tuple[int, int]:
    """Return the sides that ``32`` or ``24x32`` means.

    >>> parse_size("32"), parse_size("24x32")
    (32, (24, 32))
    """
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(s.strip().isdecimal() for s in sides):
        raise ParameterError(f"--size must be like 32 or 24x32 (height x width), got {shown(text)}.")
    numbers = [int(s) for s in sides]
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def read_for(
    model: Any,
    source: str,
    *,
    drop: list[str] | None,
    key: str | None,
    header: bool | None,
    skip_bad: bool,
    target: str | None = None,
    parts: tuple[type, ...] = (),
) -> tuple[UserData, Any]:
    """Return data in the form that a fitted model takes: its columns, its size and colours of pictures.

    Returns
    -------
    data : UserData
    X : ndarray or DataFrame
        For the model's methods.
    """
    import numpy as np

    if not hasattr(model, "inverse_transform"):
        raise ParameterError(
            f"The model is a {type(model).__name__}, which cannot decode; use punar predict or punar transform with it."
        )
    # The decoder knows the shape of a row; asking it needs no knowledge of the model's inside.
    shape = model.inverse_transform(np.zeros((1, model.latent_dim_), dtype=np.float32)).shape[1:]
    given = {"target": target, "drop": drop, "key": key, "header": header, "skip_bad": skip_bad, "parts": parts}
    return read_like(model, shape, source, **given)


def read_like(model: Any, shape: tuple[int, ...], source: str, **given: Any) -> tuple[UserData, Any]:
    """Return data as rows of this shape, with the columns that a model was fitted on; see :func:`read_for`."""
    import numpy as np

    pictures, path = len(shape) > 1, Path(source)
    table = getattr(model, "table_", None)
    names = getattr(model, "feature_names_in_", None) if table is None else table.needed
    data = read_data(
        source,
        size=(shape[0], shape[1]) if pictures and path.is_dir() else None,
        kind="images" if pictures and path.suffix in (".npy", ".npz") else None,
        columns=None if names is None else [str(n) for n in names],
        mixed=table is not None,
        **given,
    )
    if (data.kind == "images") != pictures:
        wants = "pictures" if pictures else "rows of a table"
        raise DataError(
            f"{data.name} is read as {data.kind}, but this model was fitted on {wants} of shape "
            f"{tuple(shape)}. Give it data like the data it was fitted on."
        )
    X = data.X
    if pictures and X.ndim == 3 and len(shape) == 3 and shape[2] == 3:
        X = np.repeat(X[..., None], 3, axis=3)
    return data, X if pictures or names is None else data.as_input()


def describe_shape(data: UserData) -> str:
    """Return how data is read in words, such as "1,797 pictures of 8 × 8"."""
    if data.kind == "images":
        return texts.KIND_IMAGES.format(n=len(data.X), shape=" × ".join(map(str, data.X.shape[1:])))
    return texts.KIND_TABLE.format(n=len(data.X), d=data.X.shape[1])
