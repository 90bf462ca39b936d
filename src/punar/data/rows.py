"""Rows that a loop can index: tensors in memory, or a map-style torch dataset that is larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from punar.data.scaling import Scaler
from punar.errors import DataError, DataTypeError, shown


class TensorRows:
    """Scaled rows that lie in memory on the training device.

    Parameters
    ----------
    rows : Tensor of shape (n, *shape), float32
    """

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, index: Tensor) -> Tensor:
        """Return the rows at ``index`` as one batch."""
        return self._rows.index_select(0, index.to(self._rows.device))


class DatasetRows:
    """Rows of a map-style dataset, read, scaled and moved batch by batch.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Items are rows, or tuples whose first element is the row.
    scaler : Scaler or None
        None gives the rows as they are.
    device : torch.device
    """

    def __init__(self, dataset: Any, scaler: Scaler | None, device: torch.device) -> None:
        self.dataset = dataset
        self._scaler = scaler
        self._device = device

    def __len__(self) -> int:
        return len(self.dataset)

    def take(self, index: Tensor) -> Tensor:
        """Return the rows at ``index`` as one scaled batch on the device."""
        wanted = index.tolist()
        if hasattr(self.dataset, "__getitems__"):
            items = self.dataset.__getitems__(wanted)
        else:
            items = [self.dataset[i] for i in wanted]
        rows = stack([_row(item) for item in items], wanted)
        return rows if self._scaler is None else self._scaler(rows).to(self._device)


def _row(item: Any) -> Tensor:
    first = item[0] if isinstance(item, (tuple, list)) else item
    try:
        return torch.as_tensor(first)
    except (TypeError, ValueError, RuntimeError):
        raise DataTypeError(f"Dataset items must be arrays or tensors of numbers, got {shown(first)}.") from None


def stack(rows: list[Tensor], index: list[int]) -> Tensor:
    """Stack rows, or name the one that does not fit or is not finite."""
    shape = rows[0].shape
    for i, row in zip(index, rows, strict=True):
        if row.shape != shape:
            raise DataError(
                f"Dataset item {i} has shape {tuple(row.shape)}; every item must have the shape of item "
                f"{index[0]}, {tuple(shape)}. Resize or pad the items."
            )
    out = torch.stack(rows)
    if out.is_complex():
        raise DataError("Complex data not supported: dataset items must be real numbers.")
    if out.is_floating_point() and not bool(torch.isfinite(out).all()):
        bad = next(i for i, r in zip(index, rows, strict=True) if not bool(torch.isfinite(r).all()))
        raise DataError(f"Dataset item {bad} contains NaN or infinity ({shown(rows[0].dtype)}); rows must be finite.")
    return out


def blocks(rows: TensorRows | DatasetRows, index: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the rows at ``index`` in batches of ``size``."""
    for start in range(0, len(index), size):
        yield rows.take(index[start : start + size])
