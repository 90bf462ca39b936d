"""Forecasts where the truth is known: counting, a sine, an AR(2) process, series of very different size."""

from __future__ import annotations

import numpy as np
import pytest

import punar


def model(cell="gru", **settings):
    given = {"horizon": 6, "hidden_size": 16, "random_state": 0, "device": "cpu"}
    return punar.SequenceModel(cell, task="forecasting", **(given | settings))


def ar2(n, seed):
    """x[t] = 1.2 x[t-1] − 0.6 x[t-2] + noise of deviation 1."""
    noise = np.random.default_rng(seed).normal(size=n + 100)
    x = np.zeros(n + 100)
    for t in range(2, n + 100):
        x[t] = 1.2 * x[t - 1] - 0.6 * x[t - 2] + noise[t]
    return x[100:]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_first_forecast_is_the_step_right_after_the_last(cell):
    f = model(cell, epochs=20).fit(np.arange(120.0))
    np.testing.assert_allclose(f.predict(), np.arange(120.0, 126.0), atol=1e-3)
    np.testing.assert_allclose(f.predict(np.arange(40.0)), np.arange(40.0, 46.0), atol=1e-3)
    np.testing.assert_allclose(f.predict(5000 + 3 * np.arange(40.0)), 5000 + 3 * np.arange(40.0, 46.0), atol=1e-2)
    table = f.backtest(np.arange(60.0), origins=[50]).table
    assert table["origin"].tolist() == [50] * 6
    np.testing.assert_array_equal(table["actual"], np.arange(50.0, 56.0))


def test_a_network_alone_counts_on_too():
    f = model(relative_to="naive", epochs=60).fit(np.arange(200.0))
    np.testing.assert_allclose(f.predict(), np.arange(200.0, 206.0), atol=0.2)


def test_two_channels_are_not_exchanged():
    steps = np.arange(150.0)
    f = model(epochs=10).fit(np.stack([steps, 1000 - 2 * steps], axis=1))
    np.testing.assert_allclose(f.predict(), [[150 + k, 1000 - 2 * (150 + k)] for k in range(6)], atol=1e-2)


@pytest.mark.parametrize("relative_to", ["linear", "naive"])
def test_a_sine_goes_on(relative_to):
    x = np.sin(np.arange(206) * 2 * np.pi / 17.3)
    f = model(relative_to=relative_to, season=1, epochs=60).fit(x[:200])
    off, naive = np.abs(f.predict() - x[200:]).mean(), np.abs(x[199] - x[200:]).mean()
    assert off < 0.15 * naive
    assert f.fit_report_["model"] > 0.85, "skill over the last value"


def test_on_an_autoregression_the_linear_one_is_at_the_floor_and_the_network_not_below():
    """The best forecast of any model has an error of deviation sqrt(1 + sum of squared impulse responses)."""
    f = model(season=1, horizon=4, epochs=4).fit(ar2(2500, 0))
    assert f.fit_report_["context"] == 64, "windows do not know their level: it takes a long one to tell the mean"
    table = f.backtest(ar2(3000, 1), origins=500, stride=5).table
    response = [1.0, 1.2]
    for _ in range(2):
        response.append(1.2 * response[-1] - 0.6 * response[-2])
    for step in (1, 2, 3, 4):
        rows = table[table["step"] == step]
        floor = np.sqrt(np.sum(np.square(response[:step]))) * np.sqrt(2 / np.pi)  # mean absolute error of a normal
        linear = (rows["linear"] - rows["actual"]).abs().mean()
        network = (rows["forecast"] - rows["actual"]).abs().mean()
        last = (rows["last_value"] - rows["actual"]).abs().mean()
        sampling = 2.5 * floor * 0.76 / np.sqrt(500)  # of the mean of 500 folded normals
        assert floor - sampling < linear < 1.06 * floor + sampling
        assert network > floor - sampling
        assert network > 0.98 * linear
        assert linear < 0.9 * last
    assert "costs less" in str(f.fit_report_)


