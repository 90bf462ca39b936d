"""Texts of which a network can measure, write or read little or nothing: refused, or said with the share."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import punar
from punar.data.splits import split
from punar.errors import DataError, PunarWarning
from punar.preparations import learn_pieces, learn_vocabulary, say_unknown, unknown_tokens
from punar.tasks._guesses import Guesses, GuessMeter
from punar.tasks._letters import Letters
from punar.tasks._targets import Targets
from punar.tasks._unwritable import say_unspelled, say_unwritable
from punar.tasks.question_answering import QuestionAnswering
from punar.tasks.segmentation import Segmentation
from punar.tasks.speech_recognition import SpeechRecognition

# -- hidden words -----------------------------------------------------------------------------------------------------

BLANKS = ["Asha ___ in Pune.", "Ravi [MASK] in Delhi.", "Meera <mask> in Pune."] * 8
WHOLE = ["Asha lives in Pune.", "Ravi works in Delhi.", "Meera sings in Pune."] * 4


def filler(**settings):
    pytest.importorskip("transformers")
    settings = {"epochs": 1, "random_state": 0, "evidence": "cheap"} | settings
    return punar.TransferLearner("minilm", "masked_language_modeling", "fine_tuning", **settings)


@pytest.fixture(scope="module")
def filled():
    """Return a model of texts of which two thirds have blanks."""
    with pytest.warns(PunarWarning, match=r"fit: 24 of 36 texts have a blank.*left out of what is measured"):
        return filler().fit([*BLANKS, *WHOLE])


def test_a_fit_on_texts_with_blanks_alone_is_refused_as_their_score_is(filled):
    said = r"24 of 24 texts have a blank.*nothing to measure. Pass texts without"
    with pytest.raises(DataError, match=rf"fit: {said}"):
        filler().fit(BLANKS)
    with pytest.raises(DataError, match=rf"score: {said}"):
        filled.score(BLANKS)
    with pytest.raises(DataError, match=rf"validation_data: {said}"):
        filled.fitted_.task.encode(None, "fit: validation_data", BLANKS)


def test_some_texts_with_blanks_are_never_all_that_is_measured(filled):
    report, task = filled.fit_report_, filled.fitted_.task
    assert report["perplexity"] > 1.0
    assert math.isfinite(report["perplexity_constant"])
    strata = task.strata(task.encode(None, "here", [*BLANKS, *WHOLE]))
    assert strata.tolist() == [0] * 24 + [1] * 12
    for seed in range(20):
        _, valid = split(36, 0.1, seed, strata=strata)
        assert strata[valid.numpy()].any()


def test_chance_is_measured_on_the_same_words(filled):
    task = filled.fitted_.task
    targets = task.encode(None, "here", [BLANKS[0], WHOLE[0]])
    counts = [own.counts[1] for own in task.constant(targets)]
    assert counts[0] == 0
    assert counts[1] >= 1
    assert task.strata(targets.take(torch.tensor([1]))) is None


def test_nothing_measured_has_no_share_and_no_perplexity():
    meter = GuessMeter()
    nothing = Guesses(torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0), torch.zeros(0))
    meter.add([nothing] * 3, Targets({"hidden": [torch.zeros(0)] * 3}))
    assert meter.details() == {}
    with pytest.raises(DataError, match="in the 3 texts that were held out no word is hidden"):
        meter.value()
    right = Guesses(torch.tensor([[0, 1, 5, 5]]), torch.ones(1), torch.full((1,), float(np.log(2))))
    meter.add([right], Targets({"hidden": [torch.tensor([5])]}))
    assert meter.value() == 1.0
    assert meter.details()["perplexity"] == pytest.approx(2.0)


# -- unknown tokens and letters ---------------------------------------------------------------------------------------

LATIN = ["asha", "won", "who", "the", "race", "##s", "."]


@pytest.fixture(scope="module")
def bart(tmp_path_factory):
    """Return a folder with a network that writes, whose tokenizer knows a few words in Latin letters."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bart")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LATIN]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 2}
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 32}
    config = transformers.BartConfig(vocab_size=len(words), forced_eos_token_id=3, **ids, **sizes, **heads)
    torch.manual_seed(0)
    transformers.BartForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def writer(bart, **settings):
    settings = {"epochs": 1, "random_state": 0, "evidence": "cheap"} | settings
    return punar.TransferLearner(bart, "translation", "fine_tuning", **settings)


