"""Tests of leads: exact where they can be, blind to what is no lead, and honest in time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import f1_score, r2_score

import punar
from punar.data.splits import halves, two_folds
from punar.tasks import Targets
from punar.tasks._entities import EntityMeter
from punar.tasks._meter import ShareMeter
from punar.tasks.classification import Classification
from punar.tasks.multilabel import Multilabel
from punar.tasks.regression import Regression
from punar.training import evidence
from punar.training import report as reports
from punar.training.loop import Loop


def meters(task, answers, target):
    found = []
    for raw in answers:
        meter = task.meter()
        meter.add(list(raw), Targets({"y": target}))
        found.append(meter)
    return found


def test_the_exchange_test_of_accuracy_is_the_sign_test():
    # The one is right where the other is wrong in 15 rows, the other way round in 5; elsewhere both are right.
    task = Classification()
    target = task.learn_rows(np.arange(60) % 2, "test")
    sure = torch.nn.functional.one_hot(target, 2).float()
    one, two = sure.clone(), sure.clone()
    one[:5], two[5:20] = 1 - one[:5], 1 - two[5:20]
    ours, theirs = meters(task, (one, two), target)
    ps = [evidence.lead(ours, theirs, 60, seed=s).better for s in range(20)]
    exact = stats.binomtest(15, 20, alternative="greater").pvalue
    assert np.mean(ps) == pytest.approx(exact, abs=0.01)
    lead = evidence.lead(ours, theirs, 60)
    assert lead.size == pytest.approx(10 / 60)
    assert lead.spread == pytest.approx(np.sqrt(20) / 60, rel=0.2)
    assert evidence.lead(theirs, ours, 60).worse == pytest.approx(lead.better, abs=0.03)


@pytest.mark.parametrize("kind", ["classes", "amounts", "sets"])
def test_of_useless_answers_one_in_twenty_is_said_to_be_better(kind):
    rng, better = np.random.default_rng(0), 0
    for seed in range(200):
        if kind == "classes":
            task = Classification()
            target = task.learn_rows(rng.permutation(np.arange(40) % 2), "test")
            raw = torch.from_numpy(rng.normal(size=(40, 2)))
        elif kind == "amounts":
            task = Regression()
            target = task.learn_rows(rng.normal(size=40), "test")
            raw = 0.2 * torch.from_numpy(rng.normal(size=(40, 1)))
        else:
            task = Multilabel()
            target = task.learn_rows(rng.integers(0, 2, size=(40, 3)), "test")
            raw = torch.from_numpy(rng.normal(size=(40, 3)))
        constant = task.constant_row(target).expand(len(target), -1)
        better += evidence.lead(*meters(task, (raw, constant), target), 40, seed=seed).better <= evidence.LEVEL
    assert better <= 18  # the 1 % bound of a true 5 %


def test_own_measures_follow_scikit_learns_rules():
    rng = np.random.default_rng(0)
    for _ in range(50):
        task = Multilabel()
        y = rng.integers(0, 2, size=(7, 3))
        target, raw = task.learn_rows(y, "test"), torch.from_numpy(rng.normal(size=(7, 3)))
        assert task.measure(raw, target) == pytest.approx(f1_score(y, raw > 0, average="micro", zero_division=0))
        numbers = Regression()
        y = rng.normal(size=(7, 2))
        target, raw = numbers.learn_rows(y, "test"), torch.from_numpy(rng.normal(size=(7, 2)))
        assert numbers.measure(raw, target) == pytest.approx(r2_score(target, raw), abs=1e-6)
    assert task.measure(torch.full((3, 2), -1.0), torch.zeros(3, 2)) == 0.0
    still = torch.ones(4, 1)
    assert numbers.measure(still, still) == r2_score(still, still) == 1.0
    assert numbers.measure(still + 1, still) == r2_score(still, still + 1) == 0.0


def test_meters_of_counts_exchange_items():
    one, two = EntityMeter(), EntityMeter()
    spans = [(0, 1, "x"), (2, 3, "x")]
    for found, meter in ((spans, one), ([], two)):
        meter.count(found, spans)
        meter.count(spans, spans)
    assert one.exchanged(two, np.array([False, True])) == (one.value(), two.value())
    assert one.exchanged(two, np.array([True, False])) == (two.value(), one.value())
    share, other = ShareMeter("tags"), ShareMeter("tags")
    true = Targets({"tags": [torch.tensor([0, 1]), torch.tensor([1])]})
    share.add([torch.tensor([0, 1]), torch.tensor([0])], true)
    other.add([torch.tensor([1, 1]), torch.tensor([1])], true)
    assert share.exchanged(other, np.array([False, True])) == (1.0, pytest.approx(1 / 3))


def test_forecasts_are_told_apart_by_the_test_of_diebold_and_mariano():
    rng = np.random.default_rng(0)
    better = 0.3 + rng.normal(size=100)
    found = evidence.lead_in_time([better], 1, 1.0)
    plain = stats.ttest_1samp(better, 0, alternative="greater").pvalue
    assert found.better == pytest.approx(plain, rel=0.05)
    assert found.size == pytest.approx(better.mean())
    assert found.better + found.worse == pytest.approx(1)
    # Windows that overlap move together: the same lead says less.
    moving = np.convolve(rng.normal(size=104), np.ones(5) / 5, mode="valid")
    assert evidence.lead_in_time([moving], 5, 1.0).spread > 1.5 * evidence.lead_in_time([moving], 1, 1.0).spread
    assert evidence.lead_in_time([np.zeros(30)], 1, 1.0)[1:] == (1.0, 1.0, 0.0)


def test_of_windows_that_overlap_one_in_twenty_is_said_to_be_better():
    rng, better = np.random.default_rng(1), 0
    for _ in range(400):
        moving = np.convolve(rng.normal(size=84), np.ones(5) / 5, mode="valid")
        better += evidence.lead_in_time([moving[:40], moving[40:]], 5, 1.0).better <= evidence.LEVEL
    assert better <= 40  # few windows that overlap: the corrected test is known to be a little too sure


@pytest.mark.parametrize(
    ("p", "rows", "learned"), [(0.05, 60, True), (0.06, 60, False), (0.06, 22, None), (0.005, 19, None)]
)
def test_three_values(p, rows, learned):
    lead = evidence.Lead(0.2, p, 1 - p, 0.0)
    said = evidence.judged(lead, 0.5, rows)
    assert said.learned is learned
    if learned is None:
        assert said.rows > rows
        assert evidence.judged(lead._replace(better=0.06), 0.5, said.rows).learned is False


def test_halves_and_folds_share_nothing_and_leave_nothing_out():
    strata = np.arange(30) % 3
    (learn, ask), other = two_folds(30, 0, strata=strata)
    assert sorted([*learn.tolist(), *ask.tolist()]) == list(range(30))
    assert [x.tolist() for x in other] == [ask.tolist(), learn.tolist()]
    assert np.bincount(strata[learn]).tolist() == [5, 5, 5]
    assert two_folds(3, 0, strata=np.array([0, 0, 1])) == []  # a class of one item
    first, second = halves(torch.arange(30), strata)
    assert np.bincount(strata[first]).tolist() == np.bincount(strata[second]).tolist() == [5, 5, 5]


def test_where_a_constant_is_perfect_there_is_nothing_to_learn():
    S, y = np.random.default_rng(0).normal(size=(60, 8, 1)), np.ones((60, 2), int)
    model = punar.SequenceModel(task="multilabel", hidden_size=4, epochs=2, random_state=0, strict=True).fit(S, y)
    assert model.fit_report_["learned"] is None
    assert "There is nothing to learn" in str(model.fit_report_)


def test_items_of_weight_zero_are_not_judged():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 100, size=(48, 32, 32, 3)).astype(np.uint8)
    y = np.arange(48) % 2
    pictures[y == 1, :, :, 0] += 120
    wrong, weight = np.where(np.arange(48) < 24, y, 1 - y), (np.arange(48) < 24).astype(float)
    model = punar.TransferLearner("starter", cache=False, random_state=0)
    report = model.fit(pictures, wrong, sample_weight=weight).fit_report_
    assert (report["rows"], report["model"], report["learned"]) == (24, 1.0, True)
    loops = []
    train = Loop.train
    S = rng.normal(size=(300, 6, 1))
    light = np.r_[np.ones(30), np.zeros(270)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "train", lambda self: (loops.append(self.epochs), train(self))[1])
        punar.SequenceModel(hidden_size=4, epochs=3, random_state=0).fit(S, np.arange(300) % 2, sample_weight=light)
    assert loops == [3, 6, 6]


def test_who_did_not_learn_is_not_praised():
    lead = evidence.Lead(0.3, 0.01, 0.99, 0.1)
    words = {"better": " better", "worse": " worse", "equal": " equal"}
    for learned, said in ((True, " better"), (None, " better"), (False, " equal")):
        report = reports.FitReport(rows=60, learned=learned, verdict="")
        reports.add_rival(report, "rival", 0.2, lead, **words)
        assert str(report) == said
