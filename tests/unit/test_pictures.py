"""Pictures are brought to a network's facts, whatever they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError
from punar.preparations import AUGMENTATIONS, Variant, augment
from punar.preparations.pictures import Pictures

FACTS = Pictures(size=(32, 32), crop=1.0)
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "item",
    [
        COLOUR,
        COLOUR[..., 0],
        COLOUR[..., :1],
        COLOUR / 255,
        np.dstack([COLOUR, np.full((40, 50), 128, np.uint8)]),
        Image.fromarray(COLOUR).convert("L"),
        Image.fromarray(COLOUR).convert("P"),
        Image.fromarray(COLOUR).convert("CMYK"),
        np.zeros((1, 1), np.uint8),
        np.zeros((1, 3000), np.uint8),
    ],
    ids=["rgb", "grey", "grey1", "float", "alpha", "L", "P", "CMYK", "one pixel", "very long"],
)
def test_every_kind_of_picture_becomes_three_channels_of_the_size(item):
    (checked,) = FACTS.check([item], "t")
    prepared = FACTS.prepare(checked)
    assert prepared.dtype == torch.uint8
    assert prepared.shape == (3, 32, 32)
    assert FACTS.collate([prepared], 0)["pixels"].shape == (1, 3, 32, 32)


def test_normalisation_is_the_usual_arithmetic():
    prepared = FACTS.prepare(COLOUR)
    wanted = (prepared / 255 - torch.tensor(FACTS.mean)[:, None, None]) / torch.tensor(FACTS.std)[:, None, None]
    torch.testing.assert_close(FACTS.collate([prepared], 0)["pixels"][0], wanted, atol=1e-5, rtol=1e-5)


def test_resize_and_crop_are_those_of_torchvision(tmp_path):
    pytest.importorskip("torchvision")
    from torchvision.transforms import functional as F

    picture = Image.fromarray(RNG.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    wanted = F.pil_to_tensor(F.center_crop(F.resize(picture, 256), 224))
    assert torch.equal(Pictures().prepare(picture), wanted)


def test_the_exif_tag_turns_a_picture(tmp_path):
    left_dark = np.zeros((32, 32, 3), np.uint8)
    left_dark[:, 16:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees, clockwise
    Image.fromarray(left_dark).save(tmp_path / "a.png", exif=exif)
    turned = FACTS.prepare(tmp_path / "a.png")
    assert turned[:, :12].float().mean() < 1
    assert turned[:, 20:].float().mean() > 254


def test_one_byte_of_a_file_or_array_changes_its_content(tmp_path):
    other = COLOUR.copy()
    other[3, 4, 1] ^= 1
    assert FACTS.content(COLOUR) != FACTS.content(other)
    assert FACTS.content(COLOUR) != FACTS.content(COLOUR.reshape(50, 40, 3))
    Image.fromarray(COLOUR).save(tmp_path / "a.bmp")
    before = FACTS.content(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.bmp").write_bytes(data)
    assert FACTS.content(tmp_path / "a.bmp") != before


def test_broken_files_are_bad_items_with_a_reason(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("cut.jpg", "text.jpg", "empty.png"):
        with pytest.raises(BadItem, match=r"truncated|not a picture"):
            FACTS.prepare(tmp_path / name)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (40_000, 40_000)).save(tmp_path / "bomb.png")
    with pytest.raises(BadItem, match="more than 100,000,000 pixels"):
        FACTS.prepare(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("X", "kind", "text"),
    [
        ("a.jpg", DataTypeError, "got one path"),
        ([], DataError, "0 sample"),
        (["no/such.jpg"], DataError, r"X\[0\] must be an existing picture file"),
        ([COLOUR, 3], DataTypeError, r"X\[1\] must be a path"),
        ([np.full((4, 4), 300.0)], DataError, r"in \[0, 1\]"),
        ([np.full((4, 4), np.nan)], DataError, "NaN"),
        ([np.zeros((4, 4, 7))], DataError, "must have shape"),
        (np.zeros((5, 6)), DataError, "reshape"),
        (7, DataTypeError, "must be a list of paths"),
    ],
)
def test_what_is_no_picture_is_named(X, kind, text):
    with pytest.raises(kind, match=text):
        FACTS.check(X, "fit")


def test_facts_survive_json():
    assert Pictures.from_facts(FACTS.facts()) == FACTS


@pytest.mark.parametrize("preset", AUGMENTATIONS)
def test_augmentation_follows_its_generator_alone(preset):
    pixels = torch.stack([FACTS.prepare(COLOUR)] * 4)
    one, two = (augment(pixels, preset, torch.Generator().manual_seed(s)) for s in (1, 1))
    other = augment(pixels, preset, torch.Generator().manual_seed(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])  # each picture in its own way
    assert one.dtype == torch.uint8


def test_a_variant_is_the_same_every_time_and_differs_from_the_next():
    first, again, second = (Variant(FACTS, "strong", k).prepare(COLOUR) for k in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert Variant(FACTS, "strong", 0).facts() != Variant(FACTS, "strong", 1).facts()


def smooth(n, height=48, width=64):
    """Return pictures without sharp edges, whose changed copies stay between black and white."""
    coarse = torch.rand(n, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (fine * 60 + 90).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("preset", AUGMENTATIONS)
def test_pictures_change_as_torchvision_changes_them(preset):
    pytest.importorskip("torchvision")
    from torchvision.transforms.v2 import functional as v2

    from punar.preparations import _augment

    pixels = smooth(12)
    ours = augment(pixels, preset, torch.Generator().manual_seed(5))
    changes = _augment._drawn(_augment._PRESETS[preset], 12, torch.Generator().manual_seed(5))
    for i, picture in enumerate(pixels):
        shift = [float(changes.right[i]) * 64, float(changes.down[i]) * 48]
        theirs = v2.pad(picture.float() / 255, [40, 40], padding_mode="symmetric")
        theirs = v2.affine(
            theirs,
            angle=float(changes.turn[i]),
            translate=shift,
            scale=float(changes.zoom[i]),
            shear=[0, 0],
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        theirs = v2.center_crop(theirs, [48, 64])
        theirs = v2.horizontal_flip(theirs) if changes.mirrored[i] else theirs
        theirs = v2.adjust_contrast(theirs, float(changes.contrast[i]))
        theirs = v2.adjust_brightness(theirs, float(changes.brightness[i]))
        assert (ours[i].float() - 255 * theirs).abs().max() < 0.75


@pytest.mark.parametrize("preset", AUGMENTATIONS)
def test_boxes_and_masks_move_with_the_picture(preset):
    pytest.importorskip("torchvision")
    n = 40
    pixels = torch.zeros(n, 3, 80, 100, dtype=torch.uint8)
    pixels[:, :, 30:50, 55:70] = 255
    masks = (pixels[:, 0] > 0).to(torch.int64) * 7
    boxes = [torch.tensor([[55.0, 30.0, 70.0, 50.0]])] * n
    found = augment(pixels, preset, torch.Generator().manual_seed(1), boxes=boxes, masks=masks)
    assert torch.equal(found.pixels, augment(pixels, preset, torch.Generator().manual_seed(1)))
    sides = set()
    for picture, mask, (box,) in zip(found.pixels, found.masks, found.boxes, strict=True):
        level = picture[0].float() - picture[0].min()
        drawn = level > 0.5 * level.max()
        assert mask.dtype == torch.int64
        assert set(mask.unique().tolist()) == {0, 7}
        assert (drawn != (mask == 7)).float().sum() <= 0.1 * drawn.sum()  # along the edges alone
        rows, columns = torch.nonzero(drawn, as_tuple=True)
        drawn_box = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (drawn_box[:2] >= box[:2] - 1).all()
        assert (drawn_box[2:] <= box[2:] + 1).all()
        assert (drawn_box - box).abs().max() <= 2  # a turned rectangle touches its box with its corners
        sides.add(bool(columns.float().mean() < 50))
    assert sides == ({False} if preset.endswith("no_mirror") else {True, False})


def test_objects_outside_the_picture_keep_their_place_in_the_list():
    pytest.importorskip("torchvision")
    pixels = torch.zeros(30, 1, 40, 40, dtype=torch.uint8)
    boxes = [torch.tensor([[0.0, 0.0, 2.0, 2.0], [10.0, 10.0, 30.0, 30.0]]), torch.zeros(0, 4)] * 15
    masks = [torch.ones(2, 40, 40, dtype=torch.bool), torch.zeros(0, 40, 40, dtype=torch.bool)] * 15
    found = augment(pixels, "strong", torch.Generator().manual_seed(0), boxes=boxes, masks=masks)
    assert [b.shape for b in found.boxes] == [b.shape for b in boxes]
    assert [(m.shape, m.dtype) for m in found.masks] == [(m.shape, m.dtype) for m in masks]
    every = torch.cat(found.boxes)
    assert every.min() >= 0
    assert every.max() <= 40
    assert (every[::2, 2:] <= every[::2, :2]).any()  # without area
    assert found.pixels.shape == pixels.shape


def test_augmentation_touches_no_global_generator():
    before = torch.get_rng_state()
    augment(smooth(3), "strong", torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())


def test_many_pictures_change_as_a_few_do(monkeypatch):
    from punar.preparations import _augment

    pixels = smooth(7)
    one, two = (augment(pixels, "strong", torch.Generator().manual_seed(1)) for _ in range(2))
    monkeypatch.setattr(_augment, "_AT_ONCE", 2 * pixels[0].numel())
    some = augment(pixels, "strong", torch.Generator().manual_seed(1))
    assert torch.equal(one, two)
    assert torch.equal(one, some)
