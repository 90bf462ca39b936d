"""Word and letter error rates equal jiwer's; what they refuse; the best constant transcript."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from punar.errors import DataError, DataTypeError
from punar.tasks import Targets
from punar.tasks._error_rates import ErrorRates, best_constant, counts, edits, measured, plain, transcripts
from punar.tasks.speech_recognition import Transcript

WORDS = ["one", "two", "three", "a", "घर", "ghar", "पानी", "no"]


def drawn(rng, least=0):
    return " ".join(rng.choice(WORDS, rng.integers(least, 9)))


def targets_of(said):
    return Targets({"said": [torch.tensor(list(map(ord, text)), dtype=torch.int64) for text in said]})


def test_both_rates_equal_jiwer_on_two_hundred_random_cases():
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        n = int(rng.integers(1, 5))
        true, found = [drawn(rng, 1) for _ in range(n)], [drawn(rng) for _ in range(n)]
        meter = ErrorRates(False)
        meter.add([Transcript(text) for text in found], targets_of(true))
        rates = meter.details()
        assert rates["word_error_rate"] == pytest.approx(jiwer.wer(true, found), abs=1e-12)
        assert rates["character_error_rate"] == pytest.approx(jiwer.cer(true, found), abs=1e-12)
        assert meter.value() == 1.0 - rates["word_error_rate"]
        wrong += rates["word_error_rate"] > 1
    assert wrong  # some answers are longer than what was said


def test_exchanging_all_answers_exchanges_the_scores():
    said = ["one two", "three", "a no a"]
    ours, theirs = ErrorRates(False), ErrorRates(False)
    ours.add([Transcript(t) for t in said], targets_of(said))
    theirs.add([Transcript("one")] * 3, targets_of(said))
    assert ours.exchanged(theirs, np.ones(3, dtype=bool)) == (theirs.value(), ours.value())
    assert ours.exchanged(theirs, np.array([True, False, False])) == pytest.approx((5 / 6, 2 / 6))
    low, high = theirs.interval()
    assert low <= theirs.value() <= high


def test_silence_counts_what_is_inserted():
    assert counts("", "") == (0, 0, 0, 0)
    assert counts("one two", "") == (2, 0, 7, 0)
    assert counts("", "one two") == (2, 2, 7, 7)
    assert edits([], []) == 0


def test_a_word_of_ten_thousand_letters():
    assert counts("a" * 10_000, "a" * 9_999 + "b") == (1, 1, 1, 10_000)


def test_the_best_constant_is_the_better_of_transcript_word_and_nothing():
    # The commonest transcript is three words, of which the others have none.
    assert best_constant(["x y z", "x y z", "go a", "go b", "go c", "go d"]) == "go"
    assert best_constant(["go on", "go on", "go on", "no"]) == "go on"
    assert best_constant(["", "", "a b"]) == ""
    rng = np.random.default_rng(1)
    for _ in range(50):
        said = [drawn(rng, 1) for _ in range(8)]
        own = sum(edits(best_constant(said).split(), text.split()) for text in said)
        assert own <= min(sum(edits([w], text.split()) for text in said) for w in WORDS)


def test_normalising_leaves_out_case_and_punctuation_only():
    assert plain("Don’t — STOP!  3.5") == "don't stop 3 5"
    assert plain("'quoted'") == "quoted"
    assert plain("ÉCOLE, हिन्दी") == "école हिन्दी"
    assert measured(["It's HERE."], ["it's here"], True, "score").value() == 1.0
    assert measured(["It's HERE."], ["it's here"], False, "score").value() == 0.0


def test_composed_and_decomposed_letters_are_one():
    assert transcripts(["e\u0301  a\n"], "fit") == ["é a"]


@pytest.mark.parametrize("bad", [None, "text", 3, {"a": 1}, [None], [float("nan")], [1, 2], [["a"]], np.array(3)])
def test_what_is_no_list_of_transcripts_is_refused(bad):
    with pytest.raises((DataError, DataTypeError), match=r"^fit: .*y"):
        transcripts(bad, "fit")


def test_another_number_of_answers_is_refused():
    with pytest.raises(DataError, match="2 transcripts, the predictions 1"):
        measured(["a", "b"], ["a"], False, "score")
