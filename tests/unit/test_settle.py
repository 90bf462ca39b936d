"""Weights that a time limit leaves, on a clock that the test moves: the report says which ones they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import punar
from punar.core import deadline
from punar.training.loop import Loop

Y = np.arange(40) % 2
SERIES = np.random.default_rng(4).normal(size=(40, 30, 1)) + Y[:, None, None]
BEST, LATEST = "the best weights so far were kept", "the weights of that moment were kept"


@pytest.fixture
def clock(monkeypatch):
    """Seconds, of which every step of a loop takes one; and the weights after the last step."""
    seen = {"now": 0.0, "last": {}}
    monkeypatch.setattr(deadline, "clock", lambda: seen["now"])
    step = Loop._run_step

    def slow(self, order):
        seen["now"] += 1.0
        step(self, order)
        seen["last"] = {name: value.clone() for name, value in self.module.state_dict().items()}

    monkeypatch.setattr(Loop, "_run_step", slow)
    return seen


def branched(clock, limit):
    # 40 series: 34 train in batches of 16, 3 steps an epoch; of 20 epochs the last two may give the best weights.
    model = punar.SequenceModel("gru", hidden_size=4, branch="conv", epochs=20, early_stopping=False, random_state=0)
    model.set_params(evidence="cheap").fit(SERIES, Y, time_limit=limit)
    kept = model.module_.state_dict()
    return model, all(torch.equal(kept[name], value) for name, value in clock["last"].items())


def test_before_any_weights_count_as_best_those_of_the_moment_are_kept_and_named(clock):
    model, are_last = branched(clock, 20.5)
    assert len(model.history_) == 7
    assert are_last
    assert LATEST in str(model.fit_report_)
    assert BEST not in str(model.fit_report_)


def test_once_weights_count_the_best_are_kept_and_named(clock):
    model, _ = branched(clock, 58.5)
    assert len(model.history_) == 20
    assert BEST in str(model.fit_report_)
    assert LATEST not in str(model.fit_report_)


def test_without_validation_rows_there_are_no_best(clock):
    rows = np.random.default_rng(0).normal(size=(60, 4))
    model = punar.Autoencoder(epochs=50, validation_fraction=0.0, evidence="cheap", random_state=0)
    model.fit(rows, time_limit=8.5)
    assert LATEST in str(model.fit_report_)
    held = punar.Autoencoder(epochs=50, evidence="cheap", random_state=0).fit(rows, time_limit=8.5)
    assert BEST in str(held.fit_report_)
