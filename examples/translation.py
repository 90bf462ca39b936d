"""Number words into figures: a recurrent encoder and decoder with attention, trained from nothing.

    pip install "punar[translation]"
    python examples/translation.py

"nine hundred two" and "902" have no letter in common, so that nothing can be copied: the decoder must learn which words
say which figure, and where a zero stands that nobody says. None of the numbers that are asked for was trained on.
"""

from __future__ import annotations

import random

import numpy as np

import punar

BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def words(number: int) -> str:
    """Return a number below 100,000 in words, as in "forty thousand seventeen"."""
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = number % unit
            return f"{words(number // unit)} {name}" + (f" {words(rest)}" if rest else "")
    if number < 20:
        return BELOW_TWENTY.split()[number]
    return TENS.split()[number // 10 - 2] + (f" {words(number % 10)}" if number % 10 else "")


def main(train: int = 2000, test: int = 300, epochs: int = 20) -> tuple[float, float]:
    """Return chrF on numbers that were held out, and that of the best constant answer."""
    numbers = random.Random(0).sample(range(100_000), train + test)
    X, y = [words(n) for n in numbers], [str(n) for n in numbers]
    model = punar.SequenceModel("gru", task="translation", epochs=epochs, random_state=0, evidence="cheap")
    model.fit(X[:train], y[:train])
    found = model.predict(X[train:])
    score, exact = model.score(X[train:], y[train:]), np.mean([a == b for a, b in zip(found, y[train:], strict=True)])
    chance = float(model.fit_report_["constant"])
    print(model.fit_report_)
    print(f"{X[train]} -> {found[0]}")
    print(
        f"On {test} other numbers: chrF {score:.3f}, {exact:.3f} without a mistake; always the same text: {chance:.3f}"
    )
    return score, chance


if __name__ == "__main__":
    main()
