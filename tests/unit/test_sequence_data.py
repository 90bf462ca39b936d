"""What users pass as sequences: every form gives the same items, and what cannot be read is named."""

from __future__ import annotations

import collections
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
import torch

from punar import errors
from punar.data import sequences
from punar.preparations.frames import Frames
from punar.preparations.series import Series

W = "Thing.fit"


def rows(X, **given):
    return sequences.read_series(X, W, **given).items


def ragged(*lengths, channels=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, channels)) for n in lengths]


# -- arrays and lists ----------------------------------------------------------------------------------------


def test_arrays_lists_tensors_and_lists_of_lists_are_read_alike():
    X = np.random.default_rng(0).normal(size=(3, 5, 2))
    forms = [X, list(X), X.tolist(), torch.from_numpy(X), [torch.from_numpy(x) for x in X]]
    for form in forms:
        found = rows(form)
        assert len(found) == 3
        assert all(np.array_equal(a, b) for a, b in zip(found, X, strict=True))


def test_one_channel_needs_no_axis_of_its_own():
    assert [x.shape for x in rows([[1.0, 2.0], [3.0]])] == [(2, 1), (1, 1)]
    assert [x.shape for x in rows(np.zeros((4, 7)))] == [(7, 1)] * 4


def test_an_object_array_of_unequal_arrays_is_read():
    box = np.empty(2, dtype=object)
    box[:] = ragged(3, 1)
    assert [len(x) for x in rows(box)] == [3, 1]


@pytest.mark.parametrize(
    ("X", "error", "said"),
    [
        ([], errors.DataError, "0 sample"),
        (np.empty((0, 3, 2)), errors.DataError, "0 sample"),
        ([np.zeros((2, 2)), np.zeros((0, 2))], errors.DataError, r"X\[1\] has length 0"),
        ([[1.0], []], errors.DataError, r"X\[1\] has length 0"),
        (ragged(3) + ragged(3, channels=3), errors.DataError, r"X\[1\] has 3 channels, X\[0\] has 2.*transpose"),
        (np.zeros(5), errors.DataError, r"Pass one series as \[X\]"),
        (np.zeros((2, 3, 2, 2)), errors.DataError, "got shape"),
        ([np.zeros((2, 2, 2))], errors.DataError, r"X\[0\] must be \(time, channels\)"),
        ([[[1.0, 2.0], [3.0]]], errors.DataTypeError, r"X\[0\] must hold numbers in one array"),
        ([["a", "b"]], errors.DataTypeError, r"X\[0\]: series must be numbers"),
        (np.zeros((2, 3, 1), complex), errors.DataTypeError, "Complex data not supported"),
        ("abc", errors.DataTypeError, "X must be"),
        (None, errors.DataTypeError, "X must be"),
        ([None], errors.DataTypeError, r"X\[0\]"),
    ],
)
def test_what_cannot_be_a_series_is_named(X, error, said):
    with pytest.raises(error, match=said):
        rows(X)


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        ([[1.0, 2.0]], "series"),
        (np.zeros((2, 3), np.uint8), "series"),
        (pd.DataFrame({"a": [1]}), "series"),
        (["good", "bad.wav is a name too"], "texts"),
        (pd.Series(["a", "b"]), "texts"),
        (["a.wav", "b.FLAC"], "sounds"),
        ([(np.zeros(10), 8000)], "sounds"),
    ],
)
def test_what_X_is_follows_from_its_items(X, kind):
    assert sequences.kind_of(X, W) == kind


def test_infinity_is_always_refused_and_nan_unless_masked():
    X = [np.ones((3, 2)), np.array([[1.0, 2.0], [1.0, np.nan]])]
    found = sequences.read_series(X, W)
    with pytest.raises(errors.DataError, match=r"X\[1\] has nan at step 1, channel 1.*missing='mask'"):
        sequences.check_values(found, W, channels=None, missing="refuse")
    sequences.check_values(found, W, channels=2, missing="mask")
    X[0][2, 0] = -np.inf
    for missing in ("refuse", "mask"):
        with pytest.raises(errors.DataError, match=r"X\[0\] has -inf at step 2, channel 0"):
            sequences.check_values(found, W, channels=None, missing=missing)


