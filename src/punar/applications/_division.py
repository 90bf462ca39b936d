"""Which rows an anomaly detector learns from, which set its threshold, and what share these can tell."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from punar.core import conformal
from punar.data.splits import split
from punar.errors import ParameterError, PunarWarning
from punar.texts import anomaly as texts

_USUAL_ALPHA, _HELD_OUT = 0.05, 0.25


def divided(estimator: Any, n: int, seed: int, where: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Return rows to learn from, rows that set the threshold, and alpha.

    Raises
    ------
    ParameterError
        See :func:`checked`.
    """
    alpha = _USUAL_ALPHA if estimator.alpha == "auto" else float(estimator.alpha)
    if estimator.calibration_fraction == "auto":
        needed = conformal.fewest(1 - alpha) + math.ceil(2 * estimator.trim * n)
        count = min(max(math.ceil(_HELD_OUT * n), needed), n // 2)
    else:
        count = min(max(1, int(float(estimator.calibration_fraction) * n)), n - 2)
    train, held_out = split(n, (count + 0.5) / n, seed)
    return np.sort(train.numpy()), np.sort(held_out.numpy()), checked(estimator.alpha, alpha, len(held_out), where)


def checked(asked: Any, alpha: float, held_out: int, where: str) -> float:
    """Return an alpha that so many held-out rows can tell: a larger one, with a warning, where "auto" was asked for.

    Raises
    ------
    ParameterError
        The one that was asked for is too small for them.
    """
    least = 1 / (held_out + 1)
    if alpha >= least - 1e-12:
        return alpha
    if asked == "auto":
        said = texts.WIDER.format(where=where, held_out=held_out, least=held_out + 1, alpha=least)
        warnings.warn(said, PunarWarning, stacklevel=4)
        return least
    raise ParameterError(
        f"{where}: alpha must be at least 1 / (held-out rows + 1) = {least:.3g}, got {alpha:g} with {held_out} "
        "held-out rows: no row could ever be flagged. Give more rows, a larger calibration_fraction or alpha."
    )
