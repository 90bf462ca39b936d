"""TransferLearner and FeatureExtractor at their edges: few items, odd targets and weights, pickles, hostile folders."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import VotingClassifier

import punar
from punar import errors
from punar.preparations.pictures import Pictures
from punar.tasks.multilabel import Multilabel

N = 24
FINE = "fine_tuning"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pictures():
    """A bar across or upright, in noise."""
    X = np.random.default_rng(0).integers(0, 120, (N, 32, 32, 3), dtype=np.uint8)
    X[::2, :, 5:12] = 255
    X[1::2, 5:12] = 255
    return X, np.arange(N) % 2


def learner(backbone=None, **settings):
    given = {"random_state": 0, "epochs": 1, "device": "cpu"} | settings
    return punar.TransferLearner(backbone or punar.backbone("cifar_resnet20", weights=None), **given)


def fitted(model, *args, **further):
    """Fit where it does not matter whether something was learnt."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.DidNotLearnWarning)
        return model.fit(*args, **further)


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: pd.Series(y).astype(object),
        lambda y: y.astype(bool).astype(object),
        lambda y: np.array(["बिल्ली", "कुत्ता"], object)[y],
        lambda y: pd.Series(["p", "q"])[y].astype("category"),
        lambda y: pd.Series(y, index=range(50, 50 + N)).astype("Int64"),
    ],
)
def test_classes_keep_value_and_type_when_saved(pictures, tmp_path, labels):
    X, y = pictures
    given = labels(y)
    model = learner().fit(X, given)
    again = punar.load(punar.save(model, tmp_path / "m"))
    assert model.predict(X).tolist() == again.predict(X).tolist() == list(given)
    assert model.classes_.dtype == again.classes_.dtype != object
    assert model.score(X, given) == 1.0


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (["a", "b", float("nan")], "missing labels"),
        (pd.Series(["a", "b", None]).astype("string"), "missing labels"),
        (["a", 1, "a"], "not a mix"),
        (np.array([b"a", b"b", b"a"]), "whole numbers or text"),
        (np.array(["2020-01-01", "NaT", "2020-01-02"], "M8[D]"), "whole numbers or text"),
        ([[1], [1, 2], [1]], "one value per item"),
    ],
)
def test_targets_that_numpy_would_bend_into_classes_are_refused(pictures, labels, text):
    with pytest.raises(errors.DataError, match=text):
        learner().fit(pictures[0][:3], labels)


