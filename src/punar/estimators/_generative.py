"""What an autoencoder has where its codes are a distribution: posteriors, bounds of the likelihood, new rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from punar.core.runtime import as_usual
from punar.models import assemble
from punar.models.codec.model import BLOCK


class Generative:
    """Methods of the variational objective, and of others that have what it has."""

    _fitted_codec: Callable[[], Any]
    _each: Callable[..., list[Any]]

    @assemble.needs_objective_with("distribution")
    def encode(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the posterior over codes, each (n, latent_dim)."""
        codec = self._fitted_codec()
        pairs = self._each("encode", X, lambda b: codec.objective.distribution(codec.module, b))
        mean, deviation = (torch.cat(part).cpu().numpy() for part in zip(*pairs, strict=True))
        return mean, deviation

    @assemble.needs_objective_with("elbo")
    def elbo(self, X: Any, *, n_samples: int = 1, random_state: int | None = 0) -> np.ndarray:
        """Return the evidence lower bound of each row, (n,), in nats, of the scaled rows."""
        return self._bound("elbo", X, n_samples, random_state)

    @assemble.needs_objective_with("log_likelihood")
    def log_likelihood(self, X: Any, *, n_samples: int = 500, random_state: int | None = 0) -> np.ndarray:
        """Return the importance-weighted log-likelihood of each row, (n,), in nats, of the scaled rows.

        A lower bound that tightens with ``n_samples`` (Burda, Grosse and Salakhutdinov 2016).
        """
        return self._bound("log_likelihood", X, n_samples, random_state)

    @assemble.needs_objective_with("sample")
    def sample(self, n_samples: int = 1, *, random_state: int | None = None) -> np.ndarray:
        """Return new rows drawn from the prior and decoded, in the input's units and shape."""
        codec = self._fitted_codec()
        generator = assemble.sampler(self, "sample", n_samples, random_state, codec.device)
        counts = [min(BLOCK, n_samples - done) for done in range(0, n_samples, BLOCK)]
        with as_usual(), torch.no_grad():
            rows = [codec.objective.sample(codec.module, n, generator=generator) for n in counts]
            return codec.as_given(None, np.concatenate([codec.to_user(block) for block in rows]), "sample")

    def _bound(self, name: str, X: Any, n_samples: int, random_state: int | None) -> np.ndarray:
        codec = self._fitted_codec()
        generator = assemble.sampler(self, name, n_samples, random_state, codec.device)
        method = getattr(codec.objective, name)
        found = self._each(
            name, X, lambda b: method(codec.module, b, generator=generator, samples=n_samples), repeats=n_samples
        )
        return torch.cat(found).cpu().numpy()
