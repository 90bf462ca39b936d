"""Extreme values, settings that a task does not use, sizes that no machine holds, paths that are none."""

from __future__ import annotations

import os

import numpy as np
import pytest

import punar
from punar import errors
from punar.tasks.regression import Regression
from punar.training.checkpoint import check_folder

X = np.random.default_rng(4).normal(size=(24, 6, 2))
Y = np.arange(24) % 2
TREND = np.arange(50.0) + np.random.default_rng(0).normal(size=50)


def sequence_model(**settings):
    return punar.SequenceModel(**{"hidden_size": 4, "epochs": 2, "random_state": 0, **settings})


# -- values


@pytest.mark.parametrize("unit", [1e-250, 1e-90, 1.0, 1e90])
def test_a_regression_does_not_depend_on_the_unit_of_its_targets(unit):
    y = X[:, :, 0].sum(1)
    usual = sequence_model(task="regression", epochs=15).fit(X, y)
    other = sequence_model(task="regression", epochs=15).fit(X, y * unit)
    np.testing.assert_allclose(other.predict(X) / unit, usual.predict(X), rtol=1e-4)
    assert other.score(X, y * unit) == pytest.approx(usual.score(X, y), rel=1e-6)
    worse = Regression()
    worse.learn_rows(y * unit, "here")
    assert worse.score(y * unit, np.full(len(y), np.mean(y * unit))) == pytest.approx(0.0, abs=1e-9), (
        "the mean scores 0"
    )


def test_targets_whose_variance_overflows_are_refused():
    with pytest.raises(errors.DataError, match=r"y is too large, up to .*e\+250"):
        sequence_model(task="regression").fit(X, X[:, :, 0].sum(1) * 1e250)
    with pytest.raises(errors.DataError, match=r"y is too large, up to 1.7e\+308.*Divide y"):
        sequence_model(task="regression").fit(X, np.full(24, 1.7e308))
    with pytest.raises(errors.DataTypeError, match="y must hold numbers, got datetime64"):
        sequence_model(task="regression").fit(X, np.arange(24).astype("datetime64[D]"))


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        (1e-220, "squares? vanish.*Multiply"),
        (1e220, "overflow.*Divide"),
    ],
)
def test_values_whose_squares_leave_the_range_of_floats_are_refused(unit, told):
    calls = [
        lambda: sequence_model().fit(X * unit, Y),
        lambda: sequence_model(task="forecasting", horizon=2).fit(TREND * unit),
        lambda: punar.Autoencoder(epochs=2).fit(X[:, 0] * unit),
        lambda: punar.Autoencoder(epochs=2, scaling="none").fit(X[:, 0] * unit),
        lambda: punar.Autoencoder(epochs=2, network="gru").fit(X * unit),
    ]
    for call in calls:
        with pytest.raises(errors.DataError, match=told):
            call()


def test_small_and_large_values_within_the_range_are_answered_alike():
    for unit in (1e-90, 1e90):
        model = sequence_model(task="forecasting", horizon=3).fit(TREND * unit)
        usual = sequence_model(task="forecasting", horizon=3).fit(TREND)
        np.testing.assert_allclose(model.predict() / unit, usual.predict(), rtol=1e-4)
        ae = punar.Autoencoder(epochs=20, random_state=0).fit(X[:, 0] * unit)
        assert ae.score(X[:, 0] * unit) == pytest.approx(
            punar.Autoencoder(epochs=20, random_state=0).fit(X[:, 0]).score(X[:, 0]), abs=1e-3
        )


def test_a_forecaster_refuses_values_it_could_not_be_fitted_to():
    model = sequence_model(task="forecasting", horizon=2).fit(TREND)
    with pytest.raises(errors.DataError, match=r"predict: the series has values up to 5.*e\+151.*at most 1e\+100"):
        model.predict(TREND * 1e150)


def test_unscaled_values_must_be_what_float32_holds():
    for unit, size in ((1e-60, "e-60"), (1e60, r"e\+60")):
        with pytest.raises(errors.DataError, match=rf"up to \d.*{size}, which float32 does not hold.*scaling='none'"):
            punar.Autoencoder(scaling="none", epochs=1).fit(X[:, 0] * unit)


