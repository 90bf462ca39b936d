"""The protocol that every question shares: the same folds for all, costs beside scores, failures as rows."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from punar.comparison import budget as budgets
from punar.comparison import cost
from punar.comparison._question import Candidate, Question
from punar.comparison.budget import Plan
from punar.comparison.reading import Reading
from punar.core.progress import Progress, in_words
from punar.errors import DataError, ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts
from punar.texts import progress as progress_texts

Split = tuple[np.ndarray, np.ndarray]

_WARM_UP_ROWS = 64
_SMALL_DATA = 2_000_000  # numbers
# With fewer folds than this an interval says little, so rare classes do not push below it.
_FOLDS_FOR_RARE = 3


@dataclass
class Run:
    """What was measured of one candidate, one entry per finished fold."""

    candidate: Candidate
    scores: list[dict[str, float | None]] = field(default_factory=list)
    costs: list[dict[str, float | None]] = field(default_factory=list)
    warnings: list[list[str]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None


@dataclass
class Measured:
    """All that a comparison measured."""

    runs: list[Run]
    baselines: list[dict[str, float]]
    sizes: list[tuple[int, int]]
    shown: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class Step:
    """What to show of one candidate in one fold.

    Attributes
    ----------
    folds : int
    spent : mapping of str to sequence of float
        Seconds of every candidate's finished folds.
    fold : int
    name : str
        The candidate's.
    """

    folds: int
    spent: Mapping[str, Sequence[float]]
    fold: int
    name: str

    @property
    def says(self) -> str:
        """What runs."""
        return progress_texts.STEP.format(fold=self.fold + 1, folds=self.folds, name=self.name)

    @property
    def share(self) -> float:
        """The share of all steps that is done."""
        return self._count / (self.folds * len(self.spent))

    @property
    def seconds_left(self) -> float:
        """From each candidate's own mean; 0 before all of them ran once."""
        if not all(self.spent.values()):
            return 0.0
        return sum((self.folds - len(s)) * sum(s) / len(s) for s in self.spent.values())

    def done(self, seconds: float) -> str:
        """Return what to say once it has run, ``seconds`` after the first step began."""
        total = self.folds * len(self.spent)
        return progress_texts.STEP_DONE.format(done=self._count, total=total, step=self.says, seconds=in_words(seconds))

    @property
    def _count(self) -> int:
        return sum(map(len, self.spent.values()))


def folds_for(data: Reading, cv: object) -> tuple[int, list[str]]:
    """Return the number of folds that this data allows, and notes on what was changed.

    Raises
    ------
    ParameterTypeError, ParameterError
        ``cv`` is not an integer of at least 2.
    DataError
        There are fewer than two rows per fold.
    """
    if isinstance(cv, bool) or not isinstance(cv, (int, np.integer)):
        raise ParameterTypeError(f"compare: cv must be an integer >= 2, the number of folds, got {shown(cv)}.")
    if cv < 2:
        raise ParameterError(f"compare: cv must be an integer >= 2, the number of folds, got {shown(cv)}.")
    folds, n, notes = int(cv), len(data.X), []
    if n < 2 * folds:
        least = f"; cv={n // 2} would do" if n >= 4 else "; at least 4 rows are needed"
        raise DataError(f"compare: X has {n} rows, but cv={folds} folds need at least {2 * folds}{least}.")
    if data.target == "classes" and data.y is not None:
        counts = np.bincount(data.y)
        rare = int(counts.argmin())
        folds = min(folds, max(int(counts.min()), min(folds, _FOLDS_FOR_RARE)), max(2, int(counts.max())))
        if folds < cv:
            label, count = data.classes[rare], int(counts[rare])
            notes.append(texts.NOTE_FOLDS_RARE.format(asked=cv, folds=folds, label=shown(label), count=count))
        spread = int((counts < folds).sum())
        if spread:
            notes.append(texts.NOTE_SPREAD_RARE.format(count=spread, classes=len(counts)))
    return folds, notes


def splits(data: Reading, folds: int, seed: int) -> list[Split]:
    """Return the (train, test) rows of every fold: shuffled, stratified where there are classes."""
    kind = StratifiedKFold if data.target == "classes" else KFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        found = kind(folds, shuffle=True, random_state=seed).split(np.zeros(len(data.X)), data.y)
        return [(train, test) for train, test in found]


def prepared(estimator: Any, seed: int, epochs: int | None) -> Any:
    """Return a clone with this seed wherever none was chosen, and with at most ``epochs`` epochs."""
    fresh = clone(estimator)
    params = fresh.get_params(deep=True)
    wanted = {k: seed for k, v in params.items() if k.split("__")[-1] == "random_state" and v is None}
    if epochs is not None and isinstance(params.get("epochs"), int):
        wanted["epochs"] = min(epochs, params["epochs"])
    return fresh.set_params(**wanted) if wanted else fresh


