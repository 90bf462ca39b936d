"""What was guessed of hidden words, and how often that is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from punar.errors import DataError
from punar.tasks._meter import bootstrap, exchanged_counts
from punar.tasks._targets import Targets

_LARGEST = 700.0  # whose exponential is a number


class Guesses(NamedTuple):
    """What a network says of the hidden words of a text.

    Attributes
    ----------
    rows : Tensor of int64, (k, 4)
        Where each begins and ends in the text, in characters; the token that is right, -1 for a blank of the text; and
        the one that was found.
    sure : Tensor of shape (k,)
        Probability of what was found.
    loss : Tensor of shape (k,)
        Negative log-probability of what is right; 0 for a blank.
    """

    rows: Tensor
    sure: Tensor
    loss: Tensor

    @property
    def counts(self) -> tuple[float, float, float]:
        """How many are right, how many there are, and their summed loss; blanks do not count."""
        hidden = self.rows[:, 2] >= 0
        right = (self.rows[:, 2] == self.rows[:, 3]) & hidden
        return float(right.sum()), float(hidden.sum()), float(self.loss[hidden].sum())


class GuessMeter:
    """The share of hidden tokens that are named right."""

    def __init__(self) -> None:
        self._counts: list[tuple[float, float, float]] = []  # right, all, loss

    def add(self, answers: Sequence[Any], targets: Targets) -> None:
        """Count guesses; what is right stands beside them."""
        self._counts += [answer.counts for answer in answers]

    def value(self) -> float:
        """Return the share.

        Raises
        ------
        DataError
            No token was hidden: 0 would say that all were named wrong.
        """
        if not self._table[:, 1].any():
            raise DataError(
                f"nothing can be measured: in the {len(self._counts):,} texts that were held out no word is hidden, "
                "for they have blanks of their own, or no word that the network knows. Pass more texts without "
                "blanks, or some to validate on (validation_data=)."
            )
        return self._share(self._table)

    def details(self) -> dict[str, float]:
        """Return the perplexity, the exponential of the mean loss: among how many equally likely words one wavers.

        Where no token was hidden there is none.
        """
        _, every, loss = self._table.sum(0)
        return {} if not every else {"perplexity": math.exp(min(loss / every, _LARGEST))}

    def interval(self, level: float = 0.95, *, seed: int = 0) -> tuple[float, float]:
        """Return an interval of the share, by resampling texts."""
        counts = self._table
        return bootstrap(len(counts), lambda index: self._share(counts[index]), level, seed)

    def exchanged(self, other: GuessMeter, swap: np.ndarray) -> tuple[float, float]:
        """Return both shares after the answers for some texts were exchanged; see :class:`punar.tasks.Meter`."""
        return exchanged_counts(self._counts, other._counts, swap, self._share)  # type: ignore[arg-type]

    @property
    def _table(self) -> np.ndarray:
        return np.asarray(self._counts, dtype=np.float64).reshape(-1, 3)

    @staticmethod
    def _share(counts: np.ndarray) -> float:
        right, every, _ = counts.sum(0)
        return float(right / max(every, 1.0))
