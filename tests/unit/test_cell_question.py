"""The question cell: recurrent cells on the same folds, beside a linear model and chance."""

from __future__ import annotations

import json
import math
import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import punar
from punar import baselines
from punar.baselines import Statistics, linear_for
from punar.comparison import _equal
from punar.comparison import cell as module
from punar.comparison.ask import find_question
from punar.core.plugins import member, members
from punar.errors import DataError, ParameterError, ParameterTypeError
from punar.reporting import render
from punar.texts import compare as texts

WORDS = {"अच्छा": "अच्छी फ़िल्म थी और संगीत मधुर", "बुरा": "बुरी फ़िल्म थी और कहानी धीमी"}


def waves(n: int = 36, channels: int = 2) -> tuple[list[np.ndarray], list[str]]:
    """Slow and quick waves of unequal length."""
    rng = np.random.default_rng(0)
    found, y = [], []
    for i in range(n):
        t = np.arange(rng.integers(6, 20))
        first = np.sin(t * (0.4 if i % 2 else 1.4) + rng.uniform(0, 6))
        found.append(np.stack([first, *rng.normal(size=(channels - 1, len(t)))], axis=1))
        y.append("धीमा" if i % 2 else "तेज़")
    return found, y


X, Y = waves()


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEWEST_EPOCHS", 2)
    monkeypatch.setattr(module, "_MOST_EPOCHS", 2)


@pytest.fixture(scope="module")
def answer() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEWEST_EPOCHS", 2)
        patch.setattr(module, "_MOST_EPOCHS", 2)
        return punar.compare(X, Y, question="cell", hidden_size=8, cv=2, verbose=0)


def test_every_cell_the_linear_model_and_chance_on_the_same_folds(answer):
    table = answer.table
    cells = [texts.CELLS.get(n, n) for n in members("cells")]
    assert list(table.index[:3]) == [texts.MAJORITY, texts.LINEAR, texts.NEAREST]
    others = [] if find_spec("aeon") is None else [texts.NEAREST_DTW, texts.KERNELS]
    assert sorted(table.index[3:]) == sorted(cells + others)
    assert set(table["status"]) == {"ok"}, table["note"].tolist()
    assert table.loc[texts.MAJORITY, "accuracy"] == 0.5
    assert answer.facts["data"]["classes"] == ["तेज़", "धीमा"]
    rows = table.loc[cells]
    assert (rows[["fit_seconds", "step_us", "model_kb", "parameters"]] > 0).all(axis=None)
    assert (rows["hidden_size"] == 8).all()
    for name in members("cells"):
        assert rows.loc[texts.CELLS.get(name, name), "gates"] == member("cells", name).gates
    assert math.isnan(table.loc[texts.LINEAR, "gates"])


def test_parameters_are_those_of_the_formula(answer):
    # torch keeps two biases per gate; the head has one number per unit and class, and a bias.
    for gates, name in ((4, "LSTM"), (3, "GRU"), (1, "RNN")):
        assert answer.table.loc[name, "parameters"] == gates * (8 * 2 + 8 * 8 + 2 * 8) + 8 * 2 + 2


def test_scores_by_length_average_to_the_score(answer):
    data = find_question("cell").read(X, Y, None, None)
    low, high = data.cuts
    lengths = np.array([len(x) for x in X])
    assert [(lengths <= low).sum() > 6, (lengths > high).sum() > 6] == [True, True]
    for name in answer.table.index:
        row = answer.table.loc[name]
        assert min(row[["short", "middle", "long"]]) <= row["accuracy"] <= max(row[["short", "middle", "long"]])


def test_equal_lengths_have_no_columns_by_length():
    same = np.stack([np.resize(x, (8, 2)) for x in X])
    chance_only = {"linear": linear_for("series", "classes")}
    found = punar.compare(same, Y, question="cell", candidates=chance_only, cv=2, verbose=0)
    assert "short" not in found.table
    assert "read as 36 series of 8 steps and 2 channels" in found.facts["data"]["reading"]


def test_equal_parameters_are_nearly_those_of_the_lstm():
    lstm = member("cells", "lstm")()
    wanted = _equal.parameters(lstm, 32, 5, 3)
    assert _equal.hidden_size(lstm, lstm, 32, 5, 3) == 32
    for name in members("cells"):
        cell = member("cells", name)()
        size = _equal.hidden_size(cell, lstm, 32, 5, 3)
        distance = abs(_equal.parameters(cell, size, 5, 3) - wanted)
        assert distance <= abs(_equal.parameters(cell, size + 1, 5, 3) - wanted)
        assert distance <= abs(_equal.parameters(cell, size - 1, 5, 3) - wanted)
        assert distance < 0.06 * wanted


