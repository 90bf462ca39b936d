"""HuBERT and Data2Vec, stored as the hub does: loaded by name, taught a step, stored, loaded, with equal answers."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

import punar
from punar.tasks.speech_recognition import SpeechRecognition

transformers = pytest.importorskip("transformers")
RATE = 16_000
SAID = ["one two", "two", "two one", "one"] * 2
RNG = np.random.default_rng(0)
X = [(RNG.normal(0, 0.1, int(RATE * RNG.uniform(0.3, 0.5))).astype(np.float32), RATE) for _ in SAID]
_SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": (8, 8),
    "conv_kernel": (10, 8), "conv_stride": (10, 8), "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2, "vocab_size": 10, "pad_token_id": 0, "hidden_dropout": 0.0,
    "attention_dropout": 0.0, "final_dropout": 0.0, "feat_proj_dropout": 0.0,
}  # fmt: skip
# As facebook/hubert-base-ls960, hubert-large-ls960-ft, ntu-spml/distilhubert and data2vec-audio-base-960h.
NETWORKS = {
    "base": ("Hubert", "Model", {"feat_extract_norm": "group"}),
    "large": ("Hubert", "ForCTC", {"feat_extract_norm": "layer", "do_stable_layer_norm": True}),
    "distilled": ("Hubert", "Model", {"feat_extract_norm": "group", "feat_proj_layer_norm": False}),
    "data2vec": ("Data2VecAudio", "ForCTC", {"conv_pos_kernel_size": 5}),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A folder as the hub's cache, with every network in it."""
    root = tmp_path_factory.mktemp("hub")
    for name, (family, top, settings) in NETWORKS.items():
        folder = root / f"models--someone--{name}" / "snapshots" / "abc123"
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**_SIZES, **settings)
        getattr(transformers, family + top)(config).save_pretrained(folder)
        tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "N", "O", "T", "W"]
        if top == "ForCTC":
            (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
        transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
        (folder.parents[1] / "refs").mkdir()
        (folder.parents[1] / "refs" / "main").write_text("abc123")
    return root


@pytest.fixture(autouse=True)
def no_network(monkeypatch, hub):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(hub))


def learner(name, **settings):
    given = {
        "strategy": "fine_tuning", "unfreeze": "all", "epochs": 1, "batch_size": 4, "random_state": 0, "cache": False,
        "validation_fraction": 0.0, "early_stopping": False, "learning_rate": 1e-3,
    }  # fmt: skip
    return punar.TransferLearner(f"someone/{name}", SpeechRecognition(), **given | settings)


def stored(hub, name):
    folder = hub / f"models--someone--{name}" / "snapshots" / "abc123"
    return folder, getattr(transformers, "".join(NETWORKS[name][:2])).from_pretrained(folder).eval()


@every_network
def test_it_is_taught_stored_and_loaded_with_equal_answers(hub, name, tmp_path):
    model = learner(name).fit(X, SAID)
    task = model.fitted_.task
    keeps = NETWORKS[name][1] == "ForCTC"
    assert task.kept_ == keeps
    assert "".join(task.letters_.letters) == ("<unk> ENOTW" if keeps else " enotw")
    before, now = stored(hub, name)[1].state_dict(), model.module_.backbone.state_dict()
    shared = [n for n in now if n in before and "masked_spec" not in n]
    assert len(shared) > 30
    assert any(not torch.equal(before[n], now[n]) for n in shared), "a step was made"
    found = model.predict(X)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(X) == found
    assert back.score(X, SAID) == model.score(X, SAID)
    assert [back.predict([x])[0] for x in X[:3]] == found[:3]


@every_network
def test_frozen_states_are_the_librarys_own(hub, name):
    _, theirs = stored(hub, name)
    features = punar.FeatureExtractor(f"someone/{name}", cache=False).transform(X[:3])
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    for (wave, _), own in zip(X, features, strict=False):
        values = extractor(wave, sampling_rate=RATE, return_tensors="pt").input_values
        with torch.no_grad():
            expected = theirs.base_model(values).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(own, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["large", "data2vec"])
def test_a_kept_heads_greedy_transcripts_equal_the_librarys(hub, name):
    folder, theirs = stored(hub, name)
    model = punar.TransferLearner(f"someone/{name}", "speech_recognition", "zero_shot").fit(None)
    tokenizer = transformers.Wav2Vec2CTCTokenizer(folder / "vocab.json")
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    found = model.predict(X)
    assert any(found)
    for (wave, _), own in zip(X, found, strict=True):
        values = extractor(wave, sampling_rate=RATE, return_tensors="pt").input_values
        with torch.no_grad():
            said = tokenizer.batch_decode(theirs(values).logits.argmax(-1))[0].replace("</s>", "").replace("<s>", "")
        assert own == " ".join(said.split())


def test_a_network_of_another_kind_is_refused_by_its_name(hub, tmp_path):
    folder = tmp_path / "wavlm"
    shutil.copytree(stored(hub, "base")[0], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "wavlm"}))
    with pytest.raises(punar.errors.BackboneError, match=r"model_type must be one of .*'hubert'.* found 'wavlm'"):
        punar.FeatureExtractor(str(folder)).transform(X)
