"""How a fit divides its items: those that train, those held out, and those that a verdict rests on.

What a person says comes first: items of their own to validate on, or which items belong together. A verdict rests on
rows that chose nothing, however the items are divided (docs/decisions/0005-verdicts.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from punar.data.splits import halves, halves_of_groups, split, two_folds
from punar.errors import DataError, DataTypeError, ParameterError, shown
from punar.models.evidence import Pairs, repeats
from punar.models.measure import Measured
from punar.training.evidence import FEWEST


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a call of ``fit`` says of the division.

    Attributes
    ----------
    X, y : object
        To validate on; ``X`` is None where the fit splits.
    groups : object or None
        As the user passed them.
    where : str
        The caller, for messages.
    """

    X: Any = None
    y: Any = None
    groups: Any = None
    where: str = "fit"

    @classmethod
    def of(cls, estimator: Any, validation_data: Any, groups: Any, *, targets: bool = True) -> Wanted:
        """Return what the arguments of a ``fit`` say.

        Parameters
        ----------
        estimator : object
        validation_data : tuple (X, y) or None
            Without ``targets`` also X alone.
        groups : array-like or None
        targets : bool, default=True
            Whether items have targets.

        Raises
        ------
        DataTypeError
            ``validation_data`` has another form.
        ParameterError
            Both are given.
        """
        where = f"{type(estimator).__name__}.fit"
        if validation_data is not None and groups is not None:
            raise ParameterError(
                f"{where}: validation_data= says itself what is held out, so that groups= would have no use. Pass one."
            )
        pair = isinstance(validation_data, (tuple, list)) and len(validation_data) == 2
        pair = pair and (targets or isinstance(validation_data, tuple))
        if validation_data is None:
            return cls(groups=groups, where=where)
        if targets and not pair:
            raise DataTypeError(
                f"{where}: validation_data must be a tuple (X, y), got {shown(validation_data)}. Pass both, as to fit."
            )
        X, y = validation_data if pair else (validation_data, None)
        return cls(X, y, where=where)

    @property
    def given(self) -> bool:
        """Whether there are items to validate on."""
        return self.X is not None

    @property
    def at(self) -> str:
        """The caller and the argument, for messages."""
        return f"{self.where}: validation_data"

    def check_length(self, items: int, targets: int) -> None:
        """Raise where the items to validate on and their targets are not as many."""
        if items != targets:
            raise DataError(
                f"{self.at}: Found input variables with inconsistent numbers of samples: X has {items}, y {targets}."
            )

    def numbered(self, count: int) -> np.ndarray | None:
        """Return the number of each item's group, (count,); None where there are no groups.

        Raises
        ------
        DataError
            Another number of groups than items, a missing one, or one group for all.
        """
        if self.groups is None:
            return None
        values = np.asarray(self.groups)
        if values.ndim != 1 or len(values) != count:
            raise DataError(
                f"{self.where}: groups must hold one group for each item, ({count},), got shape {values.shape}."
            )
        missing = np.flatnonzero(pd.isna(values))
        if len(missing):
            raise DataError(f"{self.where}: groups[{missing[0]}] is missing. Give every item a group.")
        number, names = pd.factorize(values)
        if len(names) < 2:
            raise DataError(
                f"{self.where}: groups must hold at least 2 different groups, got {len(names)}: {shown(names[0])}. "
                "Without others nothing can be held out; leave groups out."
            )
        found: np.ndarray = number
        return found


@dataclass(frozen=True, eq=False)
class Division:
    """The items of a fit, divided.

    Attributes
    ----------
    count : int
        Items, those to validate on among them.
    fraction : float
        Share that is held out.
    seed : int
    strata : ndarray or None
        A class per item.
    weight : Tensor or None
    groups : ndarray or None
        Numbers; items of one group stay together.
    given : int
        How many of the items, the last ones, a person gave to validate on.
    """

    count: int
    fraction: float
    seed: int
    strata: np.ndarray | None = None
    weight: Tensor | None = None
    groups: np.ndarray | None = None
    given: int = 0

    def split(self, among: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return training and validation items, of all or of those ``among`` which to split."""
        if self.given and among is None:
            counted = torch.arange(self.count) if self.weight is None else self.weight.nonzero().flatten()
            first = self.count - self.given
            return counted[counted < first], counted[counted >= first]
        some = torch.arange(self.count) if among is None else among
        train, valid = split(
            len(some),
            self.fraction,
            self.seed,
            strata=_at(self.strata, some),
            weight=self.weight_of(some),
            groups=_at(self.groups, some),
        )
        return some[train], some[valid]

    def weight_of(self, items: Tensor) -> Tensor | None:
        """Return the weights of some items; None where all are alike."""
        return None if self.weight is None else self.weight[items]

    def folds(self, estimator: Any) -> Pairs:
        """Return what to repeat the fit on and what to answer for then; nothing where held-out items are judged by."""
        counted = self.count if self.weight is None else int((self.weight > 0).sum())
        if self.given or not repeats(estimator, counted):
            return []
        return two_folds(self.count, self.seed, strata=self.strata, weight=self.weight, groups=self.groups)

    def parts(self, valid: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return the validation items in two parts, or None where they are too few for a verdict."""
        if len(valid) < FEWEST:
            return None
        return halves(valid, self.strata) if self.groups is None else halves_of_groups(valid, self.groups)

    def judged(self, measured: Measured) -> Measured:
        """Return what was measured, with the groups in which answers are exchanged."""
        return measured if self.groups is None else replace(measured, groups=self.groups)

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint's fingerprint has to hold of it beside the items; nothing of a usual one."""
        found: dict[str, Any] = {"validation_data": self.given} if self.given else {}
        if self.groups is not None:
            found["groups"] = hashlib.blake2b(self.groups.tobytes(), digest_size=16).hexdigest()
        return found


def _at(values: np.ndarray | None, some: Tensor) -> np.ndarray | None:
    return None if values is None else np.asarray(values)[some.numpy()]
