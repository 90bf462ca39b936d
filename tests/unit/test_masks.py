"""Masks as people have them, and the way between a picture's own pixels and the network's."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punar.errors import DataError, DataTypeError
from punar.preparations import Sample
from punar.preparations.whole_pictures import WholePictures, tile_starts
from punar.tasks._mask_files import picture_size, read_mask
from punar.tasks._masks import IGNORED, box_of, labels_of, placed_mask, scores_at
from punar.tasks.segmentation import Segmentation

ORIENTATION = 0x0112
NUMBERS = np.array([[0, 1, 2, 250], [3, 3, 1, 0], [7, 7, 7, 7]], dtype=np.uint8)


def saved(path: Path, picture: Image.Image, orientation: int = 1) -> str:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture.save(path, exif=exif)
    return str(path)


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "P", "P with transparency", "I", "I;16", "tif"])
def test_numbers_are_read_as_they_stand(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(NUMBERS)
    path = tmp_path / ("m.tif" if mode in ("tif", "I") else "m.png")
    if mode.startswith("P"):
        picture.putpalette([(37 * k + 11) % 256 for k in range(768)])
        assert picture.mode == "P"
    if mode in ("I", "I;16"):
        picture = Image.fromarray(NUMBERS.astype(np.int32 if mode == "I" else np.uint16))
    picture.save(path, **({"transparency": 0} if "transparency" in mode else {}))
    assert read_mask(path, "here").tolist() == NUMBERS.tolist()
    with Image.open(path) as opened:
        assert read_mask(opened, "here").tolist() == NUMBERS.tolist()


def test_black_and_white_files_hold_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS > 2).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png", "here").tolist() == (NUMBERS > 2).astype(int).tolist()


@pytest.mark.parametrize(
    "array", [NUMBERS, NUMBERS.astype(np.int64), NUMBERS[..., None], torch.from_numpy(NUMBERS), NUMBERS.tolist()]
)
def test_arrays_are_masks(array) -> None:
    assert read_mask(array, "here").tolist() == NUMBERS.tolist()


def test_what_is_no_mask_says_why(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "rgb.png")
    Image.fromarray(NUMBERS).save(tmp_path / "m.jpg")
    (tmp_path / "no.png").write_bytes(b"no picture")
    whole = (tmp_path / "whole.png", tmp_path / "half.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), dtype=np.uint8)).save(whole[0])
    whole[1].write_bytes(whole[0].read_bytes()[:900])
    for bad, words in [
        (tmp_path / "rgb.png", "y.* holds RGB colours; a mask holds a class number for each pixel.*fromarray"),
        (tmp_path / "m.jpg", "JPEG file.*Save it as PNG"),
        (tmp_path / "no.png", "not a picture"),
        (tmp_path / "half.png", "cannot be read|truncated"),
        (tmp_path / "absent.png", "existing mask file"),
        (np.zeros((2, 3, 4), int), r"shape \(h, w\).*argmax"),
        (np.zeros((0, 3), int), r"shape \(h, w\)"),
    ]:
        with pytest.raises(DataError, match=words):
            read_mask(bad, "here: y[0]")
    for bad, words in [
        (np.zeros((2, 3)), "whole numbers"),
        (3, "a path or an int array"),
        ([[1, 2], [3]], "one array"),
    ]:
        with pytest.raises(DataTypeError, match=words):
            read_mask(bad, "here: y[0]")


# -- sizes ------------------------------------------------------------------------------------------------------------


def test_a_mask_has_its_pictures_size(tmp_path: Path) -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    task = Segmentation()
    right = np.arange(1200).reshape(30, 40) % 3
    task.learn([right], "fit", [picture])
    with pytest.raises(DataError, match=r"fit: y\[1\] is a mask of 15 x 20 pixels .* its picture has 30 x 40. Bring"):
        task.learn([right, right[::2, ::2]], "fit", [picture, picture])
    path = saved(tmp_path / "p.jpg", Image.fromarray(picture), 6)
    assert picture_size(path) == (30, 40, True)
    with pytest.raises(DataError, match=r"y\[0\] is a mask of 40 x 30 .*exif_transpose"):
        task.learn([right.T], "fit", [path])


# -- the way to the network and back ----------------------------------------------------------------------------------


def scores_of(mask: torch.Tensor, classes: int) -> torch.Tensor:
    known = mask.long().masked_fill(mask == IGNORED, 0)
    return torch.nn.functional.one_hot(known, classes).permute(2, 0, 1).float()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(32, 64), (64, 32), (64, 64)])
def test_exif_turns_a_picture_and_not_its_mask(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    # Four quarters of the stored picture, told by colour in the picture and by number in the mask.
    stored = np.zeros((24, 28), np.uint8)
    stored[:12, 14:], stored[12:, :14], stored[12:, 14:] = 1, 2, 3
    grey = np.array([20, 90, 160, 230], np.uint8)[stored]
    path = saved(tmp_path / "p.png", Image.fromarray(np.stack([grey] * 3, 2)), orientation)
    sample = WholePictures(size=size).samples(path)[0]
    placed = placed_mask(torch.from_numpy(stored), sample.trace, size)
    seen = sample.tensor[0]
    inside = placed != IGNORED
    assert int(inside.sum()) == stored.size
    assert torch.equal(seen[inside], torch.from_numpy(np.array([20, 90, 160, 230], np.uint8))[placed[inside].long()])
    assert torch.equal(labels_of(scores_of(placed, 4), sample.trace), torch.from_numpy(stored))


@pytest.mark.parametrize("shape", [(50, 70), (64, 64), (33, 200), (200, 33), (1, 1), (5, 90)])
def test_there_and_back_is_the_mask_where_a_picture_was_not_shrunk(shape: tuple[int, int]) -> None:
    mask = torch.from_numpy(np.random.default_rng(0).integers(0, 5, shape, dtype=np.uint8))
    picture = np.zeros((*shape, 3), np.uint8)
    sample = WholePictures(size=(224, 224)).samples(picture)[0]
    placed = placed_mask(mask, sample.trace, (224, 224))
    assert torch.equal(placed[: shape[0], : shape[1]], mask)
    assert bool((placed[shape[0] :] == IGNORED).all())
    assert torch.equal(labels_of(scores_of(placed, 5), sample.trace), mask)


def test_a_pixel_more_to_the_right_is_noticed() -> None:
    mask = torch.zeros(40, 60, dtype=torch.uint8)
    mask[10:20, 15:30] = 1
    sample = WholePictures(size=(64, 64)).samples(np.zeros((40, 60, 3), np.uint8))[0]
    placed = placed_mask(mask, sample.trace, (64, 64))
    back = labels_of(scores_of(placed, 2).roll(1, 2), sample.trace)
    assert torch.equal(back, mask.roll(1, 1))
    assert not torch.equal(back, mask)


@pytest.mark.parametrize("enlarge", [False, True])
def test_shrunk_and_enlarged_masks_lie_where_they_lay(enlarge: bool) -> None:
    shape = (90, 150) if not enlarge else (18, 30)
    mask = torch.zeros(shape, dtype=torch.uint8)
    mask[: shape[0] // 3, shape[1] // 5 : shape[1] // 2] = 1
    sample = WholePictures(size=(64, 96), enlarge=enlarge).samples(np.zeros((*shape, 3), np.uint8))[0]
    placed = placed_mask(mask, sample.trace, (64, 96))
    shown = placed[placed != IGNORED].float()
    assert float(shown.mean()) == pytest.approx(float(mask.float().mean()), abs=0.02)
    back = labels_of(scores_of(placed, 2), sample.trace)
    edge = max(shape[0] / 57, 1)
    assert (back != mask).sum() <= 2 * edge * (shape[0] // 3 + shape[1]), "only at edges"
    ys, xs = torch.nonzero(back, as_tuple=True)
    middle = torch.nonzero(mask).float().mean(0)
    assert float(ys.float().mean()) == pytest.approx(float(middle[0]), abs=1.0)
    assert float(xs.float().mean()) == pytest.approx(float(middle[1]), abs=1.0)


# -- tiles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "tile"), [(1, 32), (32, 32), (33, 32), (100, 32), (1000, 64), (511, 512), (600, 512)]
)
def test_tiles_cover_a_picture_and_overlap(length: int, tile: int) -> None:
    starts = tile_starts(length, tile)
    covered = np.zeros(length, int)
    for at in starts:
        assert 0 <= at <= max(length - tile, 0)
        covered[at : at + tile] += 1
    assert covered.min() >= 1
    assert all(b - a <= tile - tile // 4 for a, b in itertools.pairwise(starts))
    if length > tile:
        assert starts[-1] + tile == length
        assert len(starts) <= 2 + length / (tile - tile // 4)


def test_tiles_join_to_the_mask_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (75, 130))
    picture = rng.integers(0, 256, (75, 130, 3), dtype=np.uint8)
    task = Segmentation(tiles=True, size=(32, 64))
    targets = task.learn([mask], "fit", [picture])
    samples = WholePictures(size=(32, 64), tiles=True).samples(picture)
    assert len(samples) == int(samples[0].trace[2, 2]) == 9
    parts = []
    for sample in samples:
        placed = task.place(targets.item(0), sample)["masks"]
        assert not (placed == IGNORED).any()
        box = box_of(sample.trace, (32, 64))
        own = sample.tensor.permute(1, 2, 0).numpy()
        assert np.array_equal(own, picture[box[0] : box[2], box[1] : box[3]])
        batch = {"pixels": sample.tensor[None].float()}
        parts += task.answer(lambda _, s=placed: 9 * scores_of(s, 3)[None], batch, [sample.trace])
    found = task.merge(parts, picture)
    assert np.array_equal(found.numpy(), mask)
    assert torch.equal(task.merge(parts[::-1], picture), found)


def test_where_tiles_overlap_the_middle_of_each_counts_most() -> None:
    task = Segmentation(tiles=True, size=(32, 32))
    task.values_ = [0, 1]
    samples = WholePictures(size=(32, 32), tiles=True).samples(np.zeros((32, 50, 3), np.uint8))
    assert len(samples) == 2
    surer = [
        torch.tensor([2.0, 0.0]),
        torch.tensor([0.0, 1.0]),
    ]  # class 0 from the left tile, surer than 1 from the right
    parts = []
    for sample, raw in zip(samples, surer, strict=True):
        parts += task.answer(lambda _, r=raw: r.view(1, 2, 1, 1).expand(1, 2, 32, 32), {}, [sample.trace])
    found = task.merge(parts, None)
    # Column x of the overlap, 18 to 31, is 32 - x pixels from the left tile's edge and x - 17 from the right one's.
    left, right = (torch.softmax(raw, 0) for raw in surer)
    first = [(32 - x) * left[0] + (x - 17) * right[0] > (32 - x) * left[1] + (x - 17) * right[1] for x in range(18, 32)]
    until = 18 + sum(map(bool, first))
    assert 25 < until < 32  # the surer one reaches beyond the middle
    assert found[:, :until].eq(0).all()
    assert found[:, until:].eq(1).all()


def test_scores_of_a_turned_tile_are_brought_back(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).integers(0, 3, (60, 50)).astype(np.uint8)
    path = saved(tmp_path / "p.png", Image.fromarray(np.zeros((60, 50, 3), np.uint8)), 6)
    task = Segmentation(tiles=True, size=(32, 32))
    targets = task.learn([mask], "fit", [path])
    parts = []
    for sample in WholePictures(size=(32, 32), tiles=True).samples(path):
        placed = task.place(targets.item(0), sample)["masks"]
        parts += task.answer(lambda _, s=placed: 9 * scores_of(s, 3)[None], {}, [sample.trace])
    assert np.array_equal(task.merge(parts, path).numpy(), mask)


def test_rows_of_large_pictures_are_resampled_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    sample = Sample(torch.empty(0), WholePictures(size=(32, 32)).samples(np.zeros((100, 90, 3), np.uint8))[0].trace)
    whole = labels_of(raw, sample.trace)
    assert torch.equal(whole, scores_at(raw, sample.trace, (0, 0, 100, 90)).argmax(0).to(torch.uint8))
    monkeypatch.setattr("punar.tasks._masks._AT_ONCE", 3 * 90 * 7)
    assert torch.equal(labels_of(raw, sample.trace), whole)
