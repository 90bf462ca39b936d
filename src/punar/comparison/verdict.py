"""The statistics behind a verdict: a corrected interval over folds, and who differs from whom. Nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from punar.errors import DataError, ParameterError, shown


def corrected_interval(
    differences: Sequence[float] | np.ndarray, n_train: float, n_test: float, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return mean and interval of a per-fold quantity, corrected for the overlap of training sets.

    Folds share training rows, so their results are correlated and the plain variance of a mean, ``s² / k``, is too
    small. Nadeau and Bengio replace ``1 / k`` by ``1 / k + n_test / n_train``.

    Parameters
    ----------
    differences : array-like of shape (k,)
        One value per fold: a paired difference of two candidates, or one candidate's score.
    n_train, n_test : float
        Rows per fold on either side (means, where folds differ in size).
    confidence : float, default=0.95
        Two-sided, in (0, 1).

    Returns
    -------
    mean, low, high : float
        With one fold the ends are minus and plus infinity.

    Raises
    ------
    DataError
        ``differences`` is empty or not finite.
    ParameterError
        ``n_train`` or ``n_test`` is not positive, or ``confidence`` is not in (0, 1).

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
    Bouckaert, R. and Frank, E. (2004). Evaluating the replicability of significance tests for comparing learning
    algorithms. PAKDD 2004, 3-12.

    Examples
    --------
    >>> mean, low, high = corrected_interval([0.02, 0.03, 0.01, 0.02, 0.02], n_train=80, n_test=20)
    >>> round(mean, 4), round(low, 4), round(high, 4)
    (0.02, 0.0068, 0.0332)
    """
    values = np.asarray(differences, dtype=float).ravel()
    if values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"differences must be one finite number per fold, got {shown(values)}.")
    if not (n_train > 0 and n_test > 0):
        raise ParameterError(f"n_train and n_test must be > 0, got {shown(n_train)} and {shown(n_test)}.")
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must be in (0, 1), got {shown(confidence)}.")
    mean, k = float(values.mean()), values.size
    if k == 1:
        return mean, -math.inf, math.inf
    deviation = math.sqrt(float(values.var(ddof=1)) * (1 / k + n_test / n_train))
    half = float(stats.t.ppf((1 + confidence) / 2, k - 1)) * deviation
    return mean, mean - half, mean + half


@dataclass(frozen=True)
class Duel:
    """The best candidate against one other: positive differences favour the best."""

    other: str
    difference: float
    low: float
    high: float
    confidence: float

    @property
    def clear(self) -> bool:
        """Whether the interval stays above 0, by more than rounding."""
        return self.low > 1e-9


@dataclass(frozen=True)
class Decision:
    """Who is best in one metric, and whether that is more than noise.

    Attributes
    ----------
    ranking : list of str
        By mean of ``1 - score``, best first.
    duels : list of Duel
        The best against the runner-up, and against the classical answer where that is neither of the two.
    tied : list of str
        Those of the duels' others that the best does not clearly beat.
    cheapest : str
        Cheapest to fit among the best and ``tied``.
    """

    ranking: list[str]
    duels: list[Duel]
    tied: list[str]
    cheapest: str

    @property
    def best(self) -> str:
        """First of the ranking."""
        return self.ranking[0]

    @property
    def clear(self) -> bool:
        """Whether the best clearly beats all its rivals."""
        return len(self.ranking) > 1 and not self.tied


def decide(
    scores: Mapping[str, Sequence[float]],
    costs: Mapping[str, float],
    n_train: float,
    n_test: float,
    *,
    classical: str | None = None,
    confidence: float = 0.95,
) -> Decision:
    """Rank candidates by ``1 - score`` and say whether the best one's lead is more than noise.

    The runner-up is chosen by the data, which makes its test conservative. The classical answer is met by the best of
    many, which is not: its interval is widened by Bonferroni over the candidates that had a chance to meet it.

    Parameters
    ----------
    scores : mapping of str to sequence of float
        One score per shared fold and candidate; larger is better, 1 is perfect.
    costs : mapping of str to float
        What breaks a tie: smaller wins.
    n_train, n_test : float
        Rows per fold.
    classical : str, optional
        The candidate that a new method has to beat.
    confidence : float, default=0.95

    Raises
    ------
    DataError
        There are no scores, or the folds of two candidates differ in number.
    """
    if not scores or len({len(s) for s in scores.values()}) != 1:
        raise DataError("scores must hold the same folds for at least one candidate.")
    loss = {name: 1 - np.asarray(s, dtype=float) for name, s in scores.items()}
    ranking = sorted(loss, key=lambda name: (loss[name].mean(), costs.get(name, math.inf)))
    best, duels = ranking[0], []
    if len(ranking) > 1:
        levels = {ranking[1]: confidence}
        if classical in ranking[2:]:
            levels[str(classical)] = 1 - (1 - confidence) / (len(ranking) - 1)
        for other, level in levels.items():
            mean, low, high = corrected_interval(loss[other] - loss[best], n_train, n_test, level)
            duels.append(Duel(other, mean, low, high, level))
    tied = [duel.other for duel in duels if not duel.clear]
    cheapest = min([best, *tied], key=lambda name: costs.get(name, math.inf))
    return Decision(ranking, duels, tied, cheapest)
