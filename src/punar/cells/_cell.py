"""The contract of a recurrent cell.

A cell is a recipe: settings only, cheap to clone, never weights. To add one, add one file here whose class is the
file's name in CamelCase. Layers, directions, dropout and unequal lengths are the stack's business, in
``_stack.py``.

Shapes: B sequences, T steps, D values per step, H hidden units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor, nn

from punar.errors import NotSupportedError


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

    def begin(self, module: nn.Module, hidden: Tensor) -> tuple[Tensor, ...]:
        """Return what :meth:`step` takes as the state before the first step, from a hidden state (B, H)."""
        return (hidden,)

    def step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the state after one step, its hidden state first: for decoders, whose next input hangs on it.

        From :meth:`begin` of zeros, the hidden states of all steps are those of the module's own pass. Cells that only
        encode need none.

        Parameters
        ----------
        module : nn.Module
            From :meth:`build`.
        x : Tensor of shape (B, D)
        state : tuple of Tensor
            Each (B, ...), from :meth:`begin` or :meth:`step`.

        Raises
        ------
        NotSupportedError
            The cell does not say what a single step is.
        """
        raise NotSupportedError(
            f"{type(self).__name__} has no step of its own, which a decoder needs: write its method step, or use "
            "cell='gru'."
        )