@pytest.mark.parametrize(
    ("labels", "fraction"), [("abcdef", 0.5), ("ab", 0.5), ("ab" * 10 + "c", 0.3), ("abc" * 7, 0.95), ("aabb", 0.9)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_class_is_trained_on_however_few_items(pictures, labels, fraction, seed):
    X = pictures[0][: len(labels)]
    model = learner(strategy=FINE, validation_fraction=fraction, random_state=seed)
    assert fitted(model, X, list(labels)).predict_proba(X).shape == (len(labels), len(set(labels)))


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
@pytest.mark.parametrize("strategy", ["feature_extraction", FINE])
def test_weights_of_zero_leave_a_fold_without_a_vote(pictures, task, strategy):
    X, y = pictures
    target = {"classification": y, "regression": X.mean((1, 2, 3)), "multilabel": np.stack([y, 1 - y], 1)}[task]
    weight = np.zeros(N)
    weight[:4] = 1
    assert len(fitted(learner(task=task, strategy=strategy), X, target, weight).predict(X)) == N


@pytest.mark.parametrize("weight", [{0: -1}, {0: "x"}, {0: float("nan")}, {0: 0, 1: 0}, {0: 1e300}])
def test_class_weights_that_are_none_are_refused(pictures, weight):
    with pytest.raises(errors.PunarError, match="class_weight"):
        learner(class_weight=weight).fit(*pictures)


def test_numbers_too_large_for_a_variance_are_refused(pictures):
    X, _ = pictures
    with pytest.raises(errors.DataError, match="too large"):
        learner(task="regression").fit(X, X.mean((1, 2, 3)) * 1e200)


def test_unordered_pictures_are_refused_and_tensors_with_a_gradient_read(pictures):
    X, y = pictures
    with pytest.raises(errors.DataTypeError, match="got set"):
        punar.FeatureExtractor().transform({"one.png", "two.png"})
    given = torch.tensor(X / 255.0).requires_grad_()
    np.testing.assert_array_equal(learner().fit(list(given), y).predict_proba(X), learner().fit(X, y).predict_proba(X))


@pytest.mark.parametrize("strategy", [FINE, "scratch"])
def test_a_drawn_seed_is_taken_up_again_from_the_checkpoint(pictures, tmp_path, strategy):
    settings = {"strategy": strategy, "random_state": None}
    one = fitted(learner(**settings), *pictures, checkpoint=tmp_path / "c")
    two = fitted(learner(**settings), *pictures, checkpoint=tmp_path / "c")
    assert one.seed_ == two.seed_
    np.testing.assert_array_equal(one.predict_proba(pictures[0]), two.predict_proba(pictures[0]))


def test_nested_settings_of_a_backbone_that_is_a_name(pictures):
    for estimator in (punar.TransferLearner("starter"), punar.FeatureExtractor("starter")):
        with pytest.raises(errors.ParameterTypeError, match=r"punar\.backbone\('starter'\)"):
            estimator.set_params(backbone__weights=None)
        changed = estimator.set_params(backbone=punar.backbone("starter"), backbone__weights=None)
        assert changed.backbone.weights is None


def test_tags_and_voting(pictures):
    X, y = pictures
    assert punar.TransferLearner(task=Multilabel()).__sklearn_tags__().target_tags.multi_output
    names = np.array(["x", "y"])[y]
    vote = VotingClassifier([("a", learner()), ("b", learner("starter"))], voting="soft").fit(X, names)
    assert vote.score(X, names) == 1.0


@pytest.fixture(scope="module")
def tiny_bert():
    pytest.importorskip("transformers")
    sizes = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    config = sizes | {"vocab_size": 300, "max_position_embeddings": 64}
    return punar.backbone("transformers:bert-base-uncased", weights=None, config=config)


TEXTS = [f"{('good', 'bad')[i % 2]} film{' very' * (i % 7)} {i}" for i in range(N)]


@pytest.mark.parametrize("strategy", ["feature_extraction", FINE])
def test_models_of_texts_can_be_pickled(tiny_bert, strategy):
    model = fitted(learner(tiny_bert, strategy=strategy), TEXTS, np.arange(N) % 2)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    again.module_.train()
    extractor = punar.FeatureExtractor(tiny_bert, layer=[-1, -2]).fit()
    copied = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(copied.transform(TEXTS), extractor.transform(TEXTS))


def test_low_rank_adapters_follow_the_seed_and_leave_the_rest(tiny_bert, tmp_path):
    pytest.importorskip("peft")
    from punar.backbones import build

    y = np.arange(N) % 2
    before = build(tiny_bert, seed=0).module.state_dict()

    def states(**settings):
        model = fitted(learner(tiny_bert, strategy=FINE, lora=2, epochs=2, validation_fraction=0, **settings), TEXTS, y)
        return model, model.module_.backbone.state_dict()

    (model, one), (_, two) = states(cache=True), states(cache=False)
    assert list(one) == list(before)
    assert all(torch.equal(one[k], two[k]) for k in one)
    changed = {k for k in one if not torch.equal(one[k], before[k])}
    assert changed
    assert all(".layer.1." in k and k.endswith("weight") and "LayerNorm" not in k for k in changed)
    again = punar.load(punar.save(model, tmp_path / "m"))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def _edited(folder, path, value):
    file = folder / "config.json"
    config = json.loads(file.read_text("utf-8"))
    config.pop("sha256", None)
    at = config["fitted"]
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    file.write_text(json.dumps(config), "utf-8")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("about", "architecture", "blocks"), [10**9, 10**9, 10**9]),
        (("about", "architecture", "widths"), [10**9, 10**9, 10**9]),
        (("width",), 10**12),
        (("outputs",), 3),
        (("input", "size"), [10**6, 10**6]),
        (("input", "size"), None),
        (("input", "mean"), "dark"),
        (("input", "std"), [0, 0, 0]),
        (("input", "crop"), 0),
        (("input", "interpolation"), "best"),
        (("input", "channels"), 7),
        (("history",), "long"),
        (("report",), []),
        (("skipped",), [1]),
        (("rates",), {"head": "fast"}),
        (("task_state", "classes"), ["a", "a"]),
        (("task_state", "classes"), ["a", 1]),
        (("task_state", "dtype"), "pickle"),
        (("task_state",), None),
        (("backbone", "file"), "_weights"),
        (("backbone", "class"), "Timm"),
        (("task", "folder"), "backbones"),
    ],
)
def test_a_hostile_folder_ends_in_one_exception(pictures, tmp_path, path, value):
    X, y = pictures
    folder = punar.save(learner().fit(X, np.array(["a", "b"])[y]), tmp_path / "m")
    _edited(folder, path, value)
    with pytest.raises(errors.ModelFolderError):
        punar.load(folder)


def test_input_facts_of_pictures_come_back_as_they_were():
    facts = Pictures(size=(32, 48), crop=1.0).facts()
    assert Pictures.from_facts(facts).facts() == facts
    with pytest.raises(ValueError, match=r"Pictures.size\[0\]: Expected `int`, got `bool`, found True"):
        Pictures.from_facts(facts | {"size": [True, 3]})
