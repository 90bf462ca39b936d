"""Sequences from the command line: fit, predict, transform, layers and compare, as a user meets them."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import punar
from punar.comparison import cell as question
from punar.texts import compare as compare_texts

QUICK = ("--epochs", "2", "--hidden-size", "4", "--quiet")


@pytest.fixture
def reviews(tmp_path: Path) -> str:
    """Forty sentences in Devanagari whose second word says the label."""
    rows = []
    for i in range(40):
        good = i % 2 == 0
        rows.append({"समीक्षा": f"यह {'मधुर' if good else 'नीरस'} फ़िल्म मैंने कल देखी थी", "राय": "अच्छी" if good else "बुरी"})
    pd.DataFrame(rows).to_csv(tmp_path / "समीक्षाएँ.csv", index=False)
    return "समीक्षाएँ.csv"


@pytest.fixture
def steps(tmp_path: Path) -> str:
    """Twenty walks of unequal length, their rows shuffled."""
    rng = np.random.default_rng(0)
    parts = []
    for i in range(20):
        t = np.arange(rng.integers(6, 12))
        values = np.sin(t * (0.4 if i % 2 else 1.5))
        frame = pd.DataFrame({"चाल": f"w{i:02}", "t": t, "ऊँचाई": values, "noise": rng.normal(size=len(t))})
        parts.append(frame.assign(label="धीमा" if i % 2 else "तेज़"))
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(tmp_path / "walks.csv", index=False)
    return "walks.csv"


@pytest.fixture
def sounds(tmp_path: Path) -> str:
    rate = 8000
    for label, pitch in (("ऊँचा", 900), ("नीचा", 300)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for i in range(6):
            t = np.arange(rate // 20 * (2 + i % 3)) / rate
            with wave.open(str(tmp_path / "sounds" / label / f"स्वर {i}.wav"), "wb") as file:
                file.setparams((1, 2, rate, 0, "NONE", ""))
                file.writeframes((9000 * np.sin(2 * np.pi * pitch * t)).astype("<i2").tobytes())
    return "sounds"


# -- fit, predict, transform


def test_texts_become_a_model_and_the_model_predictions(punar_says, reviews: str) -> None:
    words = ("--cell", "lstm", "--epochs", "30", "--learning-rate", "0.02", "--hidden-size", "8", "--quiet")
    answer = punar_says("fit", reviews, "--target", "राय", "--out", "नमूना", *words)
    assert answer.status == 0, answer.err
    assert "40 texts" in answer.err
    assert "Learned: accuracy" in answer.out
    assert "punar predict" in answer.out
    model = punar.load("नमूना")
    assert (model.cell, model.hidden_size, model.task) == ("lstm", 8, "classification")
    assert list(model.classes_) == ["अच्छी", "बुरी"]

    answer = punar_says("predict", "नमूना", reviews, "--target", "राय", "--out", "preds.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("preds.csv")
    assert list(found.columns) == ["row", "prediction", "probability अच्छी", "probability बुरी"]
    assert len(found) == 40
    assert "Accuracy on the labels of DATA: 1.0000" in answer.out
    direct = model.predict_proba(list(pd.read_csv(reviews)["समीक्षा"]))
    np.testing.assert_allclose(found["probability बुरी"], direct[:, 1], atol=1e-6)

    answer = punar_says("transform", "नमूना", reviews, "--out", "codes.csv")
    assert answer.status == 0, answer.err
    assert pd.read_csv("codes.csv").shape == (40, 9)
    assert punar_says("predict", "नमूना", reviews, "--out", "preds.csv").status == 2  # nothing is replaced in silence


def test_a_long_table_is_sorted_by_time_and_labelled_by_id(punar_says, steps: str) -> None:
    words = ("--id", "चाल", "--time", "t", "--target", "label")
    answer = punar_says("fit", steps, "--cell", "gru", *words, "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert "20 series" in answer.err
    assert "channels: 'ऊँचाई', 'noise'" in answer.err
    answer = punar_says("predict", "m", steps, "--target", "label", "--out", "preds.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("preds.csv")
    frame = pd.read_csv(steps)
    assert list(found["चाल"]) == list(frame["चाल"].drop_duplicates())
    model = punar.load("m")
    for name in ("w00", "w07"):
        mine = frame[frame["चाल"] == name].sort_values("t")[["ऊँचाई", "noise"]].to_numpy()
        one = punar.SequenceModel(hidden_size=4)  # the same series alone, as an array
        assert one.hidden_size == model.hidden_size
        alone = frame[frame["चाल"] == name]
        row = found[found["चाल"] == name].iloc[0]
        np.testing.assert_allclose(row["probability धीमा"], model.predict_proba(alone)[0, 1], atol=1e-6)
        assert len(mine) == len(alone)
    # Without the column of labels, and with columns in another order and one more.
    frame[["noise", "t", "चाल", "ऊँचाई"]].assign(extra=1).to_csv("new.csv", index=False)
    assert punar_says("predict", "m", "new.csv", "--out", "new-preds.csv").status == 0
    np.testing.assert_allclose(pd.read_csv("new-preds.csv")["probability धीमा"], found["probability धीमा"], atol=1e-6)


def test_recordings_become_a_model(punar_says, sounds: str) -> None:
    answer = punar_says("fit", sounds, "--cell", "gru", "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert "12 recordings" in answer.err
    answer = punar_says("predict", "m", sounds, "--out", "preds.csv")
    assert answer.status == 0, answer.err
    assert set(pd.read_csv("preds.csv")["file"].str[:4]) == {"ऊँचा", "नीचा"}
    assert "Accuracy on the labels of DATA" in answer.out
    Path("sounds/ऊँचा/स्वर 0.wav").write_bytes(b"nothing")
    answer = punar_says("predict", "m", sounds, "--out", "p.csv")
    assert answer.status == 2
    assert "स्वर 0.wav" in answer.err
    answer = punar_says("predict", "m", sounds, "--out", "p.csv", "--skip-bad")
    assert answer.status == 0, answer.err
    assert "left out: 1 of 12" in answer.err
    assert len(pd.read_csv("p.csv")) == 11


def test_arrays_of_series_with_their_labels(punar_says) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 9, 2)).cumsum(1)
    np.savez("s.npz", X=X, y=np.array(["अ", "आ"])[np.arange(24) % 2], amount=X.mean((1, 2)))
    answer = punar_says("fit", "s.npz", "--cell", "rnn", "--out", "m", *QUICK)
    assert answer.status == 0, answer.err
    assert list(punar.load("m").classes_) == ["अ", "आ"]
    answer = punar_says("fit", "s.npz", "--cell", "rnn", "--target", "amount", "--out", "n", *QUICK)
    assert answer.status == 0, answer.err
    assert punar.load("n").task == "regression"
    np.save("new.npy", X[:3])
    assert punar_says("predict", "n", "new.npy", "--out", "p.csv").status == 0
    np.testing.assert_allclose(pd.read_csv("p.csv")["prediction"], punar.load("n").predict(X[:3]), rtol=1e-5)


def test_convolutions_beside_the_cell_are_an_option(punar_says, steps: str) -> None:
    for option, expected in (("--branch", "conv"), ("--no-branch", None)):
        words = ("--id", "चाल", "--time", "t", "--target", "label", "--cell", "gru", option, "--out", f"m{option}")
        answer = punar_says("fit", steps, *words, *QUICK)
        assert answer.status == 0, answer.err
        model = punar.load(f"m{option}")
        assert model.branch == expected
        assert (model.module_.branch is not None) == (expected is not None)


def test_layers_of_a_saved_sequence_model(punar_says, steps: str) -> None:
    words = ("--id", "चाल", "--target", "label")
    assert punar_says("fit", steps, "--cell", "gru", *words, "--out", "m", *QUICK).status == 0
    answer = punar_says("layers", "m")
    assert answer.status == 0, answer.err
    gates, inputs, units = 3, 3, 4  # without --time the column t is a channel
    head = 2 * (units + 1)
    assert f"{gates * (inputs * units + units * units + 2 * units) + head:,} trainable" in answer.out


# -- compare


@pytest.fixture
def two_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "_FEWEST_EPOCHS", 2)
    monkeypatch.setattr(question, "_MOST_EPOCHS", 2)


def test_cells_are_compared_on_texts(punar_says, reviews: str, two_epochs: None) -> None:
    words = ("--question", "cell", "--hidden-size", "4", "--folds", "2", "--json", "r.json", "--equal", "parameters")
    answer = punar_says("compare", reviews, "--target", "राय", *words)
    assert answer.status == 0, answer.err
    for name in ("RNN", "GRU", "LSTM", compare_texts.LINEAR, compare_texts.MAJORITY):
        assert re.search(rf"(?m)^{name} ", answer.out)
    facts = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert facts["data"]["classes"] == ["अच्छी", "बुरी"]
    page = Path("punar-समीक्षाएँ-report.html").read_text(encoding="utf-8")
    assert "Which cell?" in page


def test_cells_are_compared_on_recordings_and_series(punar_says, sounds: str, steps: str, two_epochs: None) -> None:
    words = ("--question", "cell", "--hidden-size", "3", "--folds", "2", "--no-report", "--quiet")
    answer = punar_says("compare", sounds, *words)
    assert answer.status == 0, answer.err
    assert "12 recordings of 10 to 20 frames" in answer.out
    answer = punar_says("compare", steps, *words, "--id", "चाल", "--time", "t", "--target", "label")
    assert answer.status == 0, answer.err
    assert "20 series of 6 to 11 steps and 2 channels" in answer.out


# -- what cannot be


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cell", "gru", "--backbone", "minilm"), "--backbone is not for recurrent networks"),
        (("--cell", "gru", "--latent-dim", "3"), "--latent-dim is not for recurrent networks"),
        (("--cell", "gru", "--horizon", "3"), "need --task forecasting"),
        (("--cell", "gruu", "--id", "चाल", "--target", "label"), "Did you mean 'gru'?"),
        (("--cell", "gru"), "--id COLUMN"),
        (("--cell", "gru", "--id", "चाल"), "--target COLUMN"),
        (("--cell", "gru", "--id", "चाल", "--target", "noise"), "has"),
        (("--cell", "gru", "--id", "चल", "--target", "label"), "there is no column 'चल'"),
        (("--hidden-size", "3"), "--hidden-size is for recurrent networks: --cell NAME"),
        (("--id", "चाल"), "--id is for recurrent networks"),
        (("--task", "forecasting"), "--horizon N"),
    ],
)
def test_errors_say_what_to_do(punar_says, steps: str, words: tuple[str, ...], said: str) -> None:
    answer = punar_says("fit", steps, "--out", "m", *words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not Path("m").exists()


def test_options_of_cells_are_refused_elsewhere(punar_says, steps: str) -> None:
    answer = punar_says("compare", steps, "--equal", "width", "--no-report")
    assert answer.status == 2
    assert "--equal is not for the question" in answer.err
    answer = punar_says("compare", steps, "--question", "cell", "--latent-dim", "3", "--no-report")
    assert answer.status == 2
    assert "--latent-dim is not for the question 'cell'" in answer.err


def test_a_model_of_sequences_needs_data(punar_says, steps: str) -> None:
    words = ("--id", "चाल", "--target", "label")
    assert punar_says("fit", steps, "--cell", "gru", *words, "--out", "m", *QUICK).status == 0
    answer = punar_says("predict", "m", "--out", "p.csv")
    assert answer.status == 2
    assert "needs DATA" in answer.err


# -- forecasts


@pytest.fixture
def sales(tmp_path: Path) -> str:
    """Eight years of months with a course over the year, the rows shuffled."""
    months = pd.period_range("2015-01", periods=96, freq="M").astype(str)
    t = np.arange(96)
    values = 50 + 10 * np.sin(2 * np.pi * t / 12) + 0.1 * t + np.random.default_rng(0).normal(size=96)
    frame = pd.DataFrame({"Month": months, "बिक्री": values})
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "बिक्री.csv", index=False)
    return "बिक्री.csv"


FORECAST = ("--task", "forecasting", "--horizon", "6", "--cell", "gru", *QUICK)


def test_a_series_becomes_a_forecast(punar_says, sales: str) -> None:
    answer = punar_says("fit", sales, "--out", "m", *FORECAST)
    assert answer.status == 0, answer.err
    assert "time: the column 'Month'" in answer.err
    assert "punar predict m --out forecast.csv" in answer.out
    answer = punar_says("predict", "m", "--out", "forecast.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("forecast.csv")
    assert list(found["step"]) == [1, 2, 3, 4, 5, 6]
    assert found["Month"].iloc[0].startswith("2023-01")  # the month right after the last of the series
    assert np.isfinite(found["forecast"]).all()
    np.testing.assert_allclose(found["forecast"], np.ravel(punar.load("m").predict()), rtol=1e-6)
    answer = punar_says("predict", "m", sales, "--out", "again.csv")
    assert answer.status == 0, answer.err
    assert list(pd.read_csv("again.csv")["Month"]) == list(found["Month"])
    np.testing.assert_allclose(pd.read_csv("again.csv")["forecast"], found["forecast"], rtol=0.05)


def test_several_series_by_id(punar_says, sales: str) -> None:
    one = pd.read_csv(sales)
    pd.concat([one.assign(दुकान="अ"), one.assign(दुकान="ब", बिक्री=2 * one["बिक्री"])]).to_csv("shops.csv", index=False)
    answer = punar_says("fit", "shops.csv", "--id", "दुकान", "--time", "Month", "--out", "m", *FORECAST)
    assert answer.status == 0, answer.err
    assert punar_says("predict", "m", "--out", "f.csv").status == 0
    found = pd.read_csv("f.csv")
    assert list(found["दुकान"]) == ["अ"] * 6 + ["ब"] * 6


def test_a_promotion_that_is_known_ahead(punar_says, sales: str) -> None:
    one = pd.read_csv(sales).sort_values("Month")
    promo = (np.arange(96) % 5 == 0).astype(float)
    one.assign(promo=promo, बिक्री=one["बिक्री"] + 20 * promo, other=1.0).to_csv("promo.csv", index=False)
    ahead = ("--target", "बिक्री", "--known-ahead", "promo", "--lower", "0")
    answer = punar_says("fit", "promo.csv", *ahead, "--out", "m", *FORECAST)
    assert answer.status == 0, answer.err
    assert "punar predict m --future future.csv --out forecast.csv" in answer.out
    months = pd.period_range("2023-01", periods=6, freq="M").astype(str)
    pd.DataFrame({"Month": months, "promo": [0.0, 0, 0, 0, 1, 0]}).to_csv("future.csv", index=False)
    answer = punar_says("predict", "m", "--future", "future.csv", "--out", "f.csv")
    assert answer.status == 0, answer.err
    found = pd.read_csv("f.csv")
    assert len(found) == 6, "of the target alone"
    assert int(found["forecast"].argmax()) == 4
    answer = punar_says("predict", "m", "--out", "f.csv", "--force")
    assert answer.status == 2
    assert "--known-ahead ('promo'): pass --future FILE" in answer.err


def test_cells_are_compared_on_a_series(punar_says, sales: str, two_epochs: None) -> None:
    words = ("--question", "cell", "--horizon", "6", "--hidden-size", "3", "--folds", "2", "--no-report", "--quiet")
    answer = punar_says("compare", sales, *words)
    assert answer.status == 0, answer.err
    for name in ("GRU", "LSTM", compare_texts.AUTOREGRESSION, compare_texts.SEASONAL_NAIVE):
        assert re.search(rf"(?m)^{name} ", answer.out)
    assert "failed" not in answer.out
