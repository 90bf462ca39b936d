"""Numbers in words and short sentences, translated by a recurrent encoder and decoder with attention.

    pip install ".[text]" sacrebleu
    python benchmarks/translation.py --only english_to_digits --write benchmarks/translation.md

Numbers from 0 to 999,999 in words and in digits, English and Hindi, both ways: the share of held-out numbers that are
written without a mistake. Then English and Hindi sentences of Tatoeba, both ways: chrF and BLEU of sacrebleu against
all known translations, beside the sentence itself, the best constant answer, and the translation of the nearest
training sentence. ``--map`` writes the attention of one number as a picture.
"""

from __future__ import annotations

import argparse
import csv
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _number_words
import _sections
import numpy as np
from _transfer_data import DATA, need

import punar
from punar.baselines import nearest_text
from punar.tasks.translation import Translation

TATOEBA = DATA / "tatoeba_hin_eng"
TEST = 1000
# Digits are read and written one by one; words are written in pieces, which are a fifth as many.
NUMBERS: dict[str, dict[str, Any]] = {
    "to digits": {"train": 4000, "epochs": 8},
    "to words": {"train": 5000, "epochs": 15, "pieces": 400, "vocabulary_size": 16},
}


def fitted(X: list[str], Y: list[str], options: argparse.Namespace, **settings: Any) -> tuple[Any, str]:
    pieces, beams = settings.pop("pieces", None), settings.pop("beams", None)
    task = Translation(pieces=pieces, num_beams=beams)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
    model = punar.SequenceModel(options.cell, task=task, random_state=0, verbose=1, **settings).fit(X, Y)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    print(model.fit_report_["verdict"], flush=True)
    return model, f"{used:.0f} ({time.perf_counter() - started:.0f})"


def chrf_and_bleu(found: list[str], true: list[list[str]]) -> tuple[float, float]:
    import sacrebleu

    most = max(map(len, true))
    columns = [[own[min(k, len(own) - 1)] for own in true] for k in range(most)]
    return sacrebleu.corpus_chrf(found, columns).score, sacrebleu.corpus_bleu(found, columns).score


def numbers(words: Callable[[int], str], way: str, options: argparse.Namespace) -> list[str]:
    settings = dict(NUMBERS[way])
    count, epochs = options.train or settings.pop("train"), options.epochs or settings.pop("epochs")
    settings = {k: v for k, v in settings.items() if k not in ("train", "epochs")}
    drawn = np.random.default_rng(0).permutation(1_000_000)
    train, test = drawn[:count].tolist(), drawn[count : count + TEST].tolist()
    pairs = [([words(n) for n in some], [str(n) for n in some]) for some in (train, test)]
    (X, Y), (T, U) = pairs if way == "to digits" else [(digits, said) for said, digits in pairs]
    model, seconds = fitted(X, Y, options, epochs=epochs, **settings)
    lines = ["| model | exact | chrF | processor (wall) seconds |", "|" + " --- |" * 4]
    constant = Translation().constant(Translation().learn(Y, "benchmark"))[0].text
    rows = {
        "best constant answer": [constant] * len(T),
        "nearest number of the training": [Y[i] for i in nearest_text(X, T).tolist()],
        options.cell: model.predict(T),
    }
    for name, found in rows.items():
        exact = np.mean([a == b for a, b in zip(found, U, strict=True)])
        lines.append(
            f"| {name} | {exact:.3f} | {chrf_and_bleu(found, [[u] for u in U])[0]:.1f} | "
            f"{seconds if name == options.cell else ''} |"
        )
        print(lines[-1], flush=True)
    wrong = [(t, a, u) for t, a, u in zip(T, rows[options.cell], U, strict=True) if a != u]
    print("wrong:", *wrong[:3], sep="\n  ", flush=True)
    if options.map:
        draw(model, T[0], options.map)
    return [f"{count:,} numbers to train on, {TEST:,} others to be judged by.", "", *lines]


def draw(model: Any, text: str, path: Path) -> None:
    from matplotlib import pyplot as plt

    (seen,) = punar.attention(model, [text])
    print(text, "->", seen.text, flush=True)
    figure, axes = plt.subplots(figsize=(0.25 * len(seen.read) + 1, 0.3 * len(seen.written) + 1))
    axes.imshow(seen.weights, cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(seen.read)), seen.read)
    axes.set_yticks(range(len(seen.written)), seen.written)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def read(path: Path) -> list[tuple[str, str]]:
    need(path)
    with open(path, encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(english, hindi) for english, hindi in rows[1:]]


def sentences(a: int, b: int, options: argparse.Namespace) -> list[str]:
    lines = ["| model | chrF | BLEU | processor (wall) seconds |", "|" + " --- |" * 4]
    X, Y = ([pair[side] for pair in read(TATOEBA / "train.tsv")] for side in (a, b))
    known: dict[str, list[str]] = {}
    for pair in read(TATOEBA / "test.tsv"):
        known.setdefault(pair[a], []).append(pair[b])
    T, U = list(known), list(known.values())
    task = Translation()
    constant = task.constant(task.learn(Y, "benchmark"))[0].text
    rows = {
        "the sentence itself": T,
        "best constant answer": [constant] * len(T),
        "nearest training sentence": [Y[i] for i in nearest_text(X, T).tolist()],
    }
    for model, found in rows.items():
        chrf, bleu = chrf_and_bleu(found, U)
        lines.append(f"| {model} | {chrf:.1f} | {bleu:.1f} | |")
        print(lines[-1], flush=True)
    pieces, size = options.pieces or None, options.hidden_size
    model, seconds = fitted(
        X, Y, options, pieces=pieces, beams=options.beams, epochs=options.epochs or 8, hidden_size=size
    )
    found = model.predict(T)
    chrf, bleu = chrf_and_bleu(found, U)
    said = f"{pieces} pieces" if pieces else "letters"
    lines.append(f"| {options.cell}, {said} | {chrf:.1f} | {bleu:.1f} | {seconds} |")
    print(lines[-1], flush=True)
    for at in range(0, len(T), max(1, len(T) // 8)):
        print(" ", T[at], "->", found[at], "|", U[at][0], flush=True)
    count = f"{len(read(TATOEBA / 'train.tsv')):,} pairs to train on, {len(T)} sentences to be judged by."
    return [count, "", *lines]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", default="gru")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--train", type=int, help="numbers to train on")
    parser.add_argument("--pieces", type=int, default=1000, help="of words, for sentences; 0 takes letters")
    parser.add_argument("--beams", type=int, default=None)
    parser.add_argument("--hidden-size", type=int, default=64)
    parser.add_argument("--map", type=Path, help="where the attention of one number is drawn")
    _sections.main(
        "Translation by a recurrent network with attention",
        {
            "english_to_digits": ("English words to digits", lambda o: numbers(_number_words.english, "to digits", o)),
            "english_to_words": ("Digits to English words", lambda o: numbers(_number_words.english, "to words", o)),
            "hindi_to_digits": ("Hindi words to digits", lambda o: numbers(_number_words.hindi, "to digits", o)),
            "hindi_to_words": ("Digits to Hindi words", lambda o: numbers(_number_words.hindi, "to words", o)),
            "to_hindi": ("Sentences, English to Hindi", lambda o: sentences(0, 1, o)),
            "to_english": ("Sentences, Hindi to English", lambda o: sentences(1, 0, o)),
        },
        parser,
    )
