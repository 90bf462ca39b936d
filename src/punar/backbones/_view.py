"""What a backbone can show a task, by form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

FORMS = ("vector", "tokens", "map", "pyramid", "native")


class Tokens(NamedTuple):
    """A value for each token or step, at the rate of the network's output.

    Attributes
    ----------
    values : Tensor of shape (n, t, width)
    mask : Tensor of bool, (n, t)
        True where a token is the item's own, not padding.
    """

    values: Tensor
    mask: Tensor


@dataclass(frozen=True)
class View:
    """One form of what a network shows.

    Attributes
    ----------
    form : {"vector", "tokens", "map", "pyramid", "native"}
        ``vector``: (n, width), pooled. ``tokens``: :class:`Tokens`. ``map``: (n, width, h, w). ``pyramid``: a tuple of
        maps of falling size, the outputs of the stages. ``native``: what the library's own model with its head or
        decoder gives.
    widths : tuple of int
        Channels: one number, or one for each level of a pyramid; empty for ``native``.
    compute : callable
        ``compute(module, batch)`` -> what ``form`` says.
    strides : tuple of int
        Pixels of the input per pixel of each map, or samples per token of a sound; empty where there is no fixed rate.
    """

    form: str
    widths: tuple[int, ...]
    compute: Callable[[nn.Module, Mapping[str, Tensor]], Any]
    strides: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Channels of a view of one level."""
        return self.widths[0]
