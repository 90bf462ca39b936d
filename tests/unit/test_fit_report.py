"""What every fit report shares: a score beside chance and rivals, a verdict, a warning where nothing was learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from punar.errors import DamagedModelError, DidNotLearnError, DidNotLearnWarning
from punar.tasks import Targets
from punar.tasks.classification import Classification
from punar.tasks.regression import Regression
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
        task, task.constant(Targets({"y": target})), Targets({"y": target}), reports.TRAINING
    )
    assert not report["learned"]
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


@pytest.mark.parametrize(("rival", "said"), [(0.84, "better"), (0.86, "neither"), (0.94, "neither"), (0.96, "worse")])
def test_a_lead_within_one_standard_error_is_no_difference(rival, said):
    task, target = classes()  # 400 rows: 0.05
    report = reports.beside_chance(task, list(right(target, 0.9)), Targets({"y": target}), reports.HELD_OUT)
    words = {"better": " better than {rival:.2f}", "worse": " worse than {rival:.2f}", "equal": " neither, {rival:.2f}"}
    reports.add_rival(report, "rival", rival, **words)
    assert report["rival"] == rival
    assert said in str(report)


def test_a_stored_report_is_checked():
    stored = {"verdict": "Learned.", "learned": True}
    assert str(FitReport.from_stored(stored, "here")) == "Learned."
    for wrong in (None, [], {"learned": True}, {"verdict": 3}):
        with pytest.raises(DamagedModelError, match="here: report must be an object with a verdict"):
            FitReport.from_stored(wrong, "here")
