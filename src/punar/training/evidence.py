"""Is one model's score better than another's beyond noise, and how many rows would tell?

Answers to the same items are exchanged at random between the two: where neither is better, the lead that was seen is
one of those that exchanging gives (Fisher's randomisation test; Pitman, 1937). It holds for every metric, also for
those that are no mean of rows, such as F1.

References
----------
Diebold and Mariano (1995). Comparing predictive accuracy. Journal of Business & Economic Statistics.
Harvey, Leybourne and Newbold (1997). Testing the equality of prediction mean squared errors. International Journal of
Forecasting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from punar.tasks import Meter

LEVEL = 0.05
# A verdict on fewer rows says nothing, whatever the score.
FEWEST = 20
_DRAWS = 199
# Standard errors between chance and a lead that a one-sided test at 5 % sees with 80 % power.
_SEEN = 1.645 + 0.842
_ROUNDING = 1e-9


class Lead(NamedTuple):
    """How far one score is before another, and what chance would do.

    Attributes
    ----------
    size : float
        The first metric minus the second.
    better, worse : float
        One-sided p-values: of a lead so large, and so small, where the two are equally good.
    spread : float
        Standard deviation of the lead where they are equally good.
    """

    size: float
    better: float
    worse: float
    spread: float


def lead(ours: Meter, theirs: Meter, items: int, *, seed: int = 0, groups: np.ndarray | None = None) -> Lead:
    """Test whether one metric is larger than another, by exchanging the answers for items.

    Parameters
    ----------
    ours, theirs : Meter
        Of the same items.
    items : int
        How many there are.
    seed : int
        Of the 199 exchanges.
    groups : ndarray of shape (items,), optional
        Items of one group, such as one person's, are alike: all their answers are exchanged or none.
    """
    none = np.zeros(items, dtype=bool)
    generator = np.random.default_rng(seed)
    number = np.arange(items) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = []
    for swap in (none, *(generator.random((_DRAWS, int(number.max(initial=-1)) + 1)) < 0.5)[:, number]):
        a, b = ours.exchanged(theirs, swap)
        sizes.append(a - b)
    return among(sizes[0], sizes[1:])


def among(size: float, others: Sequence[float]) -> Lead:
    """Return where a lead stands among those that chance gives: the p-values of a permutation test.

    >>> among(2.0, [0.0] * 19)[:3]
    (2.0, 0.05, 1.0)
    """
    found = np.asarray(others)
    count = len(found) + 1
    better, worse = int((found >= size - _ROUNDING).sum()), int((found <= size + _ROUNDING).sum())
    return Lead(size, (1 + better) / count, (1 + worse) / count, float(found.std()) if len(found) else 0.0)


def lead_of_sums(differences: np.ndarray, unit: float, *, seed: int = 0) -> Lead:
    """Test whether a sum over rows is above 0, by exchanging, row by row, what was subtracted from what.

    Parameters
    ----------
    differences : ndarray of shape (n,)
        What the one did better than the other, by row.
    unit : float
        By which the lead is divided: what a score of 1 is.
    seed : int
    """
    signs = np.random.default_rng(seed).integers(0, 2, (_DRAWS, len(differences))) * 2.0 - 1.0
    unit = max(unit, 1e-300)
    return among(float(differences.sum()) / unit, (signs @ differences / unit).tolist())


def lead_in_time(differences: Sequence[np.ndarray], overlap: int, unit: float) -> Lead:
    """Test whether forecasts are better than others on the average, by the test of Diebold and Mariano (1995).

    Errors of windows that overlap move together: their covariances count up to that distance, with the correction of
    Harvey, Leybourne and Newbold (1997) for few of them.

    Parameters
    ----------
    differences : sequence of ndarray of shape (n,)
        What the one did better than the other, by origin in the order of time; one array for each series.
    overlap : int
        Steps that are forecast: origins nearer than that share some.
    unit : float
        By which the lead is divided.
    """
    every = np.concatenate(list(differences))
    count, mean = len(every), float(every.mean())
    variance = 0.0
    for series in differences:
        off = series - mean
        lags = range(min(overlap, len(series)))
        moved = [float((off[k:] * off[: len(off) - k]).sum()) for k in lags]
        plain = moved[0] + 2 * sum(moved[1:]) if moved else 0.0
        # Rectangular weights may give a negative sum, triangular ones never do.
        variance += plain if plain > 0 else sum((2 - (k == 0)) * (1 - k / len(moved)) * m for k, m in enumerate(moved))
    harvey = max(count + 1 - 2 * overlap + overlap * (overlap - 1) / count, 1.0) / count
    error = math.sqrt(max(variance, 0.0)) / count / math.sqrt(harvey)
    unit = max(unit, 1e-300)
    if error <= 0:
        return Lead(mean / unit, float(mean <= 0), float(mean >= 0), 0.0)
    better = float(stats.t.sf(mean / error, max(1, count - 1)))
    return Lead(mean / unit, better, 1 - better, error / unit)


class Said(NamedTuple):
    """What evidence says.

    Attributes
    ----------
    learned : bool or None
        True: better than chance at 5 %. False: not so, although ``effect`` would have been seen with 80 % power, or
        worse than chance. None: the rows are too few to tell.
    effect : float
        The lead over chance that a test of so many rows sees in 80 of 100 cases.
    rows : int
        How many rows would see a lead half-way from chance to a perfect score.
    """

    learned: bool | None
    effect: float
    rows: int


def judged(found: Lead, chance: float, rows: int, *, perfect: float = 1.0, discrete: bool = True) -> Said:
    """Return what a lead over chance says.

    Parameters
    ----------
    found : Lead
        Of the model over the best constant answer.
    chance : float
        The score of the latter.
    rows : int
        On which both were measured; none of them chose anything.
    perfect : float, default=1.0
        The best score that there is.
    discrete : bool, default=True
        Whether answers may agree with the constant one row by row: those that hardly ever differ seem to have no noise.
    """
    half = max(perfect - chance, 0.0) / 2
    # Those of a model half-way to perfect would have so much.
    spread = max(found.spread, math.sqrt(half / max(rows, 1))) if discrete else found.spread
    effect = _SEEN * spread
    enough = max(FEWEST, _round_up(rows * (effect / half) ** 2) if half > 0 else FEWEST)
    if rows >= FEWEST and found.size > _ROUNDING and found.better <= LEVEL:
        return Said(True, effect, enough)
    if half <= _ROUNDING:  # a constant answer is perfect: there is nothing to learn
        return Said(None, effect, rows)
    if rows >= FEWEST and (effect <= half or found.worse <= LEVEL):
        return Said(False, effect, enough)
    return Said(None, effect, max(enough, rows + 1))


def _round_up(rows: float) -> int:
    """Return a number of rows with two digits that mean something.

    >>> _round_up(45.2), _round_up(1234.0)
    (46, 1300)
    """
    if not math.isfinite(rows):
        return FEWEST
    unit = 10 ** max(0, math.floor(math.log10(max(rows, 1.0))) - 1)
    return math.ceil(rows / unit - _ROUNDING) * unit
