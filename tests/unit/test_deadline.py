"""Tests of time limits, on a clock that the test moves: training stops, keeps what is best and says so."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.comparison import budget as budgets
from punar.comparison.budget import Plan, Timing
from punar.core import deadline
from punar.errors import OutOfTimeError, ParameterError
from punar.training.loop import Loop

X = np.random.default_rng(0).normal(size=(300, 6)) @ np.random.default_rng(1).normal(size=(6, 12))


@pytest.fixture
def clock(monkeypatch):
    """Seconds, of which every step of a loop takes one."""
    now = [0.0]
    monkeypatch.setattr(deadline, "clock", lambda: now[0])
    step = Loop._run_step

    def slow(self, order):
        now[0] += 1.0
        step(self, order)

    monkeypatch.setattr(Loop, "_run_step", slow)
    return now


def test_of_nested_limits_the_first_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(deadline, "clock", lambda: now[0])
    assert not deadline.is_set()
    with deadline.within(10):
        with deadline.within(60):
            assert deadline.seconds_left() == 10
        with deadline.within(2), deadline.within(None):
            now[0] = 3
            assert deadline.seconds_left() == -1
        assert deadline.seconds_left() == 7
    assert deadline.seconds_left() == float("inf")


def test_training_stops_in_time_and_says_so(clock):
    model = punar.Autoencoder(epochs=500, batch_size=50, early_stopping=False, random_state=0)
    model.fit(X, time_limit=40.5)
    assert 39 <= clock[0] <= 42
    assert 0 < len(model.history_) < 10
    assert model.fit_report_["out_of_time"]
    assert f"in epoch {len(model.history_)} of 500" in str(model.fit_report_)
    assert np.isfinite(model.reconstruct(X)).all()
    clock[0] = 0.0
    whole = punar.Autoencoder(epochs=3, batch_size=50, random_state=0).fit(X, time_limit=1000)
    assert "out_of_time" not in whole.fit_report_
    assert len(whole.history_) == 3


def test_the_first_step_is_always_run(clock):
    model = punar.Autoencoder(epochs=5, batch_size=50, random_state=0).fit(X, time_limit=0.001)
    assert clock[0] == 1
    assert len(model.history_) == 1


def test_a_later_call_goes_on_where_time_was_over(clock, tmp_path):
    settings = {"epochs": 6, "batch_size": 50, "random_state": 0, "evidence": "cheap"}
    S, y = X.reshape(300, 6, 2), (X.sum(1) > 0).astype(int)
    whole = punar.SequenceModel(**settings).fit(S, y)
    stopped = punar.SequenceModel(**settings).fit(S, y, checkpoint=tmp_path, time_limit=12.5)
    assert stopped.fit_report_["out_of_time"]
    again = punar.SequenceModel(**settings).fit(S, y, checkpoint=tmp_path)
    assert "out_of_time" not in again.fit_report_
    assert len(again.history_) == len(whole.history_)


def test_with_little_time_no_fit_is_repeated(clock):
    model = punar.Autoencoder(epochs=4, batch_size=50, random_state=0)
    assert model.fit(X[:150], time_limit=1e6).fit_report_["rows_from"] == "cross_fitted"
    spent = clock[0]
    clock[0] = 0.0
    alone = punar.Autoencoder(epochs=4, batch_size=50, random_state=0, evidence="cheap").fit(X[:150])
    assert alone.fit_report_["rows_from"] == "held_out"
    assert clock[0] < spent / 2


def test_frozen_features_that_time_does_not_suffice_for_are_an_error(monkeypatch):
    now = [0.0]

    def ticking():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(deadline, "clock", ticking)
    pictures = np.random.default_rng(0).integers(0, 256, size=(200, 32, 32, 3)).astype(np.uint8)
    model = punar.TransferLearner("starter", cache=False, random_state=0)
    with pytest.raises(OutOfTimeError, match=r"had seen \d+ of 200 items"):
        model.fit(pictures, np.arange(200) % 2, time_limit=2.5)


@pytest.mark.parametrize("wrong", [0, -1, "1min", True, float("nan")])
def test_wrong_limits_are_named(wrong):
    with pytest.raises(ParameterError, match="time_limit must be"):
        punar.Autoencoder().fit(X, time_limit=wrong)


def test_the_dearest_are_left_out_until_two_folds_fit():
    plan = Plan(folds=5, epochs=50, rows=1000, seconds=100.0, notes=[])
    timings = {"chance": Timing(0.1, 0), "linear": Timing(5, 0), "small": Timing(1, 0.5), "large": Timing(10, 8)}
    kept = {"chance", "linear"}
    out = budgets.left_out(timings, kept, plan, 10.0, fewest_epochs=10, share=1.0)
    assert out == ["large"]
    assert budgets.left_out(timings, kept, plan, 10.0, fewest_epochs=1, share=0.5) == []
    assert budgets.left_out({"only": Timing(1e9, 0)}, (), plan, 0.0, fewest_epochs=1, share=1.0) == []
    assert budgets.left_out(timings, kept, Plan(5, 50, 1000, None, []), 0, fewest_epochs=9, share=1.0) == []


def test_epochs_that_were_cut_too_much_are_given_back():
    asked = Plan(folds=5, epochs=60, rows=480, seconds=120.0, notes=["kept"])
    cut = asked.with_epochs(7)
    assert (cut.epochs, cut.asked, len(cut.notes)) == (7, 60, 2)
    more = budgets.more_epochs(cut, took=8.0, left=100.0)
    assert more == 15  # 0.9 of 100 s hold 2.25 times five folds of 8 s
    assert budgets.more_epochs(cut, took=16.0, left=100.0) is None  # not worth to begin again
    assert budgets.more_epochs(asked, took=1.0, left=100.0) is None  # nothing was cut
    again = cut.with_epochs(more)
    assert (again.epochs, again.asked) == (15, 60)
    assert again.notes == ["kept", cut.notes[1].replace("7 epochs", "15 epochs")]
    assert cut.with_epochs(60).notes == ["kept"]
    assert budgets.more_epochs(cut, took=0.1, left=100.0) == 60
