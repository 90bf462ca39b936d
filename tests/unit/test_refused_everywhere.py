"""Public functions that are not for masks, boxes, answers or sentences say so, and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.core.draws import seeded
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, ParameterTypeError

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(6)]
MASKS = [(x[..., 0] > 128).astype(np.uint8) for x in PICTURES]
BOXES = [{"boxes": [[2, 2, 20, 20]], "labels": ["a"]}] * 6
PAIRS = [("Who won?", "Asha won the race."), ("When?", "It rained on Monday.")] * 3
QUESTIONS = ["reducer", "strategy", "backbone", "cell"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (PICTURES, MASKS, "y holds masks.*task='segmentation'"),
        (np.stack(PICTURES), np.stack(MASKS), "y holds masks"),
        (PICTURES, BOXES, "y holds boxes.*task='detection'"),
        (PAIRS, ["Asha", "Monday"] * 3, "X holds pairs of texts.*task='question_answering'"),
    ],
)
def test_compare_refuses_what_is_no_class_and_no_amount(question: str, X: Any, y: Any, words: str) -> None:
    with pytest.raises(DataError, match=f"{words}.*score"):
        punar.compare(X, y, question=question, verbose=0)


@pytest.mark.parametrize("X", [["one", "two"], np.array(["a.png", "b.png"]), [(np.zeros(9), 8000)] * 4])
def test_a_reducer_is_of_tables(X: Any) -> None:
    with pytest.raises(DataTypeError, match="Ask question='strategy'"):
        punar.compare(X, [0, 1] * (len(X) // 2), verbose=0)


@pytest.fixture(scope="module")
def segmentation() -> Any:
    pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")
    with seeded(0):
        widths = [(3, 8), (8, 8), (8, 8), (8, 8), (8, 8)]
        stages = [torch.nn.Sequential(torch.nn.Conv2d(a, b, 3, 2, 1), torch.nn.ReLU()) for a, b in widths]
    given = {"epochs": 1, "random_state": 0, "cache": False, "device": "cpu"}
    return punar.TransferLearner(torch.nn.Sequential(*stages), "segmentation", "feature_extraction", **given)


def test_what_is_not_for_masks_says_so(segmentation: Any) -> None:
    model = segmentation.fit(PICTURES, MASKS)
    with pytest.raises(NotSupportedError, match=r"'segmentation' reads no vector.*punar\.FeatureExtractor"):
        model.transform(PICTURES)
    with pytest.raises(NotSupportedError, match=r"'segmentation' reads no vector.*punar\.FeatureExtractor"):
        punar.latent_map(model, PICTURES)
    with pytest.raises(NotSupportedError, match=r"task='segmentation'.*It is for task='translation'"):
        punar.attention(model, PICTURES)
    for y in (None, MASKS):
        with pytest.raises(ParameterTypeError, match="model must be a fitted SequenceModel"):
            punar.gradient_flow(model, PICTURES, y)


def test_a_head_that_is_trained_has_a_learning_rate(segmentation: Any) -> None:
    found = punar.learning_rates(segmentation, PICTURES, MASKS, steps=12)
    assert len(found.rates) > 5
    closed = punar.TransferLearner("starter", "classification", "feature_extraction")
    with pytest.raises(NotSupportedError, match="closed form"):
        punar.learning_rates(closed, PICTURES, [0, 1] * 3)
    with pytest.raises(NotSupportedError, match="zero_shot' trains nothing"):
        punar.learning_rates(punar.TransferLearner("minilm", strategy="zero_shot"), ["a"], ["b"])


def test_tasks_are_called_by_their_names() -> None:
    model = punar.TransferLearner("minilm", "question_answering", "fine_tuning", augment="light")
    with pytest.raises(ParameterError, match="question_answering"):
        model.fit(PAIRS, ["Asha", "Monday"] * 3)