def epochs_of(candidates: Sequence[Candidate]) -> int:
    """Return the largest number of epochs that any candidate asks for, 0 where none has epochs."""
    asked = [c.estimator.get_params(deep=False) for c in candidates if c.estimator is not None]
    # A transfer model has the parameter in any case, and uses it where it trains more than a head.
    found = [p.get("epochs") for p in asked if p.get("strategy") != "feature_extraction"]
    return max((e for e in found if isinstance(e, int)), default=0)


def measure(
    question: Question,
    data: Reading,
    candidates: Sequence[Candidate],
    plan: Plan,
    seed: int,
    *,
    started: float,
    verbose: int,
) -> Measured:
    """Fit and score every candidate on every fold, one fold after another.

    A candidate that fails is not tried again and keeps its error; the others go on. With a budget, folds that would
    not end in time are not begun, but never fewer than two are run.
    """
    runs = [Run(c, failure=c.refusal) for c in candidates]
    active = [run for run in runs if run.failure is None]
    spent: dict[str, list[float]] = {run.candidate.name: [] for run in active}
    progress = Progress(verbose)
    out = Measured(runs, [], [], {}, [])
    longest = 0.0
    try:
        parts = question.splits(data, plan.folds, seed) or splits(data, plan.folds, seed)
        for i, (train, test) in enumerate(parts):
            fold_started = budgets.clock()
            if i >= 2 and plan.seconds is not None and fold_started - started + longest > plan.seconds:
                done = texts.NOTE_STOPPED.format(done=i, folds=plan.folds, budget=in_words(plan.seconds))
                out.notes.append(done)
                break
            fold = question.open_fold(data, train, test, seed + i, first=i == 0)
            out.baselines.append(question.baselines(fold))
            out.sizes.append((len(train), len(test)))
            if i == 0:
                out.shown = question.show_fold(fold)
                if plan.seconds is None:  # a trial has done it
                    warm_up(fold, [run.candidate for run in active], seed)
            for run in active:
                step = Step(plan.folds, spent, i, run.candidate.name)
                progress.running(step.says, step.share, step.seconds_left)
                step_started = budgets.clock()
                with linear_algebra(data):
                    _run_one(question, fold, run, i, plan.epochs, seed + i)
                spent[run.candidate.name].append(budgets.clock() - step_started)
                progress.show(step.share, step.done(progress.seconds), step.seconds_left)
            longest = max(longest, budgets.clock() - fold_started)
    finally:
        progress.close()
    seconds = budgets.clock() - started
    if plan.seconds is not None and seconds > plan.seconds:
        text = texts.NOTE_OVER_BUDGET.format(budget=in_words(plan.seconds), seconds=in_words(seconds))
        out.notes.append(text)
    return out


def linear_algebra(data: Reading) -> Any:
    """Return a context with one BLAS thread for small data, whose threads would do little but wait for each other."""
    return threadpool_limits(1 if data.X.size < _SMALL_DATA else None, user_api="blas")


def warm_up(fold: Any, candidates: Sequence[Candidate], seed: int) -> None:
    """Fit every candidate on a few rows, so that no one is charged for imports and first-time set-up."""
    few = fold.few(_WARM_UP_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for candidate in candidates:
            # What is wrong with a candidate shows in its own row.
            with contextlib.suppress(Exception):
                few.fit(prepared(candidate.estimator, seed, 1))


def _run_one(question: Question, fold: Any, run: Run, i: int, epochs: int, seed: int) -> None:
    if run.failure is not None:
        return
    try:
        estimator = prepared(run.candidate.estimator, seed, epochs or None)
        fitted, seconds, memory, said = cost.measured_fit(lambda: fold.fit(estimator))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scores = question.judge(fold, fitted)
            micro = cost.transform_microseconds(lambda: fold.transform(fitted), fold.timed)
            if i == 0:
                run.shown = question.show(fold, fitted)
    except Exception as error:  # whatever a candidate does wrong is its own row's matter
        text = " ".join(str(error).split()) or "no message"
        short = text if len(text) <= 200 else text[:199] + "…"
        run.failure = texts.FAILED.format(fold=i + 1, error=f"{type(error).__name__}: {short}")
        return
    said += [f"judge: {w.category.__name__}: {w.message}" for w in caught]
    history = getattr(fitted, "history_", None)
    run.scores.append(scores)
    run.warnings.append(list(dict.fromkeys(said)))
    costs: dict[str, float | None] = {
        "fit_seconds": seconds,
        "transform_us": micro,
        "peak_mb": memory,
        "parameters": cost.count_parameters(fitted),
        "epochs": len(history) if isinstance(history, list) else None,
    }
    run.costs.append(question.costs(fold, fitted, costs))