def test_targets_that_the_network_cannot_write_are_refused(bart):
    with pytest.raises(DataError, match=r"8 of 8 texts of y hold nothing that the network can write.*y\[0\], 'पुणे'"):
        writer(bart).fit(["asha won", "who"] * 4, ["पुणे", "दिल्ली"] * 4)
    with pytest.raises(DataError, match=r"1 of 8 texts of y .* the first is y\[7\], 'दिल्ली'"):
        writer(bart).fit(["asha won", "who"] * 4, [*["who", "asha"] * 3, "won", "दिल्ली"])


def test_unknown_tokens_of_targets_are_said_with_their_share(bart):
    known, mixed = ["who won", "asha"] * 4, ["who पुणे", "asha won the race"] * 4
    with pytest.warns(PunarWarning, match=r"fit: 17% of the tokens of y are unknown to the network, which can write"):
        writer(bart).fit(known, mixed)
    model = writer(bart).fit(known, known)
    with pytest.warns(PunarWarning, match=r"predict: 50% of the tokens of X.* Of 1 of 2 texts it knows nothing at all"):
        assert len(model.predict(["पुणे", "won"])) == 2
    with pytest.warns(PunarWarning, match=r"score: 100% of the tokens of y are unknown"):
        model.score(["who", "won"], ["पुणे", "दिल्ली"])
    model.score(["who", "won"], [["पुणे", "who"], ["won"]])  # one that is right can be written


def test_letters_that_were_never_seen_are_said():
    read, written = ["one", "two", "three"] * 6, ["ena", "dva", "tri"] * 6
    model = punar.SequenceModel("gru", task="translation", hidden_size=4, epochs=1, random_state=0).fit(read, written)
    with pytest.warns(PunarWarning, match=r"predict: 100% of the tokens of X are unknown.*1 of 1 texts"):
        model.predict(["पुणे"])
    with pytest.warns(PunarWarning, match=r"score: 100% of the tokens of y are unknown"):
        model.score(["one"], ["एक"])
    model.predict(["three two one or two"])  # r and o are known


def test_transcripts_of_letters_that_the_model_does_not_write_are_said():
    task = SpeechRecognition()
    task.learn(["one two", "Three"], "fit")
    with pytest.warns(PunarWarning, match=r"score: 50% of the letters of y are unknown to the network"):
        assert task.score(["two", "एकद"], ["two", "two"]) == 0.5
    task.score(["ONE, TWO!", "three?"], ["one", "two"])


def test_a_share_under_a_tenth_is_not_worth_a_word():
    letters = Letters.of_texts(["abcdefghi"])
    say_unspelled(None, letters, ["abcdefghi" * 2 + "z"], "here")
    with pytest.warns(PunarWarning, match="here: 10% of the letters"):
        say_unspelled(None, letters, ["abcdefghi" + "z"], "here")
    pieces = learn_pieces(["abcdefghi"], None).tokenizer
    say_unwritable(pieces, [["abcdefghi" * 2 + "z"]], "here")
    with pytest.warns(PunarWarning, match="here: 10% of the tokens"):
        say_unwritable(pieces, [["abcdefghi z"]], "here")


def test_tokens_are_counted_without_special_ones_and_spaces():
    facts = learn_pieces(["one two"], None)
    found = unknown_tokens(facts.tokenizer, ["one xy", "xy xy", "", ["one", "xy"]])
    assert (found.unknown, found.total) == ([2, 4, 0, 2], [5, 4, 0, 5])
    assert found.wholly == [1]
    assert unknown_tokens(facts.tokenizer, ["o\ud800"]).unknown == [1]


