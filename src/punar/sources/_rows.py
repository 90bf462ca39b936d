"""Arrays -> rows of a table, or pictures; what cannot be either is told why."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from punar.errors import DataError
from punar.sources._found import FoundArrays
from punar.sources._target import read_target
from punar.sources._userdata import UserData


def rows_of(found: FoundArrays, path: Path, kind: str | None) -> UserData:
    """Return the rows, and the labels where there are any.

    Parameters
    ----------
    found : FoundArrays
    path : Path
        Where they stand.
    kind : {"table", "images"} or None
        None takes 2-D as a table, 4-D and 3-D uint8 as pictures.

    Raises
    ------
    DataError
        Another shape, missing or infinite values, or numbers that are no pixels.
    """
    X, y = found.X, found.y
    kind = _kind_of(X, kind, str(path))
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        bad = np.argwhere(~np.isfinite(X))
        raise DataError(
            f"{path}: values must be finite, but {len(bad)} of {X.size} are missing (NaN) or infinite, the "
            f"first at {tuple(int(i) for i in bad[0])}. Fill them, for example with numpy.nan_to_num or "
            "column means."
        )
    if kind == "images":
        X = _pixels(X, str(path))
    else:
        X = X.reshape(len(X), -1)
        X = X if X.dtype.kind == "f" else X.astype(np.float64)
    labels = None if y is None else read_target(y.reshape(-1), found.where_y)
    return UserData(
        X=X,
        y=labels.y if labels else None,
        kind=kind,
        name=path.stem,
        description=str(path),
        classes=labels.classes if labels else (),
        target_kind=labels.kind if labels else None,
        notes=[*found.notes, labels.note] if labels else list(found.notes),
    )


def _pixels(X: np.ndarray, where: str) -> np.ndarray:
    """Return pictures as uint8 or as floats in [0, 1]."""
    if X.dtype == np.uint8:
        return X
    if X.dtype.kind == "b":
        return X.astype(np.uint8) * 255
    low, high = float(X.min()), float(X.max())
    top = 255 if X.dtype.kind in "iu" else 1
    if low < 0 or high > top:
        raise DataError(
            f"{where}: pictures must be whole numbers from 0 to 255, or floats in [0, 1], but {X.dtype} "
            f"values from {low:g} to {high:g} were found. Divide by the largest possible value, or save "
            "X.astype('uint8')."
        )
    return X.astype(np.uint8) if X.dtype.kind in "iu" else X


def _kind_of(X: np.ndarray, kind: str | None, where: str) -> str:
    if 0 in X.shape:
        raise DataError(f"{where}: the array of shape {X.shape} has no rows or no columns; both are needed.")
    if kind == "images" and X.ndim not in (3, 4):
        raise DataError(
            f"{where}: pictures are (n, height, width) or (n, height, width, channels), got shape {X.shape}. "
            "Reshape the array, or leave out --kind."
        )
    if X.ndim == 2 or (kind == "table" and X.ndim > 2):
        return "table"
    if X.ndim == 3 and X.dtype != np.uint8 and kind != "images":
        raise DataError(
            f"{where}: {X.dtype} values of shape {X.shape} are read as sequences (n, time, channels), which "
            "these commands do not take. If they are pictures say --kind images (kind='images')."
        )
    if X.ndim in (3, 4):
        return "images"
    raise DataError(
        f"{where}: rows must be a table (n, columns) or pictures (n, height, width[, channels]), got shape "
        f"{X.shape}. Reshape the array, for example X.reshape(len(X), -1)."
    )
