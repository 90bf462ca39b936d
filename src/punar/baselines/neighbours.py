"""The nearest training series, by the distance of their steps or along the best path through both (DTW)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import pairwise_distances_argmin

from punar.core.params import check_params, one_of
from punar.core.shared import one_blas_thread
from punar.errors import MissingExtraError
from punar.preparations.series import learned_scaling

DISTANCES = ("euclidean", "dtw")


class NearestNeighbour(BaseEstimator):
    """The answer of the nearest training series (Cover and Hart, 1967; Sakoe and Chiba, 1978).

    Channels are brought to mean 0 and deviation 1. A shorter series is continued with zeros, which is the mean, and so
    is what is missing: lengths count.

    Parameters
    ----------
    distance : {"euclidean", "dtw"}, default="euclidean"
        "dtw" needs the package aeon; steps may move by a tenth of the length.

    Examples
    --------
    >>> NearestNeighbour().fit([[[0.0], [1.0]], [[5.0], [5.0]]], ["a", "b"]).predict([[[4.0], [5.0], [5.0]]])
    array(['b'], dtype='<U1')
    """

    def __init__(self, distance: str = "euclidean") -> None:
        self.distance = distance

    def fit(self, X: Sequence[Any], y: Any) -> NearestNeighbour:
        """Keep series (t_i, channels) and their answers.

        Raises
        ------
        MissingExtraError
            aeon is not installed.
        """
        check_params(self, {"distance": one_of(*DISTANCES)})
        if self.distance == "dtw":
            _pairwise_dtw()
        self.blocks_ = Blocks().fit(X)
        self.known_, self.answers_ = self.blocks_.transform(X), np.asarray(y)
        return self

    def predict(self, X: Sequence[Any]) -> np.ndarray:
        """Return an answer for each series."""
        asked = self.blocks_.transform(X)
        if self.distance == "dtw":
            found = _dtw(channels_first(asked), channels_first(self.known_)).argmin(1)
        else:
            with one_blas_thread():  # scikit-learn asks for that too, and two threads would undo it for each other
                found = pairwise_distances_argmin(
                    asked.reshape(len(asked), -1), self.known_.reshape(len(self.known_), -1)
                )
        return self.answers_[found]


class Blocks(BaseEstimator):
    """Series of unequal lengths as one array (n, time, channels), scaled, with zeros for what is not there."""

    def fit(self, X: Sequence[Any], y: object = None) -> Blocks:
        """Learn the longest length, and mean and deviation of each channel."""
        items = [np.asarray(x, dtype=np.float64) for x in X]
        self.longest_ = max(map(len, items))
        shift, scale = learned_scaling(items, "standard")
        self.shift_, self.scale_ = np.array(shift), np.array(scale)
        return self

    def transform(self, X: Sequence[Any]) -> np.ndarray:
        """Return float64 (n, longest, channels); what is longer than every training series is cut off."""
        found = np.zeros((len(X), self.longest_, len(self.shift_)))
        for row, item in zip(found, X, strict=True):
            steps = np.asarray(item, dtype=np.float64)[: self.longest_]
            row[: len(steps)] = np.nan_to_num((steps - self.shift_) / self.scale_)
        return found


def channels_first(rows: np.ndarray) -> np.ndarray:
    """Return (n, channels, time) of (n, time, channels), as aeon takes series."""
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def _dtw(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="unsafe cast")  # of indices, while aeon is compiled
        found: np.ndarray = _pairwise_dtw()(asked, known, window=0.1)
    return found


def _pairwise_dtw() -> Any:
    try:
        from aeon.distances import dtw_pairwise_distance
    except ImportError:
        raise MissingExtraError(
            "NearestNeighbour: distance='dtw' needs the package aeon: pip install 'punar[series]'"
        ) from None
    return dtw_pairwise_distance
