"""How badly an autoencoder of the usual rows reconstructs a row, and how far its code is from theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from punar.errors import DamagedModelError
from punar.estimators.autoencoder import Autoencoder

_KEPT_VARIANCE, _WIDEST = 0.9, 64
_PREFIX = "autoencoder."
_RIDGE = 1e-6
_FARTHEST = 1e4  # deviations: what is farther is as odd, and a network's numbers stay finite


class Reconstruction:
    """An autoencoder, and what is usual of its errors and codes.

    The score is that of a Gaussian model around the rows that the decoder writes: the squared error over its usual
    size, and the squared Mahalanobis distance of the code. The error alone misses what is extreme in a usual way.

    Parameters
    ----------
    autoencoder : Autoencoder
        Fitted.
    scale : ndarray of shape (d,)
        Deviation of each number.
    noise : float
        Mean squared error of a scaled number.
    middle : ndarray of shape (d,)
        Mean of each number.
    centre : ndarray of shape (latent_dim,)
    precision : ndarray of shape (latent_dim, latent_dim)
        Of the codes.

    References
    ----------
    Jackson and Mudholkar (1979). Control procedures for residuals associated with principal component analysis.
    Technometrics 21. (error and distance inside the model)
    Tipping and Bishop (1999). Probabilistic principal component analysis. J. of the Royal Statistical Society B 61.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        scale: np.ndarray,
        noise: float,
        middle: np.ndarray,
        centre: np.ndarray,
        precision: np.ndarray,
    ) -> None:
        self.autoencoder, self.scale, self.noise, self.middle = autoencoder, scale, noise, middle
        self.centre, self.precision = centre, precision

    @classmethod
    def of(cls, rows: np.ndarray, shape: tuple[int, ...], autoencoder: Autoencoder, *, each: bool) -> Reconstruction:
        """Return an autoencoder fitted to rows (n, d), which have ``shape`` each, and what is usual of them."""
        autoencoder.fit(rows.reshape(len(rows), *shape))
        deviation = rows.std(0)
        scale = deviation if each else np.full_like(deviation, np.sqrt((deviation**2).mean()))
        scale = np.where(scale > 0, scale, 1.0)
        found = cls(autoencoder, scale, 1.0, rows.mean(0), np.zeros(0), np.zeros((0, 0)))
        found.noise = max(float(found.parts(rows).mean()), _RIDGE)
        codes = found._codes(rows)
        found.centre = codes.mean(0)
        covariance = np.atleast_2d(np.cov(codes, rowvar=False)) if len(codes) > 1 else np.eye(codes.shape[1])
        ridge = _RIDGE * max(float(np.trace(covariance)) / len(covariance), _RIDGE)
        found.precision = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
        return found

    def _codes(self, rows: np.ndarray) -> np.ndarray:
        return self.autoencoder.transform(self._shaped(rows)).astype(np.float64)

    def _shaped(self, rows: np.ndarray) -> np.ndarray:
        shape = self.autoencoder._codec.layout.user_shape
        return self._within(rows).reshape(len(rows), *shape)

    def _within(self, rows: np.ndarray) -> np.ndarray:
        return rows.clip(self.middle - _FARTHEST * self.scale, self.middle + _FARTHEST * self.scale)

    def parts(self, rows: np.ndarray) -> np.ndarray:
        """Return each number's squared error in deviations, (n, d)."""
        back = np.asarray(self.autoencoder.reconstruct(self._shaped(rows)), dtype=np.float64)
        found: np.ndarray = ((back.reshape(rows.shape) - self._within(rows)) / self.scale) ** 2
        return found

    def scores(self, rows: np.ndarray, *, own: bool = False) -> np.ndarray:
        """Return each row's score; ``own`` rows are judged as others are."""
        away = self._codes(rows) - self.centre
        found: np.ndarray = self.parts(rows).sum(1) / self.noise + np.einsum("ni,ij,nj->n", away, self.precision, away)
        return found

    def facts(self) -> dict[str, Any]:
        """Return JSON values."""
        facts, _ = self.autoencoder.to_stored()
        return {"autoencoder": facts, "noise": self.noise}

    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers by the names that they have in files."""
        _, tensors = self.autoencoder.to_stored()
        own = {"scale": self.scale, "middle": self.middle, "centre": self.centre, "precision": self.precision}
        named = {f"usual.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in own.items()}
        return {f"{_PREFIX}{name}": value for name, value in tensors.items()} | named

    @classmethod
    def from_stored(
        cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor], autoencoder: Autoencoder, width: int, where: str
    ) -> Reconstruction:
        """Return the same from untrusted facts and tensors.

        Raises
        ------
        DamagedModelError
        """
        inner = facts.get("autoencoder")
        if not isinstance(inner, dict):
            raise DamagedModelError(f"{where}: scorer.autoencoder must be an object.")
        own = {n.removeprefix(_PREFIX): v for n, v in tensors.items() if n.startswith(_PREFIX)}
        autoencoder.from_stored(inner, own, where, ())
        if autoencoder._codec.layout.size != width:
            raise DamagedModelError(f"{where}: the autoencoder must read {width} numbers per row.")
        latent, noise = autoencoder.latent_dim_, facts.get("noise")
        if not isinstance(noise, (int, float)) or isinstance(noise, bool) or not 0 < noise < float("inf"):
            raise DamagedModelError(f"{where}: scorer.noise must be a number > 0.")
        found = []
        shapes = {"scale": (width,), "middle": (width,), "centre": (latent,), "precision": (latent, latent)}
        for name, shape in shapes.items():
            value = tensors.get(f"usual.{name}")
            if value is None or value.dtype != torch.float64 or tuple(value.shape) != shape:
                raise DamagedModelError(f"{where}: usual.{name} must be float64 of shape {shape}.")
            if not bool(torch.isfinite(value).all()) or (name == "scale" and not bool((value > 0).all())):
                raise DamagedModelError(f"{where}: usual.{name} must be finite, and a scale > 0.")
            found.append(value.numpy())
        scale, middle, centre, precision = found
        return cls(autoencoder, scale, float(noise), middle, centre, precision)


def usual_width(rows: np.ndarray, *, each: bool) -> int:
    """Return how many principal components hold nine tenths of the variance, 64 at most and fewer than the numbers."""
    deviation = rows.std(0)
    scaled = (rows - rows.mean(0)) / (np.where(deviation > 0, deviation, 1.0) if each else 1.0)
    if not deviation.any():
        return 1
    most = min(_WIDEST, *scaled.shape)
    shares = PCA(most, svd_solver="auto", random_state=0).fit(scaled).explained_variance_ratio_
    enough = int(np.searchsorted(np.cumsum(np.nan_to_num(shares)), _KEPT_VARIANCE)) + 1
    return max(1, min(enough, most, rows.shape[1] - 1))
