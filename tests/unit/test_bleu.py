"""BLEU is sacrebleu's, and stands beside chrF with the nearest training text's answer in every report."""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.inspection.answer_facts import answer_facts
from punar.tasks import Targets, _bleu
from punar.tasks import _chrf as metric
from punar.tasks import _writing as writing
from punar.tasks.translation import Answer

WORDS = [
    *("one", "two", "नौ", "लाख", "सौ।", "a", "", "!", "twenty-two", "3,5", "7.", "1-2", "(so)", "&quot;", "it's", "/"),
    *("<skipped>", "-\n", "\n", "x.y", "$5", "&amp;lt;", "end. ", "\u00a0"),
]


def drawn(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    true = [" ".join(rng.choice(WORDS, rng.integers(0, 14))) for _ in range(count)]
    found = []
    for text in true:
        own = text.split(" ")
        kept = [word if rng.random() < 0.8 else str(rng.choice(WORDS)) for word in own]
        found.append(" ".join(kept[: rng.integers(0, len(own) + 1)] if rng.random() < 0.3 else kept))
    return found, true


def test_bleu_is_sacrebleus_on_200_random_cases() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    tokenized = sacrebleu.BLEU().tokenizer
    seen = set()
    for seed in range(200):
        found, true = drawn(1 + seed % 7, seed)
        for text in (*found, *true):
            assert _bleu.words(text) == tokenized(text.rstrip()).split()
        expected = sacrebleu.corpus_bleu(found, [true]).score / 100
        counts = np.sum([_bleu.statistics(a, b) for a, b in zip(found, true, strict=True)], 0)
        assert _bleu.bleu(counts) == pytest.approx(expected, abs=1e-12)
        seen.add(round(expected, 3))
    assert len(seen) > 100
    assert 0.0 in seen


def test_a_meter_says_bleu_of_all_answers_together() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    found, true = drawn(50, 1)
    meter = metric.ChrfMeter("text")
    assert meter.details() == {}
    for part in (slice(0, 20), slice(20, 50)):
        targets = Targets({"text": [writing.encoded(text) for text in true[part]]})
        meter.add([Answer(text) for text in found[part]], targets)
    assert meter.details()["bleu"] == pytest.approx(sacrebleu.corpus_bleu(found, [true]).score / 100, abs=1e-12)


def test_every_report_of_translations_holds_bleu_and_the_nearest_text() -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    X = [f"{a} {a} {a}" for a in words] * 5  # every text that is held out is among the others too
    Y = [f"the {a} , {a} ." for a in words] * 5
    model = punar.TransferLearner("minilm", "translation", epochs=1, random_state=0, validation_fraction=0.3)
    fitted = model.set_params(cache=False).fit(X, Y)
    report = fitted.fit_report_
    assert 0.0 <= report["bleu"] < 1.0
    assert 0.0 < report["bleu_constant"] < 1.0
    assert report["nearest_text"] == 1.0
    assert "The answer of the nearest training text gives 1.000: no clear difference." in str(report)
    task = fitted.fitted_.task
    facts = answer_facts(
        task, [Answer(y) for y in Y], X, task.encode(Y, "here", X), truth=Y, predictions=Y, names=X, count=2
    )
    assert facts["figures"]["bleu"] == 1.0
    whole = punar.TransferLearner("minilm", "translation", epochs=1, random_state=0, validation_fraction=0)
    # On the training texts themselves the nearest is the text itself: no rival.
    assert "nearest_text" not in whole.set_params(cache=False).fit(X[:4], Y[:4]).fit_report_
