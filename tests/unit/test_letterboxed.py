"""Pictures seen whole: proportions kept, and the way back to the picture as people see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punar.data.decode import BadItem
from punar.preparations.letterboxed import Letterboxed, seen_size

ORIENTATION = 0x0112


def spot(size: tuple[int, int], at: tuple[int, int, int, int]) -> np.ndarray:
    """Return a dark picture (width, height) with a bright rectangle: left, top, right, bottom."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[at[1] : at[3], at[0] : at[2]] = 255
    return picture


def found_at(pixels: torch.Tensor) -> list[float]:
    """Return where it is bright: left, top, right, bottom, weighed by brightness along the edges."""
    bright = pixels[0].double() / 255
    across, down = bright.amax(0), bright.amax(1)
    x, y = across.nonzero().flatten(), down.nonzero().flatten()
    left, right = x[0] + 1 - across[x[0]], x[-1] + across[x[-1]]
    top, bottom = y[0] + 1 - down[y[0]], y[-1] + down[y[-1]]
    return [float(v) for v in (left, top, right, bottom)]


def back(box: list[float], trace: torch.Tensor) -> list[float]:
    corners = torch.tensor([[box[0], box[1], 1.0], [box[2], box[3], 1.0]], dtype=torch.float64)
    return (corners @ trace.T).flatten().tolist()


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (333, 47), (64, 64), (31, 200), (700, 900)])
def test_proportions_are_kept_and_the_trace_leads_back(size):
    at = (size[0] // 4, size[1] // 4, size[0] // 2 + 3, size[1] // 2 + 5)
    preparation = Letterboxed(canvas=(96, 128), fill=(0, 0, 0))
    sample = preparation.samples(spot(size, at))[0]
    assert sample.tensor.shape == (3, 96, 128)
    assert torch.equal(sample.tensor, preparation.prepare(spot(size, at)))
    pixel = 1.2 * max(size[0] / 128, size[1] / 96, 1.0)
    assert back(found_at(sample.tensor), sample.trace) == pytest.approx(at, abs=pixel)
    across, down = float(sample.trace[0, 0]), float(sample.trace[1, 1])
    assert across == pytest.approx(down, rel=0.06)  # a thin picture's sides are rounded to whole pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_those_of_the_picture_as_people_see_it(tmp_path: Path, orientation: int) -> None:
    at = (30, 60, 70, 90)
    seen = Image.fromarray(spot((120, 200), at))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what the camera did before the tag undoes it
    stored = seen if orientation == 1 else seen.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for name in ("a.png", "a.jpg"):
        stored.save(tmp_path / name, exif=exif)
        sample = Letterboxed(canvas=(160, 160), fill=(0, 0, 0)).samples(tmp_path / name)[0]
        assert back(found_at(sample.tensor.where(sample.tensor > 40, 0)), sample.trace) == pytest.approx(at, abs=1.6)
        assert seen_size(tmp_path / name) == (120, 200)
        with Image.open(tmp_path / name) as opened:
            assert seen_size(opened) == (120, 200)


def test_large_photographs_are_decoded_small_and_lead_back(tmp_path: Path) -> None:
    at = (803, 401, 1607, 1203)
    Image.fromarray(spot((2003, 1501), at)).save(tmp_path / "large.jpg", quality=95)
    sample = Letterboxed(canvas=(96, 128), fill=(0, 0, 0)).samples(tmp_path / "large.jpg")[0]
    assert back(found_at(sample.tensor.where(sample.tensor > 20, 0)), sample.trace) == pytest.approx(at, abs=20)
    assert sample.trace[0, 0] == pytest.approx(2003 / 128, rel=0.01)


def test_what_is_free_has_the_fill_and_normalises_to_about_nothing():
    preparation = Letterboxed(canvas=(64, 64))
    pixels = preparation.prepare(np.full((20, 40, 3), 255, np.uint8))
    assert (pixels[:, 32:] == torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None]).all()
    assert preparation.collate([pixels])["pixels"][0, :, 40:].abs().max() < 0.02
    assert preparation.collate([preparation.blank()])["pixels"].shape == (1, 3, 64, 64)
    grey = Letterboxed((64, 64), (0.5,), (0.25,), (128,), channels=1).prepare(np.full((20, 40), 255, np.uint8))
    assert grey.shape == (1, 64, 64)


def test_a_picture_of_one_row_is_seen():
    sample = Letterboxed(canvas=(32, 32)).samples(np.zeros((1, 900, 3), np.uint8))[0]
    assert sample.tensor.shape == (3, 32, 32)
    assert back([0, 0, 32, 1], sample.trace) == pytest.approx([0, 0, 900, 1])


def test_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(BadItem):
        Letterboxed().samples(tmp_path / "a.jpg")
    with pytest.raises(BadItem):
        seen_size(tmp_path / "a.jpg")
    facts = Letterboxed().facts()
    for wrong in ({"fill": [1, 2]}, {"fill": [300, 0, 0]}, {"channels": 2}, {"canvas": [0, 4]}, {"mean": [0.5]}):
        with pytest.raises(ValueError):
            Letterboxed.from_facts(facts | wrong)
