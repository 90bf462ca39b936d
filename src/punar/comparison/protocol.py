"""The protocol that every question shares: the same folds for all, costs beside scores, failures as rows."""

from __future__ import annotations

import contextlib
import math
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
from punar.core import deadline
from punar.core.progress import Progress, in_words
from punar.errors import DataError, OutOfTimeError, ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts
from punar.texts import progress as progress_texts

Split = tuple[np.ndarray, np.ndarray]

_AUTO, _AUTO_TRANSFER = 100, 20  # epochs, at most, of what says "auto"
_WARM_UP_ROWS = 64
_SMALL_DATA = 2_000_000  # numbers
# With fewer folds than this an interval says little, so rare classes do not push below it.
_FOLDS_FOR_RARE = 3
_FOLDS_TO_TELL = 2  # that an interval needs
_GRACE = 0.2  # of the budget, in which what is cheap may still be begun
_LEAST_SHARE = 0.5  # of what a candidate took before: with less time left it does not begin


@dataclass
class Run:
    """What was measured of one candidate, one entry per finished fold."""

    candidate: Candidate
    scores: list[dict[str, float | None]] = field(default_factory=list)
    costs: list[dict[str, float | None]] = field(default_factory=list)
    warnings: list[list[str]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    left_out: bool = False  # by the budget, which is no fault of the candidate's


@dataclass
class Measured:
    """All that a comparison measured."""

    runs: list[Run]
    baselines: list[dict[str, float]]
    sizes: list[tuple[int, int]]
    shown: dict[str, Any]
    notes: list[str]
    plan: Plan

    def drop_last(self) -> None:
        """Forget a fold that not all candidates finished."""
        count = len(self.sizes) - 1
        del self.baselines[count:], self.sizes[count:]
        for run in self.runs:
            del run.scores[count:], run.costs[count:], run.warnings[count:]


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
    """Return a clone with this seed wherever none was chosen, and with at most ``epochs`` epochs.

    Its fit is repeated for no verdict of its own: the folds tell what it is worth.
    """
    fresh = clone(estimator)
    params = fresh.get_params(deep=True)
    wanted = {k: seed for k, v in params.items() if k.split("__")[-1] == "random_state" and v is None}
    wanted |= {k: "cheap" for k, v in params.items() if k.split("__")[-1] == "evidence" and v == "auto"}
    if epochs is not None and epochs < _epochs_in(params):
        wanted["epochs"] = epochs
    return fresh.set_params(**wanted) if wanted else fresh


def epochs_of(candidates: Sequence[Candidate]) -> int:
    """Return the largest number of epochs that any candidate asks for, 0 where none has epochs."""
    asked = [c.estimator.get_params(deep=False) for c in candidates if c.estimator is not None]
    # A transfer model has the parameter in any case, and uses it where it trains more than a head.
    return max((_epochs_in(p) for p in asked if p.get("strategy") != "feature_extraction"), default=0)


def _epochs_in(params: dict[str, Any]) -> int:
    """Return the epochs that parameters ask for, 0 where there are none; "auto" may be fewer than this."""
    asked = params.get("epochs")
    if asked == "auto":
        return _AUTO_TRANSFER if "strategy" in params else _AUTO
    return asked if isinstance(asked, int) else 0


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

    A candidate that fails is not tried again and keeps its error; the others go on. A budget is a deadline: training
    stops when it is over, folds that would not end in time are not begun, candidates for which two folds do not fit are
    left out, and where the first fold shows that many more epochs fit it is run again with them.
    """
    while True:
        out = _Pass(question, data, candidates, plan, seed, started, verbose).run()
        if out.plan is plan:
            break
        plan = out.plan
    seconds = budgets.clock() - started
    if plan.seconds is not None and seconds > plan.seconds:
        text = texts.NOTE_OVER_BUDGET.format(budget=in_words(plan.seconds), seconds=in_words(seconds))
        out.notes.append(text)
    return out


class _Pass:
    """One walk over the folds with one plan."""

    def __init__(
        self,
        question: Question,
        data: Reading,
        candidates: Sequence[Candidate],
        plan: Plan,
        seed: int,
        started: float,
        verbose: int,
    ) -> None:
        self._question, self._data, self._plan, self._seed = question, data, plan, seed
        self._end = math.inf if plan.seconds is None else started + plan.seconds
        self._grace = _GRACE * (plan.seconds or 0.0)
        runs = [Run(c, failure=c.refusal or plan.left_out.get(c.name)) for c in candidates]
        for run in runs:
            run.left_out = run.failure is not None and run.candidate.refusal is None
        self._spent: dict[str, list[float]] = {run.candidate.name: [] for run in runs if run.failure is None}
        self._progress = Progress(verbose)
        self.out = Measured(runs, [], [], {}, [], plan)

    @property
    def _left(self) -> float:
        return self._end - budgets.clock()

    @property
    def _active(self) -> list[Run]:
        return [run for run in self.out.runs if run.failure is None]

    def run(self) -> Measured:
        """Run the folds; where the plan of what comes back is another one, all is to be run again with it."""
        plan, longest = self._plan, 0.0
        with self._progress:
            parts = self._question.splits(self._data, plan.folds, self._seed)
            parts = parts or splits(self._data, plan.folds, self._seed)
            for i, (train, test) in enumerate(parts):
                if i >= _FOLDS_TO_TELL and longest > self._left:
                    self._stopped(i)
                    break
                begun = budgets.clock()
                if not self._fold(i, train, test):
                    self.out.drop_last()
                    self._stopped(i)
                    break
                longest = max(longest, budgets.clock() - begun)
                if i == 0 and plan.seconds is not None:
                    more = budgets.more_epochs(plan, longest, self._left)
                    if more is not None:
                        self.out.plan = plan.with_epochs(more)
                        break
                    self._leave_out_the_dearest()
        return self.out

    def _stopped(self, done: int) -> None:
        budget = in_words(self._plan.seconds or 0.0)
        self.out.notes.append(texts.NOTE_STOPPED.format(done=done, folds=self._plan.folds, budget=budget))

    def _fold(self, i: int, train: np.ndarray, test: np.ndarray) -> bool:
        """Run one fold; return False where time was over before all candidates had their turn."""
        question, seed = self._question, self._seed + i
        fold = question.open_fold(self._data, train, test, seed, first=i == 0)
        self.out.baselines.append(question.baselines(fold))
        self.out.sizes.append((len(train), len(test)))
        if i == 0:
            self.out.shown = question.show_fold(fold)
            if not self._plan.trial:  # a trial has done it
                with deadline.within(self._left):
                    warm_up(fold, [run.candidate for run in self._active], self._seed)
        for run in self._active:
            name, spent = run.candidate.name, self._spent[run.candidate.name]
            # What costs next to nothing may end somewhat late; what others are compared with has its turn in any case.
            kept = run.candidate.yardstick or (run.candidate.classical and self._left > -self._grace)
            if self._left <= (_LEAST_SHARE * spent[-1] if spent else 0.0):
                if i >= _FOLDS_TO_TELL:
                    return False
                if not kept:
                    self._leave_out(run)
                    continue
            step = Step(self._plan.folds, self._spent, i, name)
            self._progress.running(step.says, step.share, step.seconds_left)
            begun = budgets.clock()
            # In the first fold nobody takes more than half of what is left: the others want their turn.
            limit = self._left if i or len(self._active) == 1 else self._left / 2
            with linear_algebra(self._data), deadline.within(None if math.isinf(limit) or kept else limit):
                _run_one(question, fold, run, i, self._plan.epochs, seed)
            spent.append(budgets.clock() - begun)
            self._progress.show(step.share, step.done(self._progress.seconds), step.seconds_left)
        return True

    def _leave_out_the_dearest(self) -> None:
        """Leave out the dearest until a second fold fits; not those that others are compared with."""
        cost = {run.candidate.name: self._spent[run.candidate.name][-1] for run in self._active}
        rivals = [r for r in self._active if not (r.candidate.yardstick or r.candidate.classical)]
        for run in sorted(rivals, key=lambda r: cost[r.candidate.name], reverse=True)[: len(cost) - 1]:
            if sum(cost[r.candidate.name] for r in self._active) <= max(self._left, 0.0):
                break
            self._leave_out(run)

    def _leave_out(self, run: Run) -> None:
        run.failure = texts.LEFT_OUT.format(budget=in_words(self._plan.seconds or 0.0))
        run.left_out = True


def linear_algebra(data: Reading) -> Any:
    """Return a context with one BLAS thread for small data, whose threads would do little but wait for each other."""
    return threadpool_limits(1 if data.X.size < _SMALL_DATA else None, user_api="blas")


def warm_up(fold: Any, candidates: Sequence[Candidate], seed: int, seconds: float = math.inf) -> None:
    """Fit every candidate on a few rows, so that no one is charged for imports and first-time set-up.

    None is begun later than ``seconds`` after the first.
    """
    few, started = fold.few(_WARM_UP_ROWS), budgets.clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for candidate in candidates:
            if budgets.clock() - started > seconds:
                break
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
    except OutOfTimeError:
        run.failure, run.left_out = texts.LEFT_OUT_FEATURES, True
        return
    except Exception as error:  # whatever a candidate does wrong is its own row's matter
        text = " ".join(str(error).split()) or "no message"
        short = text if len(text) <= 200 else text[:199] + "…"
        run.failure = texts.FAILED.format(fold=i + 1, error=f"{type(error).__name__}: {short}")
        return
    report = getattr(fitted, "fit_report_", None)
    if isinstance(report, dict) and report.get("out_of_time"):
        said.append(texts.NOTE_CUT_SHORT)
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
