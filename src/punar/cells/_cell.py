"""The contract of a recurrent cell.

A cell is a recipe: settings only, cheap to clone, never weights. To add one, add one file here whose class is the
file's name in CamelCase. Layers, directions, dropout and unequal lengths are the stack's business, in
``_stack.py``.

Shapes: B sequences, T steps, D values per step, H hidden units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.cells import _encoder
from punar.cells._encoder import Encoder
from punar.cells._stack import Stack
from punar.errors import ParameterError


class Cell(BaseEstimator, ABC):
    """Builds one recurrent layer of one direction, and opens it to view.

    Subclasses only store their settings in ``__init__`` and check them in :meth:`check`.

    Attributes
    ----------
    gates : int
        How many gates a step has: 0 for a plain recurrent network, 3 for an LSTM.
    """

    gates: ClassVar[int]

    @abstractmethod
    def check(self) -> None:
        """Raise :class:`punar.errors.ParameterError` where a setting breaks its rule."""

    @abstractmethod
    def build(self, input_width: int, hidden_size: int) -> nn.Module:
        """Return a module from (B, T, D) to hidden states (B, T, H).

        It starts from a zero state and is causal: no state depends on a later step. First weights come from
        torch's global stream. Its forward pass draws nothing at random: parts of a batch may run side by side.

        Parameters
        ----------
        input_width : int
            D, at least 1.
        hidden_size : int
            H, at least 1.
        """

    @abstractmethod
    def look(self, module: nn.Module, x: Tensor, *, nudge: Tensor | None = None) -> dict[str, Tensor]:
        """Return what happens inside, recomputed from the module's weights.

        Parameters
        ----------
        module : nn.Module
            From :meth:`build`.
        x : Tensor of shape (B, T, D)
        nudge : Tensor of shape (B, T, H), optional
            Added to every hidden state before the next step sees it. The gradient of a loss with respect to a
            nudge of zeros is the whole derivative by each state, all later steps included.

        Returns
        -------
        dict of str to Tensor of shape (B, T, H)
            ``"hidden"``, which equals the module's output, and the cell's gates and candidates by name.
            Differentiable.
        """

    def stack(
        self,
        input_width: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> Stack:
        """Return layers of this cell, for sequences of unequal length; see :class:`Stack`.

        Parameters
        ----------
        input_width, hidden_size : int
            D, and H of every layer and direction.
        num_layers : int, default=1
        bidirectional : bool, default=False
            A second set of layers reads each sequence from its own end to its start.
        dropout : float in [0, 1), default=0.0
            Share of values dropped between layers, in training.
        layer_norm : bool, default=False
            Normalise each layer's output at each step (Ba, Kiros and Hinton, 2016).

        Raises
        ------
        ParameterError
            ``layer_norm`` over one unit, which would be constant.
        """
        if layer_norm and hidden_size == 1:
            raise ParameterError(
                f"{type(self).__name__}: hidden_size must be an integer >= 2 with layer_norm=True, got 1: a layer "
                "norm over one unit is constant. Widen the layer or use layer_norm=False."
            )
        return Stack(
            self,
            input_width,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            layer_norm=layer_norm,
        )

    def encoder(self, design: Mapping[str, Any]) -> Encoder:
        """Return what turns sequences into one vector each: embed, stack, pool.

        Parameters
        ----------
        design : mapping
            JSON values: ``width`` of a step, size of the vocabulary ``tokens`` (None where steps are numbers),
            ``hidden_size``, ``num_layers``, ``bidirectional``, ``layer_norm``, ``dropout`` and ``pooling``, one of
            "last", "mean", "max" and "attention". What else it holds is not used.

        Raises
        ------
        ValueError, KeyError, TypeError
            It is no design.
        ParameterError
            As from :meth:`stack`.
        """
        _encoder.check(design)
        return _encoder.build(self, design)
