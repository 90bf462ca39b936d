"""Speech recognition by a recurrent network: what is learned, refused, answered and stored; windows of recordings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import punar
from punar.errors import DataError, DataTypeError, NotSupportedError, ParameterError, PunarWarning
from punar.preparations.frames import Frames
from punar.preparations.sounds import Sounds, quiet_cuts
from punar.tasks._letters import Segment
from punar.tasks.speech_recognition import SpeechRecognition

RATE = 8000


def tone(word, seed=0, seconds=0.08):
    """A tone for each letter, silence for a space."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE * seconds)) / RATE
    parts = [np.zeros(200)]
    for letter in word:
        parts.append(np.sin(2 * np.pi * 300 * 1.3 ** (ord(letter) - 97) * t) if letter != " " else np.zeros(len(t)))
    wave = np.concatenate([*parts, np.zeros(200)]) * 0.3
    return (wave + rng.normal(0, 0.01, len(wave))).astype(np.float32), RATE


WORDS = ["ab a", "b", "ba", "a ab", "bb", "aab"] * 5
X = [tone(word, i) for i, word in enumerate(WORDS)]


def model(**settings):
    given = {"hidden_size": 8, "epochs": 2, "random_state": 0, "evidence": "cheap"}
    return punar.SequenceModel("gru", task=SpeechRecognition(**settings.pop("task", {})), **given | settings)


@pytest.fixture(scope="module")
def fitted():
    return model().fit(X, WORDS)


def test_the_letters_come_from_the_transcripts(fitted):
    task = fitted.fitted_.task
    assert "".join(task.letters_.letters) == " ab"
    assert fitted.module_.head.map.out_features == 4
    assert fitted.preparation_.stack == 3
    assert fitted.fit_report_["metric"] == "1 - word error rate"


def test_stored_and_loaded_answers_are_equal(fitted, tmp_path):
    found = fitted.predict(X[:6])
    assert all(isinstance(text, str) for text in found)
    back = punar.load(punar.save(fitted, tmp_path / "m"))
    assert back.predict(X[:6]) == found
    assert back.score(X, WORDS) == fitted.score(X, WORDS)


def test_neither_company_nor_order_changes_an_answer(fitted):
    long = [tone("ab a" * 5, 1), *X[:4]]
    together = fitted.predict(long)
    assert [fitted.predict([x])[0] for x in long] == together


def test_fits_repeat_themselves():
    a, b = (model().fit(X, WORDS) for _ in range(2))
    for name, value in a.module_.state_dict().items():
        assert torch.equal(value, b.module_.state_dict()[name]), name


def test_silence_and_a_single_sample_have_an_answer(fitted):
    quiet = [(np.zeros(RATE, dtype=np.float32), RATE), (np.zeros(1, dtype=np.float32), RATE)]
    assert all(isinstance(text, str) for text in fitted.predict(quiet))
    with pytest.raises(DataError, match=r"shape"):
        fitted.predict([(np.zeros(0, dtype=np.float32), RATE)])


def test_a_silent_recording_may_be_trained_on():
    quiet = (np.zeros(4000, dtype=np.float32), RATE)
    found = model().fit([*X, quiet, quiet], [*WORDS, "", ""])
    assert np.isfinite(found.history_[-1]["train_loss"])


