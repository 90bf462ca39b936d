"""What an autoencoder keeps beside its weights: its parts, the form of its rows and their scaling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import torch
from torch import Tensor

from punar.data.inputs import Layout
from punar.data.scaling import Scaler
from punar.errors import DamagedModelError
from punar.preparations.mixed import MixedTable, check_table
from punar.stored._facts import convert

_MOST_NUMBERS = 2**28  # per row
_Size = Annotated[int, msgspec.Meta(ge=1, le=_MOST_NUMBERS)]
_SIDES = {"table": ((1, 1),), "images": ((3, 2), (3, 3)), "sequences": ((2, 2),)}


class RowsFacts(msgspec.Struct, frozen=True):
    """The form of an autoencoder's rows.

    Attributes
    ----------
    kind : {"table", "images", "sequences"}
    shape, user_shape : tuple of int
        One row as the network sees it, and as the user passed it; see :class:`punar.data.inputs.Layout`.
    float32, binary : bool
        The training rows were float32; were all 0 and 1.
    scaling : str
    """

    kind: Literal["table", "images", "sequences"]
    shape: tuple[_Size, ...]
    user_shape: tuple[_Size, ...]
    float32: bool
    binary: bool
    scaling: str

    @property
    def layout(self) -> Layout:
        """The same, for rows."""
        return Layout(self.kind, self.shape, self.user_shape)


class CodecFacts(msgspec.Struct, frozen=True):
    """An autoencoder without its weights; network and objective as :func:`punar.core.plugins.to_dict` gives them.

    ``table`` is how the columns of a mixed table become the rows' numbers.
    """

    network: dict[str, Any]
    objective: dict[str, Any]
    latent_dim: _Size
    input: RowsFacts
    table: MixedTable | None = None


def read_codec(facts: object, where: str) -> CodecFacts:
    """Return untrusted facts of an autoencoder, checked.

    Raises
    ------
    DamagedModelError
        A field is missing or wrong, or the rows have no one form.
    """
    found = convert(facts, CodecFacts, where, "codec")
    rows = found.input
    if (len(rows.shape), len(rows.user_shape)) not in _SIDES[rows.kind] or not (
        math.prod(rows.shape) == math.prod(rows.user_shape) <= _MOST_NUMBERS
    ):
        raise DamagedModelError(
            f"{where}: input must describe {rows.kind} of one shape with at most {_MOST_NUMBERS} numbers, found shape "
            f"{rows.shape} and user_shape {rows.user_shape}."
        )
    refuse_table(found.table, rows.shape[0] if rows.kind == "table" else 0, where)
    return found


def refuse_table(table: MixedTable | None, width: int, where: str) -> None:
    """Raise where what an untrusted folder holds is not one table of this width; None is no table.

    Raises
    ------
    DamagedModelError
    """
    if table is None:
        return
    try:
        check_table(table, width)
    except ValueError as error:
        raise DamagedModelError(f"{where}: {error}. Get the folder again from where it came.") from None


def scaler_tensors(scaler: Scaler) -> dict[str, Tensor]:
    """Return the scaler's tensors by the names they have in files."""
    named = {"scaler.shift": scaler.shift, "scaler.scale": scaler.scale, "scaler.mean": scaler.mean}
    return {name: value.detach().cpu().clone() for name, value in named.items()}  # files take no shared memory


def stored_scaler(tensors: Mapping[str, Tensor], mode: str) -> Scaler:
    """Return the scaler that :func:`scaler_tensors` wrote; the tensors are not checked."""
    return Scaler(tensors["scaler.shift"], tensors["scaler.scale"], tensors["scaler.mean"], mode)


def read_scaler(tensors: Mapping[str, Tensor], rows: RowsFacts, where: str) -> Scaler:
    """Return the scaler that untrusted tensors describe.

    Raises
    ------
    DamagedModelError
        One is missing, not finite, of another type than float64 or of another shape than the rows.
    """
    sequences, shape = rows.kind == "sequences", rows.shape
    for name in ("shift", "scale", "mean"):
        value = tensors.get(f"scaler.{name}")
        if value is None:
            raise DamagedModelError(f"{where}: scaler.{name} is missing.")
        own = shape[1:] if sequences and name != "mean" else shape  # per channel
        # A sequence's steps are known by nothing else in the file; what is built must not be larger than the file.
        allowed = {own} if sequences and name == "mean" else {(), own}
        if value.dtype != torch.float64 or tuple(value.shape) not in allowed:
            raise DamagedModelError(
                f"{where}: scaler.{name} must be float64 of shape {own} or (), found {value.dtype} "
                f"{tuple(value.shape)}."
            )
        if not bool(torch.isfinite(value).all()) or (name == "scale" and not bool((value > 0).all())):
            raise DamagedModelError(f"{where}: the scaler must be finite with scale > 0.")
    return stored_scaler(tensors, rows.scaling)
