"""Decoders on the maps of real networks: built, trained for a step, stored, loaded, equal answers."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.backbones import View
from punar.errors import MissingExtraError, NotSupportedError, ParameterError
from punar.tasks._decoders import DECODERS, Decoder, ladder
from punar.tasks.segmentation import Segmentation

pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")

EVERY = pytest.mark.parametrize("decoder", DECODERS)
PYRAMIDS = {
    "mobilenet": ((16, 24, 32, 96, 128), (2, 4, 8, 16, 32)),
    "resnet": ((64, 128, 256, 512), (4, 8, 16, 32)),
    "inception_v3": ((28, 76, 204), (9, 18, 37)),
    "googlenet": ((48, 83, 102), (8, 16, 32)),
    "starter": ((16, 48, 128), (1, 2, 4)),
    "two levels": ((8, 16), (4, 32)),
}


def maps_of(widths: Any, strides: Any, size: tuple[int, int], n: int = 2, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sides = [[max(1, round(side / stride - 0.2)) for side in size] for stride in strides]
    return [torch.randn(n, c, *s, generator=generator) for c, s in zip(widths, sides, strict=True)]


def test_rungs_are_powers_of_two_and_missing_ones_have_no_channels() -> None:
    assert [tuple(r) for r in ladder((64, 128, 256, 512), (4, 8, 16, 32))] == [
        (2, None, 0),
        (4, 0, 64),
        (8, 1, 128),
        (16, 2, 256),
        (32, 3, 512),
    ]
    assert [r.stride for r in ladder((1, 2, 3), (9, 18, 37))] == [2, 4, 8, 16, 32]
    assert [r.level for r in ladder((1, 2, 3), (1, 2, 4))] == [0, 1, 2]
    assert [r.level for r in ladder((1, 2), (4, 32))] == [None, 0, None, None, 1]


@EVERY
@pytest.mark.parametrize("name", PYRAMIDS)
def test_every_pyramid_gives_a_score_for_every_pixel(decoder: str, name: str) -> None:
    widths, strides = PYRAMIDS[name]
    head = Decoder(decoder, widths, strides, 5)
    maps = maps_of(widths, strides, (64, 96))
    batch = {"pixels": torch.zeros(2, 3, 64, 96)}
    raw = head(maps, batch)
    assert raw.shape == (2, 5, 64, 96)
    raw.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())
    # A last batch of one picture is learned from as well.
    before = {k: v.clone() for k, v in head.state_dict().items()}
    head([m[:1] for m in maps], {"pixels": batch["pixels"][:1]}).sum().backward()
    assert head.training
    assert all(m.training for m in head.modules())
    assert before.keys() == head.state_dict().keys()
    # Every level that the decoder names is read.
    head.eval()
    for rung in head.rungs:
        if rung.level is not None:
            changed = [m + (at == rung.level) for at, m in enumerate(maps)]
            assert not torch.equal(head(changed, batch), head(maps, batch)), rung


@EVERY
def test_what_lies_to_the_right_is_answered_to_the_right(decoder: str) -> None:
    """A picture that is shifted by the coarsest stride has shifted scores, where its edges are far."""
    widths, strides = PYRAMIDS["mobilenet"]
    head = Decoder(decoder, widths, strides, 3).eval()
    size = (64, 256)
    maps = [m * 0 for m in maps_of(widths, strides, size)]
    for m, s in zip(maps, strides, strict=True):
        m[:, :, :, 96 // s : 128 // s] = 1.0
    moved = [m.roll(32 // s, 3) for m, s in zip(maps, strides, strict=True)]
    batch = {"pixels": torch.zeros(2, 3, *size)}
    with torch.no_grad():
        still, shifted = head(maps, batch), head(moved, batch)

    if decoder == "unet":
        # Where no edge of the picture is near, to the bit: nothing but the network's own grid decides.
        torch.testing.assert_close(shifted[..., 120:176], still.roll(32, 3)[..., 120:176])
    profiles = [(raw - raw[..., :1]).abs().sum((0, 1, 2)) for raw in (still, shifted)]
    alike = [float((profiles[0].roll(shift) * profiles[1])[64:192].sum()) for shift in range(65)]
    # The library's own decoders stretch maps from corner to corner, by which they miss a few pixels.
    assert abs(int(np.argmax(alike)) - 32) <= (0 if decoder == "unet" else 6)


@EVERY
def test_a_head_follows_its_seed_alone(decoder: str) -> None:
    task, view = Segmentation(decoder), View("pyramid", (8, 16), lambda module, batch: None, (2, 4))
    task.values_ = [0, 1]
    before = torch.get_rng_state()
    heads = [task.build(view, seed).state_dict() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(heads[0][k], heads[1][k]) for k in heads[0])
    assert any(not torch.equal(heads[0][k], heads[2][k]) for k in heads[0])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("segmentation_models_pytorch"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'punar\[vision\]'"):
        Decoder("unet", (8, 16), (2, 4), 2)


# -- on real networks -------------------------------------------------------------------------------------------------

NETWORKS = ["timm:mobilenetv2_100", "resnet18", "vgg11", "inception_v3", "timm:efficientnet_b0"]
RNG = np.random.default_rng(0)
X = [RNG.integers(0, 256, (60, 90, 3), dtype=np.uint8) for _ in range(4)]
Y = [np.where(x[..., 0] > 127, 7, 2).astype(np.uint8) for x in X]


def one_step(network: str, decoder: str, strategy: str, size: tuple[int, int], **given: Any) -> punar.TransferLearner:
    learner = punar.TransferLearner(
        punar.backbone(network, weights=None),
        task=Segmentation(decoder, size=size),
        strategy=strategy,
        epochs=1,
        batch_size=4,
        validation_fraction=0,
        cache=False,
        device="cpu",
        random_state=0,
        **given,
    )
    return learner.fit(X, Y)


def check_stored(model: punar.TransferLearner, folder: Path) -> None:
    found = model.predict(X)
    assert [m.shape for m in found] == [(60, 90)] * 4
    assert {int(v) for m in found for v in np.unique(m)} <= {2, 7}
    again = punar.load(punar.save(model, folder))
    for a, b in zip(again.predict(X), found, strict=True):
        assert np.array_equal(a, b)
    assert again.preparation_ == model.preparation_
    assert again.score(X, Y) == model.score(X, Y)


@pytest.mark.parametrize("network", ["timm:test_resnet", "timm:test_efficientnet", "starter"])
@EVERY
def test_small_networks_carry_every_decoder(decoder: str, network: str, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    check_stored(one_step(network, decoder, "fine_tuning", (64, 96), unfreeze="all"), tmp_path / "m")


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
@EVERY
def test_known_networks_carry_every_decoder(decoder: str, network: str, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    size = (96, 96) if network == "inception_v3" else (64, 96)
    check_stored(one_step(network, decoder, "scratch", size), tmp_path / "m")
    check_stored(one_step(network, decoder, "feature_extraction", size), tmp_path / "f")


def test_networks_without_maps_of_several_sizes_are_refused() -> None:
    pytest.importorskip("timm")
    with pytest.raises(NotSupportedError, match="cannot show pyramid"):
        one_step("timm:test_vit", "unet", "feature_extraction", (64, 96))
    with pytest.raises(ParameterError, match=r"decoder must be one of 'unet', .*Did you mean 'unet'"):
        one_step("starter", "Unet", "feature_extraction", (64, 96))
