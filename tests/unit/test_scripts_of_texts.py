"""Texts of any script: what is one word, what reads the same, and that the class can be learned from it."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import punar
from punar.baselines import bag_of_words, linear_for
from punar.baselines.words import words_and_pairs
from punar.core.scripts import has_unspaced, mostly_unspaced
from punar.preparations import learn_vocabulary

pytest.importorskip("tokenizers")


def pieces(text, learned=("a",)):
    return [piece for piece, _ in learn_vocabulary(list(learned), 1000, None).pieces(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("今天天气好", ["今", "天", "天", "气", "好"]),
        ("น้ำใส", ["น้ำ", "ใ", "ส"]),
        ("ស្រុក", ["ស្រុ", "ក"]),  # a stacked consonant is part of its letter
        ("ミルク2杯", ["ミ", "ル", "ク", "2", "杯"]),
        ("स्त्री पढ़ती", ["स्त्री", "पढ़ती"]),
        ("학교에 갔다", ["학교에", "갔다"]),
        ("शुभ👍🏽दिन", ["शुभ", "👍", "दिन"]),  # the colour of skin is left out
        ("👩🏽‍🌾🇳🇵🇮🇳", ["👩🏽‍🌾", "🇳🇵", "🇮🇳"]),
        ("don't stop!!", ["don", "'", "t", "stop", "!!"]),
    ],
)
def test_letters_stand_alone_only_where_words_have_no_spaces(text, wanted):
    assert pieces(text) == wanted


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ　１２３", "abc 123"),
        ("it’s “fine”", 'it\'s "fine"'),
        ("👋🏿 ❤️", "👋 ❤"),
        ("ﾃﾞﾝｼｬ", "デンシャ"),
        ("Straße ΛΌΓΟΣ", "STRASSE λόγος"),
        ("كتـــاب", "كتاب"),
        ("\u200fשלום", "שלום"),
        (unicodedata.normalize("NFD", "Tiếng Việt 한국 पढ़"), "tiếng việt 한국 पढ़"),
        ("ខ្ញុំ\u200bទៅ", "ខ្ញុំទៅ"),
    ],
)
def test_what_reads_the_same_is_the_same(one, other):
    facts = learn_vocabulary([other, "else"], 1000, None)
    assert facts.prepare(one).tolist() == facts.prepare(other).tolist()
    assert 1 not in facts.prepare(one).tolist()  # nothing is unknown


def test_the_linear_yardstick_reads_the_same_words():
    assert words_and_pairs("स्त्री पढ़ती") == ["स्त्री", "पढ़ती", "स्त्री पढ़ती"]
    assert words_and_pairs("天气 ok") == ["ok", "天", "气", "天气"]
    assert words_and_pairs("안 가") == ["안", "가", "안 가"]
    assert "👎" in words_and_pairs("😀👎")
    text = "An older reader's note: 3 of 10, a well-worn plot, naïve"
    before = TfidfVectorizer(ngram_range=(1, 2)).build_analyzer()
    assert words_and_pairs(text) == before(text)
    assert words_and_pairs(text[:40]) == before(text[:40])  # ASCII alone


def test_which_scripts_have_no_spaces():
    assert [has_unspaced(t) for t in ("ไทย", "ລາວ", "မြန်မာ", "ខ្មែរ", "日本", "かな")] == [True] * 6
    assert [has_unspaced(t) for t in ("हिन्दी", "한국어", "العربية", "Việt", "😀", "བོད་", "12")] == [False] * 7
    assert not mostly_unspaced(["good 好", "bad"])
    assert mostly_unspaced([["好", "人"], ["坏"], ["ok"]])


def sentences(seed, who, good, bad, what, n=300):
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return [draw.choice(who) + draw.choice(good if k else bad) + draw.choice(what) for k in y], y


SENTENCES = {
    "thai": (["แม่", "พ่อ", "ลูก"], ["สนุกกับ", "พอใจ"], ["เสียใจกับ", "โกรธ"], ["เกม", "ข่าว", "ร้าน"]),
    "japanese": (["妹は", "彼女は"], ["楽しんだ", "褒めた"], ["怒った", "泣いた"], ["試合。", "旅行。"]),
    "pictures": (["🚗", "🎁"], ["😊", "👏🏼"], ["😢", "😠"], ["🏖️", "👨‍👩‍👧"]),
}


@pytest.mark.parametrize("script", SENTENCES)
def test_a_class_that_one_word_tells_is_learned_without_spaces(script):
    X, y = sentences(3, *SENTENCES[script])
    model = punar.SequenceModel("gru", epochs=40, random_state=0, evidence="cheap").fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.97  # chance is 0.5; split at spaces 0.6 to 0.85
    assert model.fit_report_["linear"] > 0.97


@pytest.mark.parametrize("make", [lambda: linear_for("text", "classes"), lambda: bag_of_words("classes")])
def test_the_yardstick_of_texts_reads_scripts_without_spaces(make):
    X, y = sentences(4, *SENTENCES["thai"])
    assert make().fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.97


def test_a_saved_model_answers_the_same(tmp_path):
    X, y = sentences(5, *SENTENCES["japanese"], n=60)
    model = punar.SequenceModel("gru", epochs=2, random_state=0, evidence="cheap").fit(X, y)
    punar.save(model, tmp_path / "m")
    again = punar.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
