"""Fits on an accelerator: they learn, and the model answers the same there, here and after it was saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import punar

NONE = not torch.cuda.is_available()
pytestmark = pytest.mark.skipif(NONE, reason="needs a CUDA device, and PUNAR_TEST_DEVICE=cuda")


def agree(model, X, tmp_path, method="predict", atol=2e-3):
    """Return the model's answers after checking that they stay the same after saving, on the CPU."""
    found = np.asarray(getattr(model, method)(X))
    punar.save(model, tmp_path / "model")
    again = punar.load(tmp_path / "model")
    np.testing.assert_allclose(np.asarray(getattr(again, method)(X)), found, atol=atol, rtol=1e-2)
    return found


def digits():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32), y


@pytest.mark.parametrize("objective", ["reconstruction", "sparse", "denoising", "variational"])
def test_an_autoencoder(objective, tmp_path):
    X, _ = digits()
    model = punar.Autoencoder(objective=objective, latent_dim=8, epochs=20, device="cuda", random_state=0).fit(X)
    assert model.fit_report_["learned"]
    codes = agree(model, X[:200], tmp_path, "transform", atol=5e-2)
    assert codes.shape == (200, 8)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "min_gru"])
def test_a_sequence_model(cell, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 40, 2)).astype(np.float32)
    y = (X[:, :, 0].sum(1) > 0).astype(int)
    model = punar.SequenceModel(cell=cell, epochs=20, device="cuda", random_state=0).fit(X[:300], y[:300])
    answers = agree(model, X[300:], tmp_path, "predict_proba", atol=5e-2)
    assert (answers.argmax(1) == y[300:]).mean() > 0.75


def test_a_tagger(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30, 1)).astype(np.float32)
    y = (np.roll(X[:, :, 0], 1, axis=1) > 0).astype(int)
    y[:, 0] = 0
    model = punar.SequenceModel(cell="gru", task="tagging", epochs=30, device="cuda", random_state=0).fit(X, list(y))
    assert model.score(X, list(y)) > 0.9


def test_a_forecaster():
    rng = np.random.default_rng(0)
    series = np.sin(np.arange(600) / 5) + 0.1 * rng.normal(size=600)
    model = punar.SequenceModel(task="forecasting", horizon=5, epochs=10, device="cuda", random_state=0).fit(series)
    assert np.isfinite(model.predict(series)).all()


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_a_transfer_model(strategy, tmp_path):
    pytest.importorskip("timm")
    rng = np.random.default_rng(0)
    X = rng.integers(0, 120, size=(60, 32, 32, 3)).astype(np.uint8)
    y = np.arange(60) % 2
    X[y == 1, :, :, 0] += 100
    kind = {"unfreeze": "last", "epochs": 3} if strategy == "fine_tuning" else {}
    model = punar.TransferLearner("starter", strategy=strategy, device="cuda", random_state=0, **kind).fit(X, y)
    answers = agree(model, X, tmp_path, "predict_proba", atol=5e-2)
    assert (answers.argmax(1) == y).mean() > 0.9
    features = punar.FeatureExtractor("starter", device="cuda").fit(X).transform(X)
    here = punar.FeatureExtractor("starter", device="cpu").fit(X).transform(X)
    np.testing.assert_allclose(features, here, atol=5e-2, rtol=2e-2)
