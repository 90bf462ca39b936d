"""A saved SequenceModel as a backbone: same states, frozen bits, one cache, every domain."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import punar
from punar import errors
from punar.core.replay import captured, replayed

N = 36
FINE = "fine_tuning"
RATE = 8000
WORDS = (["बहुत अच्छा है", "good अच्छा film", "मुझे पसंद है यह"], ["खराब है", "bad खराब film यह", "मुझे नापसंद"])


def _series():
    rng = np.random.default_rng(0)
    return [
        np.sin(np.arange(rng.integers(4, 30)) * (0.3 + 0.9 * (i % 2)))[:, None] + rng.normal(0, 0.1, 2)
        for i in range(N)
    ]


def _texts():
    return [WORDS[i % 2][i // 2 % 3] + " और यह" * (i % 5) for i in range(N)]


def _sounds():
    rng = np.random.default_rng(0)
    tones = []
    for i in range(N):
        t = np.arange(rng.integers(800, 3000)) / RATE
        tones.append((0.3 * np.sin(2 * np.pi * (300 + 900 * (i % 2)) * t) + rng.normal(0, 0.01, len(t)), RATE))
    return tones


DOMAINS = {
    "series": (
        _series,
        {"cell": "gru", "num_layers": 2, "bidirectional": True, "layer_norm": True, "dropout": 0.2, "branch": None},
    ),
    "texts": (_texts, {"cell": "lstm", "num_layers": 2, "pooling": "attention", "embedding_dim": 7}),
    "sounds": (_sounds, {"cell": "gru", "pooling": "max", "n_mels": 12}),
}
STAGES = {"series": ["layer0", "layer1"], "texts": ["embed", "layer0", "layer1"], "sounds": ["layer0"]}
Y = np.arange(N) % 2


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))


def quiet(model, *args, **further):
    """Fit where it does not matter whether something was learnt."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.DidNotLearnWarning)
        return model.fit(*args, **further)


