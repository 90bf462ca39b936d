"""Anomalies: a threshold that keeps its promise, scores that are what they say, and folders that answer alike."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import punar
from punar.core import conformal
from punar.errors import (
    DamagedModelError,
    DataError,
    DataTypeError,
    NotFittedError,
    ParameterError,
    PunarWarning,
)

rng = np.random.default_rng(0)
METHODS = ["neighbors", "autoencoder"]


def ring(n: int, seed: int) -> np.ndarray:
    """Return rows around a circle, which fills its own middle with nothing."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * np.pi, n)
    return np.stack([np.cos(angle), np.sin(angle)], 1) + random.normal(0, 0.05, (n, 2))


def detector(method="auto", **settings):
    return punar.AnomalyDetector(method, epochs=5, random_state=0, **settings)


# -- the promise ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_of_usual_rows_a_share_alpha_is_flagged_on_200_splits(alpha):
    flagged, held_out = [], 0
    for seed in range(200):
        X = np.random.default_rng(seed).standard_t(3, (160, 4))
        model = punar.AnomalyDetector(alpha=alpha, random_state=seed).fit(X[:110])
        held_out = model.fit_report_["rows"]
        flagged.append(np.mean(model.predict(X[110:]) == -1))
    expected = np.floor(alpha * (held_out + 1)) / (held_out + 1)
    # By split: a beta-binomial of 50 rows, whose deviation is below this.
    deviation = np.sqrt(alpha * (1 - alpha) * (1 / 50 + 1 / (held_out + 2)) / 200)
    print(f"alpha {alpha}: {np.mean(flagged):.4f}, expected {expected:.4f} ± {deviation:.4f}")
    assert abs(np.mean(flagged) - expected) < 4 * deviation


def test_p_values_and_the_threshold_agree():
    model = detector(alpha=0.2).fit(rng.normal(size=(100, 3)))
    X = rng.normal(size=(300, 3)) * 2
    p = model.p_values(X)
    assert np.array_equal(model.predict(X) == -1, p <= 0.2 + 1e-12)
    assert np.array_equal(model.predict(X) == -1, model.decision_function(X) < 0)
    assert p.min() >= 1 / (model.fit_report_["rows"] + 1)


def test_thresholds_for_every_alpha_that_the_rows_can_tell():
    held_out = np.round(rng.normal(size=49), 1)  # with ties
    scores = np.concatenate([held_out, held_out + 0.05, [9.0, -9.0]])
    for wanted in range(1, 50):
        alpha = wanted / 50
        above = scores > conformal.highest_usual(held_out, alpha)
        assert np.array_equal(above, conformal.p_values(held_out, scores) <= alpha + 1e-12)


def test_discoveries_equal_those_of_scipy():
    from scipy.stats import false_discovery_control

    for seed in range(50):
        p = np.random.default_rng(seed).beta(0.4, 1, 40)
        assert np.array_equal(conformal.discoveries(p, 0.1), false_discovery_control(p) <= 0.1)


def test_the_share_of_false_discoveries_is_bounded():
    false = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        model = punar.AnomalyDetector(alpha=0.2, control="discoveries", random_state=seed).fit(
            random.normal(size=(400, 2))
        )
        found = model.predict(np.concatenate([random.normal(size=(80, 2)), random.normal(8, 1, (20, 2))])) == -1
        assert found[80:].all()
        false.append(found[:80].sum() / max(1, found.sum()))
    print(f"false discoveries: {np.mean(false):.3f}")
    assert np.mean(false) < 0.2


# -- scores -----------------------------------------------------------------------------------------------------------