def test_another_number_of_channels_is_refused():
    with pytest.raises(errors.DataError, match="expecting 3 channels"):
        sequences.check_values(sequences.read_series(ragged(2), W), W, channels=3, missing="refuse")


# -- long tables ---------------------------------------------------------------------------------------------


def table():
    return pd.DataFrame(
        {
            "who": ["b", "b", "a", "a", "b"],
            "when": [2, 1, 5, 4, 3],
            "x": [20.0, 10.0, 50.0, 40.0, 30.0],
            "y": [0, 1, 2, 3, 4],
        }
    )


def test_a_long_table_becomes_series_in_order_of_first_appearance_sorted_by_time():
    found = sequences.read_series(table(), W, id_column="who", time_column="when")
    assert found.ids == ["b", "a"]
    assert found.names == ("x", "y")
    assert found.items[0].tolist() == [[10, 1], [20, 0], [30, 4]]
    assert found.items[1].tolist() == [[40, 3], [50, 2]]


def test_without_a_time_column_rows_keep_their_order():
    found = sequences.read_series(table()[["who", "x"]], W, id_column="who")
    assert [x[:, 0].tolist() for x in found.items] == [[20, 10, 30], [50, 40]]


def test_a_series_that_is_alone_at_the_end_stays_alone():
    frame = pd.DataFrame({"i": [1, 1, 2], "v": [1.0, 2.0, 3.0]})
    assert [len(x) for x in sequences.read_series(frame, W, id_column="i").items] == [2, 1]


def test_text_times_are_dates_not_letters():
    frame = pd.DataFrame({"i": [1, 1, 1], "t": ["2024-10-01", "2024-09-30", "2023-12-31"], "v": [3.0, 2.0, 1.0]})
    found = sequences.read_series(frame, W, id_column="i", time_column="t")
    assert found.items[0][:, 0].tolist() == [1, 2, 3]
    with pytest.raises(errors.DataTypeError, match="time column 't' must hold numbers, dates or text like"):
        sequences.read_series(frame.assign(t=["10", "9", "x"]), W, id_column="i", time_column="t")


def test_wanted_channels_are_found_by_name_whatever_their_place():
    frame = table()[["y", "when", "x", "who"]].assign(label="unused")
    found = sequences.read_series(frame, W, names=("x", "y"), id_column="who", time_column="when")
    assert found.items[1].tolist() == [[40, 3], [50, 2]]
    with pytest.raises(errors.DataError, match="has not the channel 'z', which the model was fitted with"):
        sequences.read_series(frame, W, names=("x", "z"), id_column="who", time_column="when")


def test_a_polars_table_is_read_as_a_pandas_one():
    polars = pytest.importorskip("polars")
    found = sequences.read_series(polars.from_pandas(table()), W, id_column="who", time_column="when")
    assert found.ids == ["b", "a"]


