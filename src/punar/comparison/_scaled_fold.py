"""One fold of rows in the space that all reducers share, and the share of variance that survives in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline

from punar.comparison.reading import Reading
from punar.data.scaling import learn_scaler, moments
from punar.errors import DataError
from punar.estimators.autoencoder import Autoencoder
from punar.preparations.mixed import learn_table


@dataclass
class Fold:
    """What all candidates share in one fold: scaled rows (float32, flat), labels and the pictures' shape."""

    train: np.ndarray
    test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    target: str | None
    picture: tuple[int, ...] | None
    shift: np.ndarray
    scale: np.ndarray
    seed: int

    def fit(self, estimator: Any) -> Any:
        """Return ``estimator``, fitted on the training rows without labels."""
        return estimator.fit(self._in_shape(estimator, self.train))

    def transform(self, estimator: Any) -> np.ndarray:
        """Return the codes of the held-out rows, (n, code size)."""
        return self.encode(estimator, self.test)

    @property
    def timed(self) -> int:
        """How many rows :meth:`transform` encodes."""
        return len(self.test)

    def few(self, n: int) -> Fold:
        """Return the same fold with the first n training rows."""
        return replace(self, train=self.train[:n])

    def encode(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        """Return the codes of flat rows as a finite 2-D float array."""
        codes = estimator.transform(self._in_shape(estimator, rows))
        codes = codes.toarray() if hasattr(codes, "toarray") else np.asarray(codes)
        if len(codes) != len(rows):
            raise DataError(f"transform gave {len(codes)} codes for {len(rows)} rows.")
        codes = codes.reshape(len(rows), -1).astype(np.float64)
        if not np.isfinite(codes).all():
            raise DataError("transform gave codes that are NaN or infinite.")
        return codes

    def decode(self, estimator: Any, codes: np.ndarray) -> np.ndarray | None:
        """Return flat rows for codes, or None where the estimator cannot go back."""
        try:
            inverse = estimator.inverse_transform
        except AttributeError:  # a pipeline says so only when asked
            return None
        back = np.asarray(inverse(codes.astype(np.float32))).reshape(len(codes), -1).astype(np.float64)
        if not np.isfinite(back).all():
            raise DataError("inverse_transform gave rows that are NaN or infinite.")
        return back

    def in_input_units(self, rows: np.ndarray) -> np.ndarray:
        """Return flat scaled rows in the units of X."""
        return rows * self.scale + self.shift

    def _in_shape(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        if self.picture is not None and takes_pictures(estimator):
            return rows.reshape(len(rows), *self.picture)
        return rows


def takes_pictures(estimator: Any) -> bool:
    """Return whether an estimator, or the first step of a pipeline, asks for pictures rather than rows."""
    if isinstance(estimator, Pipeline):
        return bool(estimator.steps) and takes_pictures(estimator.steps[0][1])
    if not isinstance(estimator, Autoencoder):
        return False
    network = estimator.network
    return estimator.kind == "images" or "conv" in (network, type(network).__name__.lower())


def scaled_fold(data: Reading, train: np.ndarray, test: np.ndarray, seed: int) -> Fold:
    """Return the fold, scaled by what its training rows say: per column for a table, one scale for pictures."""
    if data.table is not None:
        return _mixed_fold(data, train, test, seed)
    rows = data.X.reshape(len(data.X), -1)
    pictures = data.kind == "images"
    train_rows = torch.from_numpy(np.ascontiguousarray(rows[train]))
    mode = "global" if pictures else "standard"
    scaler = learn_scaler(moments([train_rows]), mode, unit_range=False, pictures=pictures)
    return Fold(
        train=scaler(train_rows).numpy(),
        test=scaler(torch.from_numpy(np.ascontiguousarray(rows[test]))).numpy(),
        y_train=None if data.y is None else data.y[train],
        y_test=None if data.y is None else data.y[test],
        target=data.target,
        picture=tuple(data.X.shape[1:]) if pictures else None,
        shift=scaler.shift.numpy(),
        scale=scaler.scale.numpy(),
        seed=seed,
    )


def _mixed_fold(data: Reading, train: np.ndarray, test: np.ndarray, seed: int) -> Fold:
    """Return the fold of a table whose columns become numbers as its training rows say."""
    table = learn_table(data.table, "compare", train)
    rows = table.encode(data.table, "compare")
    return Fold(
        train=rows[train],
        test=rows[test],
        y_train=None if data.y is None else data.y[train],
        y_test=None if data.y is None else data.y[test],
        target=data.target,
        picture=None,
        shift=np.zeros(()),
        scale=np.ones(()),
        seed=seed,
    )


def variance_explained(fold: Fold, back: np.ndarray) -> float:
    """Return 1 - squared error / squared distance from the training mean, over the held-out rows.

    Parameters
    ----------
    fold : Fold
    back : ndarray of shape (n_test, columns)
        Reconstructions in the shared scaled space.
    """
    test = fold.test.astype(np.float64)
    spread = float(((test - fold.train.mean(axis=0, dtype=np.float64)) ** 2).sum())
    error = float(((test - back) ** 2).sum())
    if spread <= 0:
        return 1.0 if error <= 1e-12 * test.size else 0.0
    return 1.0 - error / spread