def test_equal_parameters_are_what_is_trained_and_said():
    question = find_question("cell", equal="parameters", hidden_size=8)
    data = question.read(X, Y, None, None)
    sizes = {
        c.name: c.estimator.hidden_size
        for c in question.candidates(data, None, 24, "cpu")
        if hasattr(c.estimator, "hidden_size")
    }
    assert sizes["LSTM"] == 8
    assert sizes["RNN"] > sizes["GRU"] > sizes["LSTM"]
    assert "parameters of an LSTM of width 8" in question.plan()


def test_the_report_and_the_words(answer, tmp_path):
    page = answer.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    for words in ("Which cell?", "µs/step", "gates", texts.HEAD_TRADE, "equal width", texts.LINEAR, "धीमा"):
        assert words in page or words == "धीमा"
    assert json.loads(render.json_text(answer.facts)) == answer.facts
    assert "Which cell?" in answer.to_markdown()
    verdict = answer.verdicts["accuracy"]
    others = answer.table.drop(index=[texts.MAJORITY, *(texts.CELLS.get(n, n) for n in members("cells"))])
    assert others["accuracy"].idxmax() in verdict
    assert "PCA" not in page


def test_the_same_call_gives_the_same_scores():
    rivals = {"gru": punar.SequenceModel("gru", hidden_size=4, epochs=2)}
    runs = [punar.compare(X, Y, question="cell", candidates=rivals, cv=2, verbose=0) for _ in range(2)]
    assert runs[0].facts["rows"][2]["scores"] == runs[1].facts["rows"][2]["scores"]


def test_a_long_table_with_labels_by_id():
    frame = pd.concat(
        [pd.DataFrame(x, columns=["a", "b"]).assign(क्रम=f"s{i}", समय=np.arange(len(x))) for i, x in enumerate(X)]
    ).sample(frac=1, random_state=0)
    labels = pd.Series(Y, index=[f"s{i}" for i in range(len(X))])
    question = find_question("cell", id_column="क्रम", time_column="समय")
    data = question.read(frame, labels, None, None)
    assert sorted(data.lengths) == sorted(len(x) for x in X)
    first = int(frame["क्रम"].iloc[0][1:])
    assert np.allclose(data.X[0], X[first])
    assert data.classes[data.y[0]] == Y[first]


def test_texts_in_devanagari_are_learned():
    sentences = [WORDS[name] for name in WORDS for _ in range(12)]
    y = [name for name in WORDS for _ in range(12)]
    rivals = {"gru": punar.SequenceModel("gru", hidden_size=8, embedding_dim=8, epochs=12, learning_rate=0.02)}
    result = punar.compare(sentences, y, question="cell", candidates=rivals, cv=2, verbose=0)
    assert result.facts["data"]["kind"] == "text"
    assert result.table.loc["gru", "accuracy"] == 1.0  # chance is 0.5
    assert result.table.loc[texts.LINEAR, "accuracy"] == 1.0


def test_recordings_of_unequal_length(tmp_path):
    paths, y = tones(tmp_path)
    rivals = {"lstm": punar.SequenceModel("lstm", hidden_size=4, epochs=1)}
    result = punar.compare(paths, y, question="cell", candidates=rivals, cv=2, verbose=0)
    assert set(result.table["status"]) == {"ok"}, result.table["note"].tolist()
    assert "recordings of 10 to 30 frames" in result.facts["data"]["reading"]
    Path(paths[3]).write_bytes(b"RIFF")
    with pytest.raises(DataError, match="1 of 12 items cannot be read"):
        punar.compare(paths, y, question="cell", cv=2, verbose=0)


