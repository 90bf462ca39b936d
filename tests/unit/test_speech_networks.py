"""Speech recognition by tiny Wav2Vec2 and Whisper networks: stored as the hub does, taught a step, stored, equal.

Greedy transcripts equal those of the library's own ``generate`` and processors.
"""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch

import punar
from punar.errors import DataError, NotSupportedError, ParameterError
from punar.estimators.transfer_learner import STRATEGIES
from punar.tasks._dictation import said_once
from punar.tasks.speech_recognition import SpeechRecognition

transformers = pytest.importorskip("transformers")
RATE = 16_000
SAID = ["one two", "two", "two one", "one"] * 2
LANGUAGES = ["en", "hi", "de"]


def sounds(n=8, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(0, 0.1, int(RATE * rng.uniform(0.3, 0.5))).astype(np.float32), RATE) for _ in range(n)]


X = sounds()


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory):
    """A network that hears padding in no way: layer norm, and a mask."""
    folder = tmp_path_factory.mktemp("wav2vec2")
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_kernel=(10, 8), conv_stride=(10, 8), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, feat_extract_norm="layer", do_stable_layer_norm=True, vocab_size=10,
        pad_token_id=0, hidden_dropout=0.0, attention_dropout=0.0, final_dropout=0.0, feat_proj_dropout=0.0,
    )  # fmt: skip
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    tokens = dict(zip(["<pad>", "<s>", "</s>", "<unk>", "|", "E", "N", "O", "T", "W"], range(10), strict=True))
    (folder / "vocab.json").write_text(json.dumps(tokens))
    return folder


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """Two seconds in place of thirty; a tokenizer of bytes with the marks that Whisper has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("whisper")
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    built = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=[]))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES)]
    marks += ["<|translate|>", "<|transcribe|>", "<|startofprev|>", "<|notimestamps|>"]
    built.add_special_tokens(marks)
    number = {mark: built.token_to_id(mark) for mark in marks}
    built.add_tokens([f"<|{i * 0.02:.2f}|>" for i in range(101)])
    built.save(str(folder / "tokenizer.json"))
    end, start = number["<|endoftext|>"], number["<|startoftranscript|>"]
    own = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        vocab_size=built.get_vocab_size(), d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_source_positions=100,
        max_target_positions=40, num_mel_bins=8, dropout=0.0, suppress_tokens=None, begin_suppress_tokens=None, **own,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config)
    model.generation_config = transformers.GenerationConfig(
        is_multilingual=True, max_length=12, no_timestamps_token_id=number["<|notimestamps|>"],
        lang_to_id={f"<|{code}|>": number[f"<|{code}|>"] for code in LANGUAGES},
        task_to_id={name: number[f"<|{name}|>"] for name in ("translate", "transcribe")},
        prev_sot_token_id=number["<|startofprev|>"], max_initial_timestamp_index=50, **own,
    )  # fmt: skip
    model.save_pretrained(folder)
    facts = {"feature_size": 8, "sampling_rate": RATE, "hop_length": 160, "n_fft": 400, "chunk_length": 2}
    transformers.WhisperFeatureExtractor(**facts).save_pretrained(folder)
    return folder


def learner(folder, task=None, **settings):
    given = {
        "strategy": "fine_tuning", "unfreeze": "all", "epochs": 1, "batch_size": 4, "random_state": 0, "cache": False,
        "validation_fraction": 0.0, "early_stopping": False, "learning_rate": 1e-3,
    }  # fmt: skip
    return punar.TransferLearner(str(folder), task=task or SpeechRecognition(), **given | settings)


def moved(model, folder):
    """Whether a step was made: the network is not what it was."""
    before = transformers.AutoModel.from_pretrained(folder).state_dict()
    now = model.module_.backbone.state_dict()
    pairs = [(before[n], now[m]) for n in before for m in now if m.endswith(n)]
    return any(not torch.equal(a, b) for a, b in pairs)


# -- Wav2Vec2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vocabulary", "form"), [("auto", "native"), ("transcripts", "tokens")])
def test_wav2vec2_is_taught_stored_and_loaded_with_equal_answers(wav2vec2, tmp_path, vocabulary, form):
    model = learner(wav2vec2, SpeechRecognition(vocabulary=vocabulary), epochs=2).fit(X, SAID)
    task = model.fitted_.task
    assert task.form(model.fitted_.body.plan) == form
    assert task.kept_ == (form == "native")
    assert moved(model, wav2vec2)
    found = model.predict(X)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(X) == found
    assert back.score(X, SAID) == model.score(X, SAID)
    assert [back.predict([x])[0] for x in X[:3]] == found[:3]


def test_a_kept_heads_greedy_transcripts_equal_the_librarys(wav2vec2):
    model = learner(wav2vec2, strategy="feature_extraction").fit(X, SAID)
    own = model.module_.backbone
    tokenizer = transformers.Wav2Vec2CTCTokenizer(wav2vec2 / "vocab.json")
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    with torch.no_grad():
        for x, found in zip(X, model.predict(X), strict=True):
            values = extractor(x[0], sampling_rate=RATE, return_tensors="pt").input_values
            said = tokenizer.batch_decode(own(values).logits.argmax(-1))[0].replace("</s>", "").replace("<s>", "")
            assert found == " ".join(said.split())


def test_a_frozen_body_stays_as_it_was_and_only_the_head_learns(wav2vec2):
    model = learner(wav2vec2, SpeechRecognition(vocabulary="transcripts"), strategy="feature_extraction", epochs=3)
    model.fit(X, SAID)
    before = transformers.Wav2Vec2Model.from_pretrained(wav2vec2).state_dict()
    now = model.module_.backbone.state_dict()
    same = {n: torch.equal(before[n], now[n]) for n in before if n in now and "masked_spec" not in n}
    assert len(same) > 20
    assert all(same.values())
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_wav2vec2_names_what_does_not_fit(wav2vec2):
    with pytest.raises(DataError, match=r"y\[1\], 'xyz', has the letter 'x'"):
        learner(wav2vec2).fit(X, ["one", "xyz"] * 4)
    for vocabulary in ("auto", "transcripts"):
        with pytest.raises(DataError, match=r"4 of 8 .*: y\[0\], 'one.*at least 900 steps, 0\.\d+ s .*; y\[2\].*5 ms"):
            learner(wav2vec2, SpeechRecognition(vocabulary=vocabulary)).fit(X, ["one" * 300, "two"] * 4)
    with pytest.raises(DataError, match=r"1 of 8 recordings.*item 2 \(31.0 s\)"):
        learner(wav2vec2).fit([*X[:2], (np.zeros(31 * RATE, dtype=np.float32), RATE), *X[3:]], SAID)
    with pytest.raises(ParameterError, match=r"reads vision"):
        punar.TransferLearner("starter", task="speech_recognition").fit([np.zeros((8, 8))] * 8, SAID)


@pytest.mark.parametrize("given", [{"language": "hi"}, {"padding": "own"}, {"task": "translate"}])
def test_settings_of_decoders_are_refused_where_letters_are_said(wav2vec2, given):
    task = SpeechRecognition(**given)
    with pytest.raises(ParameterError, match=r"TransferLearner.fit: .*='.* is for .* Whisper.*Leave .* out"):
        learner(wav2vec2, task).fit(X, SAID)
    with pytest.raises(ParameterError, match=r"is for .* Whisper"):
        punar.TransferLearner(str(wav2vec2), task=task, strategy="zero_shot").fit(None)


def test_a_setting_of_letters_is_refused_where_a_decoder_writes(whisper):
    with pytest.raises(ParameterError, match=r"vocabulary='transcripts' .* says letters \(CTC\); this network has"):
        learner(whisper, SpeechRecognition(vocabulary="transcripts")).fit(X, SAID)


def test_long_recordings_and_silence_are_answered(wav2vec2):
    model = learner(wav2vec2).fit(X, SAID)
    long = np.random.default_rng(1).normal(0, 0.1, 45 * RATE).astype(np.float32)
    found = model.predict([(long, RATE), (np.zeros(RATE, dtype=np.float32), RATE), (np.zeros(1, np.float32), RATE)])
    assert all(isinstance(text, str) for text in found)


# -- Whisper --------------------------------------------------------------------------------------------------------


def librarys_own(folder, model, items, **settings):
    """Return the transcripts of transformers' own network and processors, greedily."""
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    found = []
    for x, rate in items:
        features = extractor(x, sampling_rate=rate, return_tensors="pt").input_features
        ids = model.generate(features, **settings)
        said = re.sub(r"<\|[\d.]+\|>", "", tokenizer.decode(ids[0], skip_special_tokens=True))  # marks of time
        found.append(" ".join(said.split()))
    return found


