"""Words for what cannot be: saving what learns nothing, a task changed after the fit, a decay that explodes."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import punar
from punar.errors import (
    DamagedModelError,
    NotFittedError,
    ParameterTypeError,
    PunarError,
    TrainingDivergedError,
)

PICTURES = [np.random.default_rng(i).integers(0, 255, (20, 20, 3)).astype("uint8") for i in range(10)]
SERIES = np.random.default_rng(1).normal(size=(16, 5, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", punar.errors.DidNotLearnWarning)
        yield


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (punar.FeatureExtractor("starter", cache=False), "learns nothing: make it again with the same settings"),
        (make_pipeline(Ridge(), punar.Autoencoder()), r"punar.save\(pipeline\[-1\]"),
        (Ridge(), "Models of other libraries"),
        (punar.SequenceModel, r"Pass an object: SequenceModel\(...\).fit"),
        (punar.backbone("starter"), "model must be a fitted Autoencoder, SequenceModel or TransferLearner"),
        ({"weights": 3}, "model must be a fitted Autoencoder, SequenceModel or TransferLearner"),
    ],
)
def test_what_cannot_be_saved_says_what_to_do(tmp_path, model, words):
    with pytest.raises(ParameterTypeError, match=words):
        punar.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("task", ["forecasting", "regression", "no such task", None, 7])
def test_a_task_changed_after_the_fit_asks_for_a_fit(tmp_path, task):
    model = punar.SequenceModel(hidden_size=3, epochs=1, random_state=0, evidence="cheap").fit(SERIES, [0, 1] * 8)
    answers = model.predict(SERIES)
    model.set_params(task=task)
    for use in (model.predict, model.transform, lambda X: model.score(X, [0, 1] * 8)):
        with pytest.raises(NotFittedError, match=r"was fitted to classification, and its task is now .*call fit again"):
            use(SERIES)
    with pytest.raises(NotFittedError, match="call fit again"):
        punar.save(model, tmp_path / "m")
    np.testing.assert_array_equal(model.set_params(task="classification").predict(SERIES), answers)


def test_a_transfer_learners_too():
    model = punar.TransferLearner("starter", strategy="feature_extraction", cache=False, random_state=0)
    model.fit(PICTURES, [0, 1] * 5)
    with pytest.raises(NotFittedError, match="was fitted to classification, and its task is now 'regression'"):
        model.set_params(task="regression").predict(PICTURES)


@pytest.mark.parametrize(
    ("settings", "blamed", "spared"),
    [
        ({"weight_decay": 3e200}, r"Lower weight_decay=3e\+200", "Lower learning_rate"),
        ({"weight_decay": 5e199}, r"Lower weight_decay=5e\+199", "Lower learning_rate"),
        ({"learning_rate": 1e32}, "Lower learning_rate", "Lower weight_decay"),
        ({"learning_rate": 1e32, "weight_decay": 0.1}, "Lower learning_rate", "Lower weight_decay"),
    ],
)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_what_made_it_diverge_is_blamed(settings, blamed, spared, optimizer):
    X = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(TrainingDivergedError, match=blamed) as caught:
        punar.Autoencoder(latent_dim=1, epochs=3, random_state=0, optimizer=optimizer, **settings).fit(X)
    assert spared not in str(caught.value)


# --- damaged folders as backbones ---


@pytest.fixture(scope="module")
def transfer(tmp_path_factory) -> Path:
    model = punar.TransferLearner("starter", strategy="feature_extraction", cache=False, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return punar.save(model.fit(PICTURES, [0, 1] * 5), tmp_path_factory.mktemp("t") / "m")


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, each in inner for path in _paths(each, (*at, key)))]


@pytest.mark.parametrize("how", ["gone", None, "", -4, [], {}, 10**11])
def test_a_damaged_fact_is_refused_as_a_backbone_too(transfer, tmp_path, how):
    folder = Path(shutil.copytree(transfer, tmp_path / "m"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["sha256"]
    outcomes = {"refused": 0, "works": 0}
    for path in _paths(config["fitted"]["input"], ("input",)) + _paths(config["fitted"]["about"], ("about",)):
        changed = json.loads(json.dumps(config))
        place = changed["fitted"]
        for key in path[:-1]:
            place = place[key]
        if how == "gone":
            del place[path[-1]]
        else:
            place[path[-1]] = how
        (folder / "config.json").write_text(json.dumps(changed), "utf-8")
        try:
            punar.FeatureExtractor(punar.backbone(os.fspath(folder)), cache=False).fit().transform(PICTURES[:2])
            outcomes["works"] += 1  # names, licences and the like
        except PunarError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 5, outcomes


def test_a_damaged_file_is_refused_as_a_backbone_too(transfer, tmp_path):
    folder = Path(shutil.copytree(transfer, tmp_path / "m"))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 4
    (folder / "model.safetensors").write_bytes(data)
    learner = punar.TransferLearner(str(folder), strategy="feature_extraction", cache=False)
    for use in (
        lambda: punar.load(folder),
        lambda: punar.FeatureExtractor(punar.backbone(str(folder)), cache=False).fit(),
        lambda: learner.fit(PICTURES, [0, 1] * 5),
    ):
        with pytest.raises(DamagedModelError, match=r"model\.safetensors is not as it was saved"):
            use()
