"""Doubling and convolving in one equals the library's two steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from punar.tasks._doubling import Doubling, doubled_convolution

smp = pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4), (1, 8, 1, 7), (3, 4, 16, 2)])
def test_doubled_convolution_equals_doubling_and_convolving(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, shape[1], 3, 3, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
    found = doubled_convolution(x, weight)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    along = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(found, (x, weight), along), torch.autograd.grad(expected, (x, weight), along), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def block(skip: int) -> Any:
    torch.manual_seed(0)
    return smp.decoders.unet.decoder.UnetDecoderBlock(6, skip, 4).double().eval()


@pytest.mark.parametrize("skip", [0, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 10), (7, 9)])
def test_a_block_equals_the_librarys(skip: int, height: int, width: int) -> None:
    theirs = block(skip)
    ours = Doubling(block(skip)).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    beside = torch.randn(2, skip, height, width, dtype=torch.float64) if skip else None
    torch.testing.assert_close(
        ours(x, height, width, skip_connection=beside), theirs(x, height, width, skip_connection=beside)
    )
