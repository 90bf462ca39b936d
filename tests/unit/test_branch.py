"""Convolutions beside the cell: padding, batches, tiny sets, saving, stopping and going on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import punar
from punar import errors
from punar.cells import Branch
from punar.models.recurrent.small import block_of

pytestmark = pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")


def ragged(n=24, channels=2, low=10, high=40, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(rng.integers(low, high + 1), channels)) for _ in range(n)]
    return X, np.array([int(x.mean() > 0) for x in X])


def model(**settings):
    given = {"hidden_size": 6, "epochs": 3, "random_state": 0, "device": "cpu", "evidence": "cheap", "branch": "conv"}
    return punar.SequenceModel(**given | settings)


def padded(items, steps, value=0.0):
    found = torch.full((len(items), steps, items[0].shape[1]), value)
    for row, item in zip(found, items, strict=True):
        row[: len(item)] = torch.from_numpy(item).float()
    return found, torch.tensor([len(item) for item in items])


# -- the module


@pytest.mark.parametrize("block", [1, 4])
@pytest.mark.parametrize("value", [0.0, 1e3])
def test_what_lies_past_the_end_never_reaches_an_answer(block, value):
    items, _ = ragged(5)
    branch = Branch(2, block)
    branch.learn(*padded(items, 40))
    for _ in range(3):
        branch(*padded(items, 40))  # so that the running statistics are not the first ones
    branch.eval()
    alone = torch.cat([branch(*padded([item], len(item))) for item in items])
    torch.testing.assert_close(branch(*padded(items, 57, value)), alone, rtol=1e-4, atol=1e-5)
    assert alone.shape == (5, branch.output_width)
    assert not torch.allclose(alone[0], alone[1])


@pytest.mark.parametrize("block", [1, 4])
def test_padding_does_not_change_training_either(block):
    items, _ = ragged(5)
    one, two = Branch(2, block), Branch(2, block)
    two.load_state_dict(one.state_dict())
    a, b = one(*padded(items, 40)), two(*padded(items, 64, 9.0))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    a.square().sum().backward()
    b.square().sum().backward()
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-3)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, two.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_facts_are_numpys_on_the_scale_of_the_training_rows():
    items, _ = ragged(30)
    branch = Branch(2).eval()
    branch.learn(*padded(items, 40))
    found = branch(*padded(items, 40))[:, -branch.facts_width :].detach()
    expected = np.stack([np.r_[x.mean(0), np.log(x.std(0)), x[0], x[-1], np.log(len(x))] for x in items])
    expected = 4 * (expected - expected.mean(0)) / expected.std(0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_constant_channels_and_series_of_one_step_give_finite_numbers():
    branch = Branch(2, 4)
    x, lengths = torch.ones(1, 1, 2), torch.ones(1, dtype=torch.int64)
    branch.learn(x, lengths)
    found = branch(x, lengths)
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert all(torch.isfinite(p.grad).all() for p in branch.parameters() if p.grad is not None)


def test_blocks_keep_long_waves_within_reach():
    assert [block_of(steps) for steps in (1, 64, 65, 500)] == [1, 1, 2, 8]


# -- the estimator


def test_auto_is_for_few_series_with_one_answer_each():
    X, y = ragged(24)
    assert isinstance(model(branch="auto").fit(X, y).module_.branch, Branch)
    assert model(branch=None).fit(X, y).module_.branch is None
    assert model(branch="auto").fit([x[:9] for x in X], y).module_.branch is None
    many, labels = ragged(400, low=24, high=25)
    assert model(branch="auto", epochs=1).fit(many, labels).module_.branch is None
    assert model(branch="auto", task="tagging").fit(X, [np.sign(x[:, 0]) for x in X]).module_.branch is None


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_every_task_with_one_answer_has_it(task):
    X, y = ragged(24)
    y = np.stack([y, 1 - y], 1) if task == "multilabel" else y.astype(float) if task == "regression" else y
    fitted = model(task=task).fit(X, y)
    assert fitted.predict(X).shape == y.shape
    assert fitted.transform(X).shape == (24, 6)


def test_an_answer_does_not_depend_on_its_neighbours():
    X, y = ragged(24)
    fitted = model().fit(X, y)
    every = fitted.predict_proba(X)
    alone = np.concatenate([fitted.predict_proba([x]) for x in X])
    np.testing.assert_allclose(alone, every, atol=1e-5)
    np.testing.assert_allclose(fitted.predict_proba(X[::-1])[::-1], every, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 17])
def test_tiny_sets(n):
    X, _ = ragged(n)
    fitted = model(task="regression", validation_fraction=0).fit(X, np.arange(n) * 1.0)
    assert np.isfinite(fitted.predict(X)).all()
    steps = [x[:1] for x in X]
    assert np.isfinite(model(task="regression", batch_size=1).fit(steps, np.arange(n) * 1.0).predict(steps)).all()


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    X, y = ragged(24)
    fitted = model().fit(X, y)
    again = punar.load(punar.save(fitted, tmp_path / "m"))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    extractor = punar.FeatureExtractor(str(tmp_path / "m"), device="cpu", cache=False).fit(X)
    np.testing.assert_allclose(extractor.transform(X), fitted.transform(X), atol=1e-5)


def test_a_damaged_block_is_refused(tmp_path):
    X, y = ragged(24)
    folder = punar.save(model().fit(X, y), tmp_path / "m")
    config = folder / "config.json"
    text = config.read_text(encoding="utf-8").replace('"sha256"', '"unchecked"')
    assert '"branch": 1' in text
    for wrong in ("-3", '"conv"', "1e9"):
        config.write_text(text.replace('"branch": 1', f'"branch": {wrong}'), encoding="utf-8")
        with pytest.raises(errors.DamagedModelError):
            punar.load(folder)


def test_the_seed_fixes_it_and_stopping_changes_nothing(tmp_path):
    X, y = ragged(40)
    whole = model(epochs=6).fit(X, y)
    part = model(epochs=6)
    part.fit(X, y, checkpoint=tmp_path / "c", time_limit=1e-9)
    assert part.fit_report_["out_of_time"]
    part.fit(X, y, checkpoint=tmp_path / "c")
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, part.module_.state_dict()[name]), name


def test_only_late_weights_are_kept():
    X, y = ragged(40)
    found = model(epochs=20, patience=1).fit(X, y).history_
    assert len(found) >= 19


@pytest.mark.parametrize(
    ("settings", "X", "y"),
    [
        ({"task": "tagging"}, ragged(8)[0], [np.sign(x[:, 0]) for x in ragged(8)[0]]),
        ({}, ["अ आ", "इ ई"] * 4, [0, 1] * 4),
    ],
    ids=["tagging", "texts"],
)
def test_where_it_cannot_be_the_error_says_so(settings, X, y):
    with pytest.raises(errors.ParameterError, match="branch='conv' reads series and recordings"):
        model(**settings).fit(X, y)


def test_of_forecasts_neither():
    with pytest.raises(errors.ParameterError, match="branch='conv' reads series"):
        model(task="forecasting", horizon=2).fit(np.sin(np.arange(80.0)))


def test_another_name_is_refused():
    with pytest.raises(errors.ParameterError, match="branch"):
        model(branch="attention").fit(*ragged(8))


def test_small_sets_make_enough_steps():
    X, y = ragged(30)
    assert len(punar.SequenceModel(hidden_size=4, random_state=0, evidence="cheap").fit(X, y).history_) >= 135
    plain = punar.SequenceModel(hidden_size=4, random_state=0, evidence="cheap", branch=None, early_stopping=False)
    assert len(plain.fit(X, y).history_) == 150


# -- the nearest series in the report


def test_the_report_says_what_the_nearest_series_gives():
    X, y = ragged(40)
    X = [x + 2 * label for x, label in zip(X, y, strict=True)]
    report = model(evidence="auto").fit(X, y).fit_report_
    assert report["nearest"] > 0.8  # chance is about 0.5
    assert "nearest training series" in str(report)
    assert "nearest" not in model(validation_fraction=0).fit(X, y).fit_report_
