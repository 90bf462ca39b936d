"""A short trial that tells what every candidate costs here, so that a comparison can be cut to its budget."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from punar.comparison import budget as budgets
from punar.comparison._question import Candidate, Question
from punar.comparison.budget import Timing
from punar.comparison.protocol import epochs_of, linear_algebra, prepared, warm_up
from punar.comparison.reading import Reading
from punar.core import deadline

_TRIAL_SHARE = 0.15  # of the budget
_FIRST_SHARE = 0.3  # for the first round, which every candidate should have
_ONE_SHARE = 0.1  # for one candidate, whose training then stops


def trial(
    question: Question, data: Reading, candidates: Sequence[Candidate], folds: int, seed: int, seconds: float
) -> dict[str, Timing]:
    """Time a short fit and one scoring of every candidate, and scale it to one training fold of all rows.

    It begins with few rows and takes four times as many as long as that costs little of the budget's ``seconds``. Of
    all rounds the smallest estimate counts: a machine that is busy for a moment only ever adds time.
    """
    started = budgets.clock()
    active = [c for c in candidates if c.refusal is None]
    how = question.trial
    order, size = _order(data, seed, interleaved=how.remembers), how.rows
    time_one = _time_remembering if how.remembers else _time_one
    best: dict[str, Timing] = {}
    while True:
        round_started = budgets.clock()
        rows = order[:size]
        cut = max(1, len(rows) // folds)
        fold = question.open_fold(data, rows[cut:], rows[:cut], seed, first=True)
        if not best:
            with deadline.within(_ONE_SHARE * seconds):
                warm_up(fold, active, seed, _FIRST_SHARE * seconds)
        for candidate in active:
            late = budgets.clock() - started
            if late > (_TRIAL_SHARE if size > how.rows else _FIRST_SHARE) * seconds:
                break
            # The run itself will say what is wrong with a candidate.
            limit = deadline.within(_ONE_SHARE * seconds)
            with contextlib.suppress(Exception), linear_algebra(data), limit:
                found = time_one(question, fold, candidate, seed, len(data.X) / len(rows), folds)
                if deadline.seconds_left() <= 0:  # training was cut short: its time says too little
                    continue
                known = best.get(candidate.name, found)
                best[candidate.name] = Timing(min(found.fixed, known.fixed), min(found.per_epoch, known.per_epoch))
        now = budgets.clock()
        if size >= len(data.X) or now - started + 4 * (now - round_started) > _TRIAL_SHARE * seconds:
            break
        size *= 4
    # Those that the time did not suffice for are taken to cost what the dearest does.
    dearest = Timing(
        max((t.fixed for t in best.values()), default=_ONE_SHARE * seconds),
        max((t.per_epoch for t in best.values()), default=0.0),
    )
    return {candidate.name: best.get(candidate.name, dearest) for candidate in active}


def _order(data: Reading, seed: int, *, interleaved: bool) -> np.ndarray:
    """Return the rows shuffled; interleaved, the first few hold as many classes as they can."""
    order = np.random.default_rng(seed).permutation(len(data.X))
    if not interleaved or data.y is None or data.target != "classes":
        return order
    labels, nth = data.y[order], np.zeros(len(order), dtype=np.int64)
    for label in np.unique(labels):
        nth[labels == label] = np.arange(int((labels == label).sum()))
    return order[np.argsort(nth, kind="stable")]


def _time_remembering(
    question: Question, fold: Any, candidate: Candidate, seed: int, scale: float, folds: int
) -> Timing:
    """Time a candidate whose frozen features are computed in the first fold and remembered in the others."""

    def timed(epochs: int) -> tuple[float, Any]:
        estimator = prepared(candidate.estimator, seed, epochs)
        started = budgets.clock()
        fitted = fold.fit(estimator)
        return budgets.clock() - started, fitted

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cold, fitted = timed(1)
        started = budgets.clock()
        question.judge(fold, fitted)
        fold.transform(fitted)
        scored = budgets.clock() - started
        if not epochs_of([candidate]):
            return Timing(cold * scale / folds + scored, 0.0)
        fold.remember()
        one, _ = timed(1)
        two, _ = timed(2)
    slope = max(two - one, 0.3 * two)
    first = max(0.0, cold - one) * scale
    return Timing(max(0.0, one - slope) + first / folds + scored * max(1.0, scale / folds), slope * scale)


def _time_one(question: Question, fold: Any, candidate: Candidate, seed: int, scale: float, folds: int) -> Timing:
    repeats = question.trial.repeats

    def timed(epochs: int) -> tuple[float, Any]:
        estimator = prepared(candidate.estimator, seed, epochs)
        started = budgets.clock()
        fitted = fold.fit(estimator)
        return budgets.clock() - started, fitted

    short, long = question.trial.epochs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, fitted = min((timed(short) for _ in range(repeats)), key=lambda t: t[0])
        started = budgets.clock()
        question.judge(fold, fitted)
        scored = (budgets.clock() - started) * scale
        if not epochs_of([candidate]):
            return Timing(first * scale + scored, 0.0)
        second, _ = min((timed(long) for _ in range(repeats)), key=lambda t: t[0])
    # At least half of the plain mean: a hiccup in the shorter fits must not make epochs look free.
    slope = max((second - first) / (long - short), 0.5 * second / long)
    # What does not grow with the epochs hardly grows with the rows either: building, first calls, the report.
    return Timing(max(0.0, second - slope * long) + scored, slope * scale)
