"""Segmentation where the right mask is known: coloured shapes among lines of the same colours, from scratch.

pytest -m slow -s tests/truths/test_segmentation.py      prints the figures, chance and a rule of colours beside them
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import punar
from punar.tasks import Targets
from punar.tasks.segmentation import Segmentation

pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")

COLOURS = np.array([(0, 0, 0), (215, 70, 60), (70, 190, 80), (80, 90, 220)])
NAMES = ["ground", "disc", "square", "diamond"]


def scene(rng: np.random.Generator, height: int, width: int, shapes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture and its mask: shapes in the colour of their class, among thin lines in the same colours."""
    picture = rng.normal(rng.uniform(90, 150, 3), 25, (height, width, 3))
    mask = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    for _ in range(shapes * 2):  # lines belong to the ground: their colour alone tells nothing
        colour = COLOURS[rng.integers(1, 4)] + rng.normal(0, 12, (height, width, 3))
        along, across = (x, y) if rng.random() < 0.5 else (y, x)
        at, begin = rng.integers(0, across.max() + 1), rng.integers(-30, along.max() - 29)
        # Each is 60 pixels long, so that large pictures are as cluttered as small ones.
        line = (across == at) & (along >= begin) & (along < begin + 60)
        picture[line] = colour[line]
    for _ in range(shapes):
        kind, r = int(rng.integers(1, 4)), int(rng.integers(6, 11))
        down, right = np.abs(y - rng.integers(0, height)), np.abs(x - rng.integers(0, width))
        inside = [down**2 + right**2 <= r * r, np.maximum(down, right) <= r, down + right <= r + 2][kind - 1]
        picture[inside] = (COLOURS[kind] + rng.normal(0, 12, (height, width, 3)))[inside]
        mask[inside] = kind
    return picture.clip(0, 255).astype(np.uint8), mask


def scenes(n: int, seed: int, low: int = 45, high: int = 65) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    sizes = [[int(v) for v in rng.integers(low, high, 2)] for _ in range(n)]
    found = [scene(rng, height, width, max(1, height * width // 750)) for height, width in sizes]
    return [picture for picture, _ in found], [mask for _, mask in found]


def by_colour(picture: np.ndarray) -> np.ndarray:
    """Return the class whose colour is near, the ground where none is."""
    far = np.linalg.norm(picture[:, :, None].astype(float) - COLOURS[1:], axis=3)
    return np.where(far.min(2) < 60, far.argmin(2) + 1, 0)


def chance(task: Segmentation, masks: list[np.ndarray]) -> float:
    targets: Targets = task.encode(masks, "test")
    meter = task.meter()
    meter.add(task.constant(targets), targets)
    return meter.value()


def as_files(folder: Path, X: list[np.ndarray], Y: list[np.ndarray]) -> tuple[list[Path], list[Path]]:
    """Write pictures as PNG and masks as PNG with a palette, an edge of each mask unknown."""
    pictures, masks = [], []
    for i, (x, y) in enumerate(zip(X, Y, strict=True)):
        pictures.append(folder / f"{i}.png")
        masks.append(folder / f"{i}-mask.png")
        Image.fromarray(x).save(pictures[-1])
        unknown = y.copy()
        unknown[:2] = 255
        picture = Image.fromarray(unknown)
        picture.putpalette([(53 * k) % 256 for k in range(768)])
        picture.save(masks[-1])
    return pictures, masks


def test_a_rule_of_colours_does_not_solve_the_scenes() -> None:
    _, Y = scenes(20, 1)
    X, _ = scenes(20, 1)
    task = Segmentation()
    task.learn(Y, "test")
    assert chance(task, Y) < 0.25
    assert task.score(Y, [by_colour(x) for x in X]) < 0.9
    assert task.score(Y, Y) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("decoder", "side"), [("unet", 64), ("deeplabv3plus", 32), ("fpn", 32)])
def test_every_decoder_learns_the_scenes_from_scratch(decoder: str, side: int, tmp_path: Path) -> None:
    sides = side * 7 // 10, side + 1  # the two others are slow on maps of full size: their scenes are smaller
    (X, Y), (T, U) = scenes(160, 0, *sides), scenes(40, 1, *sides)
    task = Segmentation(decoder, tiles=True, size=(side, side), names=NAMES)
    model = punar.TransferLearner(
        "starter", task=task, strategy="scratch", epochs=20, batch_size=16, cache=False, random_state=0
    ).fit(*as_files(tmp_path, X, Y))
    score, known = model.score(T, U), model.fitted_.task
    found = model.predict(T)
    print(
        f"\n{decoder}: mean IoU {score:.3f}; by colour {known.score(U, [by_colour(x) for x in T]):.3f}, one class "
        f"{chance(known, U):.3f}; shapes {sorted({m.shape for m in found})[:3]}"
    )
    assert score >= 0.95
    assert [m.shape for m in found] == [m.shape for m in U]

    # One pixel beside is noticed: by the truth, and by what the model says of pictures that were moved.
    moved = [np.roll(m, 1, axis=1) for m in found]
    aside = known.score(U, moved)
    shifted = model.predict([np.roll(x, 1, axis=1) for x in T])
    inner = [[m[:, 8:-8] for m in some] for some in (moved, found, shifted)]
    follows, stays = known.score(inner[0], inner[2]), known.score(inner[1], inner[2])
    print(f"moved by a pixel: {aside:.3f}; pictures moved: the masks follow {follows:.3f}, would they stay {stays:.3f}")
    assert aside < score - 0.05
    assert follows > stays + 0.05

    # Large pictures are read in tiles, which join without seams.
    large, masks = scenes(8, 2, side * 5 // 2, side * 7 // 2)
    tiled = model.score(large, masks)
    count = [len(model.preparation_.samples(x)) for x in large]
    print(
        f"in {min(count)} to {max(count)} tiles a picture: mean IoU {tiled:.3f}, one class {chance(known, masks):.3f}"
    )
    assert min(count) > 1
    assert tiled >= 0.95
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert all(np.array_equal(a, b) for a, b in zip(back.predict(large), model.predict(large), strict=True))


@pytest.mark.slow
def test_pictures_that_are_shrunk_are_answered_at_their_own_size() -> None:
    rng = np.random.default_rng(3)

    def large(n: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        found = [scene(rng, 64, 64, 4) for _ in range(n)]
        return [x.repeat(2, 0).repeat(2, 1) for x, _ in found], [y.repeat(2, 0).repeat(2, 1) for _, y in found]

    (X, Y), (T, U) = large(140), large(30)
    task = Segmentation(size=(64, 64))
    model = punar.TransferLearner(
        "starter", task=task, strategy="scratch", epochs=15, batch_size=16, cache=False, random_state=0
    ).fit(X, Y)
    score = model.score(T, U)
    print(f"\nshrunk to half: mean IoU {score:.3f}, one class {chance(model.fitted_.task, U):.3f}")
    assert model.predict(T[:1])[0].shape == (128, 128)
    assert score >= 0.9