def tones(folder: Path, rate: int = 8000) -> tuple[list[str], list[str]]:
    paths, y = [], []
    for i in range(12):
        t = np.arange(rate // 10 * (1 + i % 3)) / rate
        place = folder / f"स्वर {i}.wav"
        with wave.open(str(place), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((9000 * np.sin(2 * np.pi * (300 if i % 2 else 900) * t)).astype("<i2").tobytes())
        paths.append(str(place))
        y.append("नीचा" if i % 2 else "ऊँचा")
    return paths, y


def test_numbers_are_a_regression():
    amounts = [float(x[:, 0].std()) for x in X]
    rivals = {"gru": punar.SequenceModel("gru", "regression", hidden_size=4, epochs=1)}
    result = punar.compare(X, amounts, question="cell", candidates=rivals, cv=2, verbose=0)
    assert list(result.verdicts) == ["r2"]
    assert result.table.loc[texts.LINEAR, "r2"] > 0.5  # the deviation is one of its statistics; the mean gives 0
    assert (result.table["status"] == "ok").all(), result.table["note"].tolist()


def test_missing_values_are_masked_and_said():
    holes = [x.copy() for x in X]
    holes[3][1, 0] = np.nan
    question = find_question("cell", hidden_size=4)
    data = question.read(holes, Y, None, None)
    assert texts.NOTE_MASKED in data.notes
    networks = [c.estimator for c in question.candidates(data, None, 24, "cpu") if hasattr(c.estimator, "missing")]
    assert {network.missing for network in networks} == {"mask"}
    assert len(networks) == len(members("cells"))
    features = Statistics().fit(holes).transform(holes)
    assert np.isfinite(features).all()
    assert features.shape == (36, 15)
    assert features[3, 12] == pytest.approx(1 - 1 / len(holes[3]))
    assert np.allclose(features[0, :2], X[0].mean(0))


def test_a_budget_cuts_and_says_so():
    result = punar.compare(X, Y, question="cell", hidden_size=4, cv=5, verbose=0, budget="1s")
    assert result.facts["protocol"]["folds"] >= 2
    assert any("1.0 s" in note for note in result.notes)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"equal": "widht"}, ParameterError, "equal must be one of 'width', 'parameters', got 'widht'. Did you mean"),
        ({"hidden_size": 0}, ParameterError, "hidden_size must be an integer >= 1, got 0"),
        ({"hidden_size": 2.5}, ParameterTypeError, "hidden_size must be an integer"),
        ({"backbone": "starter"}, ParameterError, "backbone is not for question='cell'"),
        ({"latent_dim": 3}, ParameterError, "latent_dim is not for question='cell'"),
        ({"kind": "images"}, ParameterError, "kind must be"),
        ({"id_column": "seq"}, ParameterError, "id_column"),
        ({"candidates": {"a": 3}}, ParameterTypeError, "must be an estimator with fit"),
        ({"candidates": {"a": linear_for("series", "classes")}, "equal": "width"}, ParameterError, "not both"),
    ],
)
def test_what_cannot_be_asked(given, error, words):
    rows = np.zeros((4, 3)) if "id_column" in given else X
    y = ["a", "b", "a", "b"] if "id_column" in given else Y
    with pytest.raises(error, match=words):
        punar.compare(rows, y, question="cell", cv=2, verbose=0, **given)


def test_settings_of_cells_are_refused_elsewhere():
    with pytest.raises(ParameterError, match="equal is not for question='reducer'"):
        punar.compare(np.eye(8), question="reducer", equal="width", verbose=0)


def test_texts_need_labels():
    with pytest.raises(DataError, match="needs labels"):
        punar.compare(["एक लंबा वाक्य", "दूसरा लंबा वाक्य"] * 4, question="cell", verbose=0)


def test_more_steps_mean_fewer_epochs(monkeypatch):
    monkeypatch.undo()
    question = find_question("cell")
    short, long = question.read(X, Y, None, None), question.read([np.resize(x, (5000, 2)) for x in X], Y, None, None)
    epochs = [question.candidates(d, None, len(X), "cpu")[-1].estimator.epochs for d in (short, long)]
    assert epochs == [200, 8]


def test_groups_are_never_on_both_sides():
    groups = np.arange(len(X)) // 2 % 3
    question = find_question("cell", groups=groups)
    data = question.read(X, Y, None, None)
    folds, notes = question.folds_for(data, 5)
    assert folds == 3
    assert any("3 groups" in note for note in notes)
    parts = question.splits(data, folds, 0)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(len(X)))
    for train, test in parts:
        assert not set(groups[train]) & set(groups[test])
    rivals = {"linear": linear_for("series", "classes")}
    result = punar.compare(X, Y, question="cell", groups=groups, candidates=rivals, cv=3, verbose=0)
    assert "no group on both sides" in result.facts["protocol"]["how"][0]
    with pytest.raises(DataError, match="one per sequence"):
        punar.compare(X, Y, question="cell", groups=[1, 2], verbose=0)
    with pytest.raises(DataError, match="at least 2"):
        punar.compare(X, Y, question="cell", groups=["एक"] * len(X), verbose=0)


