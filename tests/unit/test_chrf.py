"""chrF is sacrebleu's, item by item and together, and letters and pieces can be put together again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from punar.preparations import learn_pieces, vocabulary_size
from punar.tasks import Targets
from punar.tasks import _chrf as metric
from punar.tasks import _writing as writing
from punar.tasks.translation import Answer, Translation

WORDS = ["one", "two", "नौ", "लाख", "सौ", "a", "", "!", "हज़ार", "twenty two", " "]


def drawn(count: int, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """Return texts, and for each one to three that are right; some are empty, some are equal."""
    rng = np.random.default_rng(seed)

    def text() -> str:
        return " ".join(rng.choice(WORDS, rng.integers(0, 7)))

    true = [[text() for _ in range(rng.integers(1, 4))] for _ in range(count)]
    return [own[0] if rng.random() < 0.3 else text() for own in true], true


def columns(true: list[list[str]]) -> list[list[str]]:
    return [[own[min(k, len(own) - 1)] for own in true] for k in range(max(map(len, true)))]


def test_chrf_is_sacrebleus_on_200_random_cases() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    found, true = drawn(200)
    task, seen = Translation(), set()
    for a, own in zip(found, true, strict=True):
        expected = sacrebleu.sentence_chrf(a, own).score / 100
        assert task.score([own], [a]) == pytest.approx(expected, abs=1e-12)
        seen.add(round(expected, 3))
    assert len(seen) > 50
    for n in (2, 10, 200):
        expected = sacrebleu.corpus_chrf(found[:n], columns(true[:n])).score / 100
        assert task.score(true[:n], found[:n]) == pytest.approx(expected, abs=1e-12)


def metered(found: list[str], true: list[str]) -> metric.ChrfMeter:
    meter = metric.ChrfMeter("text")
    half = len(found) // 2
    for part in (slice(half), slice(half, None)):
        targets = Targets({"text": [writing.encoded(text) for text in true[part]]})
        meter.add([Answer(text) for text in found[part]], targets)
    return meter


def test_a_meter_keeps_what_each_item_adds() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    found, several = drawn(60, 1)
    true = [own[0] for own in several]
    other = drawn(60, 2)[0]
    ours, theirs = metered(found, true), metered(other, true)
    swap = np.random.default_rng(3).random(60) < 0.5
    mixed = [b if s else a for a, b, s in zip(found, other, swap, strict=True)]
    left = [a if s else b for a, b, s in zip(found, other, swap, strict=True)]
    expected = [sacrebleu.corpus_chrf(texts, [true]).score / 100 for texts in (found, mixed, left)]
    assert ours.value() == pytest.approx(expected[0], abs=1e-12)
    assert ours.exchanged(theirs, swap) == pytest.approx(expected[1:], abs=1e-12)
    low, high = ours.interval(seed=1)
    assert low < ours.value() < high
    assert metered(true, true).interval() == (1.0, 1.0)


def test_targets_themselves_can_be_answers() -> None:
    targets = Targets({"text": [writing.encoded(text) for text in ("दो", "एक")]})
    meter = metric.ChrfMeter("text")
    meter.add([writing.encoded("दो"), writing.encoded("तीन")], targets)
    assert 0 < meter.value() < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_constant_answer_is_nearly_the_best_of_all_targets(seed: int) -> None:
    texts = drawn(30, seed)[0]
    task = Translation()
    targets = task.learn(texts, "here")
    score = {text: task.score(texts, [text] * len(texts)) for text in texts}
    (found,) = {answer.text for answer in task.constant(targets)}
    assert score[found] >= 0.97 * max(score.values())
    assert score[found] > np.mean(list(score.values()))


def test_weights_count_a_text_so_often() -> None:
    found, true = drawn(6)
    task = Translation()
    twice = task.score([true[0], *true], [found[0], *found])
    assert task.score(true, found, [2, 1, 1, 1, 1, 1]) == pytest.approx(twice)


# -- letters and pieces -----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=4))
@pytest.mark.parametrize("size", [None, 60])
def test_texts_are_put_together_again(size: int | None, texts: list[str]) -> None:
    import unicodedata

    learned = learn_pieces(texts, size)
    count = vocabulary_size(learned)
    for text in texts:
        ids = writing.ids_of(learned.tokenizer, text)
        plain = unicodedata.normalize("NFC", text).replace("▁", " ")
        if 1 not in ids:
            assert writing.text_from(learned.tokenizer, ids) == plain.strip()
        assert all(0 < i < count for i in ids)


def test_pieces_do_not_hang_on_the_order_of_texts() -> None:
    texts = ["एक सौ दो", "one hundred two", "five hundred one", "[PAD] [UNK] seven hundred"] * 3
    found = {learn_pieces(list(np.random.default_rng(seed).permutation(texts)), 60) for seed in range(5)}
    (learned,) = found
    assert vocabulary_size(learned) == 60
    assert len(learned.prepare("hundred")) < len(learn_pieces(texts, None).prepare("hundred")) == 8
    assert 0 not in learned.prepare("[PAD]").tolist()
    assert writing.text_from(learned.tokenizer, learned.prepare("[PAD] one").tolist()) == "[PAD] one"


def test_letters_that_were_not_seen_are_unknown_each() -> None:
    learned = learn_pieces(["ab"], None)
    assert learned.prepare("axyb").tolist() == [2, 3, 1, 1, 4]
    assert torch.equal(learned.samples("ab")[0].tensor, learned.prepare("ab"))