@pytest.mark.parametrize("padding", ["full", "own"])
def test_whisper_is_taught_stored_and_loaded_with_equal_answers(whisper, tmp_path, padding):
    model = learner(whisper, SpeechRecognition("en", padding=padding), epochs=2).fit(X, SAID)
    assert moved(model, whisper)
    found = model.predict(X)
    assert any(found)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(X) == found
    assert [back.predict([x])[0] for x in X] == found
    if padding == "full":
        own = model.module_.backbone
        assert librarys_own(whisper, own, X, language="en", task="transcribe") == found
        back.fitted_.task.beams = 2
        beams = librarys_own(whisper, own, X[:2], language="en", task="transcribe", num_beams=2)
        assert back.predict(X[:2]) == beams


def test_whisper_hears_a_language_where_none_is_said(whisper):
    model = learner(whisper).fit(X, SAID)
    assert model.fitted_.task.language_ in [f"<|{code}|>" for code in LANGUAGES]
    hindi = learner(whisper, SpeechRecognition("Hindi")).fit(X, SAID)
    assert hindi.fitted_.task.language_ == "<|hi|>"
    with pytest.raises(ParameterError, match=r"language must be one.*'french'.*de, en, hi"):
        learner(whisper, SpeechRecognition("french")).fit(X, SAID)