# -- forecasts


def counting(n: int = 60) -> np.ndarray:
    return np.arange(n, dtype=float)


def seasonal(n: int = 96, season: int = 12) -> np.ndarray:
    t = np.arange(n)
    rng = np.random.default_rng(0)
    return 10 * np.sin(2 * np.pi * t / season) + 0.2 * t + rng.normal(size=n)


def test_origins_roll_in_the_order_of_time():
    question = find_question("cell", horizon=5)
    data = question.read(counting(), None, None, None)
    folds, _ = question.folds_for(data, 4)
    parts = question.splits(data, folds, 0)
    assert [list(test) for _, test in parts][-1] == [55, 56, 57, 58, 59]
    for train, test in parts:
        assert list(train) == list(range(test[0]))  # all that was before, and nothing after
    fold = question.open_fold(data, *parts[0], 0, first=True)
    assert fold.test[0, 0, 0] == fold.train[0][-1, 0] + 1  # the step right after the last observation


def test_unequal_series_end_together_in_every_fold():
    question = find_question("cell", horizon=4)
    data = question.read([counting(50), 100 + counting(40)], None, None, None)
    parts = question.splits(data, 2, 0)
    fold = question.open_fold(data, *parts[1], 0, first=False)
    assert fold.test[:, -1, 0].tolist() == [49, 139]
    assert [len(x) for x in fold.train] == [46, 36]


def test_naive_forecasts_and_the_linear_one():
    x = [counting(40)[:, None]]
    last = baselines.LastValue(3).fit(x)
    assert last.predict()[0, :, 0].tolist() == [39, 39, 39]
    naive = baselines.LastSeason(5, 4).fit(x)
    assert naive.predict()[0, :, 0].tolist() == [36, 37, 38, 39, 36]
    linear = baselines.Autoregression(3, 6).fit(x)
    np.testing.assert_allclose(linear.predict()[0, :, 0], [40, 41, 42], atol=0.05)


def test_mase_is_one_for_the_naive_answer_on_a_line():
    question = find_question("cell", horizon=1, season=1)
    data = question.read(counting(30), None, None, None)
    fold = question.open_fold(data, *question.splits(data, 2, 0)[0], 0, first=True)
    mase, mae = fold.errors(baselines.LastValue(1).fit(fold.train))
    assert (mase, mae) == (1.0, 1.0)
    assert fold.last_value() == 0.0


def test_forecasters_are_compared():
    rivals = {
        "trend": baselines.Autoregression(12, 24),
        "naive": baselines.LastSeason(12, 12),
    }
    result = punar.compare(seasonal(), question="cell", candidates=rivals, cv=3, verbose=0)
    table = result.table
    assert list(table.index) == [texts.LAST_VALUE, texts.SEASONAL_NAIVE, texts.AUTOREGRESSION, "trend", "naive"]
    assert set(table["status"]) == {"ok"}, table["note"].tolist()
    assert table.loc["naive", "skill"] == pytest.approx(1 - table.loc["naive", "mase"])
    assert table.loc["naive", "mae"] == table.loc[texts.SEASONAL_NAIVE, "mae"]
    assert table.loc[texts.AUTOREGRESSION, "mae"] < table.loc[texts.LAST_VALUE, "mae"]
    assert "12 steps to forecast, season 12" in result.facts["data"]["reading"]
    assert "rolling origins" in result.facts["protocol"]["how"][0]
    assert "Which cell?" in render.html(result.facts)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"horizon": 0}, "horizon must be an integer >= 1, got 0"),
        ({"horizon": 30}, "two folds of horizon=30 need at least 120"),
        ({"horizon": 3, "groups": [1]}, "groups are for sequences with labels"),
    ],
)
def test_what_cannot_be_forecast(given, words):
    with pytest.raises((DataError, ParameterError), match=words):
        punar.compare(counting(), question="cell", verbose=0, **given)


def test_a_horizon_is_not_for_labels():
    with pytest.raises(ParameterError, match="horizon is for series without labels"):
        punar.compare(X, Y, question="cell", horizon=3, verbose=0)
