"""Decoders of segmentation-models-pytorch on the maps of any backbone: a class score for every pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from punar.errors import MissingExtraError
from punar.tasks._doubling import Doubling

DECODERS = ("unet", "deeplabv3plus", "fpn")
_UNET = (256, 128, 64, 32, 16)  # channels of a block, the coarsest first; the library's own
_ASPP, _RATES = 256, (6, 12, 18)  # of DeepLabV3+ at an output stride of 16 (Chen et al. 2018, 4.1)
_PYRAMID, _MERGED = 256, 128  # of the FPN


class Rung(NamedTuple):
    """A map as a decoder expects it.

    Attributes
    ----------
    stride : int
        A power of two.
    level : int or None
        The level of the pyramid that it is made of; None for a map without channels.
    width : int
    """

    stride: int
    level: int | None
    width: int


def ladder(widths: Sequence[int], strides: Sequence[int]) -> list[Rung]:
    """Return the levels of a pyramid at strides that are powers of two, finest first.

    Networks that pad unevenly have strides such as 9, 18 and 37: they are taken for 8, 16 and 32. Of two levels of one
    stride the later one counts. Missing strides between 2 and the coarsest become maps without channels.
    """
    known = {2 ** round(math.log2(max(stride, 1))): at for at, stride in enumerate(strides)}
    finest = min(2, *known)
    wanted = [finest * 2**k for k in range(round(math.log2(max(known) / finest)) + 1)]
    return [Rung(stride, known.get(stride), widths[known[stride]] if stride in known else 0) for stride in wanted]


class Decoder(nn.Module):
    """A decoder and a convolution to classes, brought to the size of the picture.

    Parameters
    ----------
    name : {"unet", "deeplabv3plus", "fpn"}
    widths, strides : sequence of int
        Of the pyramid.
    classes : int

    Raises
    ------
    MissingExtraError
        segmentation-models-pytorch is not installed.
    """

    def __init__(self, name: str, widths: Sequence[int], strides: Sequence[int], classes: int) -> None:
        super().__init__()
        rungs = ladder(widths, strides)
        if name == "unet":
            self.rungs, self.decoder, width = _unet(rungs)
        elif name == "fpn":
            self.rungs, self.decoder, width = _fpn(rungs)
        else:
            self.rungs, self.decoder, width = _deeplab(rungs)
        # The library's kernels: 3 x 3 after a U-Net, which ends at full size, and 1 x 1 after the others.
        self.classify = nn.Conv2d(width, classes, 3, padding=1) if name == "unet" else nn.Conv2d(width, classes, 1)
        # As the library begins its own models: by torch's usual weights, smaller ones, a step of Adam is too long.
        initialization = library().base.initialization
        initialization.initialize_decoder(self.decoder)
        initialization.initialize_head(self.classify)
        # A fifth faster than the usual layout on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, shown: Sequence[Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return class scores (n, classes, h, w).

        Parameters
        ----------
        shown : sequence of Tensor
            The pyramid's maps, finest first.
        batch : mapping of str to Tensor
            Its "pixels" (n, channels, h, w) are asked for their shape alone.
        """
        pixels = batch["pixels"]
        sides = pixels.shape[-2:]
        maps = [_rung(shown, rung, sides) for rung in self.rungs]
        raw = self.classify(self.decoder([pixels, *maps]))
        return F.interpolate(raw, sides, mode="bilinear", align_corners=False) if raw.shape[-2:] != sides else raw


class _Deeplab(nn.Module):
    """The decoder of DeepLabV3+ on the two coarsest maps side by side: a frozen backbone cannot be dilated."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.inner = decoder

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return fused maps at the stride of the third map."""
        pixels, *fine, before, last = maps
        coarse = torch.cat([before, F.interpolate(last, before.shape[-2:], mode="bilinear", align_corners=False)], 1)
        norms = [m for m in self.inner.aspp[0].convs[-1] if isinstance(m, nn.BatchNorm2d)]  # type: ignore[index,union-attr]
        # One picture pooled to one pixel has no variance: a batch of one takes the statistics known so far.
        alone = [norm for norm in norms if norm.training and len(pixels) == 1]
        for norm in alone:
            norm.eval()
        try:
            found: Tensor = self.inner([pixels, pixels, *fine, coarse])
        finally:
            for norm in alone:
                norm.train()
        return found


def _unet(rungs: Sequence[Rung]) -> tuple[list[Rung], nn.Module, int]:
    smp = library()
    channels = ((_UNET[0],) * len(rungs) + _UNET)[-len(rungs) :]
    decoder = smp.decoders.unet.decoder.UnetDecoder([0, *(r.width for r in rungs)], channels, len(rungs))
    decoder.blocks = nn.ModuleList(Doubling(block) for block in decoder.blocks)
    return list(rungs), decoder, channels[-1]


def _fpn(rungs: Sequence[Rung]) -> tuple[list[Rung], nn.Module, int]:
    smp = library()
    four = _consecutive(rungs, 4)
    decoder = smp.decoders.fpn.decoder.FPNDecoder([r.width for r in four], 4, _PYRAMID, _MERGED)
    return four, decoder, _MERGED


def _deeplab(rungs: Sequence[Rung]) -> tuple[list[Rung], nn.Module, int]:
    smp = library()
    four = _consecutive(rungs, 4)
    fine, _, before, last = four
    # The library's list: picture, stride 2 (not read), stride 4, ..., the map that is pooled.
    widths = [0, 0, fine.width, before.width + last.width]
    decoder = smp.decoders.deeplabv3.decoder.DeepLabV3PlusDecoder(widths, 4, _ASPP, _RATES, 16, True, 0.5)
    return [fine, before, last], _Deeplab(decoder), _ASPP


def _consecutive(rungs: Sequence[Rung], count: int) -> list[Rung]:
    """Return ``count`` rungs, each twice as coarse as the one before and the last one as coarse as the network goes.

    Those that it has no level for are made of the nearest. Where it does not go that far they begin at stride 1.
    """
    filled = [r for r in rungs if r.level is not None]
    first = max(1, filled[-1].stride // 2 ** (count - 1))
    found = []
    for k in range(count):
        stride = first * 2**k
        near = min(filled, key=lambda r: (abs(math.log2(r.stride / stride)), r.stride))
        found.append(Rung(stride, near.level, near.width))
    return found


def _rung(shown: Sequence[Tensor], rung: Rung, sides: Sequence[int]) -> Tensor:
    """Return a map at the exact size of its stride."""
    size = [-(-side // rung.stride) for side in sides]
    if rung.level is None:
        return shown[0].new_zeros(len(shown[0]), 0, *size)
    value = shown[rung.level]
    return value if list(value.shape[-2:]) == size else F.interpolate(value, size, mode="bilinear", align_corners=False)


def library() -> Any:
    """Return segmentation-models-pytorch."""
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise MissingExtraError(
            "task='segmentation' needs segmentation-models-pytorch: pip install 'punar[vision]'."
        ) from error
    return smp
