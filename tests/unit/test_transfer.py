"""TransferLearner and FeatureExtractor: frozen is frozen, cached equals computed again, every strategy saves."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import punar
from punar import errors
from punar.features.engine import Engine

N = 48


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pictures():
    """Bars across or upright, in noise: two classes that any network's features tell apart."""
    rng = np.random.default_rng(0)
    X = rng.random((N, 32, 32, 3)) * 0.5
    y = np.arange(N) % 2
    for i, label in enumerate(y):
        at = rng.integers(2, 28)
        if label:
            X[i, at : at + 4] = 1.0
        else:
            X[i, :, at : at + 4] = 1.0
    return (X * 255).astype(np.uint8), np.array(["upright", "across"])[y]


def backbone():
    pytest.importorskip("torchvision")
    return punar.backbone("cifar_resnet20", weights=None)


def learner(**settings):
    given = {"random_state": 0, "epochs": 2, "device": "cpu"} | settings
    return punar.TransferLearner(backbone(), **given)


def state(model):
    return {k: v.clone() for k, v in model.module_.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning", "scratch"])
def test_every_strategy_fits_predicts_saves_and_loads(pictures, strategy, tmp_path):
    X, y = pictures
    model = learner(strategy=strategy, epochs=4).fit(X, y)
    assert set(model.predict(X)) <= {"upright", "across"}
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert list(model.classes_) == ["across", "upright"]
    report = model.fit_report_
    print(strategy, "score", report["model"], "constant", report["constant"])
    assert report["constant"] == pytest.approx(0.5, abs=0.2)
    punar.save(model, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(X), proba)
    assert again.fit_report_ == report


def test_features_of_random_weights_beat_chance_here(pictures):
    X, y = pictures
    report = learner().fit(X, y).fit_report_
    assert report["model"] > 0.8 > report["constant"]


@pytest.mark.parametrize(
    ("unfreeze", "frozen"), [("last", ("conv1", "bn1", "layer1", "layer2")), (2, ("conv1", "bn1", "layer1"))]
)
def test_frozen_means_bit_identical_parameters_and_buffers(pictures, unfreeze, frozen):
    X, y = pictures
    from punar.backbones import build

    before = build(backbone(), seed=0).module.state_dict()
    before = {k: v.clone() for k, v in before.items()}
    model = learner(strategy="fine_tuning", unfreeze=unfreeze, batch_norm="train", validation_fraction=0)
    model.fit(X, y)
    after = model.module_.backbone.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert not any(k.startswith(frozen) for k in changed)
    assert any(k.startswith("layer3") for k in changed)
    assert any("running_mean" in k for k in changed)  # batch_norm="train" trains the trained stages' statistics


def test_batch_norm_statistics_stay_by_default(pictures):
    X, y = pictures
    from punar.backbones import build

    before = {k: v.clone() for k, v in build(backbone(), seed=0).module.state_dict().items()}
    after = learner(strategy="fine_tuning", unfreeze="all").fit(X, y).module_.backbone.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if "running" in k)


@pytest.mark.parametrize("settings", [{}, {"strategy": "fine_tuning"}, {"strategy": "fine_tuning", "unfreeze": 2}])
def test_cached_and_uncached_runs_end_in_the_same_bits(pictures, settings, tmp_path):
    X, y = pictures
    cold = state(learner(cache=tmp_path / "c", **settings).fit(X, y))
    warm = state(learner(cache=tmp_path / "c", **settings).fit(X, y))
    none = state(learner(cache=False, **settings).fit(X, y))
    partly = tmp_path / "p"
    learner(cache=partly, **settings).fit(X[5:37], y[5:37])
    assert same(cold, warm)
    assert same(cold, none)
    assert same(cold, state(learner(cache=partly, **settings).fit(X, y)))


def _counted(monkeypatch):
    counts = []
    original = Engine.rows

    def rows(self, *args, **kwargs):
        found = original(self, *args, **kwargs)
        counts.append(found.computed)
        return found

    monkeypatch.setattr(Engine, "rows", rows)
    return counts