def test_neighbors_are_scikit_learns():
    X, new = rng.normal(size=(200, 3)) * [1, 100, 0.01] + 5, rng.normal(size=(20, 3)) * [1, 100, 0.01] + 5
    model = detector("neighbors", n_neighbors=7).fit(X)
    memory = model._scorer_
    kept = memory.rows * memory.scale + memory.shift
    assert len(kept) == 150
    nearest = NearestNeighbors(n_neighbors=7).fit((kept - kept.mean(0)) / kept.std(0))
    expected = nearest.kneighbors((new - kept.mean(0)) / kept.std(0))[0][:, -1]
    np.testing.assert_allclose(-model.score_samples(new), expected)
    # Rows of the fit are judged without themselves.
    assert model.decision_scores_.min() > 0
    assert (-model.score_samples(X) <= model.decision_scores_ + 1e-9).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_odd_scores_higher(method):
    X, usual = ring(400, 0), ring(100, 1)
    odd = np.random.default_rng(2).normal(0, 0.15, (30, 2)) + (0.0 if method == "neighbors" else 3.0)
    model = punar.AnomalyDetector(method, random_state=0, epochs=40).fit(X)
    score = roc_auc_score([0] * 100 + [1] * 30, -model.score_samples(np.concatenate([usual, odd])))
    print(f"{method}: ROC-AUC {score:.3f}, chance 0.5")
    assert score > 0.95
    assert np.mean(model.predict(usual) == 1) > 0.85
    assert np.mean(model.predict(odd) == -1) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_explain_names_the_column(method):
    X = (rng.normal(size=(200, 1)) + rng.normal(0, 0.1, (200, 4))) * [1, 10, 100, 1000]
    row = np.zeros((1, 4))
    row[0, 2] = 300
    parts = detector(method, latent_dim=1).fit(X).explain(row)
    assert parts.shape == (1, 4)
    assert parts.argmax() == 2


def test_a_share_of_anomalies_is_trimmed():
    X = np.concatenate([rng.normal(size=(190, 2)), rng.normal(12, 0.1, (10, 2))])
    plain, trimmed = detector().fit(X), detector(trim=0.05).fit(X)
    assert trimmed.fit_report_["trimmed"] == 10
    assert trimmed.threshold_ < plain.threshold_
    assert trimmed.labels_[190:].all()
    assert "10 of the rows" in str(trimmed.fit_report_)


# -- what people have -------------------------------------------------------------------------------------------------


def test_a_data_frame_of_mixed_columns():
    n = 120
    frame = pd.DataFrame(
        {"शहर": rng.choice(["दिल्ली", "पुणे"], n), "amount": rng.normal(10, 1, n), "n": rng.integers(0, 3, n)}
    )
    model = detector().fit(frame)
    odd = pd.DataFrame({"शहर": ["दिल्ली", "दिल्ली"], "amount": [10.0, 60.0], "n": [1, 1]})
    assert model.predict(odd).tolist() == [1, -1]
    assert model.explain(odd).shape == (2, 3)
    assert model.explain(odd)[1].argmax() == 1
    assert model.n_features_in_ == 3


@pytest.mark.parametrize("method", METHODS)
def test_pictures(method, tmp_path):
    X = np.clip(rng.normal(100, 8, (80, 6, 5, 3)), 0, 255).astype(np.uint8)
    model = detector(method, alpha=0.1).fit(X)
    odd = X[:1].copy()
    odd[0, 2, 3] = 255
    assert model.predict(odd).tolist() == [-1]
    assert model.explain(odd).shape == (1, 6, 5, 3)
    assert np.unravel_index(model.explain(odd).argmax(), (1, 6, 5, 3))[1:3] == (2, 3)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert np.array_equal(back.score_samples(X), model.score_samples(X))
    with pytest.raises(DataError, match=r"pictures of shape \(7, 5, 3\), but the fit had \(6, 5, 3\)"):
        model.predict(np.zeros((1, 7, 5, 3), np.uint8))
    with pytest.raises(DataError, match="X must be pictures of shape"):
        model.predict(np.zeros((1, 90)))


