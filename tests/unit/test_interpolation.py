"""Fine-tuned weights part of the way back to where they began, and what is held out and shown on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import punar
from punar.errors import ParameterError
from punar.training.best import Between

DIGITS, LABELS = load_digits(return_X_y=True)
PICTURES = DIGITS.reshape(-1, 8, 8) / 16


def tuned(count: int = 40, **settings: Any) -> punar.TransferLearner:
    usual = {"strategy": "fine_tuning", "epochs": 2, "evidence": "cheap", "random_state": 0, "device": "cpu"}
    return punar.TransferLearner("starter", **usual | settings).fit(PICTURES[:count], LABELS[:count])


def weights(model: punar.TransferLearner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.module_.parameters()])


def test_a_share_is_a_point_on_the_straight_way():
    start = {"a": torch.zeros(3), "n": torch.tensor(5)}
    found = Between.of((0.25,), start).at(0.25, {"a": torch.full((3,), 4.0), "n": torch.tensor(9)})
    assert found["a"].tolist() == [1.0, 1.0, 1.0]
    assert int(found["n"]) == 9  # a count has no half


def test_without_shares_nothing_is_copied():
    assert Between.of((), {"a": torch.zeros(3)}).start == {}


def test_the_weights_lie_as_far_as_is_asked():
    at = {share: weights(tuned(augment=None, interpolation=share)) for share in (0.25, 0.5)}
    end = weights(tuned(augment=None, interpolation=1.0, early_stopping=False))
    begin = 2 * at[0.5] - end
    assert float((end - begin).abs().max()) > 1e-4
    np.testing.assert_allclose(at[0.25], begin + 0.25 * (end - begin), atol=1e-5)


def test_few_items_are_all_trained_on_and_half_the_way_is_kept():
    model = tuned()
    assert model.fit_report_["interpolation"] == 0.5
    assert model.fit_report_["rows_from"] == "training"
    assert "valid_loss" not in model.history_[0]
    assert len(model.history_) == 2


def test_held_out_items_choose_the_point():
    model = tuned(60, validation_fraction=0.4)
    assert model.fit_report_["interpolation"] in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert model.fit_report_["rows"] == 24
    assert "valid_loss" in model.history_[0]


def test_from_200_items_on_some_are_held_out():
    assert tuned(200, epochs=1, augment=None).fit_report_["rows"] == 30


def test_scratch_holds_items_out_and_keeps_the_best_epoch():
    model = tuned(strategy="scratch")
    assert "interpolation" not in model.fit_report_
    assert model.fit_report_["rows_from"] == "held_out"


def test_augmentation_of_classified_pictures_changes_what_is_learned():
    assert not torch.equal(weights(tuned(interpolation=1.0)), weights(tuned(interpolation=1.0, augment=None)))
    number = {"task": "regression", "interpolation": 1.0}  # where a change of place may change the answer
    assert torch.equal(weights(tuned(**number)), weights(tuned(**number, augment=None)))


def test_a_time_limit_keeps_a_point_too():
    model = punar.TransferLearner("starter", strategy="fine_tuning", epochs=5000, evidence="cheap", random_state=0)
    model.fit(PICTURES[:40], LABELS[:40], time_limit=0.5)
    assert len(model.history_) < 5000
    assert model.fit_report_["interpolation"] == 0.5


def test_a_finished_checkpoint_gives_the_same_model_again(tmp_path):
    settings = {"strategy": "fine_tuning", "epochs": 2, "evidence": "cheap", "random_state": 0, "device": "cpu"}

    def fitted() -> punar.TransferLearner:
        model = punar.TransferLearner("starter", **settings)
        return model.fit(PICTURES[:40], LABELS[:40], checkpoint=tmp_path / "c")

    first, second = fitted(), fitted()
    assert torch.equal(weights(first), weights(second))  # not half the way twice
    assert second.fit_report_["interpolation"] == 0.5


@pytest.mark.parametrize("share", [-0.5, 1.5, "half", None, True, float("nan")])
def test_shares_that_are_none(share):
    with pytest.raises(ParameterError, match="interpolation"):
        tuned(interpolation=share)
