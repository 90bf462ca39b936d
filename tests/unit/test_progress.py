"""Progress: time left, a live line on a terminal, plain lines in a log, silence, never on stdout."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

import punar
from punar.core.progress import Progress, counting


class Clock:
    """Seconds that only a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what is drawn."""

    def isatty(self) -> bool:
        return True


def lines(capsys: Any) -> list[str]:
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_time_left_is_that_of_the_rest(clock, capsys):
    with Progress(1, clock=clock) as progress:
        clock.now += 30
        progress.show(0.25, "epoch 1/4")
    assert lines(capsys) == ["epoch 1/4, about 1 min 30 s left"]


def test_what_was_done_before_does_not_count(clock, capsys):
    with Progress(1, clock=clock) as progress:
        clock.now += 500  # until the loop begins
        progress.begin(0.5)
        clock.now += 10
        progress.show(0.75, "epoch 3/4")
    assert lines(capsys) == ["epoch 3/4, about 10 s left"]


def test_who_knows_the_time_left_says_it(clock, capsys):
    with Progress(1, clock=clock) as progress:
        clock.now += 1
        progress.show(0.25, "one", left=0.0)
        clock.now += 5
        progress.show(0.5, "two", left=7200.0)
    assert lines(capsys) == ["one", "two, about 2 h 0 min left"]


def test_a_log_has_a_line_every_five_seconds_and_one_for_the_end(clock, capsys):
    with Progress(1, clock=clock) as progress:
        for step in range(1, 13):
            clock.now += 1
            progress.running(f"step {step}", step / 12)
            progress.show(step / 12, f"step {step}", left=0.0)
    assert lines(capsys) == ["step 1", "step 6", "step 11", "step 12"]


def test_what_is_soon_done_is_not_worth_a_line(clock, capsys):
    with counting("features", 1, clock=clock) as count:
        clock.now += 1.9
        count(50, 100)
        count(100, 100)
    assert lines(capsys) == []


def test_rows_are_counted_with_time_left(clock, capsys):
    with counting("features", 1, clock=clock) as count:
        count(0, 2000)
        clock.now += 3
        count(500, 2000)
        count(600, 2000)
        clock.now += 9
        count(2000, 2000)
    assert lines(capsys) == ["features: 500/2,000, about 9.0 s left", "features: 2,000/2,000"]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_not_asked_it_says_nothing(clock, monkeypatch, kind):
    monkeypatch.setattr(sys, "stderr", kind())
    with Progress(0, clock=clock) as progress:
        progress.begin(0.0, "epoch 0/2")
        progress.running("epoch 1/2", 0.1)
        clock.now += 60
        progress.show(0.5, "epoch 1/2")
        progress.note("stopped early")
    assert sys.stderr.getvalue() == ""


def test_on_a_terminal_one_line_lives_and_is_taken_away(clock, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(1, clock=clock) as progress:
        progress.begin(0.0, "epoch 0/4 [valid]")  # brackets are no markup
        clock.now += 30
        progress.show(0.25, "epoch 1/4 [valid]")
        print("what the user prints")
        progress.note("resumed from [here]")
    assert capsys.readouterr().out == "what the user prints\n"
    drawn = sys.stderr.getvalue()
    for words in ("epoch 0/4 [valid]", "epoch 1/4 [valid]", "about 1 min 30 s left", "resumed from [here]"):
        assert words in drawn
    assert drawn.endswith("\x1b[2K")  # the last line is erased


def test_on_a_terminal_short_work_draws_nothing(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with counting("features", 1, clock=clock) as count:
        clock.now += 1
        count(100, 100)
    assert sys.stderr.getvalue() == ""


def test_a_fit_says_its_epochs_and_losses(capsys):
    X = np.random.default_rng(0).normal(size=(40, 4))
    model = punar.Autoencoder(latent_dim=2, epochs=3, validation_fraction=0.25, verbose=1, random_state=0)
    model.fit(X)
    *said, last = lines(capsys)
    assert "repeated on each half" in last
    assert said[0].startswith("epoch 1/3  train_loss ")
    assert said[-1].startswith("epoch 3/3  train_loss ")
    assert "valid_loss" in said[-1]
    assert " left" in said[0]
    assert " left" not in said[-1]
    model.set_params(verbose=0).fit(X)
    assert lines(capsys) == []