def test_one_byte_of_input_weight_or_transform_misses_the_cache(pictures, monkeypatch):
    X, _ = pictures
    counts = _counted(monkeypatch)
    one = punar.FeatureExtractor(backbone()).fit()
    one.transform(X)
    one.transform(X)
    assert counts == [N, 0]
    X = X.copy()
    X[7, 0, 0, 0] ^= 1
    one.transform(X)
    assert counts[-1] == 1
    with torch.no_grad():
        weight = one.module_.conv1.weight
        weight[0, 0, 0, 0] = torch.nextafter(weight[0, 0, 0, 0], torch.tensor(9.0))
    one.transform(X)
    assert counts[-1] == N
    other = replace(one.preparation_, mean=(0.485, 0.456, 0.407))
    object.__setattr__(one.body_, "plan", replace(one.body_.plan, preparation=other))
    one.transform(X)
    assert counts[-1] == N
    one.transform(X)
    assert counts[-1] == 0


def test_folds_and_candidates_compute_each_item_once(pictures, monkeypatch):
    X, y = pictures
    counts = _counted(monkeypatch)
    scores = cross_val_score(learner(), X, y, cv=3)
    assert sum(counts) == N
    print("accuracy", scores.mean(), "chance 0.5")
    assert scores.mean() > 0.7


def test_grid_search_and_pipeline_over_a_list_of_paths(pictures, tmp_path):
    X, y = pictures
    paths = []
    for i, x in enumerate(X):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(x).save(paths[-1])
    search = GridSearchCV(learner(), {"class_weight": [None, "balanced"]}, cv=2)
    assert search.fit(paths, y).best_score_ > 0.7
    pipe = make_pipeline(punar.FeatureExtractor(backbone()), LogisticRegression(max_iter=500))
    assert cross_val_score(pipe, paths, y, cv=2).mean() > 0.7


def test_regression_and_several_labels(pictures, tmp_path):
    X, y = pictures
    light = np.random.default_rng(1).uniform(0.2, 1.0, N)
    X = (X * light[:, None, None, None]).astype(np.uint8)
    model = learner(task="regression").fit(X, light)
    assert model.predict(X).shape == (N,)
    print("r2", model.fit_report_["model"], "constant", model.fit_report_["constant"])
    assert model.fit_report_["model"] > 0.3
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError, match="predict_proba"):
        model.predict_proba(X)
    labels = np.stack([y == "across", light > np.median(light), np.zeros(N)], 1).astype(int)
    several = learner(task="multilabel").fit(X, labels)
    assert several.predict(X).shape == (N, 3)
    assert several.predict_proba(X).max() <= 1
    punar.save(several, tmp_path / "m")
    assert np.array_equal(punar.load(tmp_path / "m").predict(X), several.predict(X))


def test_fine_tuning_stands_beside_a_head_on_frozen_features(pictures):
    X, y = pictures
    labels = np.stack([y == "across", y == "upright", np.zeros(N)], 1).astype(int)
    fine = learner(task="multilabel", strategy="fine_tuning", validation_fraction=0.4).fit(X, labels)
    report = fine.fit_report_
    print({k: report[k] for k in ("model", "frozen", "constant", "rows")})
    assert report["constant"] < 0.7  # one of the two labels, or both
    assert report["frozen"] > 0.85
    # On targets that have nothing to do with the pictures the frozen head is as good as nothing.
    shuffled = np.random.default_rng(3).permutation(labels)
    by_chance = learner(task="multilabel", strategy="fine_tuning", validation_fraction=0.4).fit(X, shuffled)
    assert by_chance.fit_report_["frozen"] < 0.75


def test_weights_of_classes_and_rows_matter(pictures):
    X, y = pictures
    few = np.r_[np.flatnonzero(y == "across"), np.flatnonzero(y == "upright")[:5]]
    noise = np.random.default_rng(0).integers(0, 256, (len(few), 32, 32, 3), dtype=np.uint8)  # nothing to see
    plain = learner().fit(noise, y[few]).predict_proba(noise).mean(0)
    balanced = learner(class_weight="balanced").fit(noise, y[few]).predict_proba(noise).mean(0)
    assert balanced[1] > plain[1] + 0.1
    weight = np.where(y[few] == "upright", 100.0, 1.0)
    assert learner().fit(noise, y[few], sample_weight=weight).predict_proba(noise).mean(0)[1] > plain[1] + 0.1
    for bad, text in ((weight[:3], "one weight per item"), (-weight, ">= 0"), (weight * np.nan, "finite")):
        with pytest.raises(errors.DataError, match=text):
            learner().fit(X[few], y[few], sample_weight=bad)


