"""Which axis holds the channels: pictures and series whose axes stand in another library's order are told apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from punar.errors import DataError, PunarWarning
from punar.texts import sequences as texts

_PICTURE_CHANNELS = (1, 3, 4)
_SMALLEST = 5  # pixels: no picture that is learned from is narrower
_FEW, _MANY = 6, 8  # steps; and times as many channels
_LOOKED_AT = 200
_SMOOTH, _ROUGH = 0.6, 0.3  # correlations of neighbours


def are_first(shape: Sequence[int]) -> bool:
    """Return whether a picture's shape is (channels, height, width), as torch has it.

    >>> are_first((3, 32, 32)), are_first((32, 32, 3)), are_first((3, 32, 4))
    (True, False, False)
    """
    return len(shape) == 3 and shape[0] in _PICTURE_CHANNELS and min(shape[1:]) >= _SMALLEST


def refuse_first(shape: Sequence[int], where: str) -> None:
    """Raise where pictures (n, channels, height, width) stand in an array of this shape.

    Raises
    ------
    DataError
        The message says how to move the axis.
    """
    if len(shape) == 4 and are_first(shape[1:]):
        raise DataError(
            f"{where}: X of shape {tuple(shape)} looks like pictures (n, channels, height, width), as torch has them; "
            "punar reads (n, height, width, channels), channels last. Pass np.moveaxis(X, 1, -1), or of a tensor "
            "X.permute(0, 2, 3, 1)."
        )


def say_if_first(items: Sequence[np.ndarray], where: str) -> None:
    """Warn where series (time, channels) look as if they were (channels, time).

    Parameters
    ----------
    items : sequence of ndarray of shape (time, channels)
        Without names: a table says itself what its columns are.
    where : str

    Warns
    -----
    PunarWarning
        All series are equally long and have one step with 4 channels or more; up to 6 steps and 8 times as many
        channels; or more channels than steps, where neighbouring channels are alike and neighbouring steps are not.
    """
    steps, channels = items[0].shape
    if channels <= max(steps, 3) or any(len(item) != steps for item in items):
        return
    few = steps == 1 or (steps <= _FEW and channels >= _MANY * steps)
    if few or _is_smoother_across(np.stack(items[:_LOOKED_AT]).astype(np.float64)):
        message = texts.CHANNELS_FIRST.format(where=where, n=len(items), steps=steps, channels=channels)
        warnings.warn(message, PunarWarning, stacklevel=2)


def _is_smoother_across(X: np.ndarray) -> bool:
    if not np.isfinite(X).all():
        return False
    return _alike(X, 2) > _SMOOTH and _alike(X, 1) < _ROUGH


def _alike(X: np.ndarray, axis: int) -> float:
    """Return the mean correlation of neighbours along an axis."""
    X = np.moveaxis(X, axis, -1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        X = X - X.mean(-1, keepdims=True)
        ratio = (X[..., 1:] * X[..., :-1]).sum(-1) / np.square(X).sum(-1)
    known = ratio[np.isfinite(ratio)]
    return float(known.mean()) if known.size else 0.0
