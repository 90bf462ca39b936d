"""The cheap linear model for items of a kind: what a network that reads them has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.baselines.linear import linear_model
from punar.baselines.summary import Statistics
from punar.baselines.words import bag_of_words
from punar.preparations.frames import Frames
from punar.preparations.pictures import Pictures

SIDE = 16
_RATE, _BANDS = 8_000, 64


class Pixels(TransformerMixin, BaseEstimator):
    """Pictures as the numbers of a small copy, in [0, 1]."""

    def fit(self, X: Any, y: object = None) -> Pixels:
        """Learn nothing."""
        self.facts_ = Pictures(size=(SIDE, SIDE), crop=1.0, smallest=1)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n, 3 * side * side)."""
        items = self.facts_.check(X, "Pixels")
        return np.stack([self.facts_.prepare(item).numpy().reshape(-1) for item in items]) / np.float32(255)


class MeanSpectrum(TransformerMixin, BaseEstimator):
    """Recordings as mean and spread over time of their log-mel spectrum, relative to their loudest point.

    Samples without a rate count as 8 kHz.
    """

    def fit(self, X: Any, y: object = None) -> MeanSpectrum:
        """Learn nothing."""
        self.facts_ = Frames(_RATE, _BANDS)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n, 2 * bands)."""
        frames = [self.facts_.prepare(item) for item in X]
        return torch.stack([torch.cat([f.mean(0), f.std(0, unbiased=False)]) for f in frames]).numpy()


def linear_for(kind: str, target: str) -> Pipeline:
    """Return an unfitted linear model on items.

    Parameters
    ----------
    kind : {"vision", "text", "audio", "series"}
        A small copy of a picture, tf-idf of words and pairs, the mean spectrum, or statistics of each channel.
    target : str
        See :func:`punar.baselines.linear_model`.
    """
    if kind == "text":
        return bag_of_words(target)
    if kind == "vision":
        return make_pipeline(Pixels(), linear_model(target))
    reading = MeanSpectrum() if kind == "audio" else Statistics()
    return make_pipeline(reading, StandardScaler(), linear_model(target))