def test_codes_that_overflow_are_refused():
    model = punar.Autoencoder(latent_dim=1, epochs=2, random_state=0).fit(X[:, 0].astype(np.float32) * 1e6)
    assert np.isfinite(model.inverse_transform([[1e20]])).all()
    with pytest.raises(errors.DataError, match=r"1 of 2 codes give rows that overflow, first code 1.*up to 1e\+38"):
        model.inverse_transform([[0.0], [1e38]])
    with pytest.raises(errors.DataError, match="too large for dtype"):
        model.inverse_transform([[1e300]])


# -- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("horizon", 3),
        ("context", 5),
        ("quantiles", [0.1, 0.9]),
        ("season", 7),
        ("relative_to", "last"),
        ("target", "a"),
        ("known_ahead", ["a"]),
        ("lower", 0.0),
        ("upper", 1),
        ("season", np.array([1, 2])),
        ("horizon", "x"),
        ("relative_to", None),
    ],
)
def test_settings_of_forecasts_are_refused_by_other_tasks(name, value):
    for task in ("classification", "regression", "tagging"):
        with pytest.raises(errors.ParameterError, match=rf"{name}=.* is for task='forecasting', not task='{task}'"):
            sequence_model(task=task, **{name: value}).fit(X, Y)


@pytest.mark.parametrize(
    "value", [10**30, -(10**30), np.array([1, 2]), np.array(3), [1], b"1", {}, float("nan"), 1j, ""]
)
@pytest.mark.parametrize(
    "name",
    ["hidden_size", "num_layers", "epochs", "batch_size", "max_length", "embedding_dim", "class_weight", "patience",
     "learning_rate", "dropout", "random_state", "target", "known_ahead"],
)  # fmt: skip
def test_arrays_and_impossible_sizes_are_one_error(name, value):
    model = sequence_model(**{name: value})
    if name == "learning_rate" and isinstance(value, int) and value > 0:
        with pytest.raises(errors.PunarError):  # a number, at which training diverges
            model.fit(X, Y)
        return
    if name == "class_weight" and isinstance(value, dict):
        return  # no class is weighted
    if name == "random_state" and isinstance(value, np.ndarray) and value.ndim == 0:
        model.random_state = np.array("x")
    with pytest.raises(errors.ParameterError, match=name):
        model.fit(X, Y)


def test_sizes_that_no_machine_holds_are_said_to_be():
    with pytest.raises(errors.ParameterError, match=r"latent_dim must be an integer >= 1, got 10+. No machine"):
        punar.Autoencoder(latent_dim=10**30).fit(X[:, 0])
    with pytest.raises(errors.ParameterError, match="target must be a name or number of a channel"):
        sequence_model(task="forecasting", horizon=2, target=np.array(0)).fit(X[0])


# -- paths


@pytest.mark.parametrize(
    "path",
    [7, False, b"here", ["a"], "", "\t", "a\0b", "o" * 256, "ऊ" * 90, os.path.join(*["d" * 200] * 21)],
)
def test_a_checkpoint_that_is_no_folder_is_one_error(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = np.random.default_rng(0).random((6, 8, 8))
    calls = [
        lambda: sequence_model().fit(X, Y, checkpoint=path),
        lambda: sequence_model(task="forecasting", horizon=2).fit(TREND, checkpoint=path),
        lambda: punar.Autoencoder(epochs=1).fit(X[:, 0], checkpoint=path),
        lambda: punar.TransferLearner("starter", cache=False).fit(pictures, Y[:6], checkpoint=path),
    ]
    for call in calls:
        with pytest.raises(errors.PunarError, match="fit: checkpoint"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_can_be_are_taken(tmp_path):
    for path in (tmp_path / "new", str(tmp_path), "ऊ" * 80, "a b/c", None):
        check_folder(path, "here")
    (tmp_path / "file").write_text("x")
    with pytest.raises(errors.PunarError, match="fit: checkpoint"):
        sequence_model().fit(X, Y, checkpoint=tmp_path / "file")


@pytest.mark.parametrize("given", [{"backbone": "ऊ" * 300}, {"weights": "w" * 300}])
def test_names_that_are_too_long_are_punar_errors(given):
    with pytest.raises(errors.PunarError):
        punar.FeatureExtractor(**{"cache": False, **given}).fit()
