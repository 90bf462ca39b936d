"""Rows of numbers as a network reads them that was trained on a table: an autoencoder's encoder, used as a backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from punar.data import layouts
from punar.data.columns import of_table
from punar.data.decode import BadItem
from punar.data.names import in_order, named
from punar.errors import DataError, DataTypeError, shown
from punar.preparations._preparation import Batch, Preparation
from punar.preparations._reading import Size


@dataclass(frozen=True)
class Rows(Preparation):
    """Input facts of a table's network.

    Parameters
    ----------
    width : int
        Numbers per row.
    names : tuple of str, default=()
        Of the columns that were fitted on, where they had names: a table's columns are matched by these.
    """

    width: Size
    names: tuple[str, ...] = ()

    domain: ClassVar[str] = "table"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild from untrusted facts; see :class:`Preparation`."""
        made = super().from_facts(facts)
        if len(made.names) not in (0, made.width):
            raise ValueError(f"names must be one for each of {made.width} columns, found {len(made.names)}")
        return made

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """Return the rows as a list; see :class:`Preparation`."""
        X = layouts.known(X, where)
        if isinstance(X, pd.DataFrame):
            X = named(X, where)
            X = of_table(in_order(X, self.names, where) if self.names else X, where)
        if isinstance(X, (str, bytes)) or not hasattr(X, "__len__"):
            raise DataTypeError(f"{where}: X must be a table of numbers, got {shown(X)}.")
        try:
            rows = np.asarray(X)
            rows = rows if rows.dtype.kind == "f" else rows.astype(np.float64)
        except (TypeError, ValueError):
            raise DataTypeError(f"{where}: X must be a table of numbers, got {shown(X)}.") from None
        if len(rows) == 0:
            raise DataError(f"{where}: Found X with 0 sample(s) while a minimum of 1 is required.")
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise DataError(f"{where}: X must have shape (n, {self.width}), as in training, got {rows.shape}.")
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise DataError(f"{where}: X[{int(np.argmin(finite))}] contains NaN or infinity. Fill or drop such rows.")
        return list(rows)

    def content(self, item: Any) -> bytes:
        """Return type and numbers."""
        row = np.ascontiguousarray(item)
        return f"{row.shape}{row.dtype}".encode() + row.tobytes()

    def prepare(self, item: Any) -> Tensor:
        """Return float64 (width,), or float32 where the row is: the network's scaling needs every digit."""
        row = np.asarray(item)
        if row.shape != (self.width,):
            raise BadItem(f"a row must have {self.width} numbers, found shape {row.shape}")
        return torch.from_numpy(row.astype(np.float32 if row.dtype.itemsize <= 4 else np.float64))

    def collate(self, prepared: Sequence[Tensor], bucket: int = 0) -> Batch:
        """Return {"rows": (n, width)}."""
        kind = torch.float64 if any(row.dtype == torch.float64 for row in prepared) else torch.float32
        return {"rows": torch.stack([row.to(kind) for row in prepared])}

    def blank(self, bucket: int = 0) -> Tensor:
        """Return zeros."""
        return torch.zeros(self.width)