def test_new_words_are_usual_and_said_only_where_all_are_new():
    facts = learn_vocabulary(["a good film", "a bad film"] * 3, 100, None)
    say_unknown(facts, ["evening sky", "a morning and an evening"], "Model.predict")
    with pytest.warns(PunarWarning, match=r"Model.predict: 100% of the words of X.*2 of 2 texts"):
        say_unknown(facts, ["बहुत सुंदर", "ठीक"], "Model.predict")


def test_what_reads_bytes_knows_everything():
    tokenizers = pytest.importorskip("tokenizers")
    built = tokenizers.ByteLevelBPETokenizer()
    built.train_from_iterator(["one two"], vocab_size=300, show_progress=False)
    found = unknown_tokens(built.to_str(), ["पुणे", "z"])
    assert found.share == 0.0
    assert found.wholly == []


def test_pairs_and_numbers_are_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say_unknown(object(), ["पुणे"], "here")
    facts = learn_pieces(["who won"], None)
    with pytest.warns(PunarWarning, match="of X are unknown"):
        say_unknown(facts, [("who", "पुणे")], "here")


# -- answers and masks, named by their place ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": ["Asha"], "answer_start": [9999]}, r"y\[1\]: the answer 'Asha' .* from character 9,999, where .* ''"),
        ({"text": ["Asha"], "answer_start": [5]}, r"from character 5, where there is 'sing'. Mend answer_start"),
        ({"text": ["asha"], "answer_start": [0]}, r"where there is 'Asha'"),
        ({"text": ["Asha", "song"], "answer_start": [0, 0]}, r"the answer 'song' .*where there is 'Asha'"),
        ({"text": "Asha", "answer_start": 1}, r"where there is 'sha '"),
    ],
)
def test_an_answer_must_stand_where_its_start_says(answer, said):
    items = [("Who?", "Asha sings a song. Asha rests.")] * 2
    task = QuestionAnswering()
    for learn in (task.learn, task.encode):
        with pytest.raises(DataError, match=said):
            learn(["song", answer], "fit", items)
    right = {"text": [" Asha ", "Asha"], "answer_start": [18, 19]}
    assert task.learn(["song", right], "fit", items).item(1)["span"].tolist() == [[19, 23]]


def test_masks_of_files_are_named(tmp_path):
    for i, size in enumerate([(8, 6), (8, 6), (4, 6)]):
        Image.new("RGB", (8, 6)).save(tmp_path / f"p{i}.png")
        Image.fromarray((np.arange(size[0] * size[1]) % 2).reshape(size[1], size[0]).astype(np.uint8)).save(
            tmp_path / f"m{i}.png"
        )
    pictures, masks = ([str(tmp_path / f"{c}{i}.png") for i in range(3)] for c in "pm")
    with pytest.raises(
        DataError, match=r"y\[2\] \('.*m2\.png'\) is a mask of 6 x 4 .*picture \('.*p2\.png'\) has 6 x 8"
    ):
        Segmentation().learn(masks, "fit", pictures)
    arrays = [np.zeros((6, 8), np.uint8)] * 3
    with pytest.raises(DataError, match=r"y\[2\] \('.*m2\.png'\) is a mask of 6 x 4 .*and its picture has 6 x 8"):
        Segmentation().learn(masks, "fit", arrays)
    with pytest.raises(DataError, match=r"y\[0\] \('.*p0\.png'\) holds RGB colours"):
        Segmentation().learn([Path(p) for p in pictures], "fit", pictures)
    Image.new("L", (8, 6)).save(tmp_path / "m.jpg")
    with pytest.raises(DataError, match=r"y\[0\] \('.*m\.jpg'\) is a JPEG file"):
        Segmentation().learn([str(tmp_path / "m.jpg")], "fit", pictures[:1])
    task = Segmentation(size=32)
    task.learn(masks[:2], "fit", pictures[:2])
    Image.new("L", (8, 6), 7).save(tmp_path / "seven.png")
    with pytest.raises(DataError, match=r"y\[0\] \('.*seven\.png'\) holds the number 7, which no mask"):
        task.encode([str(tmp_path / "seven.png")], "score", pictures[:1])
    with pytest.raises(DataError, match=r"y\[0\] holds the number 7"):
        task.encode([np.full((6, 8), 7)], "score", pictures[:1])
