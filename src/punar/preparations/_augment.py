"""Random changes of pictures that do not change what they show: scaled, turned, shifted, mirrored, lit differently.

What a change is follows torchvision.transforms.v2 (``affine``, ``horizontal_flip``, ``adjust_contrast``,
``adjust_brightness``), whose kernels move the boxes. Pictures and masks are sampled here, a batch at once, because
those kernels change one picture per call and know no reflection at the border; docs/decisions/0004-rooms.md has the
figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, overload

import torch
from torch import Tensor
from torch.nn import functional as F

from punar.core.runtime import mix
from punar.errors import MissingExtraError
from punar.preparations._preparation import Batch, Preparation

_AT_ONCE = 400_000  # numbers of some pictures, which then stay in the processor's cache
_GREY = (0.2989, 0.587, 0.114)  # of red, green and blue; ITU-R BT.601, as torchvision has it


@dataclass(frozen=True)
class _Preset:
    """How far each change may go.

    ``scale`` is the share of the picture's sides that is kept, ``shift`` a share of a side, ``turn`` degrees,
    ``light`` a factor on brightness and contrast.
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
AUGMENTATIONS = tuple(_PRESETS)


class Augmented(NamedTuple):
    """Changed pictures, and the boxes and masks that moved with them.

    Attributes
    ----------
    pixels : Tensor of shape (n, c, h, w), uint8
    boxes : list of Tensor of shape (k, 4), or None
        As many as before; what left the picture has no area.
    masks : list of Tensor of shape (..., h, w), or None
    """

    pixels: Tensor
    boxes: list[Tensor] | None
    masks: list[Tensor] | None


class _Changes(NamedTuple):
    """One change per picture, each (n,): in this order about the middle, then the mirror, then the light."""

    zoom: Tensor
    turn: Tensor  # degrees, clockwise
    right: Tensor  # shares of the width
    down: Tensor  # shares of the height
    mirrored: Tensor  # bool
    contrast: Tensor
    brightness: Tensor


