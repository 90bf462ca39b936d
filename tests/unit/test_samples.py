"""Samples: windows over long texts and series, and the way back to words, characters and steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordLevel, WordPiece

from punar.data.decode import BadItem
from punar.errors import DataError, DataTypeError
from punar.preparations import Preparation, Sample, SampleOf
from punar.preparations.frames import Frames
from punar.preparations.pictures import Pictures
from punar.preparations.rows import Rows
from punar.preparations.sentences import Sentences
from punar.preparations.series import Series
from punar.preparations.sounds import Sounds

TEXT = "Asha lives in Pune .  नमस्ते , she said to Washington and left for Kolhapur in an unbelievable hurry !"


def pieces(max_length, special=True):
    """Return a sub-word tokenizer that knows letters only: long words have many pieces."""
    letters = sorted(set(TEXT) - {" "})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "to", "##ing", *letters, *(f"##{c}" for c in letters)]
    made = Tokenizer(WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if special:
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return Sentences(made.to_str(), max_length)


def byte_level(max_length):
    """Return a tokenizer like GPT-2's: a word takes the space before it along."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(BPE({c: i for i, c in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    return Sentences(made.to_str(), max_length)


def own(samples):
    return [(int(row[0]), k, i) for k, s in enumerate(samples) for i, row in enumerate(s.trace) if row[3]]


@pytest.mark.parametrize("max_length", [3, 4, 6, 7, 8, 11, 16, 30, 64, 500])
@pytest.mark.parametrize("item", [TEXT, TEXT.split()], ids=["text", "words"])
@pytest.mark.parametrize("special", [True, False])
def test_every_word_belongs_to_one_window(max_length, item, special):
    facts = pieces(max_length, special)
    samples = facts.samples(item)
    whole = pieces(10_000, special).samples(item)
    assert len(whole) == 1
    assert (len(samples) > 1) == (len(whole[0].tensor) > max_length)
    assert torch.equal(samples[0].tensor, facts.prepare(item))
    words = TEXT.split()
    assert sorted(word for word, _, _ in own(samples)) == list(range(len(words)))
    firsts = {word: whole[0].tensor[i] for word, _, i in own(whole)}
    for word, k, i in own(samples):
        assert samples[k].tensor[i] == firsts[word]  # the first piece of its word
    for sample in samples:
        assert len(sample.tensor) <= max_length
        assert sample.trace.shape == (len(sample.tensor), 4)
        assert sample.trace.dtype == torch.int64
        if special:
            assert sample.tensor[0] == 2
            assert sample.tensor[-1] == 3
            assert sample.trace[[0, -1], 0].tolist() == [-1, -1]


@pytest.mark.parametrize("max_length", [6, 9, 20])
def test_a_word_belongs_to_the_window_in_which_it_lies_furthest_from_a_cut(max_length):
    samples, whole = pieces(max_length, special=False).samples(TEXT), pieces(10_000, special=False).samples(TEXT)
    length, shared = len(whole[0].tensor), max_length // 4
    begins = [k * (max_length - shared) for k in range(len(samples))]

    def depth(at, k):
        begin, end = begins[k], begins[k] + len(samples[k].tensor)
        if not begin <= at < end:
            return -1
        return min(at - begin if begin else length, end - 1 - at if end < length else length)

    for word, _, at in own(whole):
        k = next(k for w, k, _ in own(samples) if w == word)
        assert depth(at, k) == max(depth(at, other) for other in range(len(samples)))


@pytest.mark.parametrize("facts", [pieces(8), pieces(500), byte_level(9), byte_level(500)])
def test_words_of_a_text_are_found_again_by_their_characters(facts):
    spans = facts.words(TEXT)
    texts = [TEXT[a:b] for a, b in spans if b > a]
    assert "".join(texts) == "".join(TEXT.split())
    assert "Washington" in texts
    assert {"Asha", "Kolhapur", "unbelievable"} <= set(texts)
    for sample in facts.samples(TEXT):
        for word, a, b, _ in sample.trace[sample.trace[:, 0] >= 0].tolist():
            assert spans[word] == (a, b)


