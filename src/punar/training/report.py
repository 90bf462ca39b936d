"""What a fit measured: a score beside chance and beside rivals, and a verdict of a few sentences.

It is handed scores or answers, and knows neither models nor baselines.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from punar.errors import DamagedModelError, DidNotLearnError, DidNotLearnWarning, shown
from punar.tasks import Meter, Targets, Task
from punar.texts import fit as texts
from punar.training import evidence
from punar.training.evidence import Lead

# Rows that a report measures at most: more would tell little, and cost time.
MOST_ROWS = 3000

HELD_OUT, TRAINING, CROSS_VALIDATED, CROSS_FITTED = "held_out", "training", "cross_validated", "cross_fitted"
_WHICH = {
    HELD_OUT: texts.WHICH_HELD_OUT,
    TRAINING: texts.WHICH_TRAINING,
    CROSS_VALIDATED: texts.WHICH_CROSS_VALIDATED,
    CROSS_FITTED: texts.WHICH_CROSS_FITTED,
}


class FitReport(dict[str, Any]):
    """What ``fit`` measured; a plain dict whose text is its verdict.

    Every one has ``rows``, ``rows_from`` ("held_out", "training", "cross_validated" or "cross_fitted"), ``learned`` and
    ``verdict``. ``learned`` is True where the score beats chance at a level of 5 % on evidence that chose nothing;
    False where it does not although the rows would have shown a lead of ``effect`` with 80 % power; None where they are
    too few to tell (``rows_wanted`` would do). Those of models that predict have ``metric``, ``model`` (the score),
    ``constant`` (that of chance), ``p_value`` and each rival's score.
    """

    def __str__(self) -> str:
        return str(self["verdict"])

    @classmethod
    def from_stored(cls, stored: object, where: str) -> FitReport:
        """Return the report that a model folder holds.

        Raises
        ------
        DamagedModelError
            It is not one.
        """
        if isinstance(stored, dict) and isinstance(stored.get("verdict"), str):
            return cls(stored)
        raise DamagedModelError(f"{where}: report must be an object with a verdict, found {shown(stored)}.")

    def answer(self, *, strict: bool, advice: str = texts.DID_NOT_LEARN_ADVICE) -> None:
        """Warn, or raise under ``strict``, where the model did not learn; not where the rows cannot tell."""
        if self["learned"] is not False:
            return
        message = self["verdict"] + advice
        if strict:
            raise DidNotLearnError(message)
        warnings.warn(message, DidNotLearnWarning, stacklevel=3)


def which(rows_from: str) -> str:
    """Return the word for where measured rows come from."""
    return _WHICH[rows_from]


def meter_of(task: Task, answers: Sequence[Any], targets: Targets) -> Meter:
    """Return the task's meter of encoded answers, one for each item of ``targets``."""
    meter = task.meter()
    meter.add(answers, targets)
    return meter


def beside_chance(
    task: Task,
    answers: Sequence[Any],
    targets: Targets,
    rows_from: str,
    *,
    permuted: Sequence[float] | None = None,
    groups: np.ndarray | None = None,
) -> FitReport:
    """Return the score of answers beside that of the best constant answer, with a verdict.

    Parameters
    ----------
    task : Task
    answers : sequence
        Encoded, one for each item. Unless ``rows_from`` says "training" their targets chose nothing: no epoch, no
        penalty.
    targets : Targets
        What was right, for the same items; :data:`MOST_ROWS` at most.
    rows_from : {"held_out", "training", "cross_validated", "cross_fitted"}
    permuted : sequence of float, optional
        Scores of the same fit on targets in random order, where it was repeated so: the score is compared with them.
    groups : ndarray of shape (n,), optional
        Of items that are alike: see :func:`punar.training.evidence.lead`.
    """
    rows = len(targets)
    ours, constant = meter_of(task, answers, targets), meter_of(task, task.constant(targets), targets)
    score, chance = ours.value(), constant.value()
    found = evidence.lead(ours, constant, rows, groups=groups) if permuted is None else evidence.among(score, permuted)
    more = details_of(ours)
    more |= {f"{name}_constant": value for name, value in details_of(constant).items() if isinstance(value, float)}
    return verdict_on(task.metric, score, chance, rows, rows_from, found._replace(size=score - chance), **more)