def test_what_is_not_linear_is_what_the_network_adds():
    """The logistic map: chaos that one step ahead is a parabola, of which a line explains little."""
    x = np.full(1200, 0.3)
    for t in range(1, len(x)):
        x[t] = 3.9 * x[t - 1] * (1 - x[t - 1])
    f = model(season=1, context=4, horizon=1, epochs=40).fit(x[:700])
    errors = f.backtest(x, origins=400).errors
    assert errors.loc["model", "mae"] < 0.2 * errors.loc["linear", "mae"]
    assert f.fit_report_["best"] == "model"
    assert "adds is the best of these" in str(f.fit_report_)


def test_series_of_very_different_size_are_both_forecast():
    steps = np.arange(260)
    wave = np.sin(steps * 2 * np.pi / 12) + 0.01 * steps
    small, large = 1e-3 * wave + 5, 1e6 * wave - 3e6
    f = model(epochs=30).fit([small[:-6], large[:-6]])
    for found, x in zip(f.predict(), (small, large), strict=True):
        assert np.abs(found - x[-6:]).mean() < 0.1 * np.abs(x[-7] - x[-6:]).mean()


def test_an_interval_covers_the_share_of_new_values_that_it_promises():
    f = model(season=1, context=8, horizon=3, epochs=10, validation_fraction=0.3).fit(ar2(1500, 2))
    inside = []
    fresh = ar2(2000, 3)
    for origin in range(200, 1990, 9):
        low, high = f.predict_interval(fresh[:origin], coverage=0.9).T
        actual = fresh[origin : origin + 3]
        inside.append((actual >= low) & (actual <= high))
    assert 0.86 <= np.mean(inside) <= 0.94


def promotions(seed, n=400):
    """Sales with a week's course, a promotion on a quarter of the days that lifts them by 25, noise of deviation 1."""
    generator = np.random.default_rng(seed)
    promo = (generator.random(n) < 0.25).astype(float)
    return np.stack([100 + 5 * np.sin(2 * np.pi * np.arange(n) / 7) + 25 * promo + generator.normal(size=n), promo], 1)


def test_a_promotion_that_is_known_ahead_is_forecast_to_within_noise():
    """No forecast has a smaller mean absolute error than the noise: sqrt(2 / pi). Without it, promotions are noise."""
    x, origins = promotions(0), list(range(300, 393, 3))
    floor = np.sqrt(2 / np.pi)
    knows = model(horizon=7, season=7, epochs=30, target=0, known_ahead=1).fit(x[:300])
    told = knows.backtest(x, origins=origins, coverage=0.8)
    assert told.errors.loc["model", "mae"] < 1.3 * floor
    assert 0.7 <= told.covered <= 0.9
    with pytest.warns(punar.errors.DidNotLearnWarning):
        blind = model(horizon=7, season=7, epochs=30, target=0).fit(x[:300])
    without = blind.backtest(x, origins=origins).errors
    assert without.loc["model", "mae"] > 5 * floor
    assert without.loc["seasonal_naive", "mae"] > 5 * floor


def test_what_a_known_step_does_may_depend_on_what_went_before():
    """The lift is twice as large while the level is high: no linear map of past and promotion says so."""
    generator = np.random.default_rng(0)
    n = 1500
    promo, high = (generator.random(n) < 0.5).astype(float), (np.arange(n) // 20 % 2).astype(float)
    x = np.stack([3 * high + promo * (1 + 4 * high) + 0.1 * generator.normal(size=n), promo], axis=1)
    f = model(horizon=1, context=6, season=1, epochs=60, target=0, known_ahead=1).fit(x[:1200])
    errors = f.backtest(x, origins=290).errors
    assert errors.loc["model", "mae"] < 0.6 * errors.loc["linear", "mae"]
