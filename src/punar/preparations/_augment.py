"""Random changes of pictures that do not change what they show: shifted, scaled, turned, mirrored, lit differently."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from punar.core.runtime import mix
from punar.preparations._preparation import Batch, Preparation


@dataclass(frozen=True)
class _Preset:
    """How far each change may go.

    ``scale`` is the share of the shorter side that is kept, ``shift`` a share of a side, ``turn`` degrees, ``light``
    a factor on brightness and contrast.
    """

    scale: tuple[float, float]
    shift: float
    turn: float
    light: float
    mirror: bool


_PRESETS = {
    "light": _Preset((0.85, 1.05), 0.06, 5.0, 0.1, True),
    "light_no_mirror": _Preset((0.85, 1.05), 0.06, 5.0, 0.1, False),
    "strong": _Preset((0.5, 1.1), 0.12, 15.0, 0.3, True),
    "strong_no_mirror": _Preset((0.5, 1.1), 0.12, 15.0, 0.3, False),
}
NAMES = tuple(_PRESETS)


def augment(pixels: Tensor, preset: str, generator: torch.Generator) -> Tensor:
    """Return changed copies of pictures, each changed in its own way.

    Parameters
    ----------
    pixels : Tensor of shape (n, c, h, w), uint8
    preset : {"light", "strong", "light_no_mirror", "strong_no_mirror"}
        Without a mirror for what has a left and a right: text, digits, arrows.
    generator : torch.Generator
        On the CPU; the only randomness.

    Returns
    -------
    Tensor of shape (n, c, h, w), uint8
    """
    how, n = _PRESETS[preset], len(pixels)

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    scale, angle = between(*how.scale), between(-how.turn, how.turn) * (math.pi / 180)
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0) if how.mirror else torch.ones(n)
    shift = torch.stack([between(-how.shift, how.shift), between(-how.shift, how.shift)], 1) * 2
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([torch.stack([flip * cos, -sin], 1), torch.stack([flip * sin, cos], 1)], 1)
    theta = torch.cat([theta, shift[:, :, None]], 2).to(pixels.device)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    contrast = between(1 - how.light, 1 + how.light).to(pixels.device).view(-1, 1, 1, 1)
    brightness = between(1 - how.light, 1 + how.light).to(pixels.device).view(-1, 1, 1, 1)
    middle = moved.mean((1, 2, 3), keepdim=True)
    return ((moved - middle) * contrast + middle * brightness).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class View(Preparation):
    """A preparation whose pictures are changed at random, always in the same way for the same picture.

    Parameters
    ----------
    inner : Preparation
        Of pictures.
    preset : str
        See :func:`augment`.
    number : int
        Each number is another view.
    """

    inner: Preparation
    preset: str
    number: int

    domain: ClassVar[str] = "vision"

    def check(self, X: Any, where: str) -> Sequence[Any]:
        """As the inner preparation."""
        return self.inner.check(X, where)

    def loaded(self, item: Any) -> Any:
        """As the inner preparation."""
        return self.inner.loaded(item)

    def content(self, item: Any) -> bytes:
        """As the inner preparation."""
        return self.inner.content(item)

    def prepare(self, item: Any) -> Tensor:
        """Return the changed picture."""
        pixels = self.inner.prepare(item)
        seed = mix(int(pixels.to(torch.int64).sum()), self.number)
        return augment(pixels[None], self.preset, torch.Generator().manual_seed(seed))[0]

    def collate(self, prepared: Sequence[Tensor], bucket: int) -> Batch:
        """As the inner preparation."""
        return self.inner.collate(prepared, bucket)

    def blank(self, bucket: int) -> Tensor:
        """As the inner preparation."""
        return self.inner.blank(bucket)

    def facts(self) -> dict[str, Any]:
        """Return the inner facts, preset and number."""
        return self.inner.facts() | {"view": [self.preset, self.number]}