def details_of(meter: Meter) -> dict[str, Any]:
    """Return what a meter says beside its value, by name: exact match beside F1, the value of each class."""
    found: dict[str, Any] = getattr(meter, "details", dict)()
    return found


def verdict_on(
    metric: str, score: float, chance: float, rows: int, rows_from: str, found: Lead, **more: Any
) -> FitReport:
    """Return a score beside that of chance, and what its lead says.

    Parameters
    ----------
    metric : str
    score, chance : float
        Larger is better, 1 is perfect.
    rows : int
        How many were measured.
    rows_from : {"held_out", "training", "cross_validated", "cross_fitted"}
    found : Lead
        Of the score over chance.
    **more
        Further facts.
    """
    said = evidence.judged(found, chance, rows)
    learned = None if rows_from == TRAINING else said.learned
    report = FitReport(
        metric=metric,
        model=score,
        constant=chance,
        rows=rows,
        rows_from=rows_from,
        learned=learned,
        p_value=found.better,
        effect=said.effect,
        rows_wanted=None if learned is not None else said.rows,
        **more,
    )
    text = texts.LEARNED if learned else texts.DID_NOT_LEARN if learned is False else texts.CANNOT_TELL
    report["verdict"] = text.format(**report, which=which(rows_from)) + why_not(report, seen=chance + said.effect)
    return report


def why_not(report: FitReport, seen: float) -> str:
    """Return what the evidence could have shown, or what would be needed, where it shows no learning.

    Parameters
    ----------
    report : FitReport
    seen : float
        The score that would have been told from chance.
    """
    if report["learned"]:
        return ""
    if report["learned"] is False:
        # Of a model that is worse than chance the power is no matter.
        return texts.WORSE if seen >= 1.0 else texts.POWER.format(seen=seen)
    perfect = report.get("constant", 0.0) >= 1.0 - 1e-9
    # Of a few rows held out one class alone is no news of the others.
    if perfect and (report["rows"] >= evidence.FEWEST or report["rows_from"] == TRAINING):
        return texts.NOTHING_TO_LEARN
    if report["rows_from"] == TRAINING:
        return _nothing_held_out(report["rows"])
    wanted = evidence.FEWEST if perfect else report["rows_wanted"]
    return texts.TOO_FEW.format(rows=report["rows"], wanted=wanted, which=which(report["rows_from"]))


def _nothing_held_out(rows: int) -> str:
    # Of fewer, no share that can be held out is enough to tell.
    if rows < 2 * evidence.FEWEST:
        return texts.TOO_FEW_TO_HOLD_OUT.format(rows=rows, wanted=2 * evidence.FEWEST)
    return texts.NOTHING_HELD_OUT


def add_rival(
    report: FitReport, name: str, score: float, found: Lead, *, better: str, worse: str, equal: str, **words: Any
) -> None:
    """Write a rival's score on the same rows into a report, and what it says of the model.

    Parameters
    ----------
    report : FitReport
        Of :func:`beside_chance`.
    name : str
        The rival's, in the report and in the sentences.
    score : float
    found : Lead
        Of the model over the rival.
    better, worse, equal : str
        Sentences for a model that is better or worse than the rival at a level of 5 %, or neither.
    **words
        For the sentences.
    """
    report[name] = score
    sides = (found.better, found.worse) if report["rows"] >= evidence.FEWEST else (1.0, 1.0)
    # Who did not learn is not praised for what somebody else does worse.
    ahead = sides[0] <= evidence.LEVEL and report["learned"] is not False
    text = better if ahead else worse if sides[1] <= evidence.LEVEL else equal
    report["verdict"] += text.format(**{name: score}, **words)
