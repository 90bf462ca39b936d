"""Reading, folds, budget and cost: what every question shares, with small stand-ins for candidates."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.comparison import protocol
from punar.comparison.ask import compare, find_question, known_questions
from punar.comparison.budget import Plan, Timing, fit_in, parse_budget
from punar.comparison.cost import MemoryPeak, count_parameters, measured_fit
from punar.comparison.reading import read
from punar.core import deadline
from punar.errors import ParameterError, ParameterTypeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * [1, 2, 3, 4, 50] + 7
Y = np.repeat(["a", "b", "c"], 20)


class Spy(TransformerMixin, BaseEstimator):
    """Keeps two columns, and every array that any copy of it was fitted on or given."""

    seen: list[tuple[str, np.ndarray]] = []

    def __init__(self, label: str = "", random_state: int | None = None, epochs: int = 50) -> None:
        self.label, self.random_state, self.epochs = label, random_state, epochs

    def fit(self, X: np.ndarray, y: object = None) -> Spy:
        Spy.seen.append((f"{self.label} fit", X))
        self.fitted_ = True
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        Spy.seen.append((f"{self.label} transform", X))
        return X[:, :2]


class Faulty(Spy):
    """Goes wrong from its ``good + 1``-th real fit on, or in the way that ``how`` says."""

    fits = 0

    def __init__(self, how: str = "raise", good: int = 0) -> None:
        self.how, self.good = how, good

    def fit(self, X: np.ndarray, y: object = None) -> Faulty:
        if len(X) > protocol._WARM_UP_ROWS // 2 and self.how == "raise":
            Faulty.fits += 1
            if Faulty.fits > self.good:
                raise ZeroDivisionError("first line\nsecond line")
        if self.how == "warn":
            warnings.warn("no luck", ConvergenceWarning, stacklevel=2)
        self.fitted_ = True
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        if self.how == "nan":
            return np.full((len(X), 2), np.nan)
        return X[:-1, :2] if self.how == "short" else X[:, :2]


def quiet(*args: Any, **kwargs: Any) -> Any:
    return compare(*args, **{"verbose": 0, "cv": 3} | kwargs)


# -- folds and scaling


def test_every_candidate_sees_the_same_scaled_rows_of_every_fold():
    Spy.seen.clear()
    quiet(X, Y, budget="none", candidates={"one": Spy("one"), "two": Spy("two")})

    def rows(label: str) -> list[np.ndarray]:
        return [a for kind, a in Spy.seen if kind == label and len(a) == 40]

    assert len(rows("one fit")) == len(rows("two fit")) == 3 + 1  # the warm-up's few rows are all of them here
    for a, b in zip(rows("one fit"), rows("two fit"), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(a.std(axis=0), 1, atol=1e-5)


def test_splits_are_a_partition_stratified_and_repeatable():
    data = read(X, Y, None, None)
    folds = protocol.splits(data, 4, seed=3)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(60))
    for train, test in folds:
        assert not set(train) & set(test)
        assert list(np.bincount(data.y[test])) == [5, 5, 5]
    again = protocol.splits(data, 4, seed=3)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))
    assert any((a[1] != b[1]).any() for a, b in zip(folds, protocol.splits(data, 4, seed=4), strict=True))


def test_rare_classes_reduce_folds_and_say_so():
    data = read(X, ["a"] * 30 + ["b"] * 26 + ["c"] * 4, None, None)
    folds, notes = protocol.folds_for(data, 6)
    assert folds == 4
    assert "from 6 to 4" in notes[0]
    assert "'c'" in notes[0]
    folds, notes = protocol.folds_for(read(X, ["a"] * 59 + ["b"], None, None), 5)
    assert folds == 3
    assert "some folds hold none" in notes[1]
    result = quiet(X, ["a"] * 59 + ["b"], candidates={"PCA": PCA(2)}, cv=5)
    assert result.table.loc["PCA", "status"] == "ok"


def test_prepared_sets_seed_and_epochs_only_where_it_may():
    asked = Spy("x", epochs=50)
    assert protocol.prepared(asked, 7, 10).get_params() == {"label": "x", "random_state": 7, "epochs": 10}
    assert protocol.prepared(asked, 7, 80).epochs == 50
    assert protocol.prepared(Spy(random_state=1), 7, None).random_state == 1
    nested = protocol.prepared(make_pipeline(StandardScaler(), PCA(2)), 7, None)
    assert nested.named_steps["pca"].random_state == 7
    assert asked.random_state is None


# -- candidates that go wrong


def test_a_candidate_that_fails_is_a_row_and_the_others_go_on():
    Faulty.fits = 0
    rivals = {"bad": Faulty(), "PCA": PCA(2), "nan": Faulty("nan"), "short": Faulty("short")}
    table = quiet(X, Y, candidates=rivals).table
    assert table.loc["bad", "note"] == "failed in fold 1: ZeroDivisionError: first line second line"
    assert "NaN or infinite" in table.loc["nan", "note"]
    assert "19 codes for 20 rows" in table.loc["short", "note"]
    assert list(table["status"]) == ["failed", "ok", "failed", "failed"]
    assert np.isnan(table.loc["bad", "accuracy"])


def test_a_candidate_that_fails_later_has_no_score_from_its_good_folds():
    Faulty.fits = -1  # the warm-up counts too
    result = quiet(X, Y, budget="none", candidates={"bad": Faulty(good=1), "PCA": PCA(2)})
    assert result.table.loc["bad", "note"].startswith("failed in fold 2")
    assert result.facts["rows"][0]["scores"] == {}
    assert result.verdicts["accuracy"].startswith("only PCA has a score")


def test_all_failing_is_a_result_too():
    Faulty.fits = 0
    result = quiet(X, Y, candidates={"bad": Faulty()})
    assert set(result.verdicts.values()) == {"no candidate has a score"}
    assert "bad" in str(result)
    assert "bad" in result.to_markdown()


def test_warnings_become_notes_and_reach_nobody_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = quiet(X, Y, candidates={"w": Faulty("warn"), "PCA": PCA(2)})
    assert "w: did not converge within its iterations (3 of 3 folds)." in result.notes


# -- budget


def test_budget_in_words():
    assert [parse_budget(b) for b in (None, 60, 1.5, "60s", "2min", " 2 m ", "0.5h", "90")] == [
        None, 60, 1.5, 60, 120, 120, 1800, 90,
    ]  # fmt: skip


@pytest.mark.parametrize("budget", ["soon", "", "-3s", "0", 0, -1, "5 days", float("nan"), float("inf")])
def test_bad_budgets(budget):
    with pytest.raises(ParameterError, match="budget"):
        parse_budget(budget)


@pytest.mark.parametrize("budget", [True, [60], {}])
def test_budgets_of_the_wrong_type(budget):
    with pytest.raises(ParameterTypeError, match="budget"):
        parse_budget(budget)


def test_epochs_are_cut_first_then_folds_then_rows():
    plan = Plan(folds=5, epochs=100, rows=10_000, seconds=100.0, notes=["kept"])
    roomy = fit_in(plan, [Timing(fixed=1, per_epoch=0.01)], spent=5)
    assert roomy == plan
    epochs = fit_in(plan, [Timing(fixed=1, per_epoch=0.3)], spent=5)
    assert (epochs.folds, epochs.rows) == (5, 10_000)
    assert 10 < epochs.epochs < 100
    assert epochs.folds * (1 + 0.3 * epochs.epochs) <= 95
    folds = fit_in(plan, [Timing(fixed=10, per_epoch=1.0)], spent=5)
    assert (folds.epochs, folds.folds, folds.rows) == (10, 3, 10_000)
    rows = fit_in(plan, [Timing(fixed=100, per_epoch=1.0)], spent=5)
    assert (rows.epochs, rows.folds) == (10, 3)
    assert rows.rows == pytest.approx(10_000 * 76 / 330, abs=1)
    assert [len(p.notes) for p in (roomy, epochs, folds, rows)] == [1, 2, 3, 4]
    assert "10 epochs at most instead of 100" in rows.notes[1]


def test_no_budget_cuts_nothing():
    plan = Plan(5, 100, 1000, None, [])
    assert fit_in(plan, [Timing(1e9, 1e9)], spent=0) is plan


class Slow(Spy):
    """Takes a fixed time per epoch, on a clock of its own."""

    now = 0.0

    def fit(self, X: np.ndarray, y: object = None) -> Slow:
        Slow.now += 0.004 * self.epochs
        self.history_: list[dict[str, float]] = [{}] * self.epochs
        return self


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(Slow, "now", 0.0)
    monkeypatch.setattr(deadline, "clock", lambda: Slow.now)


@pytest.mark.usefixtures("clock")
def test_a_small_budget_is_kept_and_said():
    result = quiet(X, candidates={"slow": Slow(epochs=500)}, cv=5, budget=2)  # 10 s without it
    assert 0.5 < Slow.now <= 2
    assert result.table.loc["slow", "epochs"] < 500
    assert any("epochs at most instead of 500" in note for note in result.notes)


@pytest.mark.usefixtures("clock")
def test_without_a_budget_nothing_is_cut():
    result = quiet(X, candidates={"slow": Slow(epochs=500)}, cv=5)
    assert Slow.now >= 5 * 500 * 0.004
    assert result.table.loc["slow", "epochs"] == 500


@pytest.mark.usefixtures("clock")
def test_folds_that_would_not_end_in_time_are_not_begun(monkeypatch):
    # The trial is told that nothing costs anything: only the clock while it runs can stop it.
    monkeypatch.setattr("punar.comparison.ask.trial", lambda *_: {"slow": Timing(0.0, 0.0)})
    result = quiet(X, candidates={"slow": Slow(epochs=100)}, cv=5, budget=1.3)
    assert result.facts["protocol"]["folds"] == 3  # 0.4 s each
    assert Slow.now == pytest.approx(1.2)
    assert any("3 of 5 folds" in note for note in result.notes), result.notes


@pytest.mark.usefixtures("clock")
def test_an_impossible_budget_still_gives_two_folds_and_says_so():
    result = quiet(X, candidates={"slow": Slow(epochs=20)}, cv=5, budget=0.05)
    assert result.facts["protocol"]["folds"] == 2
    assert any("too small for the two folds" in note for note in result.notes)


# -- cost


def test_memory_peak_sees_what_was_freed_again():
    with MemoryPeak() as memory:
        block = np.ones(8_000_000)
        for _ in range(200):  # until the sampling thread had its turn
            time.sleep(0.01)
            if memory._peak - memory._start > 50:
                break
        del block
    if memory.extra_mb is None:
        pytest.skip("this system has no /proc/self/statm")
    assert 50 < memory.extra_mb < 200


def test_measured_fit_reports_seconds_and_each_warning_once():
    def fit() -> str:
        for _ in range(3):
            warnings.warn("careful", UserWarning, stacklevel=1)
        time.sleep(0.02)
        return "done"

    fitted, seconds, _, said = measured_fit(fit)
    assert (fitted, said) == ("done", ["UserWarning: careful"])
    assert seconds >= 0.02


def test_parameters_are_counted():
    pca = PCA(2).fit(X)
    assert count_parameters(pca) == 2 * 5 + 5
    assert count_parameters(make_pipeline(StandardScaler(), PCA(2)).fit(X)) == 5 + 5 + 2 * 5 + 5
    assert count_parameters(Spy()) == 0
    assert count_parameters(LogisticRegression(max_iter=5000).fit(X, Y)) is None


def test_progress_says_what_runs_and_what_is_left():
    spent: dict[str, list[float]] = {"A": [], "B": []}
    step = protocol.Step(2, spent, 0, "A")
    assert (step.says, step.share, step.seconds_left) == ("fold 1/2: A", 0.0, 0.0)
    spent["A"].append(10.0)
    assert step.done(10.0) == "[1/4] fold 1/2: A: 10 s so far"
    assert step.seconds_left == 0.0  # nothing is known of B yet
    spent["B"].append(4.0)
    assert (step.share, step.seconds_left) == (0.5, 14.0)


# -- questions and candidates


def test_questions_are_the_files_that_hold_one():
    assert known_questions() == ["backbone", "cell", "reducer", "strategy"]
    for name in ("reducr", "verdict", "_question", 3):
        with pytest.raises(ParameterError, match=r"one of .backbone., .cell., .reducer., .strategy."):
            find_question(name)


@pytest.mark.parametrize(
    ("kwargs", "error", "word"),
    [
        ({"candidates": {}}, ParameterError, "empty"),
        ({"candidates": [PCA(2)]}, ParameterTypeError, "mapping"),
        ({"candidates": {"PCA": PCA}}, ParameterTypeError, r"PCA\(\)"),
        ({"candidates": {"lr": LogisticRegression()}}, ParameterTypeError, "no transform"),
        ({"candidates": {1: PCA(2)}}, ParameterTypeError, "name must be text"),
        ({"cv": 1}, ParameterError, "cv"),
        ({"cv": 2.5}, ParameterTypeError, "cv"),
        ({"latent_dim": 0}, ParameterError, "latent_dim"),
        ({"latent_dim": "8"}, ParameterTypeError, "latent_dim"),
        ({"device": "gpu9"}, ParameterError, "device"),
    ],
)
def test_bad_parameters(kwargs, error, word):
    with pytest.raises(error, match=word):
        quiet(X, Y, **kwargs)
