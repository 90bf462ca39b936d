"""What a backbone can show a task, by form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        Of a map: the input's side divided by the map's, rounded, at the size that the preparation makes; networks that
        pad unevenly, such as Inception v3, have sides that are no exact divisors.
    reads : tuple of int
        Positions of the plan's stages whose outputs it shows, where it reads more than the last one's.
    """

    form: str
    widths: tuple[int, ...]
    compute: Callable[[nn.Module, Mapping[str, Tensor]], Any]
    strides: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()

    def kept(self, boundary: int) -> tuple[int, ...]:
        """Return the positions of the frozen stages whose outputs, remembered together, stand for all of them.

        Parameters
        ----------
        boundary : int
            How many leading stages are frozen, at least 1.

        Returns
        -------
        tuple of int
            For :func:`punar.core.replay.replayed`, as the keys of its values: the last frozen stage, and those that
            the view itself reads. :func:`punar.backbones.prove_view` shows by running that they are enough.
        """
        read = {at for at in self.reads if at < boundary}
        if len(read) < len(self.reads) or not read:
            read.add(boundary - 1)
        return tuple(sorted(read))

    def levels(self, at: Sequence[int]) -> View:
        """Return a pyramid of some of this one's levels, by their positions."""

        def compute(module: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
            found = self.compute(module, batch)
            return tuple(found[i] for i in at)

        widths, strides, reads = (tuple(own[i] for i in at) for own in (self.widths, self.strides, self.reads))
        return View(self.form, widths, compute, strides, reads)

    @property
    def width(self) -> int:
        """Channels of a view of one level."""
        return self.widths[0]