@pytest.mark.parametrize(
    ("settings", "without"),
    [
        ({"augment": "light"}, {}),
        ({"augment": "strong"}, {"augment": "light"}),
        ({"augment": "strong", "views": 2}, {"augment": "strong"}),
        # The second epoch shows the second variant; the first epoch is the same.
        ({"augment": "strong", "views": 2}, {"augment": "strong", "views": 1}),
        ({"gradual": True, "unfreeze": "all"}, {"unfreeze": "all"}),
        ({"validation_fraction": 0}, {}),
    ],
)
def test_each_option_of_fine_tuning_changes_the_model_and_repeats(pictures, settings, without):
    X, y = pictures
    # Without validation the last weights are kept, whatever these are worth.
    settings, without = {"validation_fraction": 0} | settings, {"validation_fraction": 0} | without
    if settings == without:
        without = {"validation_fraction": 0.15}
    one, two = (learner(strategy="fine_tuning", **settings).fit(X, y) for _ in range(2))
    assert same(state(one), state(two))
    assert len(one.history_) == 2
    plain = learner(strategy="fine_tuning", **without).fit(X, y)
    assert not same(state(one), state(plain))
    if settings.get("views") and without.get("views"):
        first, second = ({k: v for k, v in m.history_[0].items() if k != "seconds"} for m in (one, plain))
        assert first == second


def test_gradual_unfreezing_is_a_function_of_the_epoch(pictures):
    X, y = pictures
    from punar.backbones import build

    before = {k: v.clone() for k, v in build(backbone(), seed=0).module.state_dict().items()}
    model = learner(strategy="fine_tuning", unfreeze="all", gradual=True, epochs=2, validation_fraction=0).fit(X, y)
    after = model.module_.backbone.state_dict()
    changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"layer2", "layer3"}  # two epochs, two stages from the head down


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33])
def test_small_numbers_of_items(pictures, n):
    X, y = pictures
    if n < 2:
        with pytest.raises(errors.DataError, match="at least 2 classes"):
            learner().fit(X[:n], y[:n])
        return
    for strategy in ("feature_extraction", "fine_tuning", "scratch"):
        with warnings.catch_warnings():
            # A handful of items may or may not be learnt; either verdict is right.
            warnings.simplefilter("ignore", errors.DidNotLearnWarning)
            model = learner(strategy=strategy, epochs=1).fit(X[:n], y[:n])
        assert len(model.predict(X[:1])) == 1


