"""What a fit measured: a score beside chance and beside rivals, and a verdict of a few sentences.

It is handed scores or answers, and knows neither models nor baselines.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from punar.errors import DamagedModelError, DidNotLearnError, DidNotLearnWarning, shown
from punar.tasks import Targets, Task
from punar.texts import fit as texts

# Rows that a report measures at most: more would tell little, and cost time.
MOST_ROWS = 3000
# A verdict on fewer held-out rows says nothing.
FEWEST_HELD_OUT = 10

HELD_OUT, TRAINING, CROSS_VALIDATED = "held_out", "training", "cross_validated"
_WHICH = {
    HELD_OUT: texts.WHICH_HELD_OUT,
    TRAINING: texts.WHICH_TRAINING,
    CROSS_VALIDATED: texts.WHICH_CROSS_VALIDATED,
}
_ROUNDING = 1e-9


class FitReport(dict[str, Any]):
    """What ``fit`` measured; a plain dict whose text is its verdict.

    Every one has ``rows``, ``rows_from`` ("held_out", "training" or "cross_validated"), ``learned`` and ``verdict``.
    Those of models that predict have ``metric``, ``model`` (the score), ``constant`` (that of chance) and each rival's.
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
        """Warn, or raise under ``strict``, where the model did not learn."""
        if self["learned"]:
            return
        message = self["verdict"] + advice
        if strict:
            raise DidNotLearnError(message)
        warnings.warn(message, DidNotLearnWarning, stacklevel=3)


def which(rows_from: str) -> str:
    """Return the word for where measured rows come from."""
    return _WHICH[rows_from]


def scored(metric: str, score: float, chance: float, rows: int, rows_from: str, **more: Any) -> FitReport:
    """Return a score beside that of chance, with no verdict yet.

    Parameters
    ----------
    metric : str
    score, chance : float
        Larger is better; whoever is better than chance has learned.
    rows : int
        How many were measured.
    rows_from : {"held_out", "training", "cross_validated"}
    **more
        Further facts.
    """
    return FitReport(
        metric=metric,
        model=score,
        constant=chance,
        rows=rows,
        rows_from=rows_from,
        learned=score > chance + _ROUNDING,
        **more,
    )


def measured(task: Task, answers: Sequence[Any], targets: Targets) -> float:
    """Return the task's metric of encoded answers, one for each item of ``targets``."""
    meter = task.meter()
    meter.add(answers, targets)
    return meter.value()


def beside_chance(task: Task, answers: Sequence[Any], targets: Targets, rows_from: str) -> FitReport:
    """Return the score of answers beside that of the best constant answer, with a verdict.

    Parameters
    ----------
    task : Task
    answers : sequence
        Encoded, one for each item.
    targets : Targets
        What was right, for the same items; :data:`MOST_ROWS` at most.
    rows_from : {"held_out", "training", "cross_validated"}
    """
    score, chance = measured(task, answers, targets), measured(task, task.constant(targets), targets)
    report = scored(task.metric, score, chance, len(targets), rows_from)
    text = texts.LEARNED if report["learned"] else texts.DID_NOT_LEARN
    report["verdict"] = text.format(**report, which=which(rows_from))
    return report


def add_rival(report: FitReport, name: str, score: float, *, better: str, worse: str, equal: str, **words: Any) -> None:
    """Write a rival's score on the same rows into a report, and what it says of the model.

    Parameters
    ----------
    report : FitReport
        Of :func:`beside_chance`.
    name : str
        The rival's, in the report and in the sentences.
    score : float
    better, worse, equal : str
        Sentences for a model that is clearly better or worse than the rival, or neither.
    **words
        For the sentences.
    """
    report[name] = score
    # One standard error of a difference of two shares of the same rows, at most.
    noise = 1.0 / math.sqrt(max(1, report["rows"]))
    lead = report["model"] - score
    text = says(lead - noise, lead + noise, better=better, worse=worse, equal=equal)
    report["verdict"] += text.format(**{name: score}, **words)


def says(low: float, high: float, *, better: str, worse: str, equal: str) -> str:
    """Return the sentence for a lead over a rival that is between ``low`` and ``high``.

    >>> [says(low, low + 2, better="better", worse="worse", equal="neither") for low in (1, -1, -3)]
    ['better', 'neither', 'worse']
    """
    return better if low > 0 else worse if high < 0 else equal
