"""Boxes whose right answers are known: coloured shapes on clutter, by every detector, turned pictures and odd sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import punar
from punar.core.draws import seeded
from punar.tasks.detection import Detection

COLOURS = {"disc": (220, 40, 40), "square": (40, 80, 230), "triangle": (240, 220, 40)}


def shapes(n: int, seed: int, size: tuple[int, int] = (64, 64)) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Return pictures (height, width) of up to three shapes that do not touch, and their boxes."""
    rng = np.random.default_rng(seed)
    high, wide = size
    rows, columns = np.mgrid[0:high, 0:wide]
    X, y = [], []
    for _ in range(n):
        blocks = rng.integers(60, 150, (high // 8 + 1, wide // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
        picture = blocks[:high, :wide] + rng.normal(0, 12, (high, wide, 3))
        boxes: list[list[int]] = []
        labels = []
        for _ in range(rng.integers(0, 4)):
            side = int(rng.integers(14, 24))
            x, top = int(rng.integers(0, wide - side)), int(rng.integers(0, high - side))
            if any(x < r + 2 and x + side > a - 2 and top < d + 2 and top + side > b - 2 for a, b, r, d in boxes):
                continue
            label = list(COLOURS)[rng.integers(3)]
            u, v = (columns - x + 0.5) / side, (rows - top + 0.5) / side
            inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
            if label == "disc":
                inside &= (u - 0.5) ** 2 + (v - 0.5) ** 2 <= 0.25
            elif label == "triangle":
                inside &= np.abs(u - 0.5) <= v / 2
            picture[inside] = np.array(COLOURS[label]) + rng.normal(0, 10, 3)
            boxes.append([x, top, x + side, top + side])
            labels.append(label)
        X.append(picture.clip(0, 255).astype(np.uint8))
        y.append({"boxes": boxes, "labels": labels})
    return X, y


def network() -> nn.Module:
    """A small network of four stages, strides 2 to 16."""
    with seeded(0):
        widths = [(3, 16), (16, 32), (32, 64), (64, 96)]
        return nn.Sequential(
            *(nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()) for a, b in widths)
        )


def learner(detector: str, epochs: int) -> punar.TransferLearner:
    return punar.TransferLearner(
        network(),
        task=Detection(detector=detector),
        strategy="scratch",
        epochs=epochs,
        batch_size=8,
        random_state=0,
        cache=False,
        device="cpu",
    )


@pytest.fixture(scope="module")
def fitted() -> punar.TransferLearner:
    return learner("faster_rcnn", 3).fit(*shapes(200, 0))


@pytest.mark.slow
def test_faster_rcnn_finds_shapes_from_scratch(fitted):
    report = fitted.fit_report_
    X, y = shapes(60, 1)
    score = fitted.score(X, y)
    print(f"map_50 {score:.3f}, held out {report['model']:.3f} beside chance {report['constant']:.3f}: {report}")
    assert score >= 0.95
    assert report["constant"] < 0.2
    assert report["learned"] is True
    assert report["map_50_95"] > 0.5
    assert set(report["per_class"]) == set(COLOURS)
    # The score is no property of the metric: a network that has learned nothing covers the picture with boxes.
    untrained = learner("faster_rcnn", 1).set_params(learning_rate=1e-9).fit(*shapes(24, 0)).score(X, y)
    print(f"untrained: map_50 {untrained:.3f}")
    assert untrained < 0.4


@pytest.mark.slow
def test_retinanet_finds_shapes_from_scratch():
    model = learner("retinanet", 20).fit(*shapes(200, 0))
    X, y = shapes(60, 1)
    score = model.score(X, y)
    print(f"map_50 {score:.3f} beside chance {model.fit_report_['constant']:.3f}: {model.fit_report_}")
    assert score >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 64), (64, 40), (45, 61)])
@pytest.mark.parametrize("times", [1, 3])
def test_boxes_are_right_in_pictures_of_other_proportions(fitted, size, times):
    """The network learned from squares; others leave a part of its canvas free, large ones are scaled down."""
    X, y = shapes(40, 2, size)
    large = [x.repeat(times, 0).repeat(times, 1) for x in X]
    boxes = [np.asarray(own["boxes"], float).reshape(-1, 4) * times for own in y]
    found = fitted.score(large, [{**own, "boxes": b} for own, b in zip(y, boxes, strict=True)])
    moved = fitted.score(large, [{**own, "boxes": b + 12 * times} for own, b in zip(y, boxes, strict=True)])
    print(f"{size} x {times}: map_50 {found:.3f}; with the truth moved by 12 pixels of 64 {moved:.3f}")
    assert found >= 0.9
    assert moved < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_are_right_in_pictures_that_exif_turns(fitted, tmp_path: Path, orientation: int) -> None:
    X, y = shapes(40, 3)
    undo = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    paths = []
    for i, picture in enumerate(X):
        exif = Image.Exif()
        exif[0x0112] = orientation
        seen = Image.fromarray(picture)
        stored = seen if orientation == 1 else seen.transpose(undo[orientation])
        paths.append(tmp_path / f"{i}.png")
        stored.save(paths[-1], exif=exif)
    assert fitted.score(paths, y) >= 0.95


BACKBONES = ("timm:mobilenetv2_100", "torchvision:resnet18", "torchvision:vgg11", "timm:tf_efficientnet_lite0")


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["faster_rcnn", "retinanet"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_detector_is_built_on_any_pyramid_trained_stored_and_loaded(backbone, detector, tmp_path):
    X, y = shapes(4, 4, (96, 128))
    y[0] = {"boxes": [[4, 4, 40, 40]], "labels": ["disc"]}
    task = Detection(detector=detector, size=(96, 128), score_threshold=0.0)
    model = punar.TransferLearner(
        backbone,
        weights=None,
        task=task,
        strategy="fine_tuning",
        unfreeze="last",
        epochs=2,
        random_state=0,
        cache=False,
        device="cpu",
        validation_fraction=0,
    ).fit(X, y)
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    found = model.predict(X)
    punar.save(model, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    for name, value in model.module_.state_dict().items():
        assert torch.equal(value, again.module_.state_dict()[name]), name
    for a, b in zip(found, again.predict(X), strict=True):
        assert all((a[name] == b[name]).all() for name in ("boxes", "labels", "scores"))
    assert sum(len(own["boxes"]) for own in found)
