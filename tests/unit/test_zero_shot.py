"""Labels told by their names: the library's own answers, what is averaged, what is stored, and what is refused."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone

import punar
from punar.errors import DamagedModelError, DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning
from punar.models.zero_shot.heads import SENTENCE_SCALE, classes_of_entailment
from punar.models.zero_shot.prompts import Prompts, wordings_of

pytest.importorskip("tokenizers")
try:
    import torchaudio  # noqa: F401
except Exception:
    # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
transformers = pytest.importorskip("transformers")

_NLI = {
    "id2label": {0: "contradiction", 1: "neutral", 2: "entailment"},
    "label2id": {"contradiction": 0, "neutral": 1, "entailment": 2},
}
_SPECIAL = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_BERT = _SPECIAL | _SMALL | {"max_position_embeddings": 120}
_RELATIVE = {
    "relative_attention": True, "position_buckets": 8, "pos_att_type": ["c2p", "p2c"], "share_att_key": True,
    "norm_rel_ebd": "layer_norm", "type_vocab_size": 0, "position_biased_input": False,
}  # fmt: skip
_BART = _SPECIAL | {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 120,
    "decoder_start_token_id": 2, "forced_eos_token_id": 2,
}  # fmt: skip
ENTAILMENT = {
    "BertForSequenceClassification": ("BertConfig", _BERT),
    "RobertaForSequenceClassification": ("RobertaConfig", _BERT | {"type_vocab_size": 1}),
    "DebertaV2ForSequenceClassification": ("DebertaV2Config", _BERT | _RELATIVE),
    "BartForSequenceClassification": ("BartConfig", _BART),
}
_TOWER = _SMALL | {"vocab_size": 300, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1}
_PIXELS = _SMALL | {"image_size": 32, "patch_size": 8}
TEXTS = ["one dog", "the film is good, long and loud", "यह फ़िल्म अच्छी है"]
LABELS = ["sport", "खेल", "news"]
PICTURES = [np.random.default_rng(i).integers(0, 255, (32, 32, 3), dtype=np.uint8) for i in range(4)]


def _tokenizer(folder, end=("</s>", 2)):
    """Bytes, between a start and an end token; two texts with an end token each."""
    from tokenizers import Tokenizer, processors

    from punar.backbones._tokenizer import byte_tokenizer

    built = Tokenizer.from_str(byte_tokenizer(300))
    built.post_processor = processors.TemplateProcessing(
        single=f"<s> $A {end[0]}", pair=f"<s> $A {end[0]} $B:1 {end[0]}:1", special_tokens=[("<s>", 1), end]
    )
    built.save(str(folder / "tokenizer.json"))


def _theirs(folder, names, longest):
    return transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        model_input_names=names, model_max_length=longest,
    )  # fmt: skip


def _stirred(model, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith("logit"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def entailment(tmp_path_factory):
    """A function from a class of the library to (folder, the model)."""
    made = {}

    def get(name):
        if name not in made:
            config, settings = ENTAILMENT[name]
            torch.manual_seed(0)
            model = _stirred(getattr(transformers, name)(getattr(transformers, config)(**settings, **_NLI)))
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            _tokenizer(folder)
            made[name] = folder, model
        return made[name]

    return get


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    """A function from "clip" or "siglip" to (folder, the model, its picture processor)."""
    made = {}

    def get(kind):
        if kind in made:
            return made[kind]
        torch.manual_seed(0)
        folder = tmp_path_factory.mktemp(kind)
        if kind == "clip":
            # Not 2: with that the library looks for the largest token, as old files want it.
            text = _TOWER | {"eos_token_id": 3}
            config = transformers.CLIPConfig(text_config=text, vision_config=_PIXELS, projection_dim=12)
            model = transformers.CLIPModel(config)
            processor = transformers.CLIPImageProcessor(
                size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
            )
        else:
            config = transformers.SiglipConfig(text_config=_TOWER | {"eos_token_id": 2}, vision_config=_PIXELS)
            model = transformers.SiglipModel(config)
            processor = transformers.SiglipImageProcessor(size={"height": 32, "width": 32})
        _stirred(model).save_pretrained(folder)
        processor.save_pretrained(folder)
        _tokenizer(folder, ("<unk>", 3) if kind == "clip" else ("</s>", 2))
        made[kind] = folder, model, processor
        return made[kind]

    return get


@pytest.fixture
def encoder(tmp_path):
    """The folder of a tiny sentence encoder."""
    torch.manual_seed(1)
    model = _stirred(transformers.BertModel(transformers.BertConfig(**_BERT)))
    model.save_pretrained(tmp_path / "encoder")
    _tokenizer(tmp_path / "encoder")
    return tmp_path / "encoder"


def zero_shot(backbone, task="classification", **settings):
    return punar.TransferLearner(str(backbone), task, strategy="zero_shot", device="cpu", cache=False, **settings)


def in_order(model, rows):
    """Return a pipeline's answers in the order of the model's labels."""
    return np.array([[dict(zip(r["labels"], r["scores"], strict=True))[c] for c in model.classes_] for r in rows])


# -- the library's own answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTAILMENT)
def test_entailment_equals_the_librarys_pipeline(name, entailment, tmp_path):
    folder, theirs = entailment(name)
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if name.startswith("Bert") else [])
    pipeline = transformers.pipeline(
        "zero-shot-classification", model=theirs, tokenizer=_theirs(folder, names, 120), device="cpu"
    )
    model = zero_shot(folder).fit(None, LABELS)
    np.testing.assert_allclose(model.predict_proba(TEXTS), in_order(model, pipeline(TEXTS, LABELS)), atol=1e-5)
    several = zero_shot(folder, "multilabel", templates="It is {}!").fit(None, LABELS)
    wanted = in_order(several, pipeline(TEXTS, LABELS, multi_label=True, hypothesis_template="It is {}!"))
    found = several.predict_proba(TEXTS)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.ptp(found) > 0.01, "an untrained model's answers differ all the same"
    assert several.predict(TEXTS) == [
        [c for c, p in zip(several.classes_, row, strict=True) if p > 0.5] for row in found
    ]
    again = punar.load(punar.save(several, tmp_path / "m"))
    assert np.array_equal(again.predict_proba(TEXTS), found)
    assert again.predict(TEXTS) == several.predict(TEXTS)


@pytest.mark.parametrize("name", ["DebertaV2ForSequenceClassification", "BartForSequenceClassification"])
def test_their_encoders_are_backbones(name, entailment):
    folder, theirs = entailment(name)
    encoder = theirs.deberta if "Deberta" in name else theirs.model.encoder
    found = punar.FeatureExtractor(str(folder), cache=False).transform(TEXTS)
    tokenizer = _theirs(folder, ["input_ids", "attention_mask"], 120)
    with torch.no_grad():
        for text, row in zip(TEXTS, found, strict=True):
            states = encoder(**tokenizer([text], return_tensors="pt")).last_hidden_state
            np.testing.assert_allclose(row, states.mean(1)[0].numpy(), atol=1e-5)
    layer = "encoder.layer" if "Deberta" in name else "layers"
    recipe = punar.backbone(str(folder))
    about = recipe.describe()
    for stages in (about["stages"], recipe.native(about)["stages"]):
        assert [stage for stage, _ in stages] == ["embeddings", f"{layer}.0", f"{layer}.1"]
    body = punar.backbones.build(recipe, form="native")
    assert type(body.module).__name__ == name
    stored = theirs.state_dict()
    assert all(torch.equal(stored[n], v) for n, v in body.module.state_dict().items())


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_pictures_equal_the_librarys_logits(kind, towers, tmp_path):
    folder, theirs, processor = towers(kind)
    model = zero_shot(folder).fit(None, LABELS)
    tokenizer = _theirs(folder, ["input_ids"] + (["attention_mask"] if kind == "clip" else []), 64)
    sentences = [f"This is a photo of {name}." for name in model.classes_]
    padding = "max_length" if kind == "siglip" else True
    with torch.no_grad():
        words = tokenizer(sentences, padding=padding, return_tensors="pt")
        logits = theirs(**words, **processor(PICTURES, return_tensors="pt")).logits_per_image
    np.testing.assert_allclose(model.predict_proba(PICTURES), logits.double().softmax(1).numpy(), atol=1e-5)
    assert np.ptp(model.predict_proba(PICTURES)) > 0.01
    again = punar.load(punar.save(model, tmp_path / "m"))
    assert np.array_equal(again.predict_proba(PICTURES), model.predict_proba(PICTURES))
    if kind == "siglip":  # trained to judge each label by itself
        several = zero_shot(folder, "multilabel").fit(None, LABELS)
        np.testing.assert_allclose(several.predict_proba(PICTURES), logits.double().sigmoid().numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_tower_of_pictures_is_a_backbone(kind, towers, tmp_path):
    folder, theirs, processor = towers(kind)
    pixels = processor(PICTURES, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        wanted = theirs.get_image_features(pixel_values=pixels).pooler_output
    found = punar.FeatureExtractor(str(folder), cache=False).transform(PICTURES)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)
    about = punar.backbone(str(folder)).describe()
    assert [name for name, _ in about["stages"]] == ["embeddings", "encoder.layers.0", "encoder.layers.1"]
    model = punar.TransferLearner(
        str(folder), strategy="fine_tuning", epochs=1, cache=False, random_state=0, evidence="cheap", augment=None
    )
    before = {n: v.clone() for n, v in punar.backbones.build(punar.backbone(str(folder))).module.state_dict().items()}
    model.fit(PICTURES * 5, ["a", "b", "a", "b"] * 5)
    after = model.module_.backbone.state_dict()
    frozen = [n for n in before if "embeddings" in n or "layers.0" in n]
    assert frozen
    assert all(torch.equal(before[n], after[n]) for n in frozen)
    saved = punar.save(model, tmp_path / "m")
    assert np.array_equal(punar.load(saved).predict_proba(PICTURES), model.predict_proba(PICTURES))


def test_sentences_are_compared_by_cosine(encoder):
    model = zero_shot(encoder, templates=["{}", "about {}"]).fit(None, {"news": ["paper", "radio"], "sport": "ball"})
    features = punar.FeatureExtractor(str(encoder), cache=False)

    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    said = {"news": ["paper", "about paper", "radio", "about radio"], "sport": ["ball", "about ball"]}
    labels = np.stack([unit(unit(features.transform(said[name])).mean(0)) for name in model.classes_])
    raw = SENTENCE_SCALE * unit(features.transform(TEXTS)) @ labels.T
    wanted = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(TEXTS), wanted, atol=1e-5)
    assert model.predict(TEXTS).tolist() == model.classes_[wanted.argmax(1)].tolist()


# -- what is fitted -------------------------------------------------------------------------------------------------


def test_nothing_is_trained_and_a_clone_answers_the_same(encoder, tmp_path):
    model = zero_shot(encoder, templates="{} !").fit(None, LABELS)
    assert model.classes_.tolist() == sorted(LABELS)
    assert model.history_ == []
    assert model.learning_rates_ == {}
    assert punar.layers(model).totals["trainable"] == 0
    body = punar.backbones.build(punar.backbone(str(encoder)))
    stored = model.module_.backbone.state_dict()
    assert all(torch.equal(stored[name], value) for name, value in body.module.state_dict().items())
    again = clone(model).fit(None, list(reversed(LABELS)))
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    loaded = punar.load(punar.save(model, tmp_path / "m"))
    assert loaded.templates == "{} !"
    assert np.array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert loaded.fit_report_["rows"] == 0
    assert "nothing was trained" in loaded.fit_report_["verdict"]
    assert loaded.transform(TEXTS).shape == (3, 16)


def test_pickled_models_answer_the_same(encoder, entailment, towers):
    cases = [
        (encoder, TEXTS),
        (entailment("RobertaForSequenceClassification")[0], TEXTS),
        (towers("clip")[0], PICTURES),
    ]
    for folder, X in cases:
        model = zero_shot(folder).fit(None, LABELS)
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_rows_only_measure(encoder):
    """A text says its label's name over and over: even a random network's features tell which, and rows only count."""
    labels = ["aaaaaa", "zzzzzz", "खेल खेल"]
    right = np.array(labels * 20)
    texts = [f"{name} {i} {name}" for i, name in enumerate(right)]
    model = zero_shot(encoder, templates="{}").fit(None, labels, validation_data=(texts, right))
    report, plain = model.fit_report_, zero_shot(encoder, templates="{}").fit(None, labels)
    assert report["model"] == model.score(texts, right) >= 0.95
    assert report["constant"] == pytest.approx(1 / 3)
    assert report["rows"] == 60
    assert report["learned"] is True
    assert "Nothing was trained" in str(report)
    assert np.array_equal(model.predict_proba(texts), plain.predict_proba(texts))
    wrong = np.array((labels[1:] + labels[:1]) * 20)
    with pytest.warns(punar.errors.DidNotLearnWarning, match="templates"):
        model.fit(None, labels, validation_data=(texts, wrong))
    assert model.fit_report_["model"] <= 0.05
    assert np.array_equal(model.predict_proba(texts), plain.predict_proba(texts))
    named = sorted(set(right))
    assert zero_shot(encoder).fit(texts, right).classes_.tolist() == named


def test_a_text_that_is_too_long_is_cut_with_a_warning(entailment):
    folder, theirs = entailment("BertForSequenceClassification")
    pipeline = transformers.pipeline(
        "zero-shot-classification", model=theirs, device="cpu",
        tokenizer=_theirs(folder, ["input_ids", "attention_mask", "token_type_ids"], 120),
    )  # fmt: skip
    model = zero_shot(folder).fit(None, LABELS)
    long = ["word " * 100]
    with pytest.warns(PunarWarning, match="120|9[0-9] tokens"):
        found = model.predict_proba(long)
    np.testing.assert_allclose(found, in_order(model, pipeline(long, LABELS)), atol=1e-5)
    with pytest.raises(DataError, match="Take a shorter name or template"):
        zero_shot(folder).fit(None, ["a", "very " * 40])


def test_special_tokens_in_a_text_are_text(entailment):
    folder, _ = entailment("BartForSequenceClassification")
    found = zero_shot(folder).fit(None, LABELS).predict_proba(["an end </s> in the middle", "none"])
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("id2label", "pair"),
    [
        ({"0": "ENTAILMENT", "1": "NEUTRAL", "2": "CONTRADICTION"}, (0, 2)),
        ({"0": "entailment", "1": "not_entailment"}, (0, 1)),
        ({"0": "not_entailment", "1": "entailment"}, (1, 0)),
        ({"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, None),
        ({"0": "entailment", "1": "neutral", "2": "other"}, None),
        (None, None),
    ],
)
def test_which_classes_say_entailment(id2label, pair):
    assert classes_of_entailment(id2label) == pair


def test_prompts():
    made = Prompts.of(wordings_of({"b": "x", "a": ["y", "{z}"]}, "fit"), ["{}.", "of {}"])
    assert made.names == ("a", "b")
    assert made.sentences == (("y.", "of y", "{z}.", "of {z}"), ("x.", "of x"))
    assert made.counts == [4, 2]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (None, DataError, "needs the names of the labels, got None"),
        ([], DataError, "at least 2 labels to choose from, got none"),
        (["sports"], DataError, "at least 2 labels to choose from, got 1 label: 'sports'"),
        ("sports", DataTypeError, "list of names, got one text 'sports'"),
        ([0, 1], DataTypeError, "the number 0. Say what it stands for"),
        (np.array([0.5, 1.5]), DataTypeError, "the number 0.5"),
        (["a", None], DataTypeError, "must be text, got None"),
        (["a", " "], DataError, "a name in words, got ' '"),
        (["a", "b", "a"], DataError, "must differ, got 'a' twice"),
        ({"a": ["x"], "b": []}, DataTypeError, "wordings of 'b'"),
        ({"a": ["x", "x"], "b": "y"}, DataError, "must differ"),
        (3, DataTypeError, "list of names or a dict, got int"),
    ],
)
def test_labels_that_are_none(encoder, labels, error, words):
    with pytest.raises(error, match=words):
        zero_shot(encoder).fit(None, labels)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"templates": "about this"}, "must have {} once"),
        ({"templates": ["{}", "{} and {}"]}, "must have {} once"),
        ({"templates": []}, "at least one text"),
        ({"templates": 3}, "a text or a list of texts, got 3"),
        ({"lora": 4}, "lora=4"),
        ({"class_weight": "balanced"}, "class_weight is for training"),
    ],
)
def test_settings_that_have_no_use(encoder, settings, words):
    with pytest.raises(ParameterError, match=words.replace("{", r"\{")):
        zero_shot(encoder, **settings).fit(None, LABELS)


def test_what_does_not_go_together(encoder, towers, entailment, tmp_path):
    with pytest.raises(ParameterError, match="is for strategy='zero_shot'"):
        punar.TransferLearner(str(encoder), templates="{}").fit(TEXTS, ["a", "b", "a"])
    with pytest.raises(ParameterError, match="sample_weight is for training"):
        zero_shot(encoder).fit(TEXTS, LABELS, [1, 1, 1])
    with pytest.raises(ParameterError, match="checkpoint is for training"):
        zero_shot(encoder).fit(None, LABELS, checkpoint=tmp_path / "c")
    with pytest.raises(ParameterError, match="groups= says"):
        zero_shot(encoder).fit(None, LABELS, groups=[1, 1, 2])
    with pytest.raises(ParameterError, match="Pass one of them"):
        zero_shot(encoder).fit(TEXTS, LABELS, validation_data=(TEXTS, LABELS))
    with pytest.raises(NotSupportedError, match="Regression needs examples"):
        zero_shot(encoder, "regression").fit(None, LABELS)
    with pytest.raises(NotSupportedError, match="cannot say of each by itself"):
        zero_shot(encoder, "multilabel").fit(None, LABELS)
    with pytest.raises(NotSupportedError, match="cannot say of each by itself"):
        zero_shot(towers("clip")[0], "multilabel").fit(None, LABELS)
    with pytest.raises(NotSupportedError, match="this backbone reads pictures alone"):
        zero_shot("starter").fit(None, LABELS)
    with pytest.raises(DataTypeError, match="must be text"):
        zero_shot(encoder).fit(None, LABELS).predict(PICTURES)
    with pytest.raises(DataTypeError, match="must be a path, a PIL image or an array"):
        zero_shot(towers("clip")[0]).fit(None, LABELS).predict(TEXTS[:1] and [3])
    with pytest.raises(DataError, match="is not a class of the model"):
        zero_shot(encoder).fit(None, LABELS, validation_data=(TEXTS, ["sport", "weather", "news"]))
    with pytest.raises(DataTypeError, match="got lists of words"):
        zero_shot(entailment("BertForSequenceClassification")[0]).fit(None, LABELS).predict([["a", "b"]])


def test_damaged_folders(encoder, entailment, tmp_path):
    folder, _ = entailment("BertForSequenceClassification")
    saved = punar.save(zero_shot(folder).fit(None, LABELS), tmp_path / "m")
    config = json.loads((saved / "config.json").read_text("utf-8"))
    good = config["fitted"]["prompts"]

    def read_with(**changes):
        config["fitted"]["prompts"] = {**good, **changes}
        model = punar.TransferLearner(strategy="zero_shot")
        from safetensors.torch import load_file

        model.from_stored(config["fitted"], load_file(saved / "model.safetensors"), "m", ())
        return model

    assert read_with().classes_.tolist() == sorted(LABELS)
    for changes in (
        {"names": ["a", "b", "c"]},
        {"sentences": good["sentences"][:2]},
        {"sentences": [[], *good["sentences"][1:]]},
        {"sentences": "x"},
        {"entails": 7},
        {"entails": 1.5},
        {"contradicts": good["entails"]},
        {"contradicts": None},
        {"entails": None, "contradicts": None},
    ):
        with pytest.raises(DamagedModelError):
            read_with(**changes)