def sequence_model(**settings):
    return punar.SequenceModel(**{"hidden_size": 6, "epochs": 2, "random_state": 0, "device": "cpu"} | settings)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Items, fitted model and folder of each domain."""
    found = {}
    for name, (items, settings) in DOMAINS.items():
        model = quiet(sequence_model(**settings), items(), Y)
        found[name] = items(), model, str(punar.save(model, tmp_path_factory.mktemp(name) / "m"))
    return found


def learner(folder, **settings):
    return punar.TransferLearner(folder, **{"epochs": 1, "random_state": 0, "device": "cpu"} | settings)


def extractor(folder, **settings):
    return punar.FeatureExtractor(folder, device="cpu", **settings)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("domain", DOMAINS)
def test_features_are_the_pooled_states_whatever_the_batch(saved, domain):
    X, model, folder = saved[domain]
    found = extractor(folder, cache=False).transform(X)
    np.testing.assert_allclose(found, model.transform(X), atol=1e-6)
    np.testing.assert_allclose(found[::-1], extractor(folder, cache=False).transform(X[::-1]), atol=1e-6)
    for i in (0, 7):
        np.testing.assert_allclose(found[i : i + 1], extractor(folder, cache=False).transform(X[i : i + 1]), atol=1e-6)


@pytest.mark.parametrize("domain", DOMAINS)
def test_remembered_features_have_the_same_bits(saved, domain):
    X, _, folder = saved[domain]
    plain = extractor(folder, cache=False).transform(X)
    for _ in range(2):
        np.testing.assert_array_equal(extractor(folder, cache=True).transform(X), plain)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(("layer", "pooling"), [(0, "mean"), ([0, -1], "max"), (-1, "first")])
def test_stages_are_pooled_over_a_sequence_own_steps(saved, domain, layer, pooling):
    X, _, folder = saved[domain]
    made = extractor(folder, cache=False, layer=layer, pooling=pooling)
    assert len(made.fit(X).body_.plan.stages) == len(STAGES[domain])
    found = made.transform(X)
    assert found.shape == (N, made.width_)
    # Alone it is padded less, beside the longest more.
    np.testing.assert_allclose(found[3:4], made.transform(X[3:4]), atol=1e-6)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_table_of_layers_counts_every_parameter(saved, domain):
    _, model, folder = saved[domain]
    table = punar.layers(folder, unfreeze="last")
    assert [row["name"] for row in table.rows] == STAGES[domain]
    assert [row["state"] for row in table.rows] == ["frozen"] * (len(table.rows) - 1) + ["trainable"]
    own = sum(p.numel() for name, p in model.module_.named_parameters() if not name.startswith("head."))
    assert table.totals["parameters"] == own
    assert punar.layers(folder, unfreeze="all").totals["frozen"] == 0
    assert punar.layers(folder, unfreeze=0).totals["trainable"] == 0


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("unfreeze", ["last", "all", "layer0"])
def test_what_is_frozen_keeps_every_bit(saved, domain, unfreeze):
    X, model, folder = saved[domain]
    tuned = quiet(learner(folder, strategy=FINE, unfreeze=unfreeze, learning_rate=1e-2, validation_fraction=0), X, Y)
    before = {k: v for k, v in weights(model.module_).items() if not k.startswith("head.")}
    moved = changed(before, weights(tuned.module_.backbone))
    table = punar.layers(folder, unfreeze=unfreeze)
    trained = {row["name"] for row in table.rows if row["state"] == "trainable"}
    last = len(STAGES[domain]) - 1 - ("embed" in STAGES[domain])
    for name in before:
        stage = "embed" if name.startswith("embed.") else f"layer{name.split('.')[2] if 'stack' in name else last}"
        if stage not in trained:
            assert name not in moved
        elif "weight_ih" in name or name.startswith("pool."):
            assert name in moved
    assert tuned.learning_rates_.keys() == trained | {"head"}


def test_the_last_layer_of_an_attention_model_is_trained_with_its_attention(saved):
    X, model, folder = saved["texts"]
    tuned = quiet(learner(folder, strategy=FINE, unfreeze="last", learning_rate=1e-2, validation_fraction=0), X, Y)
    moved = changed(weights(tuned.module_.backbone), weights(model.module_))
    assert {name.split(".")[0] for name in moved} == {"stack", "pool"}
    assert not any(name.startswith("stack.layers.0") for name in moved)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_cache_changes_no_bit_of_a_fit(saved, domain):
    X, _, folder = saved[domain]
    fits = [quiet(learner(folder, cache=cache, strategy=FINE), X, Y) for cache in (False, True, True)]
    for each in fits[1:]:
        np.testing.assert_array_equal(each.predict_proba(X), fits[0].predict_proba(X))


def test_replaying_frozen_layers_equals_running_them(saved):
    X, _, folder = saved["series"]
    body = extractor(folder).fit().body_
    prepare, stages = body.plan.preparation, body.plan.stages
    batch = prepare.collate([prepare.prepare(x) for x in X], 32)
    assert len({len(x) for x in X}) > 5
    with torch.no_grad():
        with captured(body.module, stages[0].modules[-1]) as found:
            body.plan.forward(body.module, batch)
        whole = body.plan.forward(body.module, batch)
        other = batch | {"values": torch.rand_like(batch["values"])}
        with replayed(body.module, stages, 1, found[stages[0].modules[-1]]):
            again = body.plan.forward(body.module, other)
    assert torch.equal(whole, again)


def test_saved_learners_need_no_other_folder_in_a_new_process(saved, tmp_path):
    wanted = {}
    for domain, (X, _, folder) in saved.items():
        source = shutil.copytree(folder, tmp_path / "source")
        tuned = quiet(learner(str(source), strategy=FINE, cache=False), X, Y)
        own = punar.save(tuned, tmp_path / domain)
        shutil.rmtree(source)
        wanted[domain] = tuned.predict_proba(X)
        # It is a backbone in its turn.
        np.testing.assert_array_equal(extractor(str(own), cache=False).transform(X), tuned.transform(X))
    np.savez(tmp_path / "wanted.npz", **wanted)
    code = (
        "import sys, numpy as np, punar; sys.path.insert(0, sys.argv[2]); import test_sequence_backbone as t;"
        "wanted = np.load(sys.argv[1] + '/wanted.npz');"
        "load = lambda name: punar.load(sys.argv[1] + '/' + name).set_params(cache=False);"
        "print([np.array_equal(load(k).predict_proba(t.DOMAINS[k][0]()), wanted[k]) for k in t.DOMAINS])"
    )
    here = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), here], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, True, True]"


def test_regression_from_a_classifier(saved):
    X, _, folder = saved["series"]
    target = np.array([len(x) for x in X], float)
    for strategy in ("feature_extraction", "scratch"):
        model = quiet(learner(folder, task="regression", strategy=strategy), X, target)
        assert model.predict(X).shape == (N,)


def test_a_seed_fixes_the_result_and_a_checkpoint_takes_it_up(saved, tmp_path):
    X, _, folder = saved["texts"]
    settings = {"strategy": FINE, "unfreeze": "all", "epochs": 3}
    once = quiet(learner(folder, **settings), X, Y).predict_proba(X)
    np.testing.assert_array_equal(quiet(learner(folder, **settings), X, Y).predict_proba(X), once)
    for _ in range(2):
        again = quiet(learner(folder, **settings), X, Y, checkpoint=tmp_path / "c")
        np.testing.assert_array_equal(again.predict_proba(X), once)


def test_missing_values_and_long_tables_keep_their_meaning(tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for i in range(20):
        for t in range(rng.integers(3, 9)):
            rows.append({"id": f"s{i}", "t": t, "a": rng.normal() + 3 * (i % 2), "b": np.nan if t == 1 else 1.0})
    table = pd.DataFrame(rows).sample(frac=1, random_state=0)
    y = pd.Series({f"s{i}": "odd" if i % 2 else "even" for i in range(20)})
    settings = {"id_column": "id", "time_column": "t", "missing": "mask"}
    folder = punar.save(quiet(sequence_model(**settings), table, y), tmp_path / "m")
    model = quiet(learner(str(folder)), table, y)
    assert model.score(table, y) == 1.0
    other = quiet(learner(str(folder)), table, y[::-1])
    np.testing.assert_array_equal(model.predict_proba(table), other.predict_proba(table))


def test_wrong_items_are_named(saved):
    with pytest.raises(errors.DataError, match="3 channels"):
        extractor(saved["series"][2], cache=False).transform(np.zeros((2, 5, 3)))
    with pytest.raises(errors.DataTypeError, match="text"):
        learner(saved["texts"][2]).fit([1, 2], [0, 1])
    with pytest.raises(errors.ParameterError, match="layer1"):
        learner(saved["series"][2], strategy=FINE, unfreeze=["layer7"]).fit(saved["series"][0], Y)
    with pytest.raises(errors.ParameterError, match="augment"):
        learner(saved["series"][2], strategy=FINE, augment="light").fit(saved["series"][0], Y)


def _edited(folder, tmp_path, change):
    copy = tmp_path / "edited"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text("utf-8"))
    change(config)
    del config["sha256"]
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    return str(copy)


def _put(*path, value):
    def change(config):
        at = config["fitted"]
        for key in path[:-1]:
            at = at[key]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return change


HOSTILE = [
    (("design", "hidden_size"), 10**7),
    (("design", "hidden_size"), True),
    (("design", "num_layers"), 10**6),
    (("design", "width"), 9),
    (("design", "tokens"), 5),
    (("design", "pooling"), "sum"),
    (("design", "dropout"), 2.0),
    (("design", "layer_norm"), None),
    (("design",), [1]),
    (("cell", "file"), "_stack"),
    (("cell", "folder"), "networks"),
    (("cell", "params"), {"depth": 3}),
    (("input", "domain"), "vision"),
    (("input", "channels"), 3),
    (("input", "channels"), "two"),
    (("input", "shift"), ["a", "b"]),
    (("input", "scale"), [0.0, 1.0]),
    (("input", "scale"), [1.0]),
    (("input", "missing"), "guess"),
    (("input", "max_length"), -1),
    (("input",), None),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE)
def test_a_hostile_folder_is_no_backbone(saved, tmp_path, path, value):
    folder = _edited(saved["series"][2], tmp_path, _put(*path, value=value))
    with pytest.raises(errors.ModelFolderError):
        extractor(folder).fit()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("about", "design", "hidden_size"), 10**7),
        (("about", "design", "num_layers"), 10**6),
        (("about", "design", "width"), 9),
        (("about", "cell", "file"), "_stack"),
        (("about", "stages"), [["layer0", ["nothing"]]]),
        (("about", "stages"), None),
        (("input", "channels"), "two"),
        (("width",), 10**9),
    ],
)
def test_a_hostile_learner_of_one_is_refused_too(saved, tmp_path, path, value):
    X, _, folder = saved["series"]
    own = punar.save(quiet(learner(folder), X, Y), tmp_path / "m")
    edited = _edited(own, tmp_path, _put(*path, value=value))
    with pytest.raises(errors.ModelFolderError):
        punar.load(edited)


def test_what_cannot_be_a_backbone_says_why(saved, tmp_path):
    wave = np.sin(np.arange(80) * 0.7)
    forecaster = quiet(sequence_model(task="forecasting", horizon=2, context=6), wave)
    with pytest.raises(errors.BackboneError, match="forecasts"):
        extractor(str(punar.save(forecaster, tmp_path / "forecaster"))).fit()

    def own_cell(config):
        config["fitted"]["cell"] |= {"folder": "user", "file": None, "class": "Mine"}

    with pytest.raises(errors.BackboneError, match="Mine"):
        extractor(_edited(saved["series"][2], tmp_path, own_cell)).fit()
