"""A person's own torch module as the shape of an autoencoder: what it takes and gives is found by running it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from punar.errors import ParameterError, ParameterTypeError, shown
from punar.networks._network import Network

_ROWS = 2
# What a last layer can give; rows outside of it can never be reconstructed.
_REACH: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.ReLU: (0.0, math.inf),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Softplus: (0.0, math.inf),
}


class OwnModules(Network):
    """An encoder and a decoder of one's own.

    Copies are trained: the modules themselves stay as they are, and their weights are what training begins with.
    Rows and codes may be flat or maps: a module that takes flat rows is given them so, and a code of maps is flattened.

    Parameters
    ----------
    module : nn.Module or tuple of (nn.Module, nn.Module)
        With ``encoder`` and ``decoder``; or the two. What else its ``forward`` does is not used.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def pair(self) -> tuple[nn.Module, nn.Module]:
        """The encoder and the decoder.

        Raises
        ------
        ParameterTypeError
            There are no such modules.
        """
        found = self.module
        if not isinstance(found, (tuple, list)):
            found = (getattr(found, "encoder", None), getattr(found, "decoder", None))
        if len(found) != 2 or not all(isinstance(part, nn.Module) for part in found):
            raise ParameterTypeError(
                "network, as a module of your own, must have the modules .encoder and .decoder, or be a pair (encoder, "
                f"decoder); got {self._named()} with {_children(self.module)}."
            )
        return found[0], found[1]

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise where the modules have nothing to train, or do not take and give rows of this shape."""
        for name, part in zip(("encoder", "decoder"), self.pair, strict=True):
            if next(part.parameters(), None) is None:
                raise ParameterError(
                    f"{self._named()}: its {name} has no parameters, so there is nothing to train in it. Give it a "
                    "layer such as torch.nn.Linear."
                )
        self.build_decoder(self.encoder_width(input_shape), input_shape, strict=False)

    def encoder_width(self, input_shape: tuple[int, ...]) -> int:
        """Return how many numbers the encoder gives for a row."""
        return math.prod(self._code_shape(input_shape))

    def reach(self) -> tuple[float, float] | None:
        """Return the lowest and highest value that the decoder's last layer can give; None where any."""
        layers = list(_leaves(self.pair[1]))
        return next((_REACH[kind] for kind in _REACH if layers and type(layers[-1]) is kind), None)

    def build_encoder(self, input_shape: tuple[int, ...], code_width: int) -> nn.Module:
        """Return a copy of the encoder, from rows to flat codes."""
        encoder = _copied(self.pair[0])
        width = self.encoder_width(input_shape)
        if width != code_width:
            raise ParameterError(
                f"{self._named()}: its encoder gives {width} numbers per row, and the objective needs {code_width}. "
                "Change its last layer, or latent_dim."
            )
        before = [nn.Flatten()] if self._takes_flat(input_shape) else []
        after = [nn.Flatten()] if len(self._code_shape(input_shape)) > 1 else []
        return nn.Sequential(*before, encoder, *after)

    def build_decoder(self, latent_dim: int, input_shape: tuple[int, ...], *, strict: bool = True) -> nn.Module:
        """Return a copy of the decoder, from flat codes to rows.

        Parameters
        ----------
        latent_dim : int
        input_shape : tuple of int
        strict : bool, default=True
            Whether it must take codes of ``latent_dim``; else half of it will do, as objectives with a mean and a
            deviation per code have it.
        """
        code = self._code_shape(input_shape)
        decoder = _copied(self.pair[1])
        shapes = [code if len(code) > 1 and math.prod(code) == latent_dim else (latent_dim,)]
        if not strict and len(code) == 1 and latent_dim % 2 == 0:
            shapes.append((latent_dim // 2,))
        tried = [_run(decoder, shape) for shape in shapes]
        at = next((i for i, found in enumerate(tried) if isinstance(found, tuple)), None)
        if at is None:
            raise ParameterError(
                f"{self._named()}: its decoder does not take codes of shape (n, {_sides(shapes[0])}), which its "
                f"encoder gives: {tried[0]}. Let the decoder's first layer take what the encoder's last gives."
            )
        given = tried[at]
        assert isinstance(given, tuple)
        if math.prod(given) != math.prod(input_shape):
            raise ParameterError(
                f"{self._named()}: its decoder gives rows of shape ({_sides(given)}), and rows of X have the shape "
                f"({_sides(input_shape)}). Let the last layer give {math.prod(input_shape)} numbers."
            )
        before = [nn.Unflatten(1, shapes[at])] if len(shapes[at]) > 1 else []
        after = [] if given == tuple(input_shape) else [nn.Flatten(), nn.Unflatten(1, tuple(input_shape))]
        return nn.Sequential(*before, decoder, *after)

    def _takes_flat(self, shape: tuple[int, ...]) -> bool:
        return len(shape) > 1 and not isinstance(_run(self.pair[0], shape), tuple)

    def _code_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        encoder = self.pair[0]
        found = _run(encoder, shape)
        if not isinstance(found, tuple) and len(shape) > 1:
            flat = _run(encoder, (math.prod(shape),))
            found = flat if isinstance(flat, tuple) else found
        if not isinstance(found, tuple):
            raise ParameterError(
                f"{self._named()}: its encoder does not take rows of shape (n, {_sides(shape)}): {found}. Let its "
                "first layer take what a row of X has."
            )
        if math.prod(found) < 1:
            raise ParameterError(f"{self._named()}: its encoder gives no numbers: shape (n, {_sides(found)}).")
        return found

    def _named(self) -> str:
        kinds = self.module if isinstance(self.module, (tuple, list)) else [self.module]
        return f"network={', '.join(type(each).__name__ for each in kinds)}"


def _copied(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).cpu().float()


def _run(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...] | str:
    """Return the shape of a row's output, or why there is none; nothing of the module changes."""
    runs = _copied(module).eval()
    try:
        with torch.device("cpu"), torch.no_grad(), torch.random.fork_rng(devices=[]):
            found = runs(torch.zeros(_ROWS, *shape))
    except Exception as error:  # a person's own module may raise anything
        return shown(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__, 200)
    if not isinstance(found, Tensor):
        return f"it gives {type(found).__name__} instead of one tensor"
    if found.dim() < 2 or found.shape[0] != _ROWS or not found.is_floating_point():
        return f"it gives a tensor {tuple(found.shape)} of {found.dtype} for {_ROWS} rows"
    return tuple(found.shape[1:])


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    inner = list(module.children())
    if not inner:
        yield module
    for child in inner:
        yield from _leaves(child)


def _children(module: Any) -> str:
    if isinstance(module, nn.Module):
        return ", ".join(name for name, _ in module.named_children()) or "no children"
    return f"{len(module)} entries" if isinstance(module, (tuple, list)) else "no children"


def _sides(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
