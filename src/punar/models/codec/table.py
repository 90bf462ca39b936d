"""Where an autoencoder's rows are a table of mixed columns: from data frames to rows of numbers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.data.inputs import Layout
from punar.data.splits import split
from punar.errors import DataTypeError, shown
from punar.preparations import mixed


def learn(estimator: Any, X: Any, wants: str | None, seed: int) -> mixed.MixedTable | None:
    """Return how the columns of a table become numbers; None where they are numbers already, or ``X`` is no table.

    It is learned from the rows that training sees. The estimator is given the names of the columns.
    """
    if wants is not None or estimator.kind not in (None, "table") or not mixed.is_mixed(X):
        return None
    rows = split(len(X), float(estimator.validation_fraction), seed)[0].numpy()
    return mixed.learn_table(X, f"{type(estimator).__name__}.fit", rows)


def rows_of(table: mixed.MixedTable, X: Any, where: str) -> tuple[Tensor, Layout]:
    """Return a frame as rows of numbers, (n, numbers per row), and their layout.

    Raises
    ------
    DataError, DataTypeError
        ``X`` is no data frame, or its columns are not those that were fitted on.
    """
    if mixed.as_frame(X) is None:
        raise DataTypeError(
            f"{where}: the model was fitted on a data frame of {len(table.columns)} named columns, and finds them by "
            f"their names. Pass a data frame, got {shown(X)}."
        )
    rows = torch.from_numpy(table.encode(X, where))
    return rows, Layout("table", (rows.shape[1],), (rows.shape[1],))


def names_of(table: mixed.MixedTable) -> np.ndarray | None:
    """Return the names of the columns as scikit-learn keeps them: only where all are text."""
    if not all(isinstance(name, str) for name in table.names):
        return None
    return np.asarray(table.names, dtype=object)
