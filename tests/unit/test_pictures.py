"""Pictures are brought to a network's facts, whatever they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError
from punar.preparations._augment import NAMES, View, augment
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


@pytest.mark.parametrize("preset", NAMES)
def test_augmentation_follows_its_generator_alone(preset):
    pixels = torch.stack([FACTS.prepare(COLOUR)] * 4)
    one, two = (augment(pixels, preset, torch.Generator().manual_seed(s)) for s in (1, 1))
    other = augment(pixels, preset, torch.Generator().manual_seed(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])  # each picture in its own way
    assert one.dtype == torch.uint8


def test_a_view_is_the_same_every_time_and_differs_from_the_next():
    first, again, second = (View(FACTS, "strong", k).prepare(COLOUR) for k in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert View(FACTS, "strong", 0).facts() != View(FACTS, "strong", 1).facts()