def test_bad_files_are_counted_and_left_out_or_refused(pictures, tmp_path):
    X, y = pictures
    paths = []
    for i, x in enumerate(X):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(x).save(paths[-1])
    for i in (3, 9):
        paths[i].write_bytes(paths[i].read_bytes()[:60])
    with pytest.raises(errors.DataError, match=r"2 of 48 items cannot be read: .*3\.png"):
        learner().fit(paths, y)
    for strategy in ("feature_extraction", "fine_tuning"):
        model = learner(on_error="skip", strategy=strategy).fit(paths, y)
        assert set(model.skipped_) == {3, 9}
        assert "2 of 48 items could not be read" in model.fit_report_["verdict"]
    with pytest.raises(errors.DataError, match="cannot be read"):
        model.predict(paths)


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"strategy": "finetuning"}, errors.ParameterError, "Did you mean 'fine_tuning'"),
        ({"strategy": "fine_tuning", "unfreeze": ["layer9"]}, errors.ParameterError, "layer9"),
        ({"strategy": "fine_tuning", "unfreeze": 9}, errors.ParameterError, "unfreeze"),
        ({"task": "classifcation"}, errors.ParameterError, "Did you mean 'classification'"),
        ({"cache": 3}, errors.ParameterTypeError, "cache must be"),
        ({"lora": 0}, errors.ParameterError, "lora"),
        ({"lora": 2}, errors.ParameterError, "lora=2 changes .* strategy='feature_extraction' trains nothing"),
        ({"augment": "light"}, errors.ParameterError, "augment='light' changes"),
        ({"views": 2}, errors.ParameterError, "views=2 changes"),
        ({"learning_rate": "fast"}, errors.ParameterError, "learning_rate"),
        ({"class_weight": {"sideways": 2}}, errors.ParameterError, "sideways"),
        ({"device": "tpu"}, errors.ParameterError, "device"),
    ],
)
def test_wrong_settings_are_named(pictures, settings, kind, text):
    X, y = pictures
    with pytest.raises(kind, match=text):
        learner(**settings).fit(X, y)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (lambda y: y[:-1], "inconsistent numbers"),
        (lambda y: None, "y to be passed"),
        (lambda y: np.repeat("a", N), "1 class"),
        (lambda y: np.linspace(0, 1, N), "continuous"),
        (lambda y: np.where(np.arange(N) == 3, np.nan, 1.0), "NaN"),
        (lambda y: np.stack([y, y], 1), "1d array"),
    ],
)
def test_wrong_targets_are_named(pictures, y, text):
    X, labels = pictures
    with pytest.raises(errors.DataError, match=text):
        learner().fit(X, y(labels))


def test_a_failed_fit_leaves_the_earlier_one(pictures):
    X, y = pictures
    model = learner().fit(X, y)
    before = model.predict(X)
    with pytest.raises(errors.DataError):
        model.fit(X, y[:3])
    assert np.array_equal(model.predict(X), before)


def test_clone_and_feature_extractor_layers(pictures):
    X, _ = pictures
    extractor = clone(punar.FeatureExtractor(backbone(), layer=[-1, "layer2"]))
    assert extractor.fit_transform(X[:5]).shape == (5, 64 + 32)
    assert len(extractor.get_feature_names_out()) == 96
    biggest = punar.FeatureExtractor(backbone(), layer=-1, pooling="max").transform(X[:5])
    assert (biggest >= punar.FeatureExtractor(backbone(), layer=-1).transform(X[:5]) - 1e-6).all()
    with pytest.raises(errors.ParameterError, match="layer must be one of"):
        punar.FeatureExtractor(backbone(), layer="layer7").fit()
    with pytest.raises(errors.NotFittedError):
        learner().predict(X)


def test_a_saved_transfer_model_is_a_backbone(pictures, tmp_path):
    X, y = pictures
    first = learner(strategy="fine_tuning", epochs=3).fit(X, y)
    folder = punar.save(first, tmp_path / "first")
    np.testing.assert_array_equal(punar.FeatureExtractor(str(folder)).transform(X), first.transform(X))
    second = punar.TransferLearner(str(folder), random_state=0).fit(X, X[:, 0, 0, 0] > 64)
    saved = punar.save(second, tmp_path / "second")
    np.testing.assert_array_equal(punar.load(saved).predict(X), second.predict(X))
    third = punar.FeatureExtractor(str(saved)).transform(X)
    np.testing.assert_array_equal(third, first.transform(X))


def test_a_folder_does_not_hide_a_known_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starter").mkdir()
    (tmp_path / "mine").mkdir()
    assert type(punar.backbone("starter")).__name__ == "Starter"
    assert type(punar.backbone("./starter")).__name__ == "Local"
    assert type(punar.backbone("mine")).__name__ == "Local"
    with pytest.raises(errors.ParameterError, match=r"Did you mean 'starter'"):
        punar.backbone("startr")


def test_a_hostile_folder_is_no_backbone_either(pictures, tmp_path):
    X, y = pictures
    folder = punar.save(learner().fit(X, y), tmp_path / "m")
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    del config["sha256"]
    config["fitted"]["about"]["architecture"] = {"blocks": [10**6] * 3, "widths": [16, 32, 64]}
    path.write_text(json.dumps(config), "utf-8")
    with pytest.raises(errors.PunarError):
        punar.FeatureExtractor(str(folder)).fit()
