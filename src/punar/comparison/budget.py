"""What fits into a budget: epochs are cut first, then folds, then rows, and every cut is said."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

from punar.core.progress import in_words
from punar.errors import ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
# A trial is short and the machine is shared: what is planned keeps some distance from the budget.
_SAFETY = 0.8
_FEWEST_EPOCHS = 10
_FEWEST_FOLDS = 3
_FEWEST_ROWS = 200


def clock() -> float:
    """Return seconds, from any beginning: by what budgets and trials count."""
    return time.perf_counter()


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
    """Return seconds for ``60``, ``"60s"``, ``"2min"``, ``"1h"`` or None.

    Raises
    ------
    ParameterError
        The text is not a number with one of these units, or not above 0.

    Examples
    --------
    >>> parse_budget("2min"), parse_budget(90), parse_budget(None)
    (120.0, 90.0, None)
    """
    rule = "compare: budget must be a number of seconds or text such as '60s', '2min' or '1h'"
    if budget is None:
        return None
    if isinstance(budget, bool) or not isinstance(budget, (str, int, float)):
        raise ParameterTypeError(f"{rule}, got {shown(budget)}.")
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", str(budget).lower())
    if match is None or match[2] not in _UNITS or float(match[1]) <= 0:
        raise ParameterError(f"{rule}, and above 0, got {shown(budget)}.")
    return float(match[1]) * _UNITS[match[2]]


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
    """

    folds: int
    epochs: int
    rows: int
    seconds: float | None
    notes: list[str]


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
        notes.append(texts.NOTE_CUT_EPOCHS.format(budget=budget, epochs=epochs, asked=plan.epochs))
    if folds < plan.folds:
        notes.append(texts.NOTE_CUT_FOLDS.format(budget=budget, folds=folds, asked=plan.folds))
    if rows < plan.rows:
        notes.append(texts.NOTE_CUT_ROWS.format(budget=budget, rows=rows, asked=plan.rows))
    return replace(plan, folds=folds, epochs=epochs, rows=rows, notes=notes)
