"""The contract of an objective: what an autoencoder is trained for.

An objective is a recipe: settings only, never weights. What it learns or counts besides the network lives in the
module that :meth:`Objective.build` returns, which the estimator keeps as ``net.objective``. To add an objective,
add one file here whose class is the file's name in CamelCase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn


class Objective(BaseEstimator, ABC):
    """Turns a batch into named loss terms, and codes into rows.

    ``net`` is always a module with the attributes ``encoder``, ``decoder`` and ``objective``; ``batch`` and codes are
    float32 tensors in the *scaled* space, (n, *input_shape) and (n, latent_dim).

    Sequences, (n, steps, channels), have NaN after each one's end and where a value is missing: losses are over what
    is not NaN. Their decoder takes a second argument, how many steps to give; without it, all.
    """

    @abstractmethod
    def check(self) -> None:
        """Raise :class:`punar.errors.ParameterError` where a setting breaks its rule."""

    def code_width(self, latent_dim: int) -> int:
        """Return how many numbers the encoder puts out per row."""
        return latent_dim

    def needs_unit_range(self, binary: bool) -> bool:
        """Return whether targets must lie in [0, 1]; ``binary`` says that the training data is all 0 and 1."""
        return False

    def build(self, latent_dim: int, input_shape: tuple[int, ...], *, binary: bool) -> nn.Module:
        """Return the module with the objective's own parameters and buffers (empty by default)."""
        return nn.Module()

    @abstractmethod
    def losses(
        self, net: nn.Module, batch: Tensor, *, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return named scalar terms; their sum is what is minimised.

        Parameters
        ----------
        net : nn.Module
            In training mode during training, in eval mode for validation.
        batch : Tensor of shape (n, *input_shape)
        progress : float in [0, 1]
            Share of the planned training that is done; 1 in validation, so that validation losses compare.
        generator : torch.Generator
            The only source of randomness, on the batch's device.
        """

    @abstractmethod
    def encode(self, net: nn.Module, batch: Tensor) -> Tensor:
        """Return the code of each row, (n, latent_dim), without randomness."""

    @abstractmethod
    def decode(self, net: nn.Module, code: Tensor) -> Tensor:
        """Return the reconstruction in the scaled space, (n, *input_shape), link function applied."""

    def epoch_end(self, net: nn.Module, *, progress: float, generator: torch.Generator) -> None:
        """Act between epochs, on weights or counters. Nothing by default."""
