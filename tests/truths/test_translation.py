"""Translation where the right text is known: copying, reversing, and dates written in figures.

pytest -m slow -s tests/truths/test_translation.py      prints the figures, those of the constant answer beside them
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import punar
from punar.baselines import nearest_text
from punar.tasks.translation import Translation

LETTERS = list("abcdefghijklmnop")
RULES: dict[str, Callable[[str], str]] = {"copying": lambda text: text, "reversing": lambda text: text[::-1]}


def words(count: int, seed: int, letters: list[str] = LETTERS, longest: int = 12) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(letters, rng.integers(3, longest))) for _ in range(count)]


def judged(name: str, model: Any, X: list[str], Y: list[str], T: list[str], U: list[str]) -> tuple[float, float]:
    """Return chrF and the share of texts that are written without a mistake; print them beside the constant answer.

    No text of the test is one of the training's.
    """
    kept = [i for i, text in enumerate(T) if text not in set(X)]
    T, U = [T[i] for i in kept], [U[i] for i in kept]
    found, task = model.predict(T), Translation()
    exact = float(np.mean([a == b for a, b in zip(found, U, strict=True)]))
    constant = task.constant(task.learn(Y, "here"))[0].text
    near = [Y[i] for i in nearest_text(X, T).tolist()]
    plain = [task.score(U, other) for other in ([constant] * len(T), near)]
    score = task.score(U, found)
    print(
        f"\n{name}: chrF {score:.3f}, exact {exact:.3f} of {len(T)}; best constant answer {plain[0]:.3f}, nearest "
        f"{plain[1]:.3f}"
    )
    assert max(plain) < 0.7
    return score, exact


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("rule", RULES)
def test_a_recurrent_network_copies_and_reverses_words_it_has_never_seen(rule: str, cell: str) -> None:
    X, T = words(2000, 0), words(300, 1)
    Y, U = list(map(RULES[rule], X)), list(map(RULES[rule], T))
    model = punar.SequenceModel(cell, task="translation", epochs=12, random_state=0).fit(X, Y)
    score, exact = judged(f"{rule}, {cell}", model, X, Y, T, U)
    assert min(score, exact) >= 0.95
    model.module_.head.beams = 4
    assert model.score(T, U) >= score - 0.01
    model.module_.head.beams = 1
    # It attends along the word: forwards or backwards, one place after the other.
    (seen,) = punar.attention(model, [T[0]])
    where = seen.weights[1:-1] @ np.arange(len(seen.read))
    slope = np.corrcoef(where, np.arange(len(where)))[0, 1]
    assert slope > 0.9 if rule == "copying" else slope < -0.9


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_t5_from_scratch_copies_and_reverses(rule: str) -> None:
    pytest.importorskip("transformers")
    X, T = words(3000, 0, LETTERS[:8], 7), words(400, 1, LETTERS[:8], 7)
    Y, U = list(map(RULES[rule], X)), list(map(RULES[rule], T))
    small = {
        "d_model": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "d_kv": 16, "d_ff": 128,
        "vocab_size": 260, "dropout_rate": 0.0,
    }  # fmt: skip
    model = punar.TransferLearner(
        punar.backbone("t5-small", weights=None, config=small), task="translation", strategy="scratch", epochs=25,
        batch_size=64, learning_rate=3e-3, random_state=0, cache=False,
    ).fit(X, Y)  # fmt: skip
    score, exact = judged(f"{rule}, T5", model, X, Y, T, U)
    assert min(score, exact) >= 0.95


MONTHS = [datetime.date(2000, month, 1).strftime("%B") for month in range(1, 13)]
NUMBERS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def dates(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Return dates as people write them, among words, and in figures."""
    rng = np.random.default_rng(seed)
    said, figures = [], []
    for number in rng.integers(0, 36_500, count).tolist():
        day = datetime.date(1950, 1, 1) + datetime.timedelta(number)
        nth, month = f"{day.day}{NUMBERS.get(day.day, 'th')}", MONTHS[day.month - 1]
        forms = [
            f"the {nth} of {month} {day.year}",
            f"{month} {nth}, {day.year}",
            f"{day.day} {month[:3]} {day.year}",
            f"{month[:3]} {day.day} '{day.year % 100:02d}" if 1970 <= day.year < 2050 else f"{nth} {month}, {day.year}",
            f"{day.day}/{day.month}/{day.year}",
        ]
        said.append(rng.choice(["on ", "", "", "met on ", "due "]) + forms[rng.integers(len(forms))])
        figures.append(day.isoformat())
    return [str(text) for text in said], figures


@pytest.mark.slow
def test_a_recurrent_network_extracts_dates() -> None:
    (X, Y), (T, U) = dates(4000, 0), dates(500, 1)
    model = punar.SequenceModel("gru", task="translation", epochs=10, random_state=0).fit(X, Y)
    score, exact = judged("dates", model, X, Y, T, U)
    assert min(score, exact) >= 0.95
    assert model.predict(["the 3rd of May 1987"]) == ["1987-05-03"]


def test_dates_are_those_of_the_calendar() -> None:
    said, figures = dates(300, 3)
    assert len(set(figures)) > 250
    assert all(datetime.date.fromisoformat(day).isoformat() == day for day in figures)
    pairs = dict(zip(said, figures, strict=True))
    assert any(text.endswith(tuple("0123456789")) and "th of" in text for text in pairs)