def test_a_transcript_too_long_for_its_recording_is_named():
    long = "ab" * 200
    with pytest.raises(DataError, match=r"fit: 1 of 30 transcripts.*y\[29\], 'abab.*at least 400 steps, .* s have \d+"):
        model().fit(X, [*WORDS[:-1], long])
    with pytest.raises(DataError, match=r"7 of 30 .*y\[0\], 'aba.*; y\[4\].*; and 2 more\. .* every 30 ms.*pairs out"):
        model().fit(X, [long] * 7 + WORDS[7:])
    with pytest.raises(DataError, match=r"1 of 32 .*: validation_data y\[1\], 'aba"):
        model().fit(X, WORDS, validation_data=(X[:2], ["ab", long]))
    # Two equal letters need a blank between them.
    short = (np.zeros(RATE // 20, dtype=np.float32), RATE)
    with pytest.raises(DataError, match=r"y\[30\], 'aaa' \(3 letters need at least 5 steps, 0.0\d s have 2\)"):
        model().fit([*X, short], [*WORDS, "aaa"])


def test_letters_that_were_not_learned_are_refused_where_they_are_taught():
    with pytest.raises(DataError, match=r"y\[0\], 'z', has the letter 'z'"):
        model().fit(X, WORDS, validation_data=(X[:2], ["z", "ab"]))
    # A score only compares, and says so much.
    with pytest.warns(PunarWarning, match="100% of the letters of y are unknown"):
        assert model().fit(X, WORDS).score(X[:1], ["z z"]) <= 1.0


@pytest.mark.parametrize("bad", [None, "text", ["a", None] * 15, [1] * 30, [""] * 30, WORDS[:-1]])
def test_transcripts_that_are_none_are_refused(bad):
    with pytest.raises((DataError, DataTypeError, ParameterError)):
        model().fit(X, bad)


def test_settings_and_items_that_break_their_rule_are_refused():
    with pytest.raises(ParameterError, match="beams must be an integer"):
        model(task={"beams": 0}).fit(X, WORDS)
    with pytest.raises(ParameterError, match="'own'"):
        model(task={"padding": "owm"}).fit(X, WORDS)
    with pytest.raises(ParameterError, match="is for audio"):
        model().fit(["a text"] * 30, WORDS)
    with pytest.raises(DataTypeError, match="sample_weight"):
        model().fit(X, WORDS).score(X, WORDS, np.ones(30))
    with pytest.raises(NotSupportedError):
        SpeechRecognition().itself(torch.zeros(1))


def test_a_beam_answers_too(fitted):
    fitted.fitted_.task.beams = 4
    try:
        assert all(isinstance(text, str) for text in fitted.predict(X[:3]))
    finally:
        fitted.fitted_.task.beams = 1


def test_segments_have_seconds(fitted):
    task = fitted.fitted_.task
    parts = [[Segment(0.0, 1.0, "a b")], [Segment(1.5, 2.0, "c")]]
    answers = [task.merge(parts, X[0]), task.merge([[]], X[1])]
    assert [answer.text for answer in answers] == ["a b c", ""]
    table = task.segments(answers, X[:2])
    assert table.item.tolist() == [0, 0, 1]
    assert table.columns == {"start": [0.0, 1.5, 0.0], "end": [1.0, 2.0, 0.0], "text": ["a b", "c", ""]}
    assert task.table(answers, X[:2]).columns == {"prediction": ["a b c", ""]}
    asked = SpeechRecognition(timestamps=True)
    assert asked.table(answers, X[:2]).columns == table.columns


def test_what_was_learned_travels_as_json_and_is_checked():
    task = SpeechRecognition()
    task.learn(["ab", "b a"], "fit")
    state = json.loads(json.dumps(task.state()))
    back = SpeechRecognition()
    back.restore(state)
    assert back.letters_ == task.letters_
    assert back.outputs == 4
    spoilt = [("letters", "ab"), ("letters", [1]), ("letters", [""]), ("blank", 9), ("blank", True), ("writes", 1)]
    for name, value in [*spoilt, ("language", "x"), ("kept", None), ("writes", True)]:
        with pytest.raises((ValueError, KeyError, TypeError)):
            SpeechRecognition().restore({**state, name: value})
    for name in state:
        with pytest.raises((ValueError, KeyError, TypeError)):
            SpeechRecognition().restore({k: v for k, v in state.items() if k != name})


# -- preparations ---------------------------------------------------------------------------------------------------


def test_stacked_frames_are_the_same_numbers():
    plain, stacked = Frames(RATE, 5), Frames(RATE, 5, stack=3)
    a, b = plain.prepare(X[0]), stacked.prepare(X[0])
    assert b.shape == (-(-len(a) // 3), 15)
    back = b.view(-1, 5, 3).transpose(1, 2).reshape(-1, 5)
    assert torch.equal(back[: len(a)], a)
    assert torch.equal(back[len(a) :], a[-1:].expand(len(back) - len(a), -1))
    assert float(stacked.samples(X[0])[0].trace) == pytest.approx(0.03)
    # Folders of before know no stack.
    facts = {k: v for k, v in plain.facts().items() if k != "stack"}
    assert Frames.from_facts(facts) == plain


def test_long_recordings_are_cut_where_they_are_quiet():
    loud = np.full(int(1.5 * RATE), 0.5, dtype=np.float32)
    wave = np.concatenate([loud, np.zeros(RATE // 4, dtype=np.float32), loud, np.zeros(RATE // 4), loud])
    facts = Sounds(RATE, seconds=2.0, windows=True)
    found = facts.samples((wave.astype(np.float32), RATE))
    assert facts.several
    assert torch.equal(torch.cat([s.tensor for s in found]), torch.from_numpy(wave).float())
    assert all(len(s.tensor) <= 2 * RATE for s in found)
    assert 1.5 < float(found[0].trace[2]) < 1.75
    assert [float(b.trace[1]) for b in found[1:]] == [float(a.trace[2]) for a in found[:-1]]
    assert torch.equal(facts.prepare((wave.astype(np.float32), RATE)), found[0].tensor)
    assert not facts.cuts((wave, RATE))
    assert Sounds(RATE, seconds=2.0).cuts((wave, RATE))


def test_cuts_cover_a_recording_whatever_it_is():
    rng = np.random.default_rng(0)
    for n in (1, 99, 100, 101, 1000):
        for wave in (np.zeros(n), rng.normal(size=n)):
            ends = quiet_cuts(wave, 100, 1.0)
            assert ends[-1] == n
            assert all(0 < b - a <= 100 for a, b in zip([0, *ends], ends, strict=False))


def test_a_recording_that_is_heard_as_long_as_it_is():
    full = Sounds(16_000, "log_mel", seconds=30.0)
    own = Sounds(16_000, "log_mel", seconds=30.0, silence=1.0)
    wave = torch.zeros(16_000)
    assert full.bucket(wave) == 480_000
    assert own.bucket(wave) == 32_000
    assert own.bucket(torch.zeros(480_000)) == 480_000


def test_the_report_has_both_error_rates(fitted):
    report = fitted.fit_report_
    assert report["word_error_rate"] == 1.0 - report["model"]
    assert report["character_error_rate"] >= 0.0


def test_a_stored_model_is_a_backbone_for_other_transcripts(fitted, tmp_path):
    folder = str(punar.save(fitted, tmp_path / "m"))
    given = {"strategy": "fine_tuning", "unfreeze": "all", "epochs": 2, "random_state": 0}
    other = punar.TransferLearner(folder, task="speech_recognition", **given).fit(X, [w.upper() for w in WORDS])
    assert "".join(other.fitted_.task.letters_.letters) == " AB"
    found = other.predict(X[:3])
    assert punar.load(punar.save(other, tmp_path / "n")).predict(X[:3]) == found


@pytest.mark.parametrize("given", [{"language": "hi"}, {"padding": "own"}, {"task": "translate"}])
def test_settings_of_decoders_are_refused_where_letters_are_said(given):
    name = next(iter(given))
    with pytest.raises(ParameterError, match=rf"SequenceModel.fit: {name}='.* of SpeechRecognition is for .* Whisper"):
        model(task=given).fit(X, WORDS)


def test_recordings_as_hugging_faces_datasets_have_them() -> None:
    from punar.preparations.sounds import Sounds

    wave = np.sin(np.arange(4000) / 9).astype(np.float32)
    [item] = Sounds().check([{"path": None, "array": wave, "sampling_rate": 8000}], "here")
    pair = Sounds().check([(wave, 8000)], "here")[0]
    assert torch.equal(Sounds().samples(item)[0].tensor, Sounds().samples(pair)[0].tensor)