@pytest.mark.parametrize(
    ("change", "given", "error", "said"),
    [
        ({}, {}, errors.ParameterError, "needs id_column="),
        ({}, {"id_column": "whom"}, errors.ParameterError, "Did you mean 'who'"),
        ({}, {"id_column": "who", "time_column": "t"}, errors.ParameterError, "time_column='t' is not a column"),
        ({"when": [2, 1, 5, 4, 2]}, {}, errors.DataError, "id 'b' has two rows at time 2"),
        ({"when": [2, np.nan, 5, 4, 3]}, {}, errors.DataError, "row 1 has no time"),
        ({"who": ["b", None, "a", "a", "b"]}, {}, errors.DataError, "row 1 has no id"),
        ({"x": list("abcde")}, {}, errors.DataTypeError, "channel 'x' must hold numbers.*get_dummies"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(change, given, error, said):
    if change:
        given = {"id_column": "who", "time_column": "when"}
    with pytest.raises(error, match=said):
        sequences.read_series(table().assign(**change), W, **given)


def test_targets_are_found_by_id_or_taken_in_order():
    found = sequences.read_series(table(), W, id_column="who", time_column="when")
    for y in (pd.Series({"a": 1, "b": 2, "c": 3}), {"a": 1, "b": 2}, [2, 1]):
        assert list(sequences.matched(y, found, W)) == [2, 1]
    with pytest.raises(errors.DataError, match=r"no entry for id 'a'.*set_index"):
        sequences.matched(pd.Series({"b": 2}), found, W)
    with pytest.raises(errors.DataError, match="no entry for id 'b' and 1 more"):
        sequences.matched(pd.Series([2, 1]), found, W)
    with pytest.raises(errors.DataError, match="two entries for id 'a'"):
        sequences.matched(pd.Series([1, 2, 3], index=["a", "b", "a"]), found, W)


# -- the preparation of series -------------------------------------------------------------------------------


def test_standard_scaling_is_over_all_steps_and_ignores_what_is_missing():
    items = [np.array([[1.0, 5.0], [3.0, np.nan]]), np.array([[5.0, 7.0]])]
    facts = Series.learn(items, scaling="standard", missing="mask")
    steps = torch.cat([facts.prepare(i) for i in items])
    assert steps.shape == (3, 4)
    np.testing.assert_allclose(steps[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(steps[:, 0].std(correction=0), 1, atol=1e-6)
    assert steps[:, 1].tolist() == [-1.0, 0.0, 1.0]  # missing is 0 after scaling: the mean
    assert steps[:, 2:].tolist() == [[1, 1], [1, 0], [1, 1]]  # and a flag says what was observed


def test_auto_scaling_keeps_the_relative_size_of_channels_in_one_unit():
    rng = np.random.default_rng(0)
    alike = [rng.normal(size=(50, 2)) * [1.0, 2.0] for _ in range(5)]
    unlike = [x * [1.0, 1000.0] for x in alike]
    one, two = (torch.cat([Series.learn(X).prepare(x) for x in X]).std(0) for X in (alike, unlike))
    assert one[1] / one[0] == pytest.approx(2, rel=0.2)
    assert two[1] / two[0] == pytest.approx(1, rel=1e-3)


def test_two_channels_that_reach_zero_need_not_share_a_unit():
    rng = np.random.default_rng(0)
    X = [np.stack([rng.exponential(100, 50) * (rng.random(50) > 0.5), rng.random(50) > 0.5], 1) for _ in range(4)]
    assert torch.cat([Series.learn(X).prepare(x) for x in X]).std(0).tolist() == pytest.approx([1, 1], rel=0.01)


def test_a_constant_channel_becomes_zero_and_a_large_offset_loses_nothing():
    items = [np.stack([np.full(4, 3.0), 1.7e9 + np.arange(4.0)], 1)]
    steps = Series.learn(items, scaling="standard").prepare(items[0])
    assert steps[:, 0].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(steps[:, 1].diff().numpy(), 1 / np.std(np.arange(4)), rtol=1e-6)


def test_a_channel_that_is_never_observed_is_zero_with_its_flag_down():
    items = [np.array([[np.nan, 1.0], [np.nan, 2.0]])]
    assert Series.learn(items, missing="mask").prepare(items[0])[:, [0, 2]].tolist() == [[0, 0], [0, 0]]


def test_facts_survive_json():
    import json

    facts = Series.learn(ragged(3, 4), names=("a", "b"), missing="mask", max_length=7)
    assert Series.from_facts(json.loads(json.dumps(facts.facts()))) == facts


def test_max_length_cuts_the_end():
    facts = Series.learn(ragged(5), scaling="none", max_length=2)
    assert facts.prepare(np.arange(10.0).reshape(5, 2)).tolist() == [[0, 1], [2, 3]]


# -- words ---------------------------------------------------------------------------------------------------


@pytest.fixture
def vocabulary():
    pytest.importorskip("tokenizers")
    import punar.preparations

    return punar.preparations


def test_devanagari_words_keep_their_vowel_signs(vocabulary):
    texts = ["मेरी किताब अच्छी है।", "मेरी किताब बुरी है!", "क्षत्रिय, श्री ज़मीन"]
    facts = vocabulary.learn_vocabulary(texts, 1000, None)
    words = [piece for piece, known in facts.pieces(texts[0])]
    assert words == ["मेरी", "किताब", "अच्छी", "है", "।"]
    assert all(known for _, known in facts.pieces(texts[0]))
    assert [p for p, _ in facts.pieces(texts[2])] == ["क्षत्रिय", ",", "श्री", "ज़मीन"]


def test_two_spellings_of_one_letter_are_one_word(vocabulary):
    for word in ("é" * 3, "ऩ", "क़लम"):
        forms = {unicodedata.normalize(form, word) for form in ("NFC", "NFD")}
        facts = vocabulary.learn_vocabulary(list(forms), 100, None)
        assert len({tuple(facts.prepare(f).tolist()) for f in forms}) == 1
        assert all(facts.prepare(f).tolist() == [2] for f in forms)


def test_joiners_inside_a_word_do_not_split_it(vocabulary):
    words = ["क्‍ष", "नमस्\u200cते"]
    facts = vocabulary.learn_vocabulary(words, 100, None)
    assert [len(facts.prepare(w)) for w in words] == [1, 1]


def test_case_does_not_count_and_new_words_are_unknown(vocabulary):
    facts = vocabulary.learn_vocabulary(["Good film", "good BOOK"], 100, None)
    assert torch.equal(facts.prepare("GOOD Film"), facts.prepare("good film"))
    assert facts.prepare("good zebra").tolist()[1] == 1
    assert vocabulary.vocabulary_size(facts) == 5  # padding, unknown and three words


def test_the_most_frequent_words_are_kept_and_the_order_is_the_same_every_time(vocabulary):
    texts = ["a a a b b c", "d e f"] * 2
    one, two = (vocabulary.learn_vocabulary(t, 2, None) for t in (texts, texts[::-1]))
    assert one == two
    assert [known for _, known in one.pieces("a b c")] == [True, True, False]


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\n\t"])
def test_an_empty_text_has_one_token(vocabulary, text):
    facts = vocabulary.learn_vocabulary(["a b"], 10, None)
    assert len(facts.prepare(text)) >= 1


def test_words_are_counted_as_python_counts_them(vocabulary):
    draw = np.random.default_rng(3)
    words = [*"abcdefghij", "पुणे", "नमस्ते", "é", "日"]
    texts = [" ".join(draw.choice(words, 6, p=draw.dirichlet(np.ones(len(words))))) for _ in range(40)]
    counts = collections.Counter(" ".join(texts).split())
    for size in (5, 50, 1000):
        fewest = 2 if len(counts) > size // 10 else 1
        wanted = sorted((-n, word) for word, n in counts.items() if n >= fewest)[:size]
        facts = vocabulary.learn_vocabulary(texts, size, None)
        assert vocabulary.vocabulary_size(facts) == 2 + len(wanted)
        assert facts.prepare(" ".join(w for _, w in wanted)).tolist() == list(range(2, 2 + len(wanted)))


@pytest.mark.parametrize("pieces", [False, True])
def test_lists_of_words_have_the_vocabulary_of_their_text(vocabulary, pieces):
    texts = ["Asha lives in पुणे .", "she lives there", "नमस्ते पुणे"]
    one = vocabulary.learn_vocabulary(texts, 100, None, pieces=pieces)
    two = vocabulary.learn_vocabulary([text.split() for text in texts], 100, None, pieces=pieces)
    assert one == two
    for text in texts:
        assert torch.equal(one.prepare(text), one.prepare(text.split()))


def test_pieces_keep_case_and_letters_and_know_new_words_by_their_parts(vocabulary):
    texts = ["walking talking Walking", "walked talked पुणे पुणेरी"] * 5
    facts = vocabulary.learn_vocabulary(texts, 100, None, pieces=True)
    assert [p for p, _ in facts.pieces("walking")] == ["walking"]
    assert len(facts.prepare("Walked")) > 1
    assert not torch.equal(facts.prepare("Walked"), facts.prepare("walked"))
    new = facts.pieces("talkingly पुणेकर walkedk")
    assert "".join(p for p, _ in new if p) == "talkinglyपुणेकरwalkedk"
    assert [known for p, known in facts.pieces("walking 日")] == [True, False]
    assert facts.prepare("पुणे").tolist() == facts.prepare(unicodedata.normalize("NFD", "पुणे")).tolist()


def test_pieces_are_no_more_than_asked_for(vocabulary):
    texts = ["".join(chr(0x4E00 + 7 * i + j) for j in range(5)) for i in range(200)]
    facts = vocabulary.learn_vocabulary(texts, 60, None, pieces=True)
    assert vocabulary.vocabulary_size(facts) <= 62
    assert vocabulary.vocabulary_size(vocabulary.learn_vocabulary([""], 60, None, pieces=True)) == 2


@pytest.mark.parametrize("pieces", [False, True])
def test_the_vocabulary_is_the_same_in_every_run(pieces):
    pytest.importorskip("tokenizers")
    code = f"""
import random, sys
from punar.preparations import learn_vocabulary
draw = random.Random(0)
texts = [" ".join("".join(draw.choices("abcdefgh\u092a\u0941", k=4)) for _ in range(8)) for _ in range(60)]
random.Random(int(sys.argv[1])).shuffle(texts)
print(learn_vocabulary(texts, 90, None, pieces={pieces}).tokenizer)
"""
    runs = [subprocess.run([sys.executable, "-c", code, k], capture_output=True, check=True).stdout for k in "123"]
    assert runs[0] == runs[1] == runs[2]
    assert "प" in runs[0].decode()


def test_long_texts_are_cut_where_asked(vocabulary):
    assert len(vocabulary.learn_vocabulary(["a b c d"], 10, 3).prepare("a b c d")) == 3
    assert len(vocabulary.learn_vocabulary(["a"], 10, None).prepare("a " * 3000)) == 3000


# -- recordings ----------------------------------------------------------------------------------------------


def tone(hertz, rate, seconds=0.2, loud=0.5):
    return np.float32(loud * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)), rate


def test_the_rate_is_the_lowest_that_was_trained_on():
    with pytest.warns(errors.PunarWarning, match="1 of 2 recordings have half the samples per second"):
        facts = Frames.for_items([tone(440, 8000), tone(440, 44100)], W, n_mels=20)
    assert facts.rate == 8000
    assert Frames.for_items([np.zeros(100, np.float32)], W, n_mels=20).rate == 16000
    assert Frames.for_items([tone(440, 44100)], W, n_mels=20).rate == 16000


def test_loudness_does_not_count_and_pitch_does():
    facts = Frames.for_items([tone(500, 8000)], W, n_mels=20)
    quiet, loud, high = (facts.prepare(tone(h, 8000, loud=v)) for h, v in ((500, 0.05), (500, 0.5), (2000, 0.5)))
    torch.testing.assert_close(quiet, loud, atol=1e-2, rtol=0)
    assert high.mean(0).argmax() > loud.mean(0).argmax()
    assert loud.max() == 0
    assert loud.min() >= -80


def test_silence_and_one_sample_have_frames():
    facts = Frames.for_items([tone(500, 8000)], W, n_mels=20)
    for samples in (np.zeros(800, np.float32), np.ones(1, np.float32)):
        frames = facts.prepare((samples, 8000))
        assert len(frames) >= 1
        assert bool(torch.isfinite(frames).all())


def test_frames_are_scaled_per_band_over_training_frames():
    plain = Frames.for_items([tone(500, 8000), tone(1500, 8000)], W, n_mels=10)
    frames = [plain.prepare(tone(h, 8000)) for h in (500, 1500)]
    facts = plain.learned(frames, "auto")
    steps = torch.cat([facts.prepare(tone(h, 8000)) for h in (500, 1500)])
    torch.testing.assert_close(steps.mean(0), torch.zeros(10), atol=1e-4, rtol=0)
    assert torch.equal(steps[: len(frames[0])], facts.scaled(frames[0]))
    assert Frames.from_facts(facts.facts()) == facts


def test_files_and_their_samples_give_the_same_frames(tmp_path):
    from scipy.io import wavfile

    samples, rate = tone(700, 8000)
    wavfile.write(tmp_path / "a.wav", rate, np.int16(samples * 32767))
    facts = Frames.for_items([str(tmp_path / "a.wav")], W, n_mels=10)
    assert facts.rate == 8000
    torch.testing.assert_close(facts.prepare(tmp_path / "a.wav"), facts.prepare((samples, rate)), atol=0.5, rtol=0)
    (tmp_path / "b.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(errors.DataError, match=r"b\.wav.*cannot be decoded"):
        Frames.for_items([str(tmp_path / "b.wav")], W, n_mels=10)
