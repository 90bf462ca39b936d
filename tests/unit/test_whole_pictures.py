"""Pictures seen whole, or in tiles: what is read, at which scale, and where it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punar.data.decode import BadItem
from punar.preparations import SampleOf, of_facts
from punar.preparations.pictures import Pictures
from punar.preparations.whole_pictures import WholePictures

DRAWN = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def test_a_picture_that_fits_keeps_its_pixels() -> None:
    preparation = WholePictures(size=(64, 96), mean=(0.5, 0.25, 1.0), std=(0.5, 0.5, 0.5))
    tensor = preparation.prepare(DRAWN)
    assert tensor.shape == (3, 64, 96)
    assert torch.equal(tensor[:, :40, :50], torch.from_numpy(DRAWN).permute(2, 0, 1))
    # What is beside it is the mean colour, which the network reads as nothing.
    beside = preparation.collate([tensor], 0)["pixels"][0, :, 40:]
    assert float(beside.abs().max()) < 0.01
    assert torch.equal(tensor[:, 40:, :].flatten(1).unique(dim=1).flatten(), torch.tensor([128, 64, 255]).byte())


@pytest.mark.parametrize(
    ("shape", "enlarge", "expected"),
    [
        ((80, 100), False, (51, 64)),
        ((100, 10), False, (64, 6)),
        ((20, 30), False, (20, 30)),
        ((20, 30), True, (43, 64)),
        ((1, 500), False, (1, 64)),
    ],
)
def test_proportions_are_kept(shape: tuple[int, int], enlarge: bool, expected: tuple[int, int]) -> None:
    white = np.full((*shape, 3), 255, np.uint8)
    tensor = WholePictures(size=(64, 64), mean=(0.0,) * 3, enlarge=enlarge).prepare(white)
    assert (int((tensor[0, :, 0] == 255).sum()), int((tensor[0, 0] == 255).sum())) == expected
    trace = WholePictures(size=(64, 64), enlarge=enlarge).samples(white)[0].trace
    corner = trace[:2] @ torch.tensor([expected[1], expected[0], 1.0], dtype=torch.float64)
    assert corner.tolist() == pytest.approx([shape[1], shape[0]])
    assert trace[2].tolist() == [*shape, 1]


def test_tiles_are_read_one_by_one() -> None:
    preparation = WholePictures(size=(32, 32), tiles=True)
    assert preparation.several
    assert not WholePictures().several
    pairs = SampleOf(preparation).pairs([DRAWN, DRAWN[:20, :20]])
    assert [k for _, k in pairs] == [0, 1, 2, 3, 0]
    found = [SampleOf(preparation).prepare(pair) for pair in pairs]
    assert torch.equal(found[3], torch.from_numpy(DRAWN[8:, 18:]).permute(2, 0, 1))
    assert all(tensor.shape == (3, 32, 32) for tensor in found)


def test_a_large_jpeg_decoded_at_a_lower_scale_keeps_its_place(tmp_path: Path) -> None:
    grey = np.zeros((500, 700), np.uint8)
    grey[100:200, 300:500] = 255
    Image.fromarray(grey).save(tmp_path / "p.jpg", quality=95)
    sample = WholePictures(size=(32, 64), mean=(0.0,) * 3).samples(tmp_path / "p.jpg")[0]
    ys, xs = torch.nonzero(sample.tensor[0] > 128, as_tuple=True)
    middle = torch.tensor([float(xs.float().mean()) + 0.5, float(ys.float().mean()) + 0.5, 1.0], dtype=torch.float64)
    assert (sample.trace[:2] @ middle).tolist() == pytest.approx([400, 150], abs=8)
    assert sample.trace[2].tolist() == [500, 700, 1]


def test_facts_are_checked() -> None:
    facts = WholePictures(size=(32, 64), tiles=True).facts()
    assert of_facts(facts) == WholePictures(size=(32, 64), tiles=True)
    assert type(of_facts(Pictures().facts())) is Pictures
    for change in ({"size": [0, 32]}, {"size": [32, 9999]}, {"tiles": 1}, {"mean": [0.5]}, {"channels": 2}):
        with pytest.raises(ValueError):
            WholePictures.from_facts(facts | change)
    with pytest.raises(ValueError, match="enlarge"):
        WholePictures.from_facts({k: v for k, v in facts.items() if k != "enlarge"})


def test_a_damaged_picture_is_a_bad_item(tmp_path: Path) -> None:
    Image.fromarray(DRAWN).save(tmp_path / "p.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "p.png").read_bytes()[:2000])
    with pytest.raises(BadItem):
        WholePictures().samples(tmp_path / "half.png")


def test_grey_networks_read_grey() -> None:
    preparation = WholePictures(size=(32, 32), mean=(0.5,), std=(0.2,), channels=1)
    assert preparation.collate([preparation.prepare(DRAWN), preparation.blank()], 0)["pixels"].shape == (2, 1, 32, 32)
