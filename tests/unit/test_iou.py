"""Mean intersection over union equals the reference libraries', ignored pixels and absent classes included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from punar.tasks import Targets
from punar.tasks._iou import IouMeter, counts_of, mean_iou, per_class
from punar.tasks._masks import IGNORED


def drawn(seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor], int]:
    """Return masks found, masks that are right, and how many classes there are; some classes are absent."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 12))
    present = rng.choice(classes, int(rng.integers(1, classes + 1)), replace=False)
    found, true = [], []
    for _ in range(int(rng.integers(1, 5))):
        size = tuple(rng.integers(1, 20, 2))
        right = rng.choice(present, size)
        said = np.where(rng.random(size) < 0.6, right, rng.choice(present, size))
        right = np.where(rng.random(size) < 0.1, IGNORED, right)
        right.flat[0] = present[0]
        found.append(torch.from_numpy(said.astype(np.uint8)))
        true.append(torch.from_numpy(right.astype(np.uint8)))
    return found, true, classes


def measured(found: list[torch.Tensor], true: list[torch.Tensor], classes: int) -> IouMeter:
    meter = IouMeter([str(k) for k in range(classes)])
    meter.add(found, Targets({"masks": true}))
    return meter


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_200_random_cases_equal_scikit_learn(first: int) -> None:
    for seed in range(first, first + 50):
        found, true, classes = drawn(seed)
        known = torch.cat([t.flatten() for t in true]) != IGNORED
        flat = [torch.cat([m.flatten() for m in some])[known].numpy() for some in (true, found)]
        meter = measured(found, true, classes)
        assert meter.value() == pytest.approx(jaccard_score(*flat, average="macro", zero_division=0)), seed
        each = meter.details()["iou_per_class"]
        there = [k for k, v in each.items() if v is not None]
        labels = [int(k) for k in there]
        expected = jaccard_score(*flat, labels=labels, average=None, zero_division=0)
        assert [each[k] for k in there] == pytest.approx(list(expected)), seed
        assert set(labels) == set(flat[0]) | set(flat[1])


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_200_random_cases_equal_torchmetrics(first: int) -> None:
    classification = pytest.importorskip("torchmetrics.classification")
    for seed in range(first, first + 50):
        found, true, classes = drawn(seed)
        reference = classification.MulticlassJaccardIndex(classes, average="macro", ignore_index=IGNORED)
        for a, b in zip(found, true, strict=True):
            reference.update(a.long()[None], b.long()[None])
        assert measured(found, true, classes).value() == pytest.approx(float(reference.compute()), abs=1e-6), seed


def test_by_hand() -> None:
    true = torch.tensor([[0, 0, 1, 1], [2, 2, IGNORED, IGNORED]], dtype=torch.uint8)
    found = torch.tensor([[0, 1, 1, 1], [2, 0, 0, 1]], dtype=torch.uint8)
    counts = counts_of(found, true, 4)
    assert counts.tolist() == [[1, 2, 1, 0], [2, 2, 2, 0], [2, 3, 1, 0]]
    np.testing.assert_allclose(per_class(counts), [1 / 3, 2 / 3, 1 / 2, np.nan])
    assert mean_iou(counts) == pytest.approx(0.5)


def test_pictures_that_nobody_knows_count_nothing() -> None:
    nothing = torch.full((2, 3), IGNORED, dtype=torch.uint8)
    assert mean_iou(counts_of(torch.zeros(2, 3, dtype=torch.uint8), nothing, 3)) == 0.0
    meter = measured([torch.zeros(2, 3, dtype=torch.uint8)] * 2, [nothing, torch.zeros(2, 3, dtype=torch.uint8)], 3)
    assert meter.value() == 1.0


def test_pixels_are_counted_over_all_pictures_and_not_picture_by_picture() -> None:
    large, small = torch.zeros(10, 10, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.uint8)
    true = [large.clone(), small.clone()]
    true[0][:5] = 1
    true[1][0, 0] = 1
    meter = measured([true[0], small], true, 2)
    assert meter.value() == pytest.approx((50 / 51 + 51 / 52) / 2)
    low, high = meter.interval()
    assert low <= meter.value() <= high


def test_answers_are_exchanged_picture_by_picture() -> None:
    found, true, classes = drawn(7)
    ours, theirs = measured(true, true, classes), measured(found, true, classes)
    none = np.zeros(len(true), dtype=bool)
    assert ours.exchanged(theirs, none) == (ours.value(), theirs.value())
    assert ours.exchanged(theirs, ~none) == (theirs.value(), ours.value())
    first = none.copy()
    first[0] = True
    mixed = measured([found[0], *true[1:]], true, classes), measured([true[0], *found[1:]], true, classes)
    assert ours.exchanged(theirs, first) == (mixed[0].value(), mixed[1].value())
