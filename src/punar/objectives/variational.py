"""The variational autoencoder: a distribution over codes, and rows drawn from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.core.params import boolean, check_params, number, one_of
from punar.data.steps import are_sequences, as_missing_as, trimmed
from punar.errors import ParameterError
from punar.objectives._objective import Objective
from punar.objectives._reconstruction_terms import decoded, distance, encoded, evaluating, randomness_from

_LOG_VARIANCE_LIMIT = 14.0
_SMALLEST_VARIANCE = 1e-6
_VARIANCE_MEMORY = 50.0
_ELEMENTS_AT_ONCE = 2**22


class Variational(Objective):
    """Maximise the evidence lower bound of p(x | z) p(z) with a normal prior and a diagonal normal posterior.

    Losses are in nats per row: "reconstruction" is the negative log-likelihood, "kl" the divergence to the
    prior times ``beta`` and the warm-up.

    Parameters
    ----------
    likelihood : {"auto", "gaussian", "bernoulli"}, default="auto"
        "gaussian" has one noise variance for all columns, the best one for the current reconstructions (a
        running mean of the squared error), so that ``beta=1`` needs no tuning. "bernoulli" takes data in [0,
        1]. "auto" is "bernoulli" where the training data is all 0 and 1 or ``binarize=True``, else
        "gaussian".
    beta : float >= 0, default=1.0
        Weight of the divergence.
    warmup : float in [0, 1], default=0.1
        Share of training over which the weight rises from 0.
    binarize : bool, default=False
        With the bernoulli likelihood: entries are probabilities, and 0 or 1 is drawn with them each time a
        row is used. :meth:`encode`, :meth:`elbo` and :meth:`log_likelihood` take rows as they are.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes; Higgins et al. (2017), beta-VAE; Rybkin,
    Daniilidis and Levine (2021), Simple and effective VAE training with calibrated decoders; Salakhutdinov
    and Murray (2008), On the quantitative analysis of deep belief networks; Burda, Grosse and Salakhutdinov
    (2016), Importance weighted autoencoders.
    """

    def __init__(
        self, likelihood: str = "auto", beta: float = 1.0, warmup: float = 0.1, binarize: bool = False
    ) -> None:
        self.likelihood = likelihood
        self.beta = beta
        self.warmup = warmup
        self.binarize = binarize

    def check(self) -> None:
        """Raise where a setting breaks its rule."""
        check_params(
            self,
            {
                "likelihood": one_of("auto", "gaussian", "bernoulli"),
                "beta": number(0),
                "warmup": number(0, 1),
                "binarize": boolean(),
            },
        )
        if self.binarize and self.likelihood == "gaussian":
            raise ParameterError(
                "Variational: binarize must be False with likelihood='gaussian', got True: only Bernoulli "
                "data is 0 or 1. Use likelihood='bernoulli'."
            )

    def code_width(self, latent_dim: int) -> int:
        """Return two numbers per unit: mean and log-variance."""
        return 2 * latent_dim

    def needs_unit_range(self, binary: bool) -> bool:
        """Return whether the likelihood is Bernoulli."""
        return self._is_bernoulli(binary)

    def build(self, latent_dim: int, input_shape: tuple[int, ...], *, binary: bool) -> nn.Module:
        """Return the likelihood's state: for "gaussian" the buffer ``noise_variance``."""
        return _Likelihood(latent_dim, bernoulli=self._is_bernoulli(binary))

    def losses(
        self, net: nn.Module, batch: Tensor, *, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return {"reconstruction", "kl"} in nats per row."""
        batch = trimmed(batch)
        if self.binarize:
            draw = torch.rand(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
            batch = as_missing_as((draw < batch).to(batch.dtype), batch)
        state: Any = net.objective
        with randomness_from(generator, net):
            mean, log_variance = _posterior(net, batch)
            raw = decoded(net, _draw(mean, log_variance, generator), batch)
        if net.training:
            state.follow(raw.detach(), batch)
        warm = min(1.0, progress / self.warmup) if self.warmup > 0 else 1.0
        return {
            "reconstruction": -state.log_prob(raw, batch).mean(),
            "kl": self.beta * warm * _kl(mean, log_variance).mean(),
        }

    def encode(self, net: nn.Module, batch: Tensor) -> Tensor:
        """Return the posterior mean of each row."""
        with evaluating(net):
            return _posterior(net, batch)[0]

    def decode(self, net: nn.Module, code: Tensor) -> Tensor:
        """Return the mean of the likelihood at each code."""
        state: Any = net.objective
        with evaluating(net):
            raw = decoded(net, code)
        return torch.sigmoid(raw) if state.bernoulli else raw

    def distribution(self, net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of each row's posterior, both (n, latent_dim)."""
        with evaluating(net):
            mean, log_variance = _posterior(net, x)
        return mean, torch.exp(0.5 * log_variance)

    def sample(self, net: nn.Module, n: int, *, generator: torch.Generator) -> Tensor:
        """Return ``n`` new rows in the scaled space: the likelihood's means at codes drawn from the prior."""
        state: Any = net.objective
        code = torch.randn((n, state.latent_dim), generator=generator, device=generator.device)
        return self.decode(net, code)

    def elbo(self, net: nn.Module, x: Tensor, *, generator: torch.Generator, samples: int = 1) -> Tensor:
        """Return the evidence lower bound of each row with beta 1, in nats of the scaled space, (n,).

        Parameters
        ----------
        x : Tensor of shape (n, *input_shape)
        samples : int, default=1
            Codes drawn per row.
        """
        with evaluating(net), torch.no_grad():
            mean, log_variance = _posterior(net, x)
            total = x.new_zeros(len(x), dtype=torch.float64)
            for log_likelihood, _, _ in _drawn(net, x, mean, log_variance, generator, samples):
                total += log_likelihood.double().sum(0)
            return (total / samples - _kl(mean, log_variance)).to(x.dtype)

    def log_likelihood(self, net: nn.Module, x: Tensor, *, generator: torch.Generator, samples: int = 100) -> Tensor:
        """Return the importance-weighted log-likelihood of each row, in nats of the scaled space, (n,).

        It grows with ``samples`` on average, from the evidence lower bound at 1 towards log p(x).

        Parameters
        ----------
        x : Tensor of shape (n, *input_shape)
        samples : int, default=100
            Codes drawn per row; drawn and decoded in chunks, so that memory stays bounded.
        """
        with evaluating(net), torch.no_grad():
            mean, log_variance = _posterior(net, x)
            total = x.new_full((len(x),), -math.inf, dtype=torch.float64)
            for log_likelihood, code, noise in _drawn(net, x, mean, log_variance, generator, samples):
                # log p(z) - log q(z | x); the normal constants cancel.
                ratio = 0.5 * (noise**2 - code**2 + log_variance).sum(-1)
                total = torch.logaddexp(total, torch.logsumexp((log_likelihood + ratio).double(), 0))
            return (total - math.log(samples)).to(x.dtype)

    def _is_bernoulli(self, binary: bool) -> bool:
        return self.likelihood == "bernoulli" or (self.likelihood == "auto" and (binary or self.binarize))


class _Likelihood(nn.Module):
    """p(x | z), given the decoder's raw output."""

    noise_variance: Tensor
    steps: Tensor

    def __init__(self, latent_dim: int, *, bernoulli: bool) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.bernoulli = bernoulli
        if not bernoulli:
            self.register_buffer("noise_variance", torch.ones(()))
            self.register_buffer("steps", torch.zeros(()))

    def follow(self, raw: Tensor, target: Tensor) -> None:
        """Move the noise variance towards the batch's mean squared error, which is its best value there."""
        if self.bernoulli:
            return
        self.steps.add_(1.0)
        share = 1.0 / self.steps.clamp_max(_VARIANCE_MEMORY)
        self.noise_variance.lerp_(distance(raw, target, "mse"), share).clamp_min_(_SMALLEST_VARIANCE)

    def log_prob(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return log p(target | raw) summed over each row; leading dimensions of ``raw`` broadcast."""
        dims = tuple(range(raw.dim() - target.dim() + 1, raw.dim()))
        if are_sequences(target):
            return self._log_prob_of_sequences(raw, target, dims)
        if self.bernoulli:
            return -F.binary_cross_entropy_with_logits(
                raw, target.clamp(0.0, 1.0).expand_as(raw), reduction="none"
            ).sum(dims)
        columns = target[0].numel() if len(target) else math.prod(target.shape[1:])
        constant = 0.5 * columns * torch.log(2 * math.pi * self.noise_variance)
        return -((raw - target) ** 2).sum(dims) / (2 * self.noise_variance) - constant

    def _log_prob_of_sequences(self, raw: Tensor, target: Tensor, dims: tuple[int, ...]) -> Tensor:
        """Return the same over what is not NaN."""
        missing = target.isnan()
        # NaN goes before anything is multiplied: zero times NaN would be the gradient.
        target = target.masked_fill(missing, 0.0)
        if self.bernoulli:
            each = F.binary_cross_entropy_with_logits(raw, target.clamp(0.0, 1.0).expand_as(raw), reduction="none")
            return -each.masked_fill(missing, 0.0).sum(dims)
        squares = ((raw - target).masked_fill(missing, 0.0) ** 2).sum(dims)
        constant = 0.5 * (~missing).sum((1, 2)) * torch.log(2 * math.pi * self.noise_variance)
        return -squares / (2 * self.noise_variance) - constant


def _posterior(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = encoded(net, x).chunk(2, dim=1)
    # A soft limit keeps the deviation within e**-7 and e**7 and the gradient alive.
    return mean, _LOG_VARIANCE_LIMIT * torch.tanh(log_variance / _LOG_VARIANCE_LIMIT)


def _draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + torch.exp(0.5 * log_variance) * noise


def _kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) summed over units, (n,)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(1)


def _drawn(
    net: nn.Module, x: Tensor, mean: Tensor, log_variance: Tensor, generator: torch.Generator, samples: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield log p(x | z) of shape (s, n), z and its standard normal noise, ``samples`` per row in all."""
    state: Any = net.objective
    at_once = max(1, _ELEMENTS_AT_ONCE // max(x.numel(), 1))
    deviation = torch.exp(0.5 * log_variance)
    for done in range(0, samples, at_once):
        count = min(at_once, samples - done)
        noise = torch.randn((count, *mean.shape), generator=generator, device=x.device, dtype=x.dtype)
        code = mean + deviation * noise
        raw = decoded(net, code.flatten(0, 1), x).reshape(count, *x.shape)
        yield state.log_prob(raw, x), code, noise
