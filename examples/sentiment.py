"""Do people like the film? First with no labelled sentence at all, then with a hundred of each kind.

pip install "punar[text,minilm]"
python examples/sentiment.py
"""

from __future__ import annotations

import csv
from pathlib import Path

import punar

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sst2"
NAMES = ("negative", "positive")


def sentences(part: str, each: int) -> tuple[list[str], list[str]]:
    """Return the first so many sentences of each kind from a part of SST-2, and their labels in words."""
    texts: list[str] = []
    labels: list[str] = []
    with open(DATA / f"{part}.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = NAMES[int(row["label"])]
            if labels.count(name) < each:
                texts.append(row["text"])
                labels.append(name)
    return texts, labels


def main() -> tuple[float, float]:
    """Return the accuracy with labelled sentences on others, and that of chance."""
    X, y = sentences("test", 150)
    names = punar.TransferLearner("minilm", strategy="zero_shot", templates="This film is {}.")
    names.fit(None, {"negative": ["bad", "boring"], "positive": ["good", "moving"]})
    model = punar.TransferLearner("minilm", random_state=0).fit(*sentences("train", 100))
    score = model.score(X, y)
    print(model.fit_report_)
    print(f"On {len(y)} other sentences: accuracy {score:.3f}; by names alone {names.score(X, y):.3f}; chance 0.500")
    return score, 0.5


if __name__ == "__main__":
    main()
