"""The contract of a question: who competes, in which numbers, on what.

To add a question, add one file here whose class is the file's name in CamelCase and derives from :class:`Question`.
The protocol calls it; it never needs to know how folds, costs or verdicts are made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from punar.comparison.reading import Reading


@dataclass(frozen=True)
class Metric:
    """One number per candidate and fold: larger is better, 1 is perfect.

    Attributes
    ----------
    key : str
        Column of the table.
    label, help : str
        For people.
    baseline : str
        What reaches the score that :meth:`Question.baselines` gives; stands beside every score.
    """

    key: str
    label: str
    help: str
    baseline: str


@dataclass(frozen=True)
class Candidate:
    """A named estimator, not fitted; it is cloned for every fold.

    Attributes
    ----------
    name : str
    estimator : estimator or None
        None where ``refusal`` says why this candidate cannot take part.
    yardstick : bool
        Does not compete: the best candidate is compared with it.
    trivial_in : tuple of str
        Keys of metrics in which its score says nothing, so that it is not even compared.
    classical : bool
        The answer that a new method has to beat.
    refusal : str or None
    """

    name: str
    estimator: Any
    yardstick: bool = False
    trivial_in: tuple[str, ...] = ()
    classical: bool = False
    refusal: str | None = None


class Question(ABC):
    """Knows the candidates and the metrics; splits, costs, budget and verdicts are the protocol's."""

    @abstractmethod
    def width(self, data: Reading, asked: int | None, n_train: int) -> int:
        """Return the code size: ``asked``, or a sensible one for this data."""

    @abstractmethod
    def candidates(self, data: Reading, width: int, n_train: int, device: str) -> list[Candidate]:
        """Return the default candidates; those that cannot take this data carry a refusal."""

    @abstractmethod
    def check(self, name: str, estimator: Any) -> None:
        """Raise :class:`punar.errors.ParameterError` where a user's candidate cannot answer the question."""

    def is_classical(self, estimator: Any) -> bool:
        """Return whether a user's candidate is the answer that others have to beat."""
        return False

    @abstractmethod
    def metrics(self, data: Reading) -> list[Metric]:
        """Return what is measured on this data."""

    @abstractmethod
    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int) -> Any:
        """Return what all candidates share in one fold; it has ``fit(estimator)`` and ``transform(estimator)``."""

    @abstractmethod
    def judge(self, fold: Any, estimator: Any) -> dict[str, float | None]:
        """Return this fold's score by metric key; None where the candidate has no such score."""

    @abstractmethod
    def baselines(self, fold: Any) -> dict[str, float]:
        """Return what the answer without any model scores in this fold, by metric key."""

    @abstractmethod
    def show(self, fold: Any, estimator: Any) -> dict[str, Any]:
        """Return plain numbers for the report's pictures of one fitted candidate."""

    @abstractmethod
    def show_fold(self, fold: Any) -> dict[str, Any]:
        """Return plain numbers for the report's pictures that all candidates share."""

    @abstractmethod
    def how(self, data: Reading, candidates: Sequence[Candidate]) -> list[str]:
        """Return sentences that say how the scores were made."""
