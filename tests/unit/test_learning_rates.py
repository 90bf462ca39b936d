"""Tests of the learning-rate range test: it finds where training works, and changes nothing."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.datasets import load_iris

import punar
from punar.errors import DataError, NotSupportedError, ParameterError
from punar.training.sweep import Sweep

X = load_iris().data


def model(**settings):
    return punar.Autoencoder(random_state=0, **settings)


def test_the_suggestion_trains_and_ten_times_the_highest_does_not():
    found = punar.learning_rates(model(optimizer="sgd", schedule="constant"), X, low=1e-5, high=100.0)
    assert found.rates[0] == pytest.approx(1e-5)
    assert found.suggestion < found.highest < 100
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 100  # it ended where the loss had left
    settings = {"optimizer": "sgd", "schedule": "constant", "epochs": 20, "validation_fraction": 0.0}
    good = model(learning_rate=found.suggestion, **settings).fit(X).history_[-1]["train_loss"]
    slow = model(learning_rate=1e-5, **settings).fit(X).history_[-1]["train_loss"]
    assert good < 0.7 * slow
    assert f"{found.suggestion:.1e}" in str(found)


def test_it_repeats_and_leaves_the_model_alone(tmp_path):
    own = model().fit(X)
    before = own.transform(X)
    one, two = (punar.learning_rates(own, X, steps=40) for _ in range(2))
    np.testing.assert_array_equal(one.losses, two.losses)
    np.testing.assert_array_equal(own.transform(X), before)
    assert own.get_params()["learning_rate"] == model().get_params()["learning_rate"]
    picture = ElementTree.fromstring(one.plot(tmp_path / "दर.svg").read_text(encoding="utf-8"))
    assert picture.tag.endswith("svg")
    with pytest.raises(ParameterError, match=r"must end in \.svg"):
        one.plot(tmp_path / "rates.png")


def test_sequences_and_pictures():
    rng = np.random.default_rng(0)
    S, y = rng.normal(size=(40, 20, 1)), np.arange(40) % 2
    assert punar.learning_rates(punar.SequenceModel(random_state=0), S, y, steps=30).suggestion > 0
    walk = rng.normal(size=200).cumsum()
    forecaster = punar.SequenceModel(task="forecasting", horizon=2, random_state=0)
    assert punar.learning_rates(forecaster, walk, steps=30).suggestion > 0
    pictures = rng.integers(0, 256, size=(24, 32, 32, 3)).astype(np.uint8)
    fine = punar.TransferLearner("starter", strategy="fine_tuning", cache=False, random_state=0)
    assert punar.learning_rates(fine, pictures, np.arange(24) % 2, steps=20).suggestion > 0


def test_wrong_asks_are_named():
    frozen = punar.TransferLearner("starter")
    with pytest.raises(NotSupportedError, match="fine_tuning"):
        punar.learning_rates(frozen, X, X[:, 0])
    with pytest.raises(NotSupportedError, match="step by step"):
        punar.learning_rates(punar.FeatureExtractor("starter"), X)
    for wrong in ({"low": 0}, {"low": 2.0, "high": 1.0}, {"steps": 3}, {"high": float("nan")}):
        with pytest.raises(ParameterError):
            punar.learning_rates(model(), X, **wrong)
    with pytest.raises(DataError):
        punar.learning_rates(model(), np.full((5, 2), np.nan))


def test_a_sweep_rises_in_equal_factors_and_ends_where_the_loss_leaves():
    sweep = Sweep(1e-3, 10.0, 5)
    while not sweep.over:
        sweep.saw(1.0)
    np.testing.assert_allclose(sweep.rates, [1e-3, 1e-2, 1e-1, 1.0, 10.0])
    lost = Sweep(1e-3, 10.0, 50)
    for loss in [1.0] * 5 + [50.0] * 10:
        if not lost.over:
            lost.saw(loss)
    assert 5 < len(lost.losses) < 15