def test_features_of_a_pretrained_network(tmp_path):
    noise = rng.normal(0, 10, (60, 32, 32, 3))
    X = np.clip(noise + np.linspace(0, 200, 32)[:, None, None], 0, 255).astype(np.uint8)
    odd = np.clip(
        rng.normal(0, 10, (6, 32, 32, 3)) + np.linspace(0, 200, 32)[None, :, None, None].swapaxes(1, 2), 0, 255
    )
    model = detector(backbone="starter", cache=False, alpha=0.1).fit(X)
    assert (model.predict(odd.astype(np.uint8)) == -1).all()
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert np.array_equal(back.score_samples(X[:5]), model.score_samples(X[:5]))
    config = json.loads((tmp_path / "m" / "config.json").read_text("utf-8"))
    config["fitted"]["rows"]["network"] = "another"
    (tmp_path / "m" / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(DamagedModelError, match=r"other weights|sealed|changed"):
        punar.load(tmp_path / "m")


# -- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_all_the_same(method):
    model = detector(method).fit(np.ones((60, 3)))
    assert model.labels_.sum() == 0
    assert model.predict([[1.0, 1.0, 1.0]]).tolist() == [1]
    assert model.predict([[1.0, 1.0, 2.0]]).tolist() == [-1]
    assert "same score" in str(model.fit_report_)


def test_few_rows():
    with pytest.warns(PunarWarning, match=r"2 held-out rows tell at most one row in 3 .* alpha is 0\.333"):
        assert detector().fit([[0.0], [1.0], [2.0], [1.5]]).alpha_ == pytest.approx(1 / 3)
    with pytest.raises(DataError, match=r"at least 4 rows.*n_samples = 3"):
        detector().fit([[0.0], [1.0], [2.0]])


def test_an_alpha_that_no_row_can_reach_is_refused():
    with pytest.raises(ParameterError, match=r"alpha must be at least 1 / \(held-out rows \+ 1\) = 0\.0909, got 0\.05"):
        detector(alpha=0.05).fit(rng.normal(size=(20, 2)))
    assert detector(alpha=0.01).fit(rng.normal(size=(200, 2))).fit_report_["rows"] == 99


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": 0}, r"alpha must be .*\(0, 1\)"),
        ({"trim": 0.5}, "trim must be"),
        ({"method": "knn"}, "method must be one of"),
        ({"n_neighbors": 0}, "n_neighbors must be"),
        ({"control": "fdr"}, "control must be one of"),
    ],
)
def test_settings_that_break_their_rule(settings, words):
    with pytest.raises(ParameterError, match=words):
        punar.AnomalyDetector(**settings).fit(np.zeros((9, 2)))


@pytest.mark.parametrize("method", METHODS)
def test_input_that_is_no_data(method):
    model = detector(method)
    for call in (model.predict, model.p_values, model.score_samples, model.explain):
        with pytest.raises(NotFittedError):
            call([[1.0]])
    with pytest.raises(DataError, match="NaN"):
        model.fit([[np.nan, 1.0]] * 9)
    with pytest.raises(DataTypeError):
        model.fit("rows.csv")
    model.fit(rng.normal(size=(40, 2)))
    with pytest.raises(DataError, match="3 features"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(DataError, match="infinity"):
        model.predict([[np.inf, 0.0]])
    assert np.isfinite(model.score_samples([[1e300, 0.0]])).all()
    assert model.predict([[1e300, 0.0]]).tolist() == [-1]
    with pytest.raises(DataError, match=r"values of X are so large"):
        model.fit([[1e300, 1.0], [-1e300, 1.0]] * 9)


# -- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_folder_answers_alike(method, tmp_path):
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    model = detector(method, alpha=0.1).fit(frame)
    back = punar.load(punar.save(model, tmp_path / "m"))
    for name in ("score_samples", "predict", "p_values", "explain"):
        assert np.array_equal(getattr(back, name)(frame), getattr(model, name)(frame)), name
    assert np.array_equal(back.labels_, model.labels_)
    assert (back.threshold_, back.alpha_, str(back.fit_report_)) == (model.threshold_, 0.1, str(model.fit_report_))
    assert list(back.feature_names_in_) == ["a", "b", "c"]
    assert clone(back).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("neighbors", "memory.rows", torch.full((5, 3), float("nan"), dtype=torch.float64)),
        ("neighbors", "memory.scale", torch.zeros(3, dtype=torch.float64)),
        ("neighbors", "memory.rows", torch.zeros(5, 2, dtype=torch.float64)),
        ("neighbors", "memory.rows", torch.zeros(1, 3, dtype=torch.float64)),
        ("neighbors", "held_out", torch.zeros(0, dtype=torch.float64)),
        ("autoencoder", "usual.precision", torch.zeros(9, 9, dtype=torch.float64)),
        ("autoencoder", "decision_scores", torch.zeros(3, dtype=torch.float32)),
    ],
)
def test_a_damaged_folder_is_refused(method, name, value, tmp_path):
    from punar.stored import write_folder

    model = detector(method).fit(rng.normal(size=(40, 3)))
    punar.save(model, tmp_path / "m")
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    config = json.loads((tmp_path / "m" / "config.json").read_text("utf-8"))
    tensors[name] = value
    save_file(tensors, tmp_path / "x.safetensors")  # it can be written at all
    write_folder(tmp_path / "n", {"estimator": config["estimator"], "fitted": config["fitted"]}, tensors, "")
    with pytest.raises(DamagedModelError):
        punar.load(tmp_path / "n")


def test_the_same_seed_gives_the_same_model():
    X = rng.normal(size=(100, 3))
    a, b = (detector(memory_size=30).fit(X) for _ in range(2))
    assert np.array_equal(a.decision_scores_, b.decision_scores_)
    assert len(a._scorer_.rows) == 30
