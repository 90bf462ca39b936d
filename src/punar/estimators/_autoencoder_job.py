"""The steps of an autoencoder's fit around the loop: reading X, the checkpoint's identity, the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from punar.data import inputs, scaling
from punar.data.rows import DatasetRows, TensorRows
from punar.errors import DataError
from punar.estimators import _fitting
from punar.estimators._codec import BLOCK, Codec
from punar.estimators._fit_report import FitReport, measure, measured_rows, pca_rows
from punar.training.checkpoint import Checkpoint, hash_tensors

_CACHED = 2**17  # numbers per block that stay in a core's cache between passes


def read(
    estimator: Any, X: Any, *, wants_pictures: bool, fitted: inputs.Layout | None = None
) -> tuple[Tensor | DatasetRows, inputs.Layout]:
    """Return unscaled rows and their layout, which must be ``fitted`` where that is given."""
    name = type(estimator).__name__
    where = f"{name}.{'fit' if fitted is None else 'transform'}"
    if inputs.is_dataset(X):
        layout = inputs.dataset_layout(X, where)
        rows: Tensor | DatasetRows = DatasetRows(X, None, torch.device("cpu"))
    elif inputs.read_kind(X, estimator.kind, wants_pictures) == "images":
        rows, layout = inputs.read_pictures(X, where)
    else:
        rows, layout = inputs.read_table(estimator, X, where, reset=fitted is None)
    if fitted is not None and layout.shape != fitted.shape:
        raise DataError(
            f"{where}: X has rows of shape {layout.user_shape}, but {name} was fitted on rows of shape "
            f"{fitted.user_shape}. Pass rows of that shape."
        )
    if fitted is not None and fitted.uint8 != layout.uint8 and isinstance(rows, Tensor):
        _refuse_other_range(where, rows, fitted)
    return rows, layout


def _refuse_other_range(where: str, rows: Tensor, fitted: inputs.Layout) -> None:
    """Raise where pictures are in [0, 1] for a model fitted on 0 to 255, or the other way round."""
    if not fitted.uint8:
        raise DataError(f"{where}: X is uint8 (0 to 255), but the model was fitted on floats. Pass X / 255.0.")
    if float(rows.max()) <= 1.0:
        raise DataError(
            f"{where}: X has floats up to {float(rows.max()):g}, but the model was fitted on uint8 (0 to 255). Pass "
            "the uint8 pictures, or X * 255."
        )


def training_blocks(rows: Tensor | DatasetRows, index: Tensor) -> Iterator[Tensor]:
    """Yield unscaled training rows; without a copy where every row is one."""
    if isinstance(rows, Tensor):
        size = max(1, _CACHED // max(1, rows[0].numel()))
        yield from rows.split(size) if len(index) == len(rows) else (rows[i] for i in index.split(size))
    else:
        yield from (rows.take(i) for i in index.split(BLOCK))


def open_checkpoint(
    estimator: Any,
    folder: str | Path | None,
    rows: Tensor | DatasetRows,
    layout: inputs.Layout,
    found: scaling.Moments,
    seed: int | None,
) -> Checkpoint | None:
    """Return the checkpoint of this job, or None where no folder is given."""
    if folder is None:
        return None
    # A dataset may be larger than memory: its moments and first row stand for its content.
    parts = [rows] if isinstance(rows, Tensor) else [found.mean, found.squares, rows.take(torch.arange(1))]
    data = {"content": hash_tensors(parts), "rows": len(rows), "row_shape": list(layout.user_shape)}
    return Checkpoint(folder, _fitting.fingerprint(estimator, data, seed))


def report(
    codec: Codec,
    rows: TensorRows | DatasetRows,
    index: tuple[Tensor, Tensor],
    *,
    seed: int,
    history: list[dict[str, float]],
) -> FitReport:
    """Measure on held-out rows, or on training rows where none are held out."""
    train, valid = index
    place = torch.device("cpu") if isinstance(rows, DatasetRows) else codec.device
    pool = valid if len(valid) else train
    measured = _spread(pool, measured_rows(len(pool), len(train) * len(history)))
    sample = _spread(train, pca_rows(len(train), codec.layout.size, codec.latent_dim, history[-1]["seconds"]))
    return measure(
        codec.module,
        codec.build(seed).to(codec.device).eval(),
        lambda net, x: codec.encode(x, net),
        lambda net, z: codec.decode(z, net),
        _fitting.mean_loss(codec.objective.losses, seed),
        rows.take(measured.to(place)),
        codec.scaler(codec.scaler.mean[None])[0].to(codec.device),
        rows.take(sample.to(place)),
        latent_dim=codec.latent_dim,
        held_out=len(valid) > 0,
    )


def _spread(index: Tensor, most: int) -> Tensor:
    """Return at most ``most`` of ``index``, evenly spread."""
    if len(index) <= most:
        return index
    return index[torch.linspace(0, len(index) - 1, most).long()]
