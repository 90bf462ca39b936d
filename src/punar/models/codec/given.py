"""Rows that a person gave an autoencoder to validate on, put behind those that it learns from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset

from punar.data import inputs, padded
from punar.data.rows import DatasetRows
from punar.errors import DataError
from punar.models.codec.table import rows_of
from punar.models.division import Wanted
from punar.preparations.mixed import MixedTable


def joined(
    estimator: Any,
    wanted: Wanted,
    rows: Tensor | DatasetRows,
    layout: inputs.Layout,
    table: MixedTable | None = None,
) -> tuple[Tensor | DatasetRows, int]:
    """Return all rows and how many of them, the last ones, are to validate on.

    Parameters
    ----------
    estimator : Autoencoder
    wanted : Wanted
        What the call says of the division.
    rows : Tensor or DatasetRows
        That are learned from.
    layout : Layout
        Of these.
    table : MixedTable, optional
        How mixed columns become numbers.

    Raises
    ------
    DataError
        Rows of another kind or shape, or sequences longer than those that are learned from.
    """
    if not wanted.given:
        return rows, 0
    if inputs.is_dataset(wanted.X) != isinstance(rows, DatasetRows):
        raise DataError(f"{wanted.at} and X must both be torch datasets or both be in memory. Pass both in one form.")
    if isinstance(rows, DatasetRows):
        _check_shape(wanted, inputs.dataset_layout(wanted.X, wanted.at), layout)
        both: Any = ConcatDataset([rows.dataset, wanted.X])
        return DatasetRows(both, None, torch.device("cpu")), len(wanted.X)
    other, theirs = _read(estimator, wanted, layout) if table is None else rows_of(table, wanted.X, wanted.at)
    _check_shape(wanted, theirs, layout)
    if layout.kind == "sequences":
        other = torch.nn.functional.pad(other, (0, 0, 0, layout.shape[0] - other.shape[1]), value=torch.nan)
    return torch.cat([rows, other.to(rows.dtype)]), len(other)


def _read(estimator: Any, wanted: Wanted, layout: inputs.Layout) -> tuple[Tensor, inputs.Layout]:
    if layout.kind == "sequences":
        channels, names = layout.shape[1], tuple(getattr(estimator, "feature_names_in_", ()))
        read = padded.read_padded(wanted.X, wanted.at, missing=estimator.missing, channels=channels, names=names)
        return read[:2]
    if layout.kind == "images":
        return inputs.read_pictures(wanted.X, wanted.at)
    return inputs.read_table(estimator, wanted.X, wanted.at, reset=False)


def _check_shape(wanted: Wanted, theirs: inputs.Layout, layout: inputs.Layout) -> None:
    if layout.kind == "sequences":
        if theirs.shape[0] > layout.shape[0]:
            raise DataError(
                f"{wanted.at} has a sequence of {theirs.shape[0]} steps, the longest of X has {layout.shape[0]}, and "
                "the decoder writes no more. Cut longer sequences into pieces."
            )
        return
    if theirs.shape != layout.shape:
        raise DataError(
            f"{wanted.at} has rows of shape {theirs.user_shape}, X has rows of shape {layout.user_shape}. Pass rows of "
            "one shape."
        )
    if theirs.uint8 != layout.uint8:
        raise DataError(
            f"{wanted.at} and X are pictures of which only one is uint8 (0 to 255). Pass both in the same units."
        )