def test_pieces_of_given_words_are_traced_inside_them():
    (sample,) = pieces(100).samples(["to", "Washing"])
    assert sample.trace.tolist()[1:4] == [[0, 0, 2, 1], [1, 0, 1, 1], [1, 1, 2, 0]]
    assert pieces(100).words(["to", "Washing"]) == [(0, 2), (0, 7)]


def test_a_given_word_is_read_as_after_a_space():
    facts = byte_level(100)
    assert torch.equal(facts.prepare(["a", "in"]), facts.prepare(" a in"))
    assert [p for p, _ in facts.pieces(["a", "in"])][-2:] == ["i", "n"]


def test_words_of_which_nothing_is_left_have_no_row():
    made = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2}, unk_token="?"))
    made.normalizer = normalizers.Replace("x", "")
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    facts = Sentences(made.to_str(), 10)
    (sample,) = facts.samples(["a", "x", " ", "b"])
    assert sample.trace.tolist() == [[0, 0, 1, 1], [3, 0, 1, 1]]
    (sample,) = facts.samples(["x"])
    assert sample.tensor.tolist() == [0]
    assert sample.trace.tolist() == [[-1, 0, 0, 0]]
    (sample,) = facts.samples("")
    assert sample.trace.tolist() == [[-1, 0, 0, 0]]
    assert facts.words("") == []


def test_vowel_signs_that_a_tokenizer_drops_belong_to_their_word():
    made = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    text = "नमस्ते, cafe\u0301 पुणे"
    assert [text[a:b] for a, b in Sentences(made.to_str(), 10).words(text)] == ["नमस्ते", ",", "cafe\u0301", "पुणे"]


def test_no_room_beside_the_special_tokens_is_an_error():
    with pytest.raises(BadItem, match="max_length=2 leaves no room beside 2"):
        pieces(2).samples("to to")


def test_content_tells_texts_from_words():
    facts = pieces(10)
    items = ["a b", ["a b"], ["a", "b"], ["ab"], "ab", ["b", "a"], ["a", "b", "a"], ["é"], ["e", "\u0301"]]
    assert len({facts.content(item) for item in items}) == len(items)
    assert facts.content(["a", "b"]) == facts.content(("a", "b"))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["a", ["b"]], r"here: X\[1\] is a list of words, but X\[0\] is a text"),
        ([["a"], ["b"], "c"], r"X\[2\] is a text, but X\[0\] is a list of words"),
        ([["a"], []], r"X\[1\] has no words"),
        ([["a"], ["b", ""]], r"X\[1\]\[1\] must be a word, a text that is not empty, got ''"),
        ([["a", None]], r"X\[0\]\[1\] is missing, got None"),
        ([["a", pd.NA]], r"X\[0\]\[1\] is missing"),
        ([["a"], None], r"X\[1\] is missing"),
        ([["a", 3]], r"X\[0\]\[1\] must be a word, .*got 3 \(int\)"),
        (["a", 3.5], r"X\[1\] must be text, got 3.5"),
        (["a", float("nan")], r"X\[1\] is missing"),
        ([], "Found X with 0 sample"),
    ],
)
def test_what_is_neither_text_nor_words_is_named(X, message):
    with pytest.raises((DataError, DataTypeError), match=message):
        pieces(10).check(X, "here")


def test_texts_and_words_are_taken():
    facts = pieces(10)
    assert facts.check([["a"], ("b", "c")], "here") == [["a"], ("b", "c")]
    assert facts.check(pd.Series([["a"], ["b", "c"]]), "here") == [["a"], ["b", "c"]]
    assert facts.check(["a", ""], "here") == ["a", ""]