def test_only_the_decoder_learns_from_a_remembered_encoder(whisper):
    given = {"strategy": "feature_extraction", "epochs": 3}
    model = learner(whisper, SpeechRecognition("en"), **given).fit(X, SAID)
    before = transformers.WhisperModel.from_pretrained(whisper).state_dict()
    now = model.module_.backbone.state_dict()
    encoder = [n for n in before if n.startswith("encoder.")]
    assert encoder
    assert all(torch.equal(before[n], now[f"model.{n}"]) for n in encoder)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_an_encoder_pass_of_ones_own_length_equals_the_librarys_at_full_length(whisper):
    model = learner(whisper, SpeechRecognition("en")).fit(X, SAID)
    encoder = model.module_.backbone.model.encoder
    from punar.backbones._encode import short_states

    features = torch.randn(2, 8, 200)
    with torch.no_grad():
        assert torch.equal(short_states(encoder, features), encoder(features).last_hidden_state)
        assert short_states(encoder, features[..., :60]).shape == (2, 30, 16)


def test_long_recordings_are_written_window_by_window(whisper):
    model = learner(whisper, SpeechRecognition("en", timestamps=True)).fit(X, SAID)
    rng = np.random.default_rng(1)
    long = rng.normal(0, 0.1, int(4.5 * RATE)).astype(np.float32)
    long[int(1.7 * RATE) : int(1.8 * RATE)] = 0.0
    body, task = model.fitted_.body, model.fitted_.task
    samples = body.plan.preparation.samples((long, RATE))
    assert len(samples) == 3
    assert 1.7 <= float(samples[0].trace[2]) <= 1.8
    whole = model.predict([(long, RATE)])[0]
    pieces = model.predict([(sample.tensor.numpy(), RATE) for sample in samples])
    assert " ".join(" ".join(pieces).split()) == whole
    from punar.models.structured.answer import answers

    encoded, items = answers(model, model.fitted_, [(long, RATE)], "predict")
    table = task.segments(encoded, items)
    begins, ends = table.columns["start"], table.columns["end"]
    assert all(0 <= a <= b <= 4.5 + 1e-6 for a, b in zip(begins, ends, strict=True))
    assert begins == sorted(begins)


