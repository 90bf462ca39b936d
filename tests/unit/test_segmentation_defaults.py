"""What a fit on masks does unasked is what its page says: losses, class weights, random changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.core.draws import seeded
from punar.errors import DataError, ParameterError
from punar.tasks.segmentation import Segmentation

pytest.importorskip("segmentation_models_pytorch", reason="pip install 'punar[vision]'")

RNG = np.random.default_rng(0)
Y = [(RNG.random((32, 32)) < 0.3).astype(np.uint8) for _ in range(6)]
X = [np.stack([200 * y, 40 + 0 * y, 90 + 0 * y], 2).astype(np.uint8) for y in Y]


def network() -> Any:
    with seeded(0):
        widths = [(3, 8), (8, 8), (8, 8), (8, 8), (8, 8)]
        stages = [torch.nn.Sequential(torch.nn.Conv2d(a, b, 3, 2, 1), torch.nn.ReLU()) for a, b in widths]
        return torch.nn.Sequential(*stages)


def fit(strategy: str, **given: Any) -> Any:
    model = punar.TransferLearner(network(), Segmentation(), strategy, epochs=2, random_state=0, device="cpu", **given)
    return model.set_params(cache=False).fit(X, Y)


@pytest.mark.parametrize(
    ("strategy", "given", "changed"),
    [
        ("scratch", {}, True),
        ("fine_tuning", {"unfreeze": "all"}, True),
        ("scratch", {"augment": None}, False),
        ("feature_extraction", {}, False),  # the frozen network's output is remembered
        ("fine_tuning", {"unfreeze": "last"}, False),
    ],
)
def test_pictures_and_masks_are_changed_at_random(
    strategy: str, given: dict[str, Any], changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    vary = Segmentation.vary

    def noted(self: Any, batch: Any, target: Any, generator: Any) -> Any:
        found = vary(self, batch, target, generator)
        seen.append(not torch.equal(found[1]["masks"], target["masks"]))
        return found

    monkeypatch.setattr(Segmentation, "vary", noted)
    fitted = fit(strategy, **given)
    assert any(seen) is changed
    assert {"train_cross_entropy", "train_dice"} <= fitted.history_[0].keys()
    assert all(
        word in (Segmentation.__doc__ or "") for word in ("cross-entropy plus the Dice", "mirrored left and right")
    )


def test_class_weights_are_refused_with_what_to_do() -> None:
    with pytest.raises(ParameterError, match=r"Dice term.*Pictures that matter more are named with sample_weight"):
        fit("scratch", class_weight="balanced")


def test_what_has_a_name_is_a_class_though_the_fit_held_none() -> None:
    task = Segmentation(names=["ground", "square", "tree"], ignore=255)
    task.learn([np.array([[0, 1], [1, 0]], dtype=np.uint8)] * 2, "here")
    assert task.class_names == ["ground", "square", "tree"]
    meter, other = task.meter(), [np.array([[0, 2], [1, 0]], dtype=np.uint8)]
    found = task.encode([np.array([[0, 0], [1, 0]], dtype=np.uint8)], "here")
    meter.add(list(found.columns["masks"]), task.encode(other, "here"))
    assert meter.details()["iou_per_class"] == pytest.approx({"ground": 2 / 3, "square": 1.0, "tree": 0.0})
    unnamed = Segmentation(ignore=255)
    unnamed.learn([np.array([[0, 1], [1, 0]], dtype=np.uint8)] * 2, "here")
    with pytest.raises(DataError, match=r"holds the number 2, which .* held; those were 0, 1\. .*names="):
        unnamed.encode(other, "here")
