"""What was trained is shown the same before a model is saved, after it is loaded, and from its folder."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import punar

SETTINGS = {
    "one stage by name": {"strategy": "fine_tuning", "unfreeze": ["layer2"]},
    "last": {"strategy": "fine_tuning"},
    "two, with batch statistics": {"strategy": "fine_tuning", "unfreeze": 2, "batch_norm": "train"},
    "head alone": {"strategy": "feature_extraction"},
    "from scratch": {"strategy": "scratch"},
}
TRAINED = {
    "one stage by name": ["layer2", "head"],
    "last": ["layer3", "head"],
    "two, with batch statistics": ["layer2", "layer3", "head"],
    "head alone": ["head"],
    "from scratch": ["stem", "layer1", "layer2", "layer3", "head"],
}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(5)
    y = np.arange(24) % 2
    return np.clip(rng.random((24, 16, 16)) * 0.4 + 0.5 * y[:, None, None], 0, 1), y


def fitted(pictures, **settings):
    options = {"epochs": 1, "cache": False, "evidence": "cheap", "random_state": 0} | settings
    return punar.TransferLearner("starter", **options).fit(*pictures)


@pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")
@pytest.mark.parametrize("name", SETTINGS)
def test_before_saving_after_loading_and_from_the_folder(name, pictures, tmp_path):
    planned = punar.layers(punar.TransferLearner("starter", **SETTINGS[name]))
    model = fitted(pictures, **SETTINGS[name])
    shown = punar.layers(model)
    assert [row["name"] for row in shown.rows if row["trainable"]] == TRAINED[name]
    punar.save(model, tmp_path / "m")
    loaded = punar.load(tmp_path / "m")
    assert punar.layers(loaded).rows == punar.layers(str(tmp_path / "m")).rows == shown.rows
    # What an unfitted estimator promises is what its fit did: state and mode of every stage.
    for before, after in zip(planned.rows, shown.rows[:-1], strict=True):
        assert {k: before[k] for k in ("name", "state", "mode")} == {k: after[k] for k in ("name", "state", "mode")}
    assert not any(module.training for module in loaded.module_.modules())
    assert np.array_equal(loaded.predict_proba(pictures[0]), model.predict_proba(pictures[0]))


@pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")
def test_stages_that_gradual_unfreezing_did_not_reach_stay_frozen(pictures, tmp_path):
    model = fitted(pictures, strategy="fine_tuning", unfreeze="all", gradual=True, epochs=2, early_stopping=False)
    states = {row["name"]: row["state"] for row in punar.layers(model).rows}
    assert [name for name, state in states.items() if state == "frozen"] == ["stem", "layer1"]
    assert set(model.learning_rates_) == {"layer2", "layer3", "head"}
    punar.save(model, tmp_path / "m")
    assert punar.layers(punar.load(tmp_path / "m")).rows == punar.layers(model).rows


def test_the_command_shows_a_saved_model_as_it_was_trained(pictures, tmp_path):
    model = fitted(pictures, strategy="fine_tuning", unfreeze=["layer3"])
    punar.save(model, tmp_path / "m")
    words = [sys.executable, "-m", "punar", "layers", str(tmp_path / "m"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert json.loads(done.stdout)["totals"] == punar.layers(model).totals, done.stderr
    assert 0 < punar.layers(model).totals["trainable"] < punar.layers(model).totals["parameters"]


def test_models_of_other_kinds_are_shown_from_their_folders(tmp_path):
    rng = np.random.default_rng(0)
    models = [
        punar.Autoencoder(epochs=1, random_state=0).fit(rng.normal(size=(30, 4))),
        punar.SequenceModel("gru", task="forecasting", horizon=2, epochs=1).fit(np.sin(np.arange(80.0))),
    ]
    for number, model in enumerate(models):
        folder = punar.save(model, tmp_path / str(number))
        assert punar.layers(folder).rows == punar.layers(model).rows
        assert punar.layers(folder).totals["frozen"] == 0


def test_norms_of_a_plan_are_those_of_a_fit():
    planned = {r["name"]: r["mode"] for r in punar.layers("resnet18", unfreeze=["layer3", "layer4"]).rows}
    learner = punar.TransferLearner("resnet18", weights=None, strategy="fine_tuning", unfreeze=["layer3", "layer4"])
    assert planned == {r["name"]: r["mode"] for r in punar.layers(learner).rows}
    assert set(planned.values()) == {"norm: eval"}
    learner.set_params(batch_norm="train")
    assert {r["name"] for r in punar.layers(learner).rows if r["mode"] == "norm: train"} == {"layer3", "layer4"}
