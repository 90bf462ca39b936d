"""What every fit report shares: a score beside chance and rivals, a verdict, a warning where nothing was learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from punar.errors import DamagedModelError, DidNotLearnError, DidNotLearnWarning
from punar.tasks import Targets
from punar.tasks.classification import Classification
from punar.tasks.regression import Regression
from punar.training import evidence
from punar.training import report as reports
from punar.training.report import FitReport


def classes(n: int = 400) -> tuple[Classification, torch.Tensor]:
    task = Classification()
    y = np.arange(n) % 4 == 0
    return task, task.learn_rows(np.where(y, "rare", "usual"), "test")


def right(target: torch.Tensor, share: float) -> torch.Tensor:
    """Return raw outputs, right for the first ``share`` of the rows."""
    raw = torch.nn.functional.one_hot(target, 2).float()
    wrong = torch.arange(len(target)) >= share * len(target)
    return torch.where(wrong[:, None], 1 - raw, raw)


def test_a_score_stands_beside_that_of_the_majority_class():
    task, target = classes()
    report = reports.beside_chance(task, list(right(target, 0.9)), Targets({"y": target}), reports.HELD_OUT)
    assert report["model"] == pytest.approx(0.9)
    assert report["constant"] == pytest.approx(0.75)
    assert (report["rows"], report["rows_from"], report["learned"]) == (400, "held_out", True)
    assert str(report).startswith("Learned: accuracy 0.900 on 400 held-out rows")


def test_chance_itself_has_not_learned():
    task, target = classes()
    report = reports.beside_chance(
        task, task.constant(Targets({"y": target})), Targets({"y": target}), reports.HELD_OUT
    )
    assert report["learned"] is False
    with pytest.warns(DidNotLearnWarning, match=r"Did not learn: accuracy 0\.750"):
        report.answer(strict=False)
    with pytest.raises(DidNotLearnError, match="try this"):
        report.answer(strict=True, advice=" try this")


def test_chance_of_numbers_is_an_r2_of_zero():
    task = Regression()
    target = task.learn_rows(np.arange(20.0), "test")
    report = reports.beside_chance(task, list(target), Targets({"y": target}), reports.CROSS_VALIDATED)
    assert report["constant"] == pytest.approx(0.0, abs=1e-6)
    assert report["model"] == pytest.approx(1.0)
    assert "cross-validated" in str(report)


def test_rows_that_were_trained_on_and_few_rows_cannot_tell():
    task, target = classes()
    for some, rows_from, said in (
        (target, reports.TRAINING, "trained on"),
        (target[:19], reports.HELD_OUT, "too few"),
        (target[:24], reports.HELD_OUT, "too few"),
    ):
        report = reports.beside_chance(task, list(right(some, 0.8)), Targets({"y": some}), rows_from)
        assert report["learned"] is None
        assert str(report).startswith("Cannot tell")
        assert said in str(report)
        report.answer(strict=True)  # no error, no warning
        assert rows_from == reports.TRAINING or report["rows_wanted"] > len(some)


@pytest.mark.parametrize(("rival", "said"), [(0.8, "better"), (0.88, "neither"), (0.92, "neither"), (0.97, "worse")])
def test_a_rival_is_told_from_the_model_by_the_rows_on_which_they_differ(rival, said):
    task, target = classes()
    targets = Targets({"y": target})
    shuffled = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    wrong = right(target[shuffled], rival)[shuffled.argsort()]  # other rows are wrong than the model's
    report = reports.beside_chance(task, list(right(target, 0.9)), targets, reports.HELD_OUT)
    words = {"better": " better than {rival:.2f}", "worse": " worse than {rival:.2f}", "equal": " neither, {rival:.2f}"}
    ours, theirs = (reports.meter_of(task, list(raw), targets) for raw in (right(target, 0.9), wrong))
    reports.add_rival(report, "rival", theirs.value(), evidence.lead(ours, theirs, 400), **words)
    assert report["rival"] == pytest.approx(rival, abs=0.003)
    assert said in str(report)


def test_a_permutation_test_needs_to_beat_all_others():
    task, target = classes()
    targets = Targets({"y": target})
    beaten = [0.75] * 19
    for scores, learned in ((beaten, True), ([*beaten[1:], 0.95], False)):
        report = reports.beside_chance(
            task, list(right(target, 0.9)), targets, reports.CROSS_VALIDATED, permuted=scores
        )
        assert report["learned"] is learned


def test_a_stored_report_is_checked():
    stored = {"verdict": "Learned.", "learned": True}
    assert str(FitReport.from_stored(stored, "here")) == "Learned."
    for wrong in (None, [], {"learned": True}, {"verdict": 3}):
        with pytest.raises(DamagedModelError, match="here: report must be an object with a verdict"):
            FitReport.from_stored(wrong, "here")
