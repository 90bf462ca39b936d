"""The contract of a network shape, and the module that an estimator trains.

A network is a recipe: settings only, cheap to clone, never weights. To add one, add one file here whose class is
the file's name in CamelCase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor, nn


class Network(BaseEstimator, ABC):
    """Builds an encoder and a decoder for one input shape.

    Subclasses only store their settings in ``__init__`` and check them in :meth:`check`.

    Attributes
    ----------
    pictures_only : bool
        Whether rows must be pictures; an estimator then reads 3-D floats as pictures too.
    sequences_only : bool
        Whether rows must be sequences of shape ``(steps, channels)``, as no other network's are. They have NaN after
        each one's end and where values are missing; the encoder takes any number of steps, and the decoder a second
        argument, how many steps to give: at most those of ``input_shape``, which is what it gives without it.
    """

    pictures_only: ClassVar[bool] = False
    sequences_only: ClassVar[bool] = False

    @abstractmethod
    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise :class:`punar.errors.ParameterError` where a setting breaks its rule or cannot take this shape.

        Parameters
        ----------
        input_shape : tuple of int
            One row without the batch: ``(features,)``, ``(channels, height, width)`` or ``(steps, channels)``.
        """

    @abstractmethod
    def build_encoder(self, input_shape: tuple[int, ...], code_width: int) -> nn.Module:
        """Return a module from ``(batch, *input_shape)`` to ``(batch, code_width)``."""

    @abstractmethod
    def build_decoder(self, latent_dim: int, input_shape: tuple[int, ...]) -> nn.Module:
        """Return a module from ``(batch, latent_dim)`` to ``(batch, *input_shape)``, without an output squashing."""


class Centre(nn.Module):
    """Subtracts a fixed row, such as the training mean.

    Parameters
    ----------
    row : Tensor of shape (*input_shape)
    """

    def __init__(self, row: Tensor) -> None:
        super().__init__()
        self.row: Tensor
        self.register_buffer("row", row.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x - row``."""
        return x - self.row


class ThenCentre(nn.Sequential):
    """A decoder and the :class:`Centre` after it; further arguments are the decoder's."""

    def forward(self, code: Tensor, *further: int) -> Tensor:
        """Return the decoder's output, moved."""
        decoder, centre = self
        moved: Tensor = centre(decoder(code, *further))
        return moved


class AutoencoderModule(nn.Module):
    """Encoder, decoder and what the objective learns besides them.

    Parameters
    ----------
    encoder, decoder : nn.Module
        From a :class:`Network`.
    objective : nn.Module
        From an objective's ``build``: its own parameters and buffers; may be empty.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, objective: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.objective = objective

    def forward(self, x: Tensor) -> Tensor:
        """Return the decoder's raw output for ``x``, before the objective's link function."""
        return self.decoder(self.encoder(x))
