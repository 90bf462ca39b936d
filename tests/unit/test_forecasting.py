"""SequenceModel(task="forecasting"): shapes, names, times, quantiles, intervals, back-tests, stored form, errors."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import punar
from punar import errors
from punar.tasks.forecasting import Forecasting

H, C = 4, 8


def model(cell="gru", **settings):
    given = {"horizon": H, "context": C, "season": 1, "hidden_size": 4, "epochs": 2, "random_state": 0, "device": "cpu"}
    return punar.SequenceModel(cell, task="forecasting", **(given | settings))


def wave(n=60, seed=0, channels=None):
    generator = np.random.default_rng(seed)
    shape = (n,) if channels is None else (n, channels)
    x = generator.normal(0, 0.1, shape)
    return x + np.sin(np.arange(n) / 3).reshape(n, *[1] * (len(shape) - 1)) * 2 + 5


def long_table(lengths=(60, 45, 50), channels=("sold",)):
    parts = []
    for i, (name, n) in enumerate(zip(("पुणे", "दिल्ली", "மதுரை"), lengths, strict=True)):
        days = pd.date_range("2024-01-01", periods=n)
        values = {c: wave(n, seed=i + k) for k, c in enumerate(channels)}
        parts.append(pd.DataFrame({"city": name, "day": days, **values}))
    return pd.concat(parts).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    """A model of one series, with quantiles, and the series."""
    x = wave(90)
    return model(quantiles=(0.9, 0.1)).fit(x), x


@pytest.fixture(scope="module")
def panel():
    """A model of a long table, and the table."""
    table = long_table()
    return model(id_column="city", time_column="day").fit(table), table


# -- what comes in and what goes out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (wave(), (H,)),
        (wave(channels=2), (H, 2)),
        (wave(channels=1), (H, 1)),
        ([wave(40), wave(60)], (2, H)),
        ([wave(40, channels=2), wave(60, channels=2)], (2, H, 2)),
        (np.stack([wave(channels=3)] * 2), (2, H, 3)),
        (pd.Series(wave(), index=pd.date_range("2024-01-01", periods=60)), (H,)),
        (pd.DataFrame({"a": wave(), "b": wave(seed=1)}), (H, 2)),
        ({"north": wave(40), "south": wave()}, (2, H)),
        (torch.from_numpy(wave()).float(), (H,)),
        (wave().tolist(), (H,)),
    ],
)
def test_answers_have_the_axes_of_the_input(X, shape):
    f = model(epochs=1, quantiles=(0.2, 0.8)).fit(X)
    assert f.predict().shape == shape
    assert f.predict().dtype == np.float64
    assert f.predict_quantiles().shape == (*shape, 2)
    assert f.predict_interval(coverage=0.5).shape == (*shape, 2)
    np.testing.assert_array_equal(f.predict(), f.predict(X))
    channels = 1 if len(shape) == 1 or (len(shape) == 2 and shape[0] == 2 and shape[1] == H) else shape[-1]
    assert f.n_features_in_ == channels
    assert np.isfinite(f.predict_quantiles()).all()


def test_other_series_are_continued_whatever_form_they_have(fitted):
    f, x = fitted
    other = wave(30, seed=5)
    np.testing.assert_array_equal(f.predict(other), f.predict([other])[0])
    np.testing.assert_allclose(f.predict([other, x])[1], f.predict(), rtol=1e-6)
    np.testing.assert_allclose(f.predict([x, other])[1], f.predict(other), rtol=1e-6)
    np.testing.assert_array_equal(f.predict(pd.Series(other)), f.predict(other))


def test_a_long_table_answers_by_id_in_order_of_first_appearance(panel):
    f, table = panel
    cities = list(dict.fromkeys(table["city"]))
    assert f.predict().shape == (3, H)
    found = f.predict_table()
    assert found["city"].tolist() == [c for c in cities for _ in range(H)]
    assert list(found.columns) == ["city", "step", "day", "forecast"]
    np.testing.assert_array_equal(found["forecast"].to_numpy().reshape(3, H), f.predict())
    last = table.groupby("city")["day"].max()
    for city, rows in found.groupby("city"):
        assert rows["day"].tolist() == list(pd.date_range(last[city], periods=H + 1)[1:])
    np.testing.assert_array_equal(f.predict(table), f.predict())


def test_unseen_ids_are_simply_continued(panel):
    f, table = panel
    new = table[table["city"] == "पुणे"].assign(city="நாகை")
    alone = f.predict(new)
    assert alone.shape == (1, H)
    position = list(dict.fromkeys(table["city"])).index("पुणे")
    np.testing.assert_allclose(alone[0], f.predict()[position], rtol=1e-6)
    assert f.predict_table(new)["city"].unique().tolist() == ["நாகை"]


def test_columns_are_found_by_name_in_any_order():
    table = long_table(channels=("sold", "rain"))
    f = model(id_column="city", time_column="day", epochs=1).fit(table)
    turned = table[["rain", "day", "sold", "city"]].assign(other="x")
    np.testing.assert_array_equal(f.predict(turned), f.predict())
    assert f.predict_table()["channel"].tolist()[:2] == ["sold", "rain"]
    with pytest.raises(errors.DataError, match="'rain', which the model was fitted with"):
        f.predict(table.drop(columns="rain"))


def test_a_table_of_times_goes_on_by_the_calendar():
    months = pd.Series(wave(60), index=pd.date_range("2020-01-31", periods=60, freq="ME"), name="sold")
    f = model(epochs=1).fit(months)
    found = f.predict_table(coverage=0.5)
    assert list(found.columns) == ["step", "time", "forecast", "low", "high"]
    assert found["time"].tolist() == list(pd.date_range("2025-01-31", periods=H, freq="ME"))
    assert (found["low"] <= found["forecast"]).all()


# -- what it is -------------------------------------------------------------------------------------------------


def test_the_seed_fixes_everything_and_predictions_repeat(fitted):
    f, x = fitted
    again = clone(f).fit(x)
    np.testing.assert_array_equal(again.predict_quantiles(), f.predict_quantiles())
    np.testing.assert_array_equal(f.predict(), f.predict())
    assert again.history_[-1]["valid_loss"] == f.history_[-1]["valid_loss"]
    other = clone(f).set_params(random_state=1).fit(x)
    assert not np.array_equal(other.predict(), f.predict())


def test_an_answer_depends_on_what_is_passed_alone(fitted):
    """No level or scale of the training series is left in it: the same series in other units, other units."""
    f, _ = fitted
    x = wave(50, seed=3)
    np.testing.assert_allclose(f.predict(1000 * x - 7), 1000 * f.predict(x) - 7, rtol=1e-5)


def test_untrained_it_is_the_linear_autoregression_or_the_naive_path():
    x = wave(80)
    linear = model(learning_rate=1e-12, epochs=1).fit(x)
    np.testing.assert_allclose(linear.backtest().table["forecast"], linear.backtest().table["linear"], rtol=1e-6)
    naive = model(learning_rate=1e-12, epochs=1, relative_to="naive").fit(x)
    np.testing.assert_allclose(naive.predict(), np.repeat(x[-1], H), rtol=1e-6)
    seasonal = model(learning_rate=1e-12, epochs=1, relative_to="naive", season=3).fit(x)
    np.testing.assert_allclose(seasonal.predict(), [*x[-3:], x[-3]], rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "rnn"},
        {"cell": "lstm", "num_layers": 2, "dropout": 0.2, "bidirectional": True},
        {"cell": "min_gru", "pooling": "attention"},
        {"cell": "gru", "layer_norm": True, "pooling": "mean", "scaling": "none"},
        {"validation_fraction": 0},
        {"early_stopping": False, "batch_size": 7},
    ],
)
def test_every_setting_of_the_network_forecasts(settings):
    f = model(**settings).fit([wave(40), wave(50)])
    assert np.isfinite(f.predict()).all()
    assert f.transform([wave(40)]).shape == (1, 8 if settings.get("bidirectional") else 4)
    assert set(punar.gates(f, [wave(40)])) >= {"hidden"}


def test_many_channels_take_a_linear_part_of_each_ones_own():
    x = np.stack([wave(60, seed=i) for i in range(140)], axis=1)
    f = model(epochs=1).fit(x)
    assert f.predict().shape == (H, 140)
    table = f.backtest(origins=3).errors
    assert table.loc["linear", "mase"] < table.loc["last_value", "mase"]


def test_missing_values_are_refused_or_masked():
    x = wave(80)
    x[[5, 20, 21, 22, 60, 79]] = np.nan
    with pytest.raises(errors.DataError, match=r"nan at step 5.*missing='mask'"):
        model().fit(x)
    f = model(missing="mask").fit(x)
    assert np.isfinite(f.predict()).all()
    assert f.fit_report_["candidates"]["model"]["mase"] > 0
    assert np.isfinite(f.predict_interval(coverage=0.5)).all()
    table = f.backtest().table
    assert table["actual"].isna().any()
    assert table["forecast"].notna().all()
    whole = model(missing="mask").fit(wave(80))
    assert np.isfinite(whole.predict(x)).all()


def test_a_window_without_any_value_takes_the_last_there_was():
    x = wave(60)
    x[-12:] = np.nan
    f = model(missing="mask", epochs=1).fit(x)
    assert np.isfinite(f.predict()).all()
    np.testing.assert_array_equal(f.predict(), f.predict(x))
    two = np.stack([x, wave(60)], axis=1)
    two[40:55, 1] = np.nan
    both = model(missing="mask", epochs=1).fit(two)
    np.testing.assert_array_equal(both.predict(), both.predict(two))


# -- quantiles and intervals ------------------------------------------------------------------------------------


def test_quantiles_come_in_the_order_asked_for_and_do_not_cross(fitted):
    f, x = fitted
    high, low = np.moveaxis(f.predict_quantiles(), -1, 0)
    assert (high >= f.predict()).all()
    assert (f.predict() >= low).all()
    many = f.predict_quantiles([x, x[:50]])
    assert many.shape == (2, H, 2)


def test_the_pinball_loss_finds_the_quantiles_of_noise():
    generator = np.random.default_rng(0)
    noise = torch.from_numpy(generator.exponential(size=(4000, 1, 1)))
    task = Forecasting(horizon=1, quantiles=(0.1, 0.9))
    target = task.learn_rows(noise.numpy(), "here")
    raw = torch.zeros(1, task.outputs, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        task.loss(raw.expand(len(target), -1), target, None).backward()
        optimizer.step()
    found = task.quantiles_of(raw.detach())[0, 0, 0]
    np.testing.assert_allclose(found, np.quantile(noise, [0.1, 0.5, 0.9]), atol=0.08)


def test_the_loss_does_not_see_what_is_not_there():
    task = Forecasting(horizon=2)
    target = task.learn_rows(np.array([[[1.0], [np.nan]], [[3.0], [2.0]]]), "here")
    raw = torch.zeros(2, 2, requires_grad=True)
    loss = task.loss(raw, target, None)
    loss.backward()
    assert loss.isfinite()
    assert raw.grad[0, 1] == 0
    assert (raw.grad[0, 0], raw.grad[1, 1]) != (0, 0)
    assert task.unit_.tolist() == [2.0]
    assert task.measure(torch.zeros(2, 2), target) == 0.0


def test_intervals_widen_with_coverage_and_hold_the_forecast(fitted):
    f, x = fitted
    widths = []
    for coverage in (0.5, 0.7, 0.85):
        low, high = np.moveaxis(f.predict_interval(coverage=coverage), -1, 0)
        widths.append((high - low).mean())
        assert (low <= f.predict()).all()
        assert (f.predict() <= high).all()
    assert widths == sorted(widths)
    np.testing.assert_array_equal(f.predict_interval(x, coverage=0.5), f.predict_interval(coverage=0.5))


def test_a_pair_of_quantiles_is_what_an_interval_corrects(fitted):
    f, _ = fitted
    low, high = np.moveaxis(f.predict_interval(coverage=0.8), -1, 0)
    above, below = np.moveaxis(f.predict_quantiles(), -1, 0)
    np.testing.assert_allclose(high - above, below - low, rtol=1e-6)


def test_an_interval_needs_something_held_out():
    with pytest.raises(errors.DataError, match="there are 0"):
        model(validation_fraction=0).fit(wave(60)).predict_interval()
    with pytest.raises(errors.ParameterError, match=r"coverage must be a number in \(0, 1\)"):
        model(epochs=1).fit(wave(60)).predict_interval(coverage=1)


def test_calibration_windows_did_not_stop_the_training(monkeypatch):
    """With few held-out windows another fit, without them, answers for them; with many each half for the other."""
    from punar.models.forecaster import report

    asked = []
    plain = report.answered

    def answered(forecaster, windows, index):
        asked.append((forecaster.module, index.tolist()))
        return plain(forecaster, windows, index)

    monkeypatch.setattr(report, "answered", answered)
    f = model(epochs=5).fit(wave(60))
    own = f.fitted_.forecaster
    assert sum(own.held_out) == len(own.calibration) == 7
    assert any(module is not own.module and len(index) == 7 for module, index in asked)
    cheap = model(epochs=5, evidence="cheap").fit(wave(60)).fitted_.forecaster
    assert not np.array_equal(cheap.calibration, own.calibration)
    many = model(epochs=2).fit(wave(400)).fitted_.forecaster
    assert len(many.calibration) == sum(many.held_out) - (H - 1), "none that the halves share is counted"


def test_intervals_follow_what_came_since():
    generator = np.random.default_rng(1)
    x = np.r_[generator.normal(size=300), 4 * generator.normal(size=200)]
    f = model(validation_fraction=0.3, horizon=2).fit(x[:300])
    told = f.backtest(x, origins=list(range(300, 499)), coverage=0.8)
    rows = told.table[told.table["step"] == 1]
    inside = ((rows["actual"] >= rows["low"]) & (rows["actual"] <= rows["high"])).to_numpy()
    assert inside[:5].mean() < 0.8
    assert 0.7 <= inside[100:].mean() <= 0.9, "nominal 0.8"
    last = f.predict_interval(x[:498], coverage=0.8)
    np.testing.assert_allclose(told.table[["low", "high"]].to_numpy()[-H // 2 :], last, rtol=1e-6)
    width = np.diff(f.predict_interval(x[:300], coverage=0.8), axis=1)
    np.testing.assert_array_equal(f.predict_interval(x[:300], coverage=0.8), f.predict_interval(coverage=0.8))
    assert (np.diff(last, axis=1) > 2 * width).all()
    changed = x.copy()
    changed[400:] = 99.0
    early = f.backtest(changed, origins=[350, 398], coverage=0.8).table
    same = f.backtest(x, origins=[350, 398], coverage=0.8).table
    np.testing.assert_array_equal(early["low"], same["low"], "an origin knows nothing of what follows")


def test_a_backtest_counts_what_lies_inside(fitted):
    f, x = fitted
    for given in ({}, {"X": x, "origins": [60, 70], "refit": True}):
        told = f.backtest(coverage=0.7, **given)
        rows = told.table
        inside = (rows["low"] <= rows["actual"]) & (rows["actual"] <= rows["high"])
        assert told.covered == pytest.approx(inside.mean())
        assert set(told.errors.index) == {"model", "last_value", "linear"}
    assert f.backtest().covered is None
    low, high = clone(f).fit(x[:60]).predict_interval(coverage=0.7).T
    np.testing.assert_allclose(told.table["low"][:H], low, rtol=1e-6)
    np.testing.assert_allclose(told.table["high"][:H], high, rtol=1e-6)


def test_a_series_is_known_again_by_its_end(panel):
    from punar.models.forecaster.interval import known_steps

    f, table = panel
    read = f.preparation_.read(table, "here")
    assert known_steps(read, f.fitted_.forecaster.tail) == [len(x) for x in read.items]
    longer = read.until([len(x) - 1 for x in read.items])
    assert known_steps(longer, f.fitted_.forecaster.tail) == [None] * 3


def test_intervals_of_noise_cover_what_they_say():
    generator = np.random.default_rng(0)
    f = model(validation_fraction=0.4, context=4, horizon=2).fit(generator.normal(size=600))
    new = generator.normal(size=(300, 82))
    low, high = np.moveaxis(f.predict_interval(list(new[:, :80]), coverage=0.9), -1, 0)
    assert 0.85 <= ((new[:, 80:] >= low) & (new[:, 80:] <= high)).mean() <= 0.95


# -- targets, what is known ahead, bounds ------------------------------------------------------------------------


def promoted(n=80, seed=0):
    """Sales that a promotion lifts by 3, with a channel that says nothing."""
    generator = np.random.default_rng(seed)
    promo = (generator.random(n) < 0.3).astype(float)
    sales = wave(n, seed) + 3 * promo
    days = pd.date_range("2024-01-01", periods=n)
    return pd.DataFrame({"rain": generator.normal(size=n), "promo": promo, "sales": sales}, index=days)


@pytest.fixture(scope="module")
def ahead():
    """A model that knows promotions, and the table it was fitted on with the steps that follow."""
    frame = promoted(80 + H)
    return model(target="sales", known_ahead=["promo"], quantiles=(0.1, 0.9)).fit(frame[:80]), frame


def test_a_target_is_forecast_and_the_rest_are_inputs(ahead):
    f, frame = ahead
    coming = frame[80:]
    found = f.predict(future=coming)
    assert found.shape == (H,)
    assert f.n_features_in_ == 3
    np.testing.assert_array_equal(found, f.predict(future=coming[["promo"]]))
    np.testing.assert_array_equal(found, f.predict(future=coming["promo"].to_numpy()))
    np.testing.assert_allclose(found, f.predict(frame[:80], future=coming), rtol=1e-9)
    assert f.predict_quantiles(future=coming).shape == (H, 2)
    assert f.predict_interval(future=coming, coverage=0.7).shape == (H, 2)
    table = f.predict_table(future=coming)
    assert list(table.columns) == ["step", "time", "forecast"]
    assert table["time"].tolist() == coming.index.tolist()
    other = f.predict(future=1 - coming["promo"].to_numpy())
    assert (np.sign(other - found) == np.sign(0.5 - coming["promo"])).all(), "a promotion lifts its own step"
    assert set(f.fit_report_["candidates"]) == {"model", "last_value", "mean", "drift", "linear"}


def test_a_backtest_takes_what_was_known_and_scores_the_target_alone(ahead):
    f, frame = ahead
    found = f.backtest(frame, origins=[60, 80], coverage=0.7).table
    np.testing.assert_allclose(found["forecast"][H:], f.predict(future=frame[80:]), rtol=1e-6)
    np.testing.assert_array_equal(found["actual"][:H], frame["sales"][60 : 60 + H])
    assert "channel" not in found
    changed = frame.copy()
    changed.iloc[80:, 2] = 99.0
    np.testing.assert_array_equal(f.backtest(changed, origins=[80]).table["forecast"], found["forecast"][H:])
    assert f.score(frame) == pytest.approx(
        1
        - (found["forecast"] - found["actual"])[H:].abs().mean()
        / (found["last_value"] - found["actual"])[H:].abs().mean()
    )
    again = f.backtest(frame, origins=[70], refit=True).table
    assert len(again) == H


def test_what_is_known_ahead_must_be_given_and_only_then(ahead):
    f, frame = ahead
    for call in (f.predict, f.predict_table, f.predict_interval, f.predict_quantiles):
        with pytest.raises(errors.ParameterError, match=r"known_ahead \('promo'\): pass future="):
            call()
    with pytest.raises(errors.DataError, match="has 3 steps; the model forecasts 4"):
        f.predict(future=frame[80:83])
    with pytest.raises(errors.ParameterError, match="future is for models with channels that are known ahead"):
        model(epochs=1).fit(wave()).predict(future=[1.0] * H)
    with pytest.raises(errors.ParameterError, match="future is for task='forecasting'"):
        punar.SequenceModel(epochs=1).fit([wave(9)] * 8, [0, 1] * 4).predict([wave(9)], future=[1.0])


def test_channels_are_named_by_number_where_they_have_no_names():
    x = promoted().to_numpy()
    f = model(target=[2], known_ahead=1, epochs=1).fit([x, x[:60]])
    assert f.predict(future=np.zeros((2, H))).shape == (2, H, 1)
    rest = model(known_ahead=1, epochs=1).fit(x)
    assert rest.predict(future=np.zeros(H)).shape == (H, 2), "all that are not known ahead"
    two = model(target=("sales", "rain"), epochs=1).fit(promoted())
    assert two.predict_table()["channel"].tolist()[:2] == ["sales", "rain"]
    assert two.predict().shape == (H, 2)


@pytest.mark.parametrize(
    "settings", [{"relative_to": "naive"}, {"missing": "mask"}, {"scaling": "none"}, {"season": 5}]
)
def test_what_is_known_ahead_goes_with_every_setting(settings, tmp_path):
    frame = promoted()
    if "missing" in settings:
        frame.iloc[[3, 30, 31], 2] = np.nan
    f = model(target="sales", known_ahead="promo", **settings).fit(frame)
    found = f.predict(future=np.ones(H))
    assert np.isfinite(found).all()
    loaded = punar.load(punar.save(f, tmp_path / "m"))
    np.testing.assert_array_equal(loaded.predict(future=np.ones(H)), found)


def test_a_wide_table_takes_the_linear_part_of_each_target_alone():
    x = np.stack([wave(70, seed=i) for i in range(140)] + [promoted(70)["promo"]], axis=1)
    f = model(known_ahead=140, epochs=1).fit(x)
    assert f.fitted_.forecaster.linear.alone
    assert f.predict(future=np.zeros(H)).shape == (H, 140)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"target": "sale"}, errors.ParameterError, "target='sale' is not a channel.*Did you mean 'sales'"),
        ({"target": 3}, errors.ParameterError, "target=3 is not a channel: there are 3"),
        ({"target": []}, errors.ParameterError, "names no channel"),
        ({"target": [True]}, errors.ParameterTypeError, "names or numbers"),
        ({"target": 1.5}, errors.ParameterError, "target must be"),
        ({"target": ["sales", 2]}, errors.ParameterError, "different channels"),
        ({"target": "sales", "known_ahead": "sales"}, errors.ParameterError, "both a target and known_ahead"),
        ({"known_ahead": ["sales", "promo", "rain"]}, errors.ParameterError, "none is left to forecast"),
        ({"lower": 2, "upper": 1}, errors.ParameterError, "lower must be below upper"),
        ({"lower": "0"}, errors.ParameterError, "lower must be"),
        ({"target": "sales", "upper": 6}, errors.DataError, "beyond upper=6"),
    ],
)
def test_impossible_channels_and_bounds_are_refused(settings, kind, message):
    with pytest.raises(kind, match=message):
        model(**settings).fit(promoted())


def test_answers_stay_within_the_bounds(tmp_path):
    x = np.maximum(0.0, np.random.default_rng(0).normal(0, 1, 90))
    f = model(lower=0, upper=float(x.max()), quantiles=(0.1, 0.9)).fit(x)
    free = model(quantiles=(0.1, 0.9)).fit(x)
    assert free.predict_interval(coverage=0.95).min() < 0
    for found in (f.predict(), f.predict_quantiles(), f.predict_interval(coverage=0.95)):
        assert found.min() >= 0
        assert found.max() <= x.max()
    table = f.backtest(coverage=0.95).table
    assert table["low"].min() == 0
    assert table["forecast"].min() >= 0
    loaded = punar.load(punar.save(f, tmp_path / "m"))
    np.testing.assert_array_equal(loaded.predict_interval(coverage=0.95), f.predict_interval(coverage=0.95))


# -- back-tests and scores --------------------------------------------------------------------------------------


def test_a_backtest_forecasts_what_predict_would_have(fitted):
    f, x = fitted
    found = f.backtest(x, origins=[40, 55, -H])
    assert list(dict.fromkeys(found.table["origin"])) == [40, 55, 86]
    for origin, rows in found.table.groupby("origin"):
        np.testing.assert_allclose(rows["forecast"], f.predict(x[:origin]), rtol=1e-6)
        np.testing.assert_array_equal(rows["actual"], x[origin : origin + H])
        np.testing.assert_allclose(rows["last_value"], x[origin - 1])
        assert rows["step"].tolist() == [1, 2, 3, 4]
    off = (found.table["forecast"] - found.table["actual"]).abs().mean()
    assert found.errors.loc["model", "mae"] == pytest.approx(off)
    assert list(found.errors.index) == ["model", "last_value", "linear"]
    assert "linear" in str(found)
    assert not found.refitted


def test_a_backtest_of_the_fitted_series_takes_what_was_held_out(fitted):
    f, x = fitted
    found = f.backtest()
    assert not found.table["seen"].any()
    held_out = sum(f.fitted_.forecaster.held_out)
    assert len(found.table) == held_out * H
    assert f.fit_report_["rows"] > held_out  # a second fit answers for the first windows
    cheap = clone(f).set_params(evidence="cheap").fit(x).fit_report_
    assert found.errors.loc["model", "mae"] == pytest.approx(cheap["candidates"]["model"]["mae"], rel=0.05)
    earlier = f.backtest(origins=40)
    assert earlier.table["seen"].any()
    assert earlier.table["origin"].max() == len(x) - H
    strided = f.backtest(origins=3, stride=5).table["origin"].unique()
    assert strided.tolist() == [76, 81, 86]


def test_a_backtest_of_many_series_names_ids_times_and_channels():
    table = long_table(channels=("sold", "rain"))
    f = model(id_column="city", time_column="day", epochs=1, season=6).fit(table)
    found = f.backtest(origins=2).table
    assert list(found.columns) == [
        "city", "origin", "step", "day", "channel",
        "actual", "forecast", "last_value", "seasonal_naive", "linear", "seen",
    ]  # fmt: skip
    assert len(found) == 3 * 2 * H * 2
    known = table.set_index(["city", "day"])
    for row in found.sample(10, random_state=0).itertuples():
        assert row.actual == known.loc[(row.city, row.day), row.channel]
        assert row.day == row.origin + pd.Timedelta(days=row.step)
        assert row.last_value == pytest.approx(known.loc[(row.city, row.origin), row.channel])


def test_a_refitted_backtest_knows_nothing_of_what_follows(fitted):
    f, x = fitted
    found = f.backtest(x, origins=[60, 70], refit=True)
    assert found.refitted
    other = x.copy()
    other[70:] = 1e3
    early = f.backtest(other, origins=[60, 70], refit=True).table
    np.testing.assert_array_equal(early["forecast"], found.table["forecast"])
    alone = clone(f).fit(x[:60])
    np.testing.assert_allclose(found.table["forecast"][:H], alone.predict(), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"origins": 0}, errors.ParameterError, "origins must be"),
        ({"origins": "all"}, errors.ParameterTypeError, "origins must be"),
        ({"origins": [20.5]}, errors.ParameterTypeError, "origins must be"),
        ({"origins": []}, errors.ParameterTypeError, "origins must be"),
        ({"origins": [3]}, errors.ParameterError, "from context=8 to 86"),
        ({"origins": [88]}, errors.ParameterError, "so that 4 steps follow"),
        ({"origins": 500}, errors.ParameterError, "has 90: at most 79 origins"),
        ({"stride": 0}, errors.ParameterError, "stride must be"),
        ({"refit": 1}, errors.ParameterError, "refit must be"),
        ({"coverage": 1.5}, errors.ParameterError, "coverage must be"),
        ({"X": wave(11)}, errors.DataError, "the series has length 11"),
    ],
)
def test_impossible_origins_are_refused(fitted, given, kind, message):
    with pytest.raises(kind, match=message):
        fitted[0].backtest(**given)


def test_the_score_is_the_skill_on_the_last_horizon(fitted):
    f, x = fitted
    forecast, actual = f.predict(x[:-H]), x[-H:]
    by_hand = 1 - np.abs(forecast - actual).mean() / np.abs(x[-H - 1] - actual).mean()
    assert f.score(x) == pytest.approx(by_hand, rel=1e-5)
    report = f.fit_report_
    candidates = report["candidates"]
    assert report["model"] == pytest.approx(1 - candidates["model"]["mase"] / candidates["last_value"]["mase"])
    assert report["model"] == pytest.approx(1 - candidates["model"]["mae"] / candidates["last_value"]["mae"])


def test_a_grid_search_works_on_lists_of_series():
    many = [wave(40, seed=i) for i in range(6)]
    search = GridSearchCV(model(epochs=1), {"cell": ["gru", "rnn"]}, cv=2).fit(many)
    assert search.best_params_["cell"] in ("gru", "rnn")
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# -- the report -------------------------------------------------------------------------------------------------


def test_the_report_stands_beside_what_needs_no_network(panel):
    f, _ = panel
    report = f.fit_report_
    assert report["rows_from"] == "held_out"
    assert set(report["candidates"]) == {"model", "last_value", "mean", "drift", "linear"}
    assert report["best"] in report["candidates"]
    for text in ("MASE", "the last value", "a linear autoregression"):
        assert text in str(report)
    json.dumps(dict(report))


def test_the_report_names_a_season_and_a_better_baseline():
    x = np.tile([1.0, 5, 2, 8, 3, 3], 60) + 0.1 * np.random.default_rng(0).normal(size=360)
    f = model(season="auto", horizon=1, learning_rate=3.0, relative_to="naive").fit(x)
    assert f.fit_report_["season"] == 6
    assert "the last season of 6 steps" in str(f.fit_report_)
    assert f.fit_report_["best"] in ("seasonal_naive", "linear")
    assert "costs less" in str(f.fit_report_)


def test_losing_to_the_last_value_is_not_learning():
    walk = np.random.default_rng(3).normal(size=400).cumsum()
    lost = model(horizon=1, learning_rate=3.0, epochs=3, relative_to="naive", early_stopping=False)
    with pytest.warns(errors.DidNotLearnWarning, match="not better than what needs no learning"):
        lost.fit(walk)
    with pytest.raises(errors.DidNotLearnError):
        lost.set_params(strict=True).fit(walk)


def test_constant_series_go_on_as_they_are():
    f = model().fit(np.full(50, 7.25))
    np.testing.assert_allclose(f.predict(), 7.25)
    assert "do not change" in str(f.fit_report_)
    assert f.score(np.full(30, 3.0)) == 1.0


# -- edges ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (wave(C + H - 1), {}, f"the series has length 11; context={C} and horizon={H} needs at least 12 steps"),
        ([wave(30), wave(5)], {}, "series 1 has length 5"),
        (wave(H), {"context": None}, f"length {H}; horizon={H} needs at least {H + 1}"),
        ({"a": wave(30), "ब": wave(3)}, {}, "series 'ब' has length 3"),
        (np.zeros(0), {}, "0 steps"),
    ],
)
def test_series_that_are_too_short_are_named_with_their_length(X, settings, message):
    with pytest.raises(errors.DataError, match=message):
        model(**settings).fit(X)


def test_a_series_to_continue_must_fill_the_context(fitted):
    f, _ = fitted
    assert f.predict(wave(C)).shape == (H,)
    with pytest.raises(errors.DataError, match=f"length {C - 1}; context={C} needs at least {C}"):
        f.predict(wave(C - 1))
    with pytest.raises(errors.DataError, match="score, which holds back"):
        f.score(wave(C + H - 1))


@pytest.mark.parametrize("n", [C + H, C + H + 1, C + 2 * H, H + 2])
def test_the_shortest_series_that_can_be_fitted(n):
    settings = {} if n >= C + H else {"context": None}
    f = model(**settings).fit(wave(n))
    assert np.isfinite(f.predict()).all()
    assert f.fit_report_["rows_from"] in ("held_out", "training")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": None}, "needs horizon="),
        ({"horizon": 0}, "horizon must be None or an integer >= 1"),
        ({"context": 0}, "context must be None or an integer >= 1"),
        ({"season": "yearly"}, "season must be"),
        ({"season": 0}, "season must be"),
        ({"relative_to": "mean"}, "relative_to must be one of 'linear', 'naive'"),
        ({"quantiles": (0.1, 1.0)}, "quantiles must be"),
        ({"quantiles": ()}, "quantiles must be"),
        ({"quantiles": 0.5}, "quantiles must be"),
        ({"quantiles": (0.1, 0.1)}, "quantiles must be"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"kind": "texts"}, "reads series"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(errors.ParameterError, match=message):
        model(**settings).fit(wave())


def test_targets_and_weights_are_refused():
    with pytest.raises(errors.DataError, match="takes no y"):
        model().fit(wave(), wave())
    with pytest.raises(errors.ParameterError, match="sample_weight"):
        model().fit(wave(), sample_weight=[1.0])


def test_another_number_of_channels_is_refused(fitted):
    with pytest.raises(errors.DataError, match=r"X has 2 channels.*expecting 1"):
        fitted[0].predict(wave(channels=2))


def test_methods_exist_for_this_task_only(fitted):
    other = punar.SequenceModel()
    for name in ("predict_interval", "predict_quantiles", "predict_table", "backtest"):
        assert not hasattr(other, name)
        assert hasattr(fitted[0], name)
    assert not hasattr(fitted[0], "predict_proba")
    with pytest.raises(errors.NotFittedError):
        model().predict()
    with pytest.raises(errors.ParameterError, match="fitted without quantiles"):
        model(epochs=1).fit(wave()).predict_quantiles()


def test_the_task_may_be_an_object_and_is_for_series():
    f = punar.SequenceModel(task=Forecasting(horizon=3, quantiles=(0.1,)), epochs=1, random_state=0).fit(wave())
    assert f.predict_quantiles().shape == (3, 1)
    with pytest.raises(errors.ParameterError, match=r"use punar.SequenceModel\(task='forecasting'"):
        Forecasting().learn(np.zeros((3, 2, 1)), "TransferLearner.fit")


def test_a_failed_fit_leaves_the_earlier_one(fitted):
    f = fitted[0]
    before = f.predict()
    with pytest.raises(errors.DataError):
        f.fit(wave(3))
    np.testing.assert_array_equal(f.predict(), before)


# -- stored -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["fitted", "panel"])
def test_a_folder_gives_the_same_answers(which, request, tmp_path):
    f, X = request.getfixturevalue(which)
    loaded = punar.load(punar.save(f, tmp_path / "model"))
    for same in (loaded, pickle.loads(pickle.dumps(f))):
        np.testing.assert_array_equal(same.predict(), f.predict())
        np.testing.assert_array_equal(same.predict(X), f.predict(X))
        np.testing.assert_array_equal(same.predict_interval(coverage=0.7), f.predict_interval(coverage=0.7))
        pd.testing.assert_frame_equal(same.predict_table(), f.predict_table())
        assert same.fit_report_ == f.fit_report_
    pd.testing.assert_frame_equal(loaded.backtest(X, origins=2).errors, f.backtest(X, origins=2).errors)
    with pytest.raises(errors.DataError, match="pass the series"):
        loaded.backtest()


def test_a_folder_holds_the_ends_of_the_series_only(fitted, tmp_path):
    f, x = fitted
    punar.save(f, tmp_path / "model")
    from safetensors.torch import load_file

    tensors = load_file(tmp_path / "model" / "model.safetensors")
    assert tensors["tail.values"].ravel().tolist() == x[-C:].tolist()
    assert sum(t.numel() for k, t in tensors.items() if not k.startswith("module.")) < 300


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(season=0),
        lambda c: c.update(season=2**40),
        lambda c: c.update(relative_to="x"),
        lambda c: c["input"].update(context=7),
        lambda c: c["input"].update(channels=10**9),
        lambda c: c["task"]["params"].update(horizon=5),
        lambda c: c["task"]["params"].update(horizon=None),
        lambda c: c["task_state"].update(unit=[0.0]),
        lambda c: c["task_state"].update(unit=[1.0, 1.0]),
        lambda c: c["linear"].update(alone="yes"),
        lambda c: c["tail"].update(ids=["a", "b"]),
        lambda c: c["tail"].update(ids=[["a"]]),
        lambda c: c["tail"].update(single=1),
        lambda c: c["tail"].update(clocks=[{"last": "never", "step": "D", "regular": True}]),
        lambda c: c["tail"].update(clocks=[{"last": "2024-01-01", "step": 3, "regular": True}]),
        lambda c: c["tail"].update(clocks=[{"first": 1}]),
        lambda c: c.update(report={}),
        lambda c: c.update(history=3),
        lambda c: c.pop("tail"),
        lambda c: c["design"].update(outputs=1),
        lambda c: c.update(calibrated="x"),
        lambda c: c.update(lower="0"),
        lambda c: c["input"].update(aimed=[0, 0]),
        lambda c: c["input"].update(aimed=[5]),
        lambda c: c["input"].update(known_ahead=[0]),
        lambda c: c["input"].update(one=True),
        lambda c: c["tail"].update(clocks=[{"last": "2024-01-01T00:00:00+01:00", "step": "D", "zone": "No/Where"}]),
        lambda c: c["tail"].update(clocks=[{"last": "2024-01-01", "step": "9999 months on day 99"}]),
    ],
)
def test_hostile_folders_are_refused(fitted, tmp_path, change):
    folder = punar.save(fitted[0], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    change(config["fitted"])
    del config["sha256"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(errors.DamagedModelError):
        punar.load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tail.values", torch.full((C, 1), torch.inf, dtype=torch.float64)),
        ("tail.values", torch.full((C, 1), torch.nan, dtype=torch.float64)),
        ("tail.values", torch.zeros(C, 2, dtype=torch.float64)),
        ("tail.values", torch.zeros(C, 1)),
        ("tail.lengths", torch.tensor([2**62, 2**62])),
        ("tail.lengths", torch.tensor([C - 1])),
        ("tail.lengths", torch.zeros(0, dtype=torch.int64)),
        ("tail.scale", torch.zeros(1, 1, dtype=torch.float64)),
        ("linear.weight", torch.zeros(C, H + 1, dtype=torch.float64)),
        ("linear.bias", torch.full((H,), torch.nan, dtype=torch.float64)),
        ("calibration", torch.zeros(3, H, 1, 2)),
    ],
)
def test_hostile_tensors_are_refused(fitted, tmp_path, name, value):
    from safetensors.torch import load_file, save_file

    path = punar.save(fitted[0], tmp_path / "model") / "model.safetensors"
    config = json.loads(path.with_name("config.json").read_text(encoding="utf-8"))
    del config["sha256"]
    path.with_name("config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(path)
    assert name in tensors
    save_file(tensors | {name: value}, path)
    with pytest.raises(errors.DamagedModelError):
        punar.load(path.parent)


def test_a_finished_checkpoint_gives_the_same_intervals(tmp_path):
    frame = promoted()
    given = {"target": "sales", "known_ahead": "promo", "epochs": 3}
    first = model(**given).fit(frame, checkpoint=tmp_path)
    again = model(**given).fit(frame, checkpoint=tmp_path)
    whole = model(**given).fit(frame)
    for other in (again, whole):
        for coverage in (0.5, 0.9):
            np.testing.assert_array_equal(
                other.predict_interval(coverage=coverage, future=np.ones(H)),
                first.predict_interval(coverage=coverage, future=np.ones(H)),
            )


class Killed(Exception):
    pass


def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    many = [wave(60), wave(45, seed=1)]
    whole = model(epochs=4, quantiles=(0.1, 0.9)).fit(many)
    from punar.training.loop import Loop

    steps, step = [], Loop._run_step

    def dies(self, order):
        if len(steps) == 9:
            raise Killed
        steps.append(1)
        step(self, order)
        self._checkpoint.save(*self.state())

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_run_step", dies)
        with pytest.raises(Killed):
            model(epochs=4, quantiles=(0.1, 0.9)).fit(many, checkpoint=tmp_path)
    assert 0 < len(steps) < sum(1 for _ in whole.history_) * 6
    resumed = model(epochs=4, quantiles=(0.1, 0.9)).fit(many, checkpoint=tmp_path)
    for a, b in zip(whole.module_.state_dict().values(), resumed.module_.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(whole.predict_interval(coverage=0.5), resumed.predict_interval(coverage=0.5))
    with pytest.raises(errors.CheckpointError, match="content"):
        model(epochs=4, quantiles=(0.1, 0.9)).fit([wave(60), wave(45, seed=2)], checkpoint=tmp_path)


def test_the_card_says_that_the_ends_of_the_series_are_inside(tmp_path):
    folder = punar.save(model(epochs=1).fit([wave(80), wave(60)]), tmp_path / "m")
    text = (folder / "README.md").read_text(encoding="utf-8")
    kept = len(load_file(folder / "model.safetensors")["tail.values"]) // 2
    assert f"the last {kept} steps of each of its 2 series" in text
