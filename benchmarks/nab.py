"""Anomalies in the series of the Numenta Anomaly Benchmark by recurrent autoencoders, beside PCA and a z-score.

    python benchmarks/nab.py --write benchmarks/nab.md

Each series of realKnownCause is sorted by time and cut into windows of 64 rows. Models are fitted on the windows of the
probation period, NAB's own: the first 15 % of a series, at most 750 rows, in which it has no anomaly. Scored are the
rows behind it: a row's score is the mean score of the windows that cover it, one window every 8 rows. A window's score
is its reconstruction error, or its mean |z|: the distance of each row to the mean of the 64 rows before it, in their
deviations. A row counts as anomalous inside NAB's labelled windows.

NAB's own score rewards early detections at one threshold; here are ROC-AUC and average precision, which need none, so
these figures do not compare with NAB's leaderboard. Nothing was tuned on them: the settings below are the defaults, but
for the code's width, fewer units and fewer epochs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _mnist import machine
from joblib import Parallel, delayed
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, roc_auc_score

import punar
from punar.networks.recurrent import Recurrent

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "nab"
GROUP = "realKnownCause"
LENGTH, STRIDE, CODE = 64, 8, 8
CELLS, SEEDS = ("lstm", "gru"), (0, 1, 2)
BASELINES = ("PCA", "z-score")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a series' values and whether each row is anomalous, in order of time."""
    table = pd.read_csv(DATA / GROUP / name, parse_dates=["timestamp"]).sort_values("timestamp", kind="stable")
    anomalous = np.zeros(len(table), dtype=bool)
    for begin, end in json.loads((DATA / "combined_windows.json").read_text())[f"{GROUP}/{name}"]:
        anomalous |= ((table.timestamp >= begin) & (table.timestamp <= end)).to_numpy()
    return table.value.to_numpy(dtype=np.float64), anomalous


def probation(rows: int) -> int:
    """Return how many rows NAB gives to learn from."""
    return min(int(0.15 * rows), 750)


def windows(values: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (n, LENGTH) and where each starts; the last one ends with the series."""
    starts = np.unique([*range(0, len(values) - LENGTH + 1, every), len(values) - LENGTH])
    return sliding_window_view(values, LENGTH)[starts], starts


def by_row(scores: np.ndarray, starts: np.ndarray, rows: int) -> np.ndarray:
    """Return each row's mean over the windows that cover it."""
    total, count = np.zeros(rows), np.zeros(rows)
    for score, start in zip(scores, starts, strict=True):
        total[start : start + LENGTH] += score
        count[start : start + LENGTH] += 1
    return total / count


def z_scores(values: np.ndarray, learned: int) -> np.ndarray:
    """Return each row's distance to the mean of the LENGTH rows before it, in their deviations."""
    before = pd.Series(values).rolling(LENGTH, min_periods=2)
    mean, deviation = before.mean().shift(1).to_numpy(), before.std(ddof=0).shift(1).to_numpy()
    # A stretch that stands still would make every later change infinite.
    return np.abs(values - mean) / np.maximum(deviation, 0.01 * values[:learned].std())


def figures(method: str, name: str, seed: int) -> dict[str, object]:
    """Fit on the probation period and return ROC-AUC and average precision on the rows behind it."""
    torch.set_num_threads(1)
    values, anomalous = load(name)
    learned = probation(len(values))
    train, (rest, starts) = windows(values[:learned], 1)[0], windows(values[learned:], STRIDE)
    begun = time.perf_counter()
    if method == "z-score":
        scores = sliding_window_view(z_scores(values, learned)[learned:], LENGTH)[starts].mean(1)
    elif method == "PCA":
        pca = PCA(CODE).fit(train)
        scores = ((rest - pca.inverse_transform(pca.transform(rest))) ** 2).mean(1)
    else:
        ae = punar.Autoencoder(
            network=Recurrent(method, hidden_size=32),
            latent_dim=CODE,
            epochs=30,
            batch_size=32,
            validation_fraction=0,  # overlapping windows: held-out ones would be known
            random_state=seed,
            device="cpu",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", punar.errors.DidNotLearnWarning)
            ae.fit(train[:, :, None])
        scores = ae.reconstruction_error(rest[:, :, None])
    seconds = time.perf_counter() - begun
    found = by_row(scores, starts, len(values) - learned)
    truth = anomalous[learned:]
    return {
        "method": method,
        "name": name.removesuffix(".csv"),
        "roc": roc_auc_score(truth, found),
        "ap": average_precision_score(truth, found),
        "share": float(truth.mean()),
        "rows": len(truth),
        "learned": learned,
        "labelled_in_probation": int(anomalous[:learned].sum()),
        "seconds": seconds,
    }


def tables(found: pd.DataFrame) -> list[str]:
    """Return the tables of the two measures, in markdown."""
    methods = [*CELLS, *BASELINES]
    lines = []
    for measure, title in (("roc", "ROC-AUC (chance 0.5)"), ("ap", "Average precision (chance: the anomalous share)")):
        mean = found.pivot_table(index="name", columns="method", values=measure, aggfunc="mean")
        spread = found.pivot_table(index="name", columns="method", values=measure, aggfunc=lambda v: v.max() - v.min())
        first = found.groupby("name").first()
        lines += [f"## {title}", "", "| series | rows scored | anomalous | " + " | ".join(methods) + " |"]
        lines += ["| --- " + "| ---: " * (2 + len(methods)) + "|"]
        for name in mean.index:
            cells = [f"{mean[m][name]:.3f}" + (f" ({spread[m][name]:.3f})" if m in CELLS else "") for m in methods]
            lines.append(f"| {name} | {first.rows[name]} | {first.share[name]:.3f} | " + " | ".join(cells) + " |")
        average = " | ".join(f"**{mean[m].mean():.3f}**" for m in methods)
        lines += [f"| **mean** | | {first.share.mean():.3f} | {average} |", ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not (DATA / "combined_windows.json").exists():
        sys.exit(f"this benchmark needs {DATA}, which is not here")
    names = sorted(path.name for path in (DATA / GROUP).glob("*.csv"))
    jobs = [(cell, name, seed) for cell in CELLS for name in names for seed in SEEDS]
    jobs += [(method, name, 0) for method in BASELINES for name in names]
    begun = time.perf_counter()
    found = pd.DataFrame(Parallel(n_jobs=2)(delayed(figures)(*job) for job in jobs))
    minutes = (time.perf_counter() - begun) / 60
    seconds = found.groupby("method").seconds.mean()
    lines = [
        "# Numenta Anomaly Benchmark, realKnownCause",
        "",
        f"Windows of {LENGTH} rows, code of {CODE} numbers, models fitted on NAB's probation period (15 %, at most 750 "
        "rows) and scored on the rows behind it. Recurrent autoencoders: mean of three seeds, in brackets their range.",
        "",
        *tables(found),
        "Mean seconds per series, fit and scores: "
        + ", ".join(f"{method} {seconds[method]:.2f}" for method in [*CELLS, *BASELINES])
        + f". {minutes:.1f} minutes in all, two processes of one thread each. {machine()}.",
    ]
    if found.labelled_in_probation.any():
        lines.append("Anomalous rows lie in the probation period of some series.")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
