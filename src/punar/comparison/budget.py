"""What fits into a budget: epochs are cut first, then folds, then rows, and every cut is said."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from punar.core import deadline
from punar.core.progress import in_words
from punar.texts import compare as texts

NONE = "none"  # asks for no limit
USUAL = 600.0  # seconds, where nothing is said
# A trial is short and the machine is shared: what is planned keeps some distance from the budget.
_SAFETY = 0.8
_USED = 0.9  # of the time that is left, where a whole fold has shown what it takes
_WORTH = 1.25  # times the epochs: below it is not worth to begin again
_FEWEST_TO_TELL = 2  # folds, which an interval needs
_FEWEST_EPOCHS = 10
_FEWEST_FOLDS = 3
_FEWEST_ROWS = 200


def clock() -> float:
    """Return seconds, from any beginning: by what budgets and trials count."""
    return deadline.clock()


def epochs_for(size: float, passes: int, fewest: int, most: int) -> int:
    """Return how many epochs a network gets: fewer where there is much to train on.

    Parameters
    ----------
    size : float
        Items or steps of an epoch.
    passes : int
        Of them over all epochs, as far as the bounds allow.
    fewest, most : int

    Examples
    --------
    >>> [epochs_for(n, 8_000, 4, 30) for n in (100, 1437, 50_000)]
    [30, 6, 4]
    """
    return min(most, max(fewest, round(passes / max(1.0, size))))


def parse_budget(budget: object) -> float | None:
    """Return seconds for ``60``, ``"60s"``, ``"2min"``, ``"1h"``; None for None and "none".

    Raises
    ------
    ParameterError
        The text is not a number with one of these units, or not above 0.

    Examples
    --------
    >>> parse_budget("2min"), parse_budget(90), parse_budget(None)
    (120.0, 90.0, None)
    """
    if budget is None or (isinstance(budget, str) and budget.strip().lower() == NONE):
        return None
    return deadline.seconds_in(budget, "compare: budget")


@dataclass(frozen=True)
class Timing:
    """What one candidate takes on all rows of one training fold: fixed seconds, and seconds per epoch (or 0)."""

    fixed: float
    per_epoch: float


@dataclass(frozen=True)
class Plan:
    """How much is run.

    Attributes
    ----------
    folds, epochs, rows : int
        ``epochs`` is 0 where no candidate has any.
    seconds : float or None
        The budget.
    notes : list of str
        What was cut.
    asked : int
        The epochs that were asked for, where they were cut; else 0.
    left_out : dict of str to str
        Candidates that do not fit into the budget at all, with the reason.
    trial : bool
        Whether a trial has warmed up every candidate.
    """

    folds: int
    epochs: int
    rows: int
    seconds: float | None
    notes: list[str]
    asked: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    trial: bool = False

    def with_epochs(self, epochs: int) -> Plan:
        """Return the plan with another number of epochs, and its note."""
        asked = self.asked or self.epochs
        budget = in_words(self.seconds or 0.0)

        def note(number: int) -> str:
            return texts.NOTE_CUT_EPOCHS.format(budget=budget, epochs=number, asked=asked)

        notes = [n for n in self.notes if n != note(self.epochs)]
        return replace(self, epochs=epochs, notes=[*notes, note(epochs)] if epochs < asked else notes, asked=asked)


def left_out(
    timings: dict[str, Timing], kept: Collection[str], plan: Plan, spent: float, *, fewest_epochs: int, share: float
) -> list[str]:
    """Return the candidates that not even two folds fit in for, the dearest ones.

    Parameters
    ----------
    timings : dict of str to Timing
        By candidate, on all rows.
    kept : collection of str
        Candidates that are never left out: what others are compared with.
    plan : Plan
        Uncut.
    spent : float
        Seconds so far.
    fewest_epochs : int
    share : float
        Of the rows at least.
    """
    if plan.seconds is None:
        return []
    left = max(0.0, _SAFETY * (plan.seconds - spent))
    epochs = min(plan.epochs, fewest_epochs)
    cost = {name: _FEWEST_TO_TELL * (t.fixed + t.per_epoch * epochs) * share for name, t in timings.items()}
    total = sum(cost.values())
    out: list[str] = []
    for name in sorted(cost, key=cost.__getitem__, reverse=True):
        if total <= left:
            break
        if name not in kept and len(cost) - len(out) > 1:
            out.append(name)
            total -= cost[name]
    return out


def more_epochs(plan: Plan, took: float, left: float) -> int | None:
    """Return the epochs with which all folds fit, where the first fold has shown that many more do; else None.

    Parameters
    ----------
    plan : Plan
        Its epochs were cut.
    took : float
        Seconds of the first fold.
    left : float
        Seconds that are left after it; it is run again.
    """
    room = _USED * left / max(took * plan.folds, 1e-9)
    epochs = min(plan.asked, int(plan.epochs * room))
    return epochs if plan.asked and epochs >= _WORTH * plan.epochs else None


def fit_in(
    plan: Plan,
    timings: list[Timing],
    spent: float,
    *,
    fewest_epochs: int = _FEWEST_EPOCHS,
    fewest_rows: int = _FEWEST_ROWS,
) -> Plan:
    """Return ``plan`` cut to its budget, given a trial's timings and the seconds that the trial took."""
    if plan.seconds is None:
        return plan
    left = max(0.0, _SAFETY * (plan.seconds - spent))
    fixed, slope = sum(t.fixed for t in timings), sum(t.per_epoch for t in timings)

    def needed(folds: int, epochs: int, rows: int) -> float:
        return folds * (fixed + slope * epochs) * rows / plan.rows

    folds, epochs, rows = plan.folds, plan.epochs, plan.rows
    if slope > 0 and needed(folds, epochs, rows) > left:
        affordable = (left / folds - fixed) / slope
        epochs = int(min(epochs, max(fewest_epochs, affordable)))
    if needed(folds, epochs, rows) > left:
        folds = int(min(folds, max(_FEWEST_FOLDS, left // max(needed(1, epochs, rows), 1e-9))))
    if needed(folds, epochs, rows) > left:
        rows = int(min(rows, max(fewest_rows, rows * left / needed(folds, epochs, rows))))
    notes, budget = list(plan.notes), in_words(plan.seconds)
    if epochs < plan.epochs:
        notes = plan.with_epochs(epochs).notes
    if folds < plan.folds:
        notes.append(texts.NOTE_CUT_FOLDS.format(budget=budget, folds=folds, asked=plan.folds))
    if rows < plan.rows:
        notes.append(texts.NOTE_CUT_ROWS.format(budget=budget, rows=rows, asked=plan.rows))
    asked = plan.epochs if epochs < plan.epochs else 0
    return replace(plan, folds=folds, epochs=epochs, rows=rows, notes=notes, asked=asked)
