"""Tagging where the right tags are known: a made language in which context, not the word, decides what a name is.

pytest -m slow -s tests/truths/test_tagging.py      prints the figures, the most frequent tag's beside them
"""

from __future__ import annotations

import numpy as np
import pytest

import punar
from punar.baselines import most_frequent_tag
from punar.tasks._entities import EntityMeter, entities_of

SYLLABLES = ["ka", "ri", "mo", "ten", "shu", "vel", "dra", "pi", "lo", "nax"]
# What stands before or after a name decides what it is; the same names occur everywhere, also as plain words.
BEFORE = {"person": ["met", "thanked"], "place": ["in", "near"], None: ["the", "some"]}
AFTER = {"person": ["smiled", "spoke"], "place": ["station", "harbour"], None: ["tasted", "broke"]}
FILLERS = [
    "and",
    "then",
    "we",
    "all",
    "saw",
    "it",
    "again",
    "but",
    "nobody",
    "said",
    "why",
    "so",
    "they",
    "left",
    "before",
]
FILLERS += ["noon", "with", "a", "small", "blue", "box"]


def language(n: int, seed: int, words: int = 30) -> tuple[list[list[str]], list[list[str]]]:
    """Return texts as lists of words, with a BIO tag for each word."""
    rng = np.random.default_rng(seed)

    def name() -> str:
        return "".join(rng.choice(SYLLABLES, rng.integers(2, 4)))

    X, Y = [], []
    for _ in range(n):
        x: list[str] = []
        y: list[str] = []
        while len(x) < words:
            for filler in rng.choice(FILLERS, rng.integers(1, 5)):
                x.append(str(filler))
                y.append("O")
            kind = [None, "person", "place"][rng.integers(3)]
            own = [name() for _ in range(rng.integers(1, 3))]
            tags = ["O"] * len(own) if kind is None else [f"B-{kind}"] + [f"I-{kind}"] * (len(own) - 1)
            first = rng.random() < 0.5
            cue = str(rng.choice((BEFORE if first else AFTER)[kind]))
            x += [cue, *own] if first else [*own, cue]
            y += ["O", *tags] if first else [*tags, "O"]
        X.append(x)
        Y.append(y)
    return X, Y


def f1(true: list[list[str]], found: list[list[str]]) -> float:
    meter = EntityMeter()
    for a, b in zip(true, found, strict=True):
        meter.count(entities_of(b), entities_of(a))
    return meter.value()


def baseline(X: list[list[str]], Y: list[list[str]], test: list[list[str]]) -> list[list[str]]:
    """Return each word's most frequent tag."""
    tags = sorted({tag for y in Y for tag in y})
    predict = most_frequent_tag(X, [[tags.index(tag) for tag in y] for y in Y])
    return [[tags[k] for k in found] for found in predict(test)]


def test_the_most_frequent_tag_does_not_solve_the_language() -> None:
    (X, Y), (T, U) = language(400, 0), language(100, 1)
    assert f1(U, baseline(X, Y, T)) < 0.3
    assert f1(U, U) == 1.0


@pytest.mark.slow
def test_a_bidirectional_lstm_from_scratch_learns_the_language() -> None:
    (X, Y), (T, U) = language(400, 0), language(100, 1)
    model = punar.SequenceModel("lstm", task="tagging", epochs=30, random_state=0).fit(X, Y)
    score, plain = model.score(T, U), f1(U, baseline(X, Y, T))
    one_way = punar.SequenceModel("lstm", task="tagging", bidirectional=False, epochs=30, random_state=0).fit(X, Y)
    print(f"\nLSTM {score:.3f}, one direction {one_way.score(T, U):.3f}, most frequent tag {plain:.3f}")
    assert score >= 0.95
    # A name that is told by what follows cannot be known by who reads forwards only.
    assert one_way.score(T, U) < 0.9
    assert score == pytest.approx(f1(U, model.predict(T)))
    assert "person" in str(model.predict(T[:5]))


@pytest.mark.slow
def test_minilm_learns_the_language_in_windows_of_long_texts() -> None:
    pytest.importorskip("transformers")
    # 60 words are about 150 pieces: with 64 positions every text is read in several windows.
    (X, Y), (T, U) = language(200, 0, words=60), language(60, 1, words=60)
    backbone = punar.backbone("minilm", max_length=64)
    model = punar.TransferLearner(
        backbone, task="tagging", strategy="fine_tuning", unfreeze="all", epochs=5, cache=False, random_state=0
    ).fit(X, Y)
    windows = [len(model.preparation_.samples(x)) for x in T]
    score, plain = model.score(T, U), f1(U, baseline(X, Y, T))
    print(f"\nMiniLM {score:.3f} in {np.mean(windows):.1f} windows a text, most frequent tag {plain:.3f}")
    assert min(windows) >= 2
    assert score >= 0.95
    assert model.predict(T[:3]) == [model.predict([x])[0] for x in T[:3]]
