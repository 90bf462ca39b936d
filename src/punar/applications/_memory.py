"""How far a row is from the usual ones: the distance to its k-th neighbour in a memory of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from punar.errors import DamagedModelError
from punar.stored import convert

_TINY = 1e-12
_FARTHEST = 1e6  # deviations: what is farther is as odd, and its square is a number


class _Facts(msgspec.Struct):
    k: int


class Memory:
    """Usual rows, remembered.

    Parameters
    ----------
    shift, scale : ndarray of shape (d,)
    rows : ndarray of shape (m, d)
        Shifted and scaled.
    k : int
        The neighbour whose distance counts.

    References
    ----------
    Ramaswamy, Rastogi and Shim (2000). Efficient algorithms for mining outliers from large data sets. SIGMOD.
    Loftsgaarden and Quesenberry (1965). A nonparametric estimate of a multivariate density function. Annals of
    Mathematical Statistics 36. (k near the square root of the number of rows)
    Roth et al. (2022). Towards total recall in industrial anomaly detection. CVPR. (a memory of features)
    """

    def __init__(self, shift: np.ndarray, scale: np.ndarray, rows: np.ndarray, k: int) -> None:
        self.shift, self.scale, self.rows, self.k = shift, scale, rows, k

    @classmethod
    def of(cls, rows: np.ndarray, *, k: int | None, most: int, each: bool, seed: int) -> Memory:
        """Return a memory of rows.

        Parameters
        ----------
        rows : ndarray of shape (n, d)
        k : int or None
            None takes the square root of the number of rows.
        most : int
            Rows that are kept; of more a random draw.
        each : bool
            Whether each number is divided by its own deviation, else all by one.
        seed : int
        """
        shift, deviation = rows.mean(0), rows.std(0)
        scale = deviation if each else np.full_like(deviation, math.sqrt(float((deviation**2).mean())))
        scale = np.where(scale > _TINY * np.abs(rows).max(0, initial=1.0), scale, 1.0)
        if len(rows) > most:
            rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]
        # Of a row that is itself remembered one neighbour is the row.
        k = min(round(math.sqrt(len(rows))) if k is None else k, max(len(rows) - 1, 1))
        return cls(shift, scale, (rows - shift) / scale, k)

    @cached_property
    def _found(self) -> NearestNeighbors:
        return NearestNeighbors().fit(self.rows)

    def scores(self, rows: np.ndarray, *, own: bool = False) -> np.ndarray:
        """Return each row's distance to its k-th neighbour; with ``own`` a row at distance 0 is the row itself."""
        asked = min(self.k + own, len(self.rows))
        distances, _ = self._found.kneighbors(self._scaled(rows), asked)
        if not own:
            return distances[:, -1]
        itself = distances[:, 0] <= _TINY
        found: np.ndarray = np.where(itself | (asked == self.k), distances[:, -1], distances[:, self.k - 1])
        return found

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = ((rows - self.shift) / self.scale).clip(-_FARTHEST, _FARTHEST)
        return found

    def parts(self, rows: np.ndarray) -> np.ndarray:
        """Return how much each number adds to a row's distance, (n, d): squared, from the mean of its neighbours."""
        scaled = self._scaled(rows)
        _, near = self._found.kneighbors(scaled, self.k)
        found: np.ndarray = np.stack([(row - self.rows[at].mean(0)) ** 2 for row, at in zip(scaled, near, strict=True)])
        return found

    def facts(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"k": self.k}

    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers by the names that they have in files."""
        named = {"shift": self.shift, "scale": self.scale, "rows": self.rows}
        return {f"memory.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in named.items()}

    @classmethod
    def from_stored(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor], width: int, where: str) -> Memory:
        """Return a memory from untrusted facts and tensors.

        Raises
        ------
        DamagedModelError
        """
        k, found = convert(facts, _Facts, where, "scorer").k, {}
        for name, sides in (("shift", 1), ("scale", 1), ("rows", 2)):
            value = tensors.get(f"memory.{name}")
            if value is None or value.dtype != torch.float64 or value.ndim != sides or value.shape[-1] != width:
                raise DamagedModelError(f"{where}: memory.{name} must be float64 with {width} numbers per row.")
            if not bool(torch.isfinite(value).all()) or (name == "scale" and not bool((value > 0).all())):
                raise DamagedModelError(f"{where}: memory.{name} must be finite, and a scale > 0.")
            found[name] = value.numpy()
        if not 1 <= k <= len(found["rows"]):
            raise DamagedModelError(f"{where}: scorer.k must be 1 to {len(found['rows'])}, found {k}.")
        return cls(found["shift"], found["scale"], found["rows"], k)
