"""Recurrent networks trained from nothing on real sequences: spoken digits, SST-2 sentences, indoor movements.

    pip install ".[text,audio]"
    python benchmarks/sequences.py --write benchmarks/sequences.md

Spoken digits: log-mel frames, one speaker left out, all six. SST-2: trained on train.csv (15 % of it decide when to
stop), beside tf-idf with logistic regression. Indoor movements: 314 walks of four radio strengths, 5-fold
cross-validation, folds shared. Chance and a linear model stand beside every score. ``--only`` runs one of the three;
tables that were written before are kept.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
import zipfile

import numpy as np
from _sections import Table, main
from _transfer_data import DATA, need
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from words_and_sounds import recordings

import punar
from punar.preparations.sounds import log_mel_picture


def model(cell: str, **settings: object) -> punar.SequenceModel:
    return punar.SequenceModel(cell, random_state=0, device="cpu", **settings)


def interval(hit: np.ndarray) -> float:
    """Return half of the 95 % interval of a share."""
    return float(1.96 * np.sqrt(hit.mean() * (1 - hit.mean()) / len(hit)))


def digits(options: argparse.Namespace) -> list[str]:
    """Return the table of spoken digits."""
    need(DATA / "fsdd.zip")
    clips, digit, speaker, rate = recordings()
    sounds = [(clip, rate) for clip in clips]
    mean = np.stack([log_mel_picture(clip, rate, width=None).mean(1) for clip in clips])
    names = sorted(set(speaker))
    lines = ["| model | " + " | ".join(names) + " | mean | worst | minutes |", "| --- " * (len(names) + 4) + "|"]
    shared = {"kind": "sounds", "epochs": 12, "patience": 5, "pooling": "mean"}
    rivals: dict[str, object] = {
        "mean spectrum, logistic": None,
        **{f"{cell.upper()}, 64 units": model(cell, **shared) for cell in ("lstm", "gru", "rnn")},
    }
    for title, rival in rivals.items():
        started, scores = time.perf_counter(), []
        for who in names:
            train, test = np.flatnonzero(speaker != who), np.flatnonzero(speaker == who)
            if rival is None:
                linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
                scores.append(linear.fit(mean[train], digit[train]).score(mean[test], digit[test]))
                continue
            rival.fit([sounds[i] for i in train], digit[train])
            scores.append(rival.score([sounds[i] for i in test], digit[test]))
        minutes = (time.perf_counter() - started) / 60
        lines.append(
            f"| {title} | {' | '.join(f'{s:.3f}' for s in (*scores, np.mean(scores), min(scores)))} | {minutes:.1f} |"
        )
        print(lines[-1], flush=True)
    return [*lines, f"| chance | {' | '.join(['0.100'] * (len(names) + 2))} | |"]


def sentences(options: argparse.Namespace) -> list[str]:
    """Return the table of SST-2."""
    need(DATA / "sst2" / "train.csv")
    parts = {}
    for name in ("train", "dev", "test"):
        with open(DATA / "sst2" / f"{name}.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        parts[name] = [r["text"] for r in rows], np.array([int(r["label"]) for r in rows])
    (X, y), (D, d), (T, t) = parts["train"], parts["dev"], parts["test"]
    lines = ["| model | dev | test, with 95 % interval | against tf-idf, paired | seconds |", "| --- " * 5 + "|"]
    linear = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=2000)
    )
    started = time.perf_counter()
    base = linear.fit(X, y).predict(T) == t
    lines.append(
        f"| tf-idf, 1- and 2-grams, logistic | {linear.score(D, d):.3f} | {base.mean():.3f} ± {interval(base):.3f} | "
        f"| {time.perf_counter() - started:.0f} |"
    )
    for cell in ("rnn", "lstm", "gru"):
        started = time.perf_counter()
        fitted = model(cell, **TEXT).fit(X, y)
        seconds = time.perf_counter() - started
        hit = fitted.predict(T) == t
        lead = hit.astype(float) - base
        half = 1.96 * lead.std(ddof=1) / np.sqrt(len(lead))
        verdict = "no clear difference" if abs(lead.mean()) <= half else "better" if lead.mean() > 0 else "worse"
        lines.append(
            f"| {cell.upper()} from scratch | {fitted.score(D, d):.3f} | {hit.mean():.3f} ± {interval(hit):.3f} "
            f"| {lead.mean():+.3f} ± {half:.3f}: {verdict} | {seconds:.0f} |"
        )
        print(lines[-1], flush=True)
    return [*lines, f"| chance (larger class) | | {max(t.mean(), 1 - t.mean()):.3f} | | |"]


TEXT: dict[str, object] = {"epochs": 10, "patience": 3}


def movements(options: argparse.Namespace) -> list[str]:
    """Return the table of indoor movements."""
    need(DATA / "series" / "IndoorMovement.zip")
    X, y = [], []
    with zipfile.ZipFile(DATA / "series" / "IndoorMovement.zip") as file:
        target = next(n for n in file.namelist() if n.endswith("MovementAAL_target.csv"))
        for line in file.read(target).decode().splitlines()[1:]:
            number, label = line.split(",")
            text = file.read(target.replace("MovementAAL_target", f"MovementAAL_RSS_{number.strip()}")).decode()
            X.append(np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, dtype=np.float32, ndmin=2))
            y.append(int(label))
    labels = np.array(y)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))
    table = np.stack([np.concatenate([x.mean(0), x.std(0), x.min(0), x.max(0), x[0], x[-1]]) for x in X])
    lines = ["| model | accuracy, mean of 5 folds | worst fold | seconds a fit |", "| --- " * 4 + "|"]
    rivals: dict[str, object] = {
        "summary statistics, logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        **{f"{cell.upper()}, 64 units": model(cell) for cell in ("rnn", "lstm", "gru")},
    }
    for title, rival in rivals.items():
        started, scores = time.perf_counter(), []
        for train, test in folds:
            rows = table if "logistic" in title else X
            rival.fit([rows[i] for i in train], labels[train])
            scores.append(rival.score([rows[i] for i in test], labels[test]))
        seconds = (time.perf_counter() - started) / len(folds)
        lines.append(f"| {title} | {np.mean(scores):.3f} ± {np.std(scores):.3f} | {min(scores):.3f} | {seconds:.1f} |")
        print(lines[-1], flush=True)
    larger = np.unique(labels, return_counts=True)[1].max() / len(labels)
    return [*lines, f"| chance (larger class) | {larger:.3f} | | |"]


TABLES: dict[str, Table] = {
    "digits": ("Spoken digits, one speaker left out", digits),
    "sentences": ("SST-2, whole sentences", sentences),
    "movements": ("Indoor movements, does the walk change rooms?", movements),
}


if __name__ == "__main__":
    main(
        "Recurrent networks on real sequences",
        TABLES,
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter),
    )