def test_whisper_names_what_does_not_fit(whisper, tmp_path):
    with pytest.raises(DataError, match=r"4 of 8 .*: y\[0\], 'one.* tokens\); y\[2\].*writes at most 40"):
        learner(whisper, SpeechRecognition("en")).fit(X, ["one " * 30, "two"] * 4)
    with pytest.raises(DataError, match=r"longer than 2 s.*item 0 \(3.0 s\)"):
        learner(whisper, SpeechRecognition("en")).fit([(np.zeros(3 * RATE, np.float32), RATE), *X[1:]], SAID)
    bare = tmp_path / "bare"
    shutil.copytree(whisper, bare)
    (bare / "tokenizer.json").unlink()
    with pytest.raises(NotSupportedError, match=r"no tokenizer\.json"):
        learner(bare, SpeechRecognition("en")).fit(X, SAID)


def test_what_is_said_without_end_counts_once():
    assert said_once([5, 1, 2, 1, 2, 1, 2, 1]) == [5, 1, 2]
    assert said_once([1, 1, 1, 1]) == [1]
    for kept in ([], [1], [1, 1], [1, 2, 1, 2], [1, 2, 3, 4, 5, 6], [7, 7, 7, 8]):
        assert said_once(kept) == kept


def test_marks_of_time_become_segments(whisper):
    task = learner(whisper, SpeechRecognition("en")).fit(X, SAID).fitted_.task
    dictation = task.met_.dictation
    first = dictation._plain + 1
    words = [dictation.numbers(text, None, "")[1:-1] for text in ("one", "two")]
    tokens = [first, *words[0], first + 25, first + 30, *words[1], first + 50]
    assert dictation.segments(tokens, 10.0, 12.0) == [(10.0, 10.5, "one"), (10.6, 11.0, "two")]
    assert dictation.segments(words[0], 10.0, 12.0) == [(10.0, 12.0, "one")]
    assert dictation.segments([], 0.0, 1.0) == []


# -- as it is -------------------------------------------------------------------------------------------------------

as_it_is = pytest.mark.skipif("zero_shot" not in STRATEGIES, reason="no strategy that trains nothing")


@as_it_is
@pytest.mark.parametrize("which", ["whisper", "wav2vec2"])
def test_a_checkpoint_that_writes_is_used_as_it_is(which, tmp_path, request):
    folder = request.getfixturevalue(which)
    model = punar.TransferLearner(str(folder), task=SpeechRecognition(), strategy="zero_shot", random_state=0)
    model.fit(None)
    found = model.predict(X[:3])
    assert any(found)
    assert not moved(model, folder)
    assert model.fit_report_["learned"] is None
    assert "nothing was trained" in str(model.fit_report_)
    back = punar.load(punar.save(model, tmp_path / "m"))
    assert back.predict(X[:3]) == found
    measured = punar.TransferLearner(str(folder), task=SpeechRecognition(), strategy="zero_shot").fit(X[:4], SAID[:4])
    assert measured.fit_report_["model"] == model.score(X[:4], SAID[:4])


@as_it_is
def test_a_network_that_has_not_learned_to_write_needs_examples(wav2vec2):
    task = SpeechRecognition(vocabulary="transcripts")
    with pytest.raises(NotSupportedError, match=r"fit\(recordings, transcripts\)"):
        punar.TransferLearner(str(wav2vec2), task=task, strategy="zero_shot").fit(None)
    with pytest.raises(ParameterError, match=r"fit\(None\)"):
        punar.TransferLearner(str(wav2vec2), task="speech_recognition", strategy="zero_shot").fit(X)