@overload
def augment(pixels: Tensor, preset: str, generator: torch.Generator) -> Tensor: ...
@overload
def augment(
    pixels: Tensor,
    preset: str,
    generator: torch.Generator,
    *,
    boxes: Sequence[Tensor] | None = ...,
    masks: Sequence[Tensor] | None = ...,
) -> Augmented: ...
def augment(
    pixels: Tensor,
    preset: str,
    generator: torch.Generator,
    *,
    boxes: Sequence[Tensor] | None = None,
    masks: Sequence[Tensor] | None = None,
) -> Tensor | Augmented:
    """Return changed copies of pictures, each changed in its own way.

    Parameters
    ----------
    pixels : Tensor of shape (n, c, h, w), uint8
    preset : {"light", "strong", "light_no_mirror", "strong_no_mirror"}
        Without a mirror for what has a left and a right: text, digits, arrows.
    generator : torch.Generator
        On the CPU; the only randomness. The same pictures and state give the same changes.
    boxes : sequence of n Tensor of shape (k, 4), optional
        Of each picture: left, top, right, bottom in pixels, counted along their edges.
    masks : sequence of n Tensor of shape (..., h, w), or a Tensor of shape (n, ..., h, w), optional
        Numbers of classes, or one layer per object. What enters at the border is mirrored, as in the picture.

    Returns
    -------
    Tensor of shape (n, c, h, w), uint8
        Or, where boxes or masks were given, :class:`Augmented`.

    Raises
    ------
    MissingExtraError
        There are boxes, and torchvision is not installed.
    """
    changes = _drawn(_PRESETS[preset], len(pixels), generator)
    height, width = pixels.shape[-2:]
    theta = _theta(changes, height, width)
    changed = torch.empty_like(pixels)
    some = len(pixels) if pixels.is_cuda else max(1, _AT_ONCE // max(pixels[:1].numel(), 1))
    for start in range(0, len(pixels), some):
        at = slice(start, start + some)
        grid = _grid(theta[at], height, width, pixels.device)
        moved = F.grid_sample(pixels[at].float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        changed[at] = _lit(moved, changes.contrast[at], changes.brightness[at])
    if boxes is None and masks is None:
        return changed
    return Augmented(
        changed,
        None if boxes is None else [_moved_boxes(b, changes, i, (height, width)) for i, b in enumerate(boxes)],
        None if masks is None else [_moved_mask(m, theta[i : i + 1]) for i, m in enumerate(masks)],
    )


def _drawn(how: _Preset, n: int, generator: torch.Generator) -> _Changes:
    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    zoom, turn = 1.0 / between(*how.scale), between(-how.turn, how.turn)
    mirrored = torch.rand(n, generator=generator) < 0.5 if how.mirror else torch.zeros(n, dtype=torch.bool)
    right, down = between(-how.shift, how.shift), between(-how.shift, how.shift)
    contrast, brightness = (between(1 - how.light, 1 + how.light) for _ in range(2))
    return _Changes(zoom, turn, right, down, mirrored, contrast, brightness)


def _theta(changes: _Changes, height: int, width: int) -> Tensor:
    """Return the map from each changed picture to the given one, (n, 2, 3); both reach from -1 to 1."""
    angle = changes.turn * (math.pi / 180)
    cos, sin = angle.cos() / changes.zoom, angle.sin() / changes.zoom
    flip = 1.0 - 2.0 * changes.mirrored
    x, y = changes.right * width, changes.down * height
    # The inverse of: turn by R, zoom by z, shift by s, mirror by F. In pixels from the middle: R^-1 (F p - s) / z.
    rows = [
        torch.stack([cos * flip, sin, -cos * x - sin * y], 1),
        torch.stack([-sin * flip, cos, sin * x - cos * y], 1),
    ]
    # Pixels from the middle to [-1, 1]: half a side is 1.
    half = torch.tensor([width / 2, height / 2])
    return torch.stack(rows, 1) * torch.cat([half, torch.ones(1)]) / half[:, None]


def _grid(theta: Tensor, height: int, width: int, device: torch.device) -> Tensor:
    """Return where each pixel of the changed pictures comes from, (n, h, w, 2) in [-1, 1]."""
    return F.affine_grid(theta.to(device), [len(theta), 1, height, width], align_corners=False)


def _lit(pixels: Tensor, contrast: Tensor, brightness: Tensor) -> Tensor:
    contrast, brightness = (v.to(pixels.device).view(-1, 1, 1, 1) for v in (contrast, brightness))
    means = pixels.mean((2, 3), keepdim=True)
    if pixels.shape[1] == 3:
        grey = (means * torch.tensor(_GREY, device=pixels.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    else:
        grey = means.mean(1, keepdim=True)
    # brightness (grey + contrast (pixels - grey)), in place: a batch is large, and each pass over it counts.
    changed = pixels.mul_(contrast * brightness).add_(grey * (1.0 - contrast) * brightness)
    return changed.round_().clamp_(0, 255).to(torch.uint8)


def _moved_boxes(boxes: Tensor, changes: _Changes, i: int, canvas: tuple[int, int]) -> Tensor:
    try:
        from torchvision import tv_tensors
        from torchvision.transforms.v2 import functional as v2
    except ImportError:
        raise MissingExtraError("Boxes move by torchvision: pip install 'punar[vision]'") from None
    if len(boxes) == 0:
        return boxes
    height, width = canvas
    found = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=canvas)
    shift = [float(changes.right[i]) * width, float(changes.down[i]) * height]
    found = v2.affine(found, angle=float(changes.turn[i]), translate=shift, scale=float(changes.zoom[i]), shear=[0, 0])
    if changes.mirrored[i]:
        found = v2.horizontal_flip(found)
    return v2.clamp_bounding_boxes(found).as_subclass(Tensor)


def _moved_mask(mask: Tensor, theta: Tensor) -> Tensor:
    if mask.numel() == 0:
        return mask
    grid = _grid(theta, mask.shape[-2], mask.shape[-1], mask.device)
    layers = mask.reshape(1, -1, *mask.shape[-2:]).double()
    moved = F.grid_sample(layers, grid.double(), mode="nearest", padding_mode="reflection", align_corners=False)
    return moved.reshape(mask.shape).to(mask.dtype)


@dataclass(frozen=True)
class Variant(Preparation):
    """A preparation whose pictures are changed at random, always in the same way for the same picture.

    Parameters
    ----------
    inner : Preparation
        Of pictures.
    preset : str
        See :func:`augment`.
    number : int
        Each number is another variant of every picture.
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
        return self.inner.facts() | {"variant": [self.preset, self.number]}
