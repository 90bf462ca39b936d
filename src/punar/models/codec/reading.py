"""What an autoencoder is given -> unscaled rows and their layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from punar.data import inputs, padded
from punar.data.rows import DatasetRows
from punar.data.steps import lengths
from punar.errors import DataError, ParameterError
from punar.models.codec import table as tables
from punar.models.codec.model import Codec
from punar.networks import Network
from punar.preparations.mixed import MixedTable

_ENCODES_ONLY = ("transform", "encode")  # methods that take sequences of any length


def read(
    estimator: Any,
    X: Any,
    method: str,
    *,
    wants: str | None,
    fitted: Codec | None = None,
    table: MixedTable | None = None,
) -> tuple[Tensor | DatasetRows, inputs.Layout]:
    """Return unscaled rows and their layout, which must be the one of ``fitted`` where that is given.

    Parameters
    ----------
    estimator : Autoencoder
    X : array-like, pictures, sequences or Dataset
    method : str
        For messages.
    wants : {None, "images", "sequences"}
        What the network takes and nothing else.
    fitted : Codec, optional
    table : MixedTable, optional
        How the columns of ``X`` become numbers, where they are mixed; that of ``fitted`` goes first.
    """
    where = f"{type(estimator).__name__}.{method}"
    table = fitted.table if fitted is not None else table
    return _numbers(estimator, X, method, wants, fitted) if table is None else tables.rows_of(table, X, where)


def _numbers(
    estimator: Any, X: Any, method: str, wants: str | None, fitted: Codec | None
) -> tuple[Tensor | DatasetRows, inputs.Layout]:
    """Return the rows of what holds nothing but numbers, and their layout."""
    name = type(estimator).__name__
    where = f"{name}.{method}"
    rows, layout, names = _rows(estimator, X, where, wants, fitted)
    if fitted is None:
        if layout.kind != "table" or inputs.is_dataset(X):
            vars(estimator).pop("feature_names_in_", None)  # of an earlier fit on a named table
        if names:
            estimator.feature_names_in_ = np.asarray(names, dtype=object)
        return rows, layout
    if layout.kind == fitted.layout.kind == "sequences":
        _refuse_longer(where, method, rows, fitted)
    elif layout.shape != fitted.layout.shape:
        raise DataError(
            f"{where}: X has rows of shape {layout.user_shape}, but {name} was fitted on rows of shape "
            f"{fitted.layout.user_shape}. Pass rows of that shape."
        )
    if layout.kind == "images" and isinstance(rows, Tensor):
        _refuse_other_range(where, rows, uint8=layout.uint8, fitted=fitted)
    return rows, layout


def _rows(
    estimator: Any, X: Any, where: str, wants: str | None, fitted: Codec | None
) -> tuple[Tensor | DatasetRows, inputs.Layout, tuple[str, ...]]:
    """Return unscaled rows, their layout, and the names of sequences' channels."""
    sequences = "sequences" in (wants, estimator.kind)
    if inputs.is_dataset(X):
        if sequences:
            raise DataError(f"{where}: a dataset is not read as sequences. Pass a list of arrays (time_i, channels).")
        return DatasetRows(X, None, torch.device("cpu")), inputs.dataset_layout(X, where), ()
    X = inputs.whole(X, where, sequences=sequences)
    kind = inputs.read_kind(X, estimator.kind, wants)
    if kind == "sequences":
        channels = fitted.layout.shape[1] if fitted is not None and fitted.sequences else None
        names = () if channels is None else tuple(getattr(estimator, "feature_names_in_", ()))
        return padded.read_padded(X, where, missing=estimator.missing, channels=channels, names=names)
    if kind == "images":
        return *inputs.read_pictures(X, where), ()
    return *inputs.read_table(estimator, X, where, reset=fitted is None), ()


def check_together(estimator: Any, network: Network, layout: inputs.Layout) -> None:
    """Raise where rows of this layout and the network, or a parameter, do not go together."""
    name = type(estimator).__name__
    if layout.kind == "sequences" and not network.sequences_only:
        raise ParameterError(
            f"{name}: kind='sequences' needs a recurrent network, got network={type(network).__name__}. Pass "
            "network='lstm' or 'gru'."
        )
    if layout.kind != "sequences" and estimator.missing != "refuse":
        raise ParameterError(
            f"{name}: missing='mask' is for sequences, got rows of kind {layout.kind!r}. Fill the values "
            "(sklearn.impute.SimpleImputer), or pass sequences and network='lstm'."
        )
    network.check(layout.shape)


def _refuse_longer(where: str, method: str, rows: Any, fitted: Codec) -> None:
    """Raise where a method decodes, and a sequence is longer than any that the decoder was trained on."""
    most = fitted.layout.shape[0]
    if method in _ENCODES_ONLY or rows.shape[1] <= most:
        return
    known = lengths(rows)
    first = int((known > most).nonzero()[0, 0])
    raise DataError(
        f"{where}: X[{first}] has {int(known[first])} steps, but the decoder was fitted on at most {most} and writes "
        "no more. Cut longer sequences into pieces; transform takes them as they are."
    )


def _refuse_other_range(where: str, rows: Tensor, *, uint8: bool, fitted: Codec) -> None:
    """Raise where pictures are in [0, 1] for a model fitted on 0 to 255, or the other way round."""
    wide, highest = float(fitted.scaler.mean.max()) > 1.0, float(rows.max())
    if uint8 and highest > 1.0 and not wide:
        raise DataError(
            f"{where}: X is uint8 (0 to 255), but the model was fitted on values in [0, 1]. Pass X / 255.0."
        )
    if not uint8 and 0.0 < highest <= 1.0 and wide:
        raise DataError(
            f"{where}: X has floats up to {highest:g}, but the model was fitted on 0 to 255. Pass the uint8 pictures, "
            "or X * 255."
        )
