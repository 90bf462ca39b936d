"""Every baseline learns from what it is fitted on alone, and equals scikit-learn's or numpy's where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from punar import baselines, errors
from punar.data.windows import Windows
from punar.tasks.classification import Classification
from punar.tasks.multilabel import Multilabel
from punar.tasks.regression import Regression

WORDS = np.array(["नदी", "पर्वत", "सागर", "आकाश", "मेघ", "वर्षा"])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def series(n: int, seed: int) -> list[np.ndarray]:
    draw = rng(seed)
    return [draw.normal(size=(draw.integers(3, 9), 2)) + i % 2 for i in range(n)]


def texts(n: int, seed: int) -> list[str]:
    draw = rng(seed)
    return [" ".join(["abc"[i % 2] * 3, *draw.choice(["ab", "cd", "ef", "gh"], 3)]) for i in range(n)]


def pictures(n: int, seed: int) -> list[np.ndarray]:
    draw = rng(seed)
    return [(draw.integers(0, 99, (20, 24, 3)) + 100 * (i % 2)).astype(np.uint8) for i in range(n)]


def sounds(n: int, seed: int) -> list[np.ndarray]:
    draw, t = rng(seed), np.arange(1600) / 8000
    return [np.sin(6.28 * (400 + 800 * (i % 2)) * t) * 0.5 + 0.05 * draw.normal(size=len(t)) for i in range(n)]


ITEMS: dict[str, Callable[[int, int], Any]] = {"series": series, "text": texts, "vision": pictures, "audio": sounds}
LABELS = np.arange(24) % 2


# -- no baseline sees what it is measured on


@pytest.mark.parametrize("kind", ITEMS)
@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_an_answer_depends_on_its_own_item_alone(kind, target):
    train, test, others = (ITEMS[kind](24, seed) for seed in (0, 1, 2))
    model = baselines.linear_for(kind, target).fit(train, LABELS.astype(float) if target == "numbers" else LABELS)
    alone = model.predict(test[:1])
    np.testing.assert_allclose(model.predict([*test[:1], *others])[:1], alone, rtol=1e-4, atol=1e-6)
    assert np.mean((model.predict(test) > 0.5) == LABELS) > 0.9  # and it learns: chance is 0.5
    assert baselines.coefficients(model) > 1


def test_a_reconstruction_depends_on_training_rows_and_its_own():
    train, test, other = rng(0).normal(size=(60, 6)), rng(1).normal(size=(9, 6)), rng(2).normal(size=(9, 6))
    found = baselines.pca_reconstruction(train, test, 2)
    both = baselines.pca_reconstruction(train, np.concatenate([test, 100 * other]), 2)[:9]
    np.testing.assert_allclose(found, both)
    assert not np.allclose(found, baselines.pca_reconstruction(train + rng(3).normal(size=(60, 6)), test, 2))


def test_codes_at_random_know_nothing_of_the_rows():
    codes = baselines.random_codes(500, 3, seed=4)
    np.testing.assert_array_equal(codes, baselines.random_codes(500, 3, seed=4))
    assert codes.shape == (500, 3)
    assert np.abs(np.corrcoef(codes.T) - np.eye(3)).max() < 0.15


@pytest.mark.parametrize(
    "forecaster",
    [
        baselines.LastValue(4),
        baselines.LastSeason(4, 5),
        baselines.Drift(4),
        baselines.Autoregression(4, 6),
        baselines.Autoregression(4, 6, season=5),
    ],
    ids=lambda f: type(f).__name__,
)
def test_a_forecast_is_made_from_what_is_known(forecaster):
    known = [rng(i).normal(size=(40, 2)).cumsum(0) for i in range(3)]
    forecast = clone(forecaster).fit(known).predict()
    assert forecast.shape == (3, 4, 2)
    # The same numbers in other units are the same forecast in other units.
    again = clone(forecaster).fit([10 + 3 * x for x in known]).predict()
    np.testing.assert_allclose(again, 10 + 3 * forecast, rtol=1e-6)


@pytest.mark.parametrize("task", [Classification(), Regression()])
def test_a_head_on_features_is_fitted_on_its_rows_alone(task):
    X, other = rng(0).normal(size=(40, 3)).astype(np.float32), rng(1).normal(size=(7, 3)).astype(np.float32)
    target = task.learn_rows(np.where(X[:, 0] > 0, 1.0, 0.0), "test")
    head = [torch.from_numpy(a) for a in (X, other)]
    found = baselines.head_answers(task, head[0], target, None, head[1], 0)
    few = baselines.head_answers(task, head[0], target, None, head[1][:2], 0)
    assert found.shape == (7, task.outputs)
    torch.testing.assert_close(found[:2], few)
    assert task.measure(baselines.head_answers(task, head[0], target, None, head[0], 0), target) > 0.5


def test_a_class_without_a_row_has_no_head():
    task = Classification()
    target = task.learn_rows(["a", "b", "c"] * 4, "test")
    features = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    some = target < 2
    assert baselines.head_answers(task, features[some], target[some], None, features, 0) is None


# -- what scikit-learn and numpy say


def test_chance_is_scikit_learns_dummy():
    draw = rng(0)
    y, other = draw.integers(0, 3, 50) // 2, draw.integers(0, 3, 20)
    X = draw.normal(size=(50, 2))
    dummy = DummyClassifier(strategy="most_frequent").fit(X, y)
    assert baselines.chance_score("classes", y, other) == dummy.score(np.zeros((20, 1)), other)
    dummy = DummyRegressor(strategy="mean").fit(X, y)
    assert baselines.chance_score("numbers", y, other) == dummy.score(np.zeros((20, 1)), other)
    assert baselines.coefficients(baselines.chance("classes").fit(X, y)) == 0
    assert baselines.coefficients(PCA(1).fit(X)) is None


def test_pca_is_scikit_learns():
    train, test = rng(0).normal(size=(60, 6)) @ rng(1).normal(size=(6, 6)), rng(2).normal(size=(9, 6))
    pca = PCA(3).fit(train)
    np.testing.assert_allclose(
        baselines.pca_reconstruction(train, test, 3), pca.inverse_transform(pca.transform(test)), atol=1e-9
    )


def test_linear_models_are_scikit_learns():
    X, test, y = rng(0).normal(size=(60, 4)), rng(1).normal(size=(9, 4)), rng(2).integers(0, 3, 60)
    logistic = LogisticRegression(max_iter=2000).fit(X, y)
    own = baselines.linear_model("classes").fit(X, y)
    np.testing.assert_allclose(baselines.raw_answers(own, test, "classes"), logistic.predict_log_proba(test), rtol=1e-4)
    own = baselines.linear_model("amounts").fit(X, y)
    np.testing.assert_allclose(
        baselines.raw_answers(own, test, "amounts")[:, 0], Ridge().fit(X, y).predict(test), rtol=1e-5
    )
    sets = np.stack([y == 0, y > 0], axis=1).astype(int)
    rest = OneVsRestClassifier(LogisticRegression(max_iter=2000)).fit(X, sets)
    own = baselines.linear_model("sets").fit(X, sets)
    logits = baselines.raw_answers(own, test, "sets")
    np.testing.assert_allclose(torch.sigmoid(logits), rest.predict_proba(test), rtol=1e-4)
    task = Multilabel()
    task.learn_rows(sets, "test")
    assert task.decode(logits).shape == (9, 2)


@pytest.mark.parametrize("distance", ["euclidean", "dtw"])
def test_the_nearest_series_depends_on_its_own_item_alone(distance):
    if distance == "dtw":
        pytest.importorskip("aeon")
    train, test, others = (series(24, seed) for seed in (0, 1, 2))
    model = baselines.NearestNeighbour(distance).fit(train, LABELS)
    np.testing.assert_array_equal(model.predict([*test, *others])[:24], model.predict(test))
    np.testing.assert_array_equal(model.predict(train), LABELS)  # of what it knows itself is nearest
    assert np.mean(model.predict(test) == LABELS) > 0.8  # chance is 0.5
    with pytest.raises(errors.ParameterError, match="distance"):
        baselines.NearestNeighbour("cosine").fit(train, LABELS)


def test_the_nearest_series_is_scikit_learns():
    X, test, y = rng(0).normal(size=(50, 7, 3)), rng(1).normal(size=(20, 7, 3)), rng(2).integers(0, 4, 50)
    scaler = StandardScaler().fit(X.reshape(-1, 3))
    flat, asked = (scaler.transform(x.reshape(-1, 3)).reshape(len(x), -1) for x in (X, test))
    rival = KNeighborsClassifier(1).fit(flat, y).predict(asked)
    np.testing.assert_array_equal(baselines.NearestNeighbour().fit(list(X), y).predict(list(test)), rival)
    gaps = X.copy()
    gaps[:, 3, 1] = np.nan
    assert baselines.NearestNeighbour().fit(list(gaps), y).predict(list(gaps)).tolist() == y.tolist()


@pytest.mark.parametrize("target", ["classes", "amounts"])
def test_random_kernels_are_aeons(target):
    pytest.importorskip("aeon")
    train, test = series(24, 0), series(24, 1)
    y = LABELS if target == "classes" else LABELS * 10.0
    model = baselines.random_kernels(target, seed=3).fit(train, y)
    found = model.predict(test)
    np.testing.assert_allclose(model.predict(test[:1]), found[:1])
    np.testing.assert_allclose(baselines.random_kernels(target, seed=3).fit(train, y).predict(test), found)
    assert np.mean((found > y.mean()) == LABELS) > 0.8


def test_without_aeon_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", None)
    monkeypatch.setitem(sys.modules, "aeon.distances", None)
    monkeypatch.setitem(sys.modules, "aeon.transformations.collection.convolution_based", None)
    for model in (baselines.NearestNeighbour("dtw"), baselines.random_kernels("classes")):
        with pytest.raises(errors.MissingExtraError, match=r"punar\[series\]"):
            model.fit(series(8, 0), LABELS[:8])


def test_a_bag_of_words_is_tf_idf_with_a_logistic_regression():
    train, test = texts(30, 0), texts(9, 1)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    rival = make_pipeline(words, LogisticRegression(C=10.0, max_iter=2000)).fit(train, np.arange(30) % 2)
    own = baselines.bag_of_words("classes").fit(train, np.arange(30) % 2)
    np.testing.assert_allclose(own.predict_proba(test), rival.predict_proba(test))


def test_a_bag_of_token_ids_does_not_see_their_order():
    draw = rng(0)
    ids = [draw.integers(0, 9, draw.integers(2, 8)).tolist() for _ in range(40)]
    y = np.array([3 in item for item in ids]).astype(int)
    model = baselines.bag_of_words("classes", tokens=True).fit(ids, y)
    np.testing.assert_allclose(model.predict_proba([i[::-1] for i in ids]), model.predict_proba(ids))
    assert model.score(ids, y) == 1.0
    named = [" ".join(f"w{i}" for i in item) for item in ids]
    words = TfidfVectorizer(sublinear_tf=True)
    rival = make_pipeline(words, LogisticRegression(C=10.0, max_iter=2000)).fit(named, y)
    np.testing.assert_allclose(model.predict_proba(ids), rival.predict_proba(named), rtol=1e-6)


def test_statistics_are_numpys(monkeypatch):
    items = series(12, 0)
    items[3][1:3, 0] = np.nan
    items[5][:, 1] = np.nan
    items[6][0, 0] = items[6][-1, 0] = np.nan
    found = baselines.statistics(items)
    for row, x in zip(found, items, strict=True):
        expected = []
        for measure in (np.mean, np.std, np.min, np.max, lambda v: v[0], lambda v: v[-1]):
            columns = [c[~np.isnan(c)] for c in x.T]
            expected += [measure(c) if len(c) else 0.0 for c in columns]
        expected += [*(~np.isnan(x)).mean(0), len(x)]
        np.testing.assert_allclose(row, expected)
    monkeypatch.setattr("punar.baselines.summary._MOST_NUMBERS", 20)  # some at a time
    np.testing.assert_allclose(baselines.statistics(items), found)
    np.testing.assert_array_equal(baselines.Statistics().fit(items).transform(items[:2]), found[:2])


def test_naive_forecasts():
    x = [np.array([[1.0], [4.0], [2.0], [7.0]])]
    assert baselines.LastValue(3).fit(x).predict()[0, :, 0].tolist() == [7, 7, 7]
    assert baselines.LastSeason(3, 2).fit(x).predict()[0, :, 0].tolist() == [2, 7, 2]
    assert baselines.Drift(3).fit(x).predict()[0, :, 0].tolist() == [9, 11, 13]


def test_mase_is_scaled_by_the_change_over_a_season():
    x = np.array([[1.0], [4.0], [2.0], [7.0]])
    assert baselines.mase_scale([x], 1).tolist() == [[pytest.approx((3 + 2 + 5) / 3)]]
    assert baselines.mase_scale([x], 2).tolist() == [[2.0]]
    assert baselines.mase_scale([x], 9).tolist() == [[pytest.approx(10 / 3)]]  # no season is known: one step
    assert baselines.mase_scale([x, np.ones((4, 1))], 2).tolist() == [[2.0], [2.0]]  # never changed: the others'
    assert baselines.mase_scale([np.ones((4, 1))], 1).tolist() == [[1.0]]


def windows_of(x: np.ndarray, context: int, horizon: int, season: int = 1) -> tuple[Windows, torch.Tensor]:
    origins = np.arange(context - 1, len(x) - horizon)
    windows = Windows([x], context, horizon, season, np.ones((len(origins), x.shape[1])), [origins])
    return windows, torch.arange(len(windows))


@pytest.mark.parametrize("channels", [1, 2])
def test_an_autoregression_is_least_squares(channels):
    """It is what numpy solves on windows minus their last value, with an intercept and rows for the penalty."""
    x, (context, horizon) = rng(0).normal(size=(90, channels)).cumsum(0), (4, 3)
    windows, every = windows_of(x, context, horizon)
    linear = baselines.fit_linear(windows, every, every[:0], every[:0])
    found = windows.undone(every, linear(windows, every)).numpy()
    at = np.arange(context - 1, len(x) - horizon)
    last = x[at][:, None]
    past = (np.stack([x[i - context + 1 : i + 1] for i in at]) - last).reshape(len(at), -1)
    future = (np.stack([x[i + 1 : i + 1 + horizon] for i in at]) - last).reshape(len(at), -1)
    centre, middle = past - past.mean(0), future - future.mean(0)
    # The penalty is 1 where there is nothing to choose it on: as many further rows, one per input, whose target is 0.
    rows = np.concatenate([centre, np.sqrt(linear.penalty) * np.eye(centre.shape[1])])
    solved, *_ = np.linalg.lstsq(rows, np.concatenate([middle, np.zeros((centre.shape[1], middle.shape[1]))]))
    expected = (centre @ solved + future.mean(0)).reshape(found.shape) + last
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    rival = Ridge(alpha=linear.penalty).fit(past, future).predict(past).reshape(found.shape) + last
    np.testing.assert_allclose(found, rival, rtol=1e-8, atol=1e-8)


def test_the_penalty_is_the_best_on_later_windows():
    x = rng(1).normal(size=(60, 1))  # noise: nothing follows from the past
    windows, every = windows_of(x, 12, 1)
    inner, check = every[:30], every[31:]
    chosen = baselines.fit_linear(windows, every, inner, check).penalty

    def error(penalty: float) -> float:
        past, future = (windows.past(inner).flatten(1).numpy(), windows.future(inner).flatten(1).numpy())
        model = Ridge(alpha=penalty).fit(past, future)
        found = model.predict(windows.past(check).flatten(1).numpy()).reshape(-1, 1)
        return float(np.abs(found - windows.future(check).flatten(1).numpy()).sum())

    errors = {p: error(p) for p in (1e-3, 1e-2, 1e-1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e9)}
    assert chosen == min(errors, key=errors.__getitem__)
    assert chosen > 1.0


def test_the_autoregression_of_a_line_is_the_line():
    line = np.arange(40.0)[:, None]
    np.testing.assert_allclose(baselines.Autoregression(3, 6).fit([line]).predict()[0, :, 0], [40, 41, 42], atol=1e-6)
    model = baselines.Autoregression(2, 4).fit([line, 5 - 2 * line])
    assert model.coef_.shape == (2, 4)
    assert baselines.coefficients(model) == 2 * 4 + 2
    with pytest.raises(ValueError, match="at least 60 steps, and the longest has 40"):
        baselines.Autoregression(20, 40).fit([line])


# -- tags


def test_a_word_gets_the_tag_it_had_most_often():
    items = [["नदी", "मेघ"], ["नदी", "मेघ", "मेघ"], ["नदी", "सागर"]]
    tags = [np.array([2, 1]), np.array([2, 0, 1]), np.array([0, 2])]
    predict = baselines.most_frequent_tag(items, tags)
    answers = predict([["मेघ", "नदी", "कोहरा"], []])
    assert [a.tolist() for a in answers] == [[1, 2, 2], []]  # the unknown word: 2, which is most frequent of all
    assert all(a.dtype == np.int64 for a in answers)


def test_words_without_a_tag_do_not_count_and_ties_go_to_the_smallest():
    predict = baselines.most_frequent_tag([["a", "a", "a", "b"]], [[1, 0, -100, -100]])
    assert predict([["a", "b"]])[0].tolist() == [0, 0]
    assert baselines.most_frequent_tag([], [])([["a"]])[0].tolist() == [0]


def test_most_frequent_tags_are_scikit_learns_dummy_by_word():
    draw = rng(0)
    items = [draw.choice(WORDS, 30).tolist() for _ in range(20)]
    tags = [draw.integers(0, 4, 30) for _ in range(20)]
    predict = baselines.most_frequent_tag(items, tags)
    words, every = np.concatenate(items), np.concatenate(tags)
    for word in WORDS:
        own = every[words == word]
        dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(own), 1)), own)
        assert predict([[word]])[0][0] == dummy.predict(np.zeros((1, 1)))[0]


def test_a_step_gets_its_tag_from_its_own_values():
    draw = rng(0)
    items = [draw.normal(size=(n, 2)) for n in (5, 9, 40)]
    tags = [(x @ [1.0, -2.0] > 0).astype(int) for x in items]
    predict = baselines.linear_per_step(items, tags)
    rows, labels = np.concatenate(items), np.concatenate(tags)
    rival = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(rows, labels)
    found = predict(items)
    assert [len(f) for f in found] == [5, 9, 40]
    np.testing.assert_array_equal(np.concatenate(found), rival.predict(rows))
    shuffled = predict([items[2][::-1]])[0]
    np.testing.assert_array_equal(shuffled[::-1], found[2])  # neighbours say nothing


def test_steps_without_a_tag_or_a_value_are_no_fault():
    items = [np.array([[0.0], [np.nan], [5.0], [6.0]])]
    predict = baselines.linear_per_step(items, [np.array([0, 0, 1, -100])])
    assert predict([np.array([[-1.0], [9.0], [np.nan]])])[0].tolist()[:2] == [0, 1]
    assert baselines.linear_per_step(items, [np.array([3, 3, 3, 3])])(items)[0].tolist() == [3] * 4
