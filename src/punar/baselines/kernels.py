"""Random convolution kernels with a ridge: what is usually best on small sets of series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.baselines.neighbours import Blocks, channels_first
from punar.errors import MissingExtraError

_FEWEST_STEPS = 9  # a kernel's
_PENALTIES = np.logspace(-3, 3, 10)


class Kernels(BaseEstimator):
    """MiniRocket's features of series: how often each of about 10,000 kernels is exceeded.

    Needs the package aeon.

    Parameters
    ----------
    random_state : int, default=0

    References
    ----------
    Dempster, Schmidt and Webb (2021). MiniRocket: a very fast (almost) deterministic transform for time series
    classification. KDD.
    """

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: Sequence[Any], y: object = None) -> Kernels:
        """Learn the kernels' biases from series (t_i, channels), made as long as the longest.

        Raises
        ------
        MissingExtraError
            aeon is not installed.
        """
        self.blocks_ = Blocks().fit(X)
        self.kernels_ = _minirocket()(random_state=self.random_state).fit(self._read(X))
        return self

    def transform(self, X: Sequence[Any]) -> np.ndarray:
        """Return float32 (n, features)."""
        return np.asarray(self.kernels_.transform(self._read(X)))

    def _read(self, X: Sequence[Any]) -> np.ndarray:
        rows = channels_first(self.blocks_.transform(X)).astype(np.float32)
        return np.pad(rows, ((0, 0), (0, 0), (0, max(0, _FEWEST_STEPS - rows.shape[2]))))


def random_kernels(target: str, seed: int = 0) -> Pipeline:
    """Return an unfitted MiniRocket with a ridge: a classifier for "classes", else a regression."""
    ridge = RidgeClassifierCV(_PENALTIES) if target == "classes" else RidgeCV(_PENALTIES)
    return make_pipeline(Kernels(seed), StandardScaler(), ridge)


def _minirocket() -> Any:
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket
    except ImportError:
        raise MissingExtraError("Kernels: it needs the package aeon: pip install 'punar[series]'") from None
    return MiniRocket
