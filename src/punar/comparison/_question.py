"""The contract of a question: who competes, in which numbers, on what.

To add a question, add one file here whose class is the file's name in CamelCase and derives from :class:`Question`.
The protocol calls it; it never needs to know how folds, costs or verdicts are made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from punar.comparison.reading import Reading, read
from punar.errors import ParameterError, ParameterTypeError, shown
from punar.texts import compare as texts


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
    chance : bool
        A yardstick that is the metric's baseline, which has its own place in the verdict.
    trivial_in : tuple of str
        Keys of metrics in which its score says nothing, so that it is not even compared.
    classical : bool
        The answer that a new method has to beat.
    refusal : str or None
    """

    name: str
    estimator: Any
    yardstick: bool = False
    chance: bool = False
    trivial_in: tuple[str, ...] = ()
    classical: bool = False
    refusal: str | None = None


@dataclass(frozen=True)
class Least:
    """What a small budget may not cut further."""

    epochs: int = 10
    rows: int = 200


@dataclass(frozen=True)
class Trial:
    """How the short trial before a budgeted comparison goes.

    Attributes
    ----------
    rows : int
        How many it begins with.
    epochs : (int, int)
        Of the two fits whose difference is what an epoch takes.
    repeats : int
        The shorter of so many fits counts.
    remembers : bool
        Whether the first fold computes features that the others find remembered.
    """

    rows: int = 512
    epochs: tuple[int, int] = (1, 4)
    repeats: int = 2
    remembers: bool = False


class Question(ABC):
    """Knows the candidates and the metrics; splits, costs, budget and verdicts are the protocol's.

    One object answers one call of ``compare``.

    Parameters
    ----------
    backbone : str, Backbone or None, default=None
        For those questions whose ``takes`` names it.

    Attributes
    ----------
    reads : {"rows", "items", "sequences"}
        A table or an array of pictures; paths, pictures, texts and recordings; or series, texts and recordings.
    takes : tuple of str
        Those of compare's parameters that only some questions know. All but ``latent_dim`` are passed on to the class.
    costs_shown : tuple of str
        Keys of the costs in the table, after the scores.
    least : Least
    trial : Trial
    words : dict of str to str
        What the report says of this question: "title", "foot", "how_verdict", "how_costs", "losses".
    trade : str or None
        The cost that the report draws the first metric against.
    """

    reads: ClassVar[str] = "rows"
    takes: ClassVar[tuple[str, ...]] = ()
    costs_shown: ClassVar[tuple[str, ...]] = ("parameters", "fit_seconds", "transform_us", "peak_mb")
    least: ClassVar[Least] = Least()
    trial: ClassVar[Trial] = Trial()
    words: ClassVar[Mapping[str, str]] = {
        "title": texts.TITLE,
        "foot": texts.FOOT,
        "how_verdict": texts.HOW_VERDICT,
        "how_costs": texts.HOW_COSTS,
        "losses": texts.CAPTION_LOSSES,
    }
    trade: ClassVar[str | None] = None

    def __init__(self, backbone: Any = None) -> None:
        self.backbone = backbone

    def table_costs(self, data: Reading) -> tuple[str, ...]:
        """Return the keys of the costs in the table for this data."""
        return self.costs_shown

    def fewest(self, data: Reading) -> Least:
        """Return what a small budget may not cut further of this data."""
        return self.least

    def folds_for(self, data: Reading, cv: object) -> tuple[int, list[str]] | None:
        """Return the number of folds and notes, where this data is not split like others; see the protocol's."""
        return None

    def splits(self, data: Reading, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Return (train, test) rows of every fold, where this data is not split like others."""
        return None

    def how_split(self, data: Reading) -> str | None:
        """Return the template of the sentence on the splits, where they are not the usual ones."""
        return None

    def read(self, X: Any, y: Any, kind: str | None, name: str | None) -> Reading:
        """Return the data as this question sees it."""
        return read(X, y, kind, name)

    def width(self, data: Reading, asked: int | None, n_train: int) -> int | None:
        """Return the code size: ``asked``, or a sensible one for this data; None where there is no code."""
        return None

    @abstractmethod
    def candidates(self, data: Reading, width: int | None, n_train: int, device: str) -> list[Candidate]:
        """Return the default candidates; those that cannot take this data carry a refusal."""

    def given(self, candidates: Any, data: Reading, n_train: int, device: str) -> list[Candidate]:
        """Return the user's own candidates.

        Raises
        ------
        ParameterError, ParameterTypeError
            They are not a mapping of names to estimators that :meth:`check` lets pass.
        """
        rule = "compare: candidates must be a mapping of names to estimators, such as {'PCA': PCA(2)}"
        if not isinstance(candidates, Mapping):
            raise ParameterTypeError(f"{rule}, got {shown(candidates)}.")
        if not candidates:
            raise ParameterError(f"{rule}, got an empty one.")
        for key, estimator in candidates.items():
            if not isinstance(key, str) or not key.strip():
                raise ParameterTypeError(f"{rule}; a name must be text that is not empty, got {shown(key)}.")
            self.check(key, estimator)
        return [Candidate(k, e, classical=self.is_classical(e)) for k, e in candidates.items()]

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
    def open_fold(self, data: Reading, train: np.ndarray, test: np.ndarray, seed: int, *, first: bool) -> Any:
        """Return what all candidates share in one fold.

        It has ``fit(estimator)``, ``transform(estimator)``, which is timed, over ``timed`` rows, and ``few(n)``, the
        same fold with at most n training rows. ``first`` is true for the first fold and for trials before it.
        """

    @abstractmethod
    def judge(self, fold: Any, estimator: Any) -> dict[str, float | None]:
        """Return this fold's score by metric key; None where the candidate has no such score."""

    def costs(self, fold: Any, estimator: Any, measured: dict[str, float | None]) -> dict[str, float | None]:
        """Return the costs of one fold, given what the protocol has measured."""
        return measured

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

    def plan(self) -> str:
        """Return what the line with the plan says of this question's setting."""
        return ""

    def close(self) -> None:  # noqa: B027 - most questions put nothing there
        """Remove what was put on the disk for this comparison."""


def check_predictor(name: str, estimator: Any) -> None:
    """Raise where a user's candidate is no object with fit and predict."""
    if isinstance(estimator, type):
        raise ParameterTypeError(
            f"compare: candidates[{name!r}] is the class {estimator.__name__}; pass an object: {estimator.__name__}()."
        )
    missing = [m for m in ("fit", "predict", "get_params") if not hasattr(estimator, m)]
    if missing:
        raise ParameterTypeError(
            f"compare: candidates[{name!r}] must be an estimator with fit(X, y) and predict, got "
            f"{shown(estimator)}, which has no {missing[0]}."
        )
