"""Mean average precision equals the reference library's, resampled and exchanged pictures what they say."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from punar.tasks import Targets
from punar.tasks._average_precision import THRESHOLDS, PrecisionMeter, matched, overlaps

NAMES = ("a", "b", "c")


def drawn(rng: np.random.Generator, classes: int, *, equal: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return found and true boxes of a picture: some near the true ones, some not; many scores equal, or none."""
    true = int(rng.integers(0, 7))
    corner = rng.uniform(0, 60, (true, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (true, 2))], 1)
    labels = rng.integers(0, classes, true)
    count = int(rng.integers(0, 9))
    of = rng.integers(0, max(true, 1), count)
    if true:
        found, named = boxes[of] + rng.normal(0, 3, (count, 4)), labels[of]
    else:
        found, named = np.tile([5.0, 5.0, 30.0, 30.0], (count, 1)), np.zeros(count, np.int64)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    named = np.where(rng.random(count) < 0.8, named, rng.integers(0, classes, count))
    scores = rng.random(count).round(1 if equal else 7)
    answer = {"boxes": found, "labels": named, "scores": scores}
    own = {k: torch.as_tensor(v, dtype=torch.int64 if k == "labels" else torch.float32) for k, v in answer.items()}
    return own, {"boxes": torch.tensor(boxes, dtype=torch.float32), "labels": torch.tensor(labels)}


def measured(answers: list[Any], truths: list[Any], classes: int) -> PrecisionMeter:
    meter = PrecisionMeter(NAMES[:classes])
    meter.add(answers, Targets({name: [truth[name] for truth in truths] for name in ("boxes", "labels")}))
    return meter


@pytest.mark.parametrize("part", range(10))
def test_it_equals_torchmetrics_on_random_cases(part):
    pytest.importorskip("pycocotools")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.detection import MeanAveragePrecision
    # Its own lists are of float32, in which a recall of 0.2 is none of 0.2.
    whole = {"iou_thresholds": THRESHOLDS.tolist(), "rec_thresholds": np.linspace(0, 1, 101).tolist()}
    rng = np.random.default_rng(part)
    for _ in range(20):
        classes = int(rng.integers(1, 4))
        answers, truths = zip(*[drawn(rng, classes) for _ in range(int(rng.integers(1, 7)))], strict=True)
        meter = measured(list(answers), list(truths), classes)
        reference = MeanAveragePrecision(class_metrics=True, **whole)
        reference.update(list(answers), list(truths))
        expected = reference.compute()
        if not any(len(truth["labels"]) for truth in truths):
            assert meter.value() == float(not any(len(answer["labels"]) for answer in answers))
            continue
        assert meter.value() == pytest.approx(float(expected["map_50"]), abs=1e-6)
        assert meter.details()["map_50_95"] == pytest.approx(float(expected["map"]), abs=1e-6)
        found = meter.details()["per_class"]
        assert set(found) == {NAMES[int(c)] for truth in truths for c in truth["labels"]}


def test_more_than_a_hundred_boxes_of_a_class_do_not_count():
    true = {"boxes": torch.tensor([[0.0, 0.0, 10.0, 10.0]]), "labels": torch.tensor([0])}
    wrong = torch.tensor([[50.0, 50.0, 60.0, 60.0]]).repeat(100, 1)
    answer = {
        "boxes": torch.cat([wrong, true["boxes"]]),
        "labels": torch.zeros(101, dtype=torch.int64),
        "scores": torch.linspace(1.0, 0.1, 101),
    }
    assert measured([answer], [true], 1).value() == 0.0
    some = {k: v[1:] for k, v in answer.items()}
    assert 0.0 < measured([some], [true], 1).value() < 0.011


def test_each_true_box_is_found_once_and_the_surest_takes_the_nearest():
    true = np.array([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 14.0]])
    found = np.array([[0.0, 0.0, 10.0, 13.0], [0.0, 0.0, 10.0, 12.0], [0.0, 0.0, 10.0, 10.0]])
    right = matched(found, true)
    assert right[0].tolist() == [True, True, False]
    assert right[-1].tolist() == [False, False, True]  # 13 of 14 is less than 0.95, and 10 of 10 is not
    assert overlaps(found[:1], true)[0] == pytest.approx([10 / 13, 13 / 14])
    assert overlaps(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_resampled_and_exchanged_pictures_are_measured_as_if_they_were_given():
    # Without equal scores, among which the order of the pictures decides.
    rng = np.random.default_rng(0)
    ours, truths = (list(column) for column in zip(*[drawn(rng, 3, equal=False) for _ in range(12)], strict=True))
    theirs = [drawn(rng, 3, equal=False)[0] for _ in range(12)]
    meter, other = measured(ours, truths, 3), measured(theirs, truths, 3)
    for _ in range(20):
        index = rng.integers(0, 12, 12)
        again = measured([ours[i] for i in index], [truths[i] for i in index], 3)
        assert meter._measured(np.bincount(index, minlength=12)) == pytest.approx(again.value(), abs=1e-12)
        swap = rng.random(12) < 0.5
        a = [t if s else o for o, t, s in zip(ours, theirs, swap, strict=True)]
        b = [o if s else t for o, t, s in zip(ours, theirs, swap, strict=True)]
        expected = (measured(a, truths, 3).value(), measured(b, truths, 3).value())
        assert meter.exchanged(other, swap) == pytest.approx(expected, abs=1e-12)
    low, high = meter.interval()
    assert low < meter.value() < high
    assert meter.interval() == (low, high)
    assert meter.exchanged(other, np.zeros(12, bool)) == pytest.approx((meter.value(), other.value()))


def test_a_thousand_resamples_are_quick():
    import time

    rng = np.random.default_rng(0)
    answers, truths = (list(column) for column in zip(*[drawn(rng, 3) for _ in range(400)], strict=True))
    meter = measured(answers, truths, 3)
    began = time.process_time()
    meter.interval()
    assert time.process_time() - began < 5.0
