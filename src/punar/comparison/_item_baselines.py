"""Cheap linear models on items without any network: what a pretrained one has to beat."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.data import decode as _audio_file
from punar.preparations import decibels
from punar.preparations.pictures import Pictures
from punar.preparations.sounds import mono

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
    """Recordings as mean and spread over time of their log-mel spectrum."""

    def fit(self, X: Any, y: object = None) -> MeanSpectrum:
        """Learn nothing."""
        self.bands_ = _BANDS
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n, 2 * bands)."""
        return np.stack([self._one(item) for item in X])

    def _one(self, item: Any) -> np.ndarray:
        if isinstance(item, (str, os.PathLike)):
            samples, rate = _audio_file.read_audio(Path(item))
        else:
            samples, rate = item if isinstance(item, tuple) else (item, _RATE)
        wave = torch.from_numpy(mono(np.asarray(samples), int(rate), _RATE).copy())
        level = decibels(wave, _RATE, self.bands_)
        return torch.cat([level.mean(1), level.std(1, unbiased=False)]).numpy()


def cheap(kind: str, target: str) -> Pipeline:
    """Return a linear model for items of this kind: a logistic regression for classes, ridge for numbers."""
    linear = LogisticRegression(max_iter=1000) if target == "classes" else Ridge()
    if kind == "text":
        return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), linear)
    if kind == "audio":
        return make_pipeline(MeanSpectrum(), StandardScaler(), linear)
    return make_pipeline(Pixels(), linear)


def chance(target: str) -> Any:
    """Return the estimator that looks at no item."""
    return DummyClassifier(strategy="most_frequent") if target == "classes" else DummyRegressor()


def coefficients(estimator: Any) -> int | None:
    """Return how many numbers a fitted linear model has learned, or None where it is no such model."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, (DummyClassifier, DummyRegressor)):
        return 0
    if not hasattr(last, "coef_"):
        return None
    return int(np.size(last.coef_) + np.size(last.intercept_))