@pytest.mark.parametrize("length", [1, 3, 4, 5, 8, 9, 10, 50])
@pytest.mark.parametrize("max_length", [None, 1, 2, 4, 7])
def test_every_step_belongs_to_one_window(length, max_length):
    values = np.arange(2.0 * length).reshape(length, 2)
    values[length // 2] = np.nan
    facts = Series(channels=2, missing="mask", max_length=max_length)
    samples = facts.samples(values)
    assert sorted(step for step, _, _ in own(samples)) == list(range(length))
    whole = Series(channels=2, missing="mask").prepare(values)
    for sample in samples:
        steps = sample.trace[:, 0]
        assert torch.equal(sample.tensor, whole[steps])
        assert len(steps) <= (max_length or length)
        assert torch.equal(sample.trace[:, 1], steps)
        assert torch.equal(sample.trace[:, 2], steps + 1)
    assert torch.equal(samples[0].tensor, facts.prepare(values))


def test_samples_are_items_of_their_own():
    facts = pieces(8)
    each = SampleOf(facts)
    pairs = each.check([TEXT, "to"], "here")
    windows = facts.samples(TEXT)
    assert [k for _, k in pairs] == [*range(len(windows)), 0]
    assert len(windows) > 3
    for (item, k), window in zip(pairs, [*windows, *facts.samples("to")], strict=True):
        assert torch.equal(each.prepare((item, k)), window.tensor)
        assert torch.equal(SampleOf(facts).prepare((item, k)), window.tensor)
    assert len({each.content(pair) for pair in pairs}) == len(pairs)
    assert each.domain == "text"
    assert each.facts() == facts.facts()
    assert each == SampleOf(facts)
    prepared = each.prepare(pairs[0])
    assert each.bucket(prepared) == facts.bucket(prepared)
    assert torch.equal(each.blank(8), facts.blank(8))
    batch = each.collate([prepared], 8)
    assert torch.equal(batch["input_ids"], facts.collate([prepared], 8)["input_ids"])
    assert each.name((TEXT, 1), 3) == "item 3"


def test_an_item_of_most_preparations_is_one_sample():
    facts = Rows(3)
    (sample,) = facts.samples(np.zeros(3))
    assert isinstance(sample, Sample)
    assert sample.trace is None
    assert not facts.several
    assert Sentences.several
    assert Series.several
    assert not Pictures.several
    assert not Preparation.several
    assert [k for _, k in SampleOf(facts).pairs([np.zeros(3)] * 2)] == [0, 0]


def boxed(path, orientation, width, height, box, kind="JPEG"):
    """Write a black picture with a white box, whose EXIF tag says that it is to be turned."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, kind, exif=exif.tobytes(), **({"quality": 95} if kind == "JPEG" else {}))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("width", "height", "crop"), [(120, 80, 1.0), (80, 120, 0.875), (64, 64, 1.0), (1200, 1000, 1.0)]
)
def test_a_box_is_found_again_in_the_picture_as_it_was_stored(tmp_path, orientation, width, height, crop):
    box = (width * 2 // 5, height * 3 // 8, width * 3 // 5, height // 2)  # unlike its mirror images
    boxed(tmp_path / "a.jpg", orientation, width, height, box)
    facts = Pictures(size=(64, 64), crop=crop)
    (sample,) = facts.samples(tmp_path / "a.jpg")
    assert torch.equal(sample.tensor, facts.prepare(tmp_path / "a.jpg"))
    assert sample.trace.shape == (2, 3)
    rows, columns = np.nonzero(sample.tensor[0].numpy() > 127)
    corners = [[columns.min(), rows.min(), 1], [columns.max() + 1, rows.max() + 1, 1]]
    found = np.sort(np.array(corners) @ sample.trace.numpy().T, axis=0).ravel()
    pixel = np.abs(sample.trace[:, :2].numpy()).sum(1).max()  # of the prepared picture, in those of the file
    assert np.abs(found - box).max() <= pixel + 1


def test_the_trace_of_a_picture_counts_pixels_by_their_edges():
    (sample,) = Pictures(size=(8, 8), crop=1.0).samples(np.zeros((16, 32), dtype=np.uint8))
    assert sample.trace.tolist() == [[2.0, 0.0, 8.0], [0.0, 2.0, 0.0]]
    (sample,) = Pictures(size=(8, 8), crop=1.0).samples(np.zeros((8, 8), dtype=np.uint8))
    assert sample.trace.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_recordings_have_seconds():
    tone = np.sin(np.arange(8000) / 10).astype(np.float32)
    (sample,) = Sounds(rate=8000).samples(tone)
    assert len(sample.tensor) * float(sample.trace) == pytest.approx(1.0)
    (sample,) = Frames(rate=8000).samples((tone, 8000))
    assert len(sample.tensor) * float(sample.trace) == pytest.approx(1.0, abs=0.011)
