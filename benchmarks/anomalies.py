"""Anomalies in tables: ten sets of ADBench beside PyOD's detectors, each fitted to all rows without labels.

    pip install pyod
    python benchmarks/anomalies.py --write benchmarks/anomalies.md

The labels are read to score alone: ROC-AUC and average precision of the fit's own scores (PyOD's ``decision_scores_``),
the mean over seeds and then over sets. Every detector has its library's default settings and columns in their own
deviations, as PyOD's users are told to bring them. A random score has 0.5, and an average precision of the share of
anomalies, which stands beside.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _transfer_data import DATA, need
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

import punar


def sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    need(DATA / "adbench")
    found = {}
    for file in sorted((DATA / "adbench").glob("*.npz")):
        data = np.load(file)
        found[file.stem.partition("_")[2]] = StandardScaler().fit_transform(data["X"].astype(float)), data["y"]
    return found


def detectors() -> dict[str, Callable[[int], Any]]:
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.pca import PCA
    from pyod.models.vae import VAE

    return {
        "punar, neighbors (the default)": lambda seed: punar.AnomalyDetector(random_state=seed),
        "punar, autoencoder": lambda seed: punar.AnomalyDetector("autoencoder", random_state=seed),
        "PyOD KNN": lambda seed: KNN(),
        "PyOD IForest": lambda seed: IForest(random_state=seed),
        "PyOD PCA": lambda seed: PCA(random_state=seed),
        "PyOD AutoEncoder": lambda seed: AutoEncoder(random_state=seed, verbose=0),
        "PyOD VAE": lambda seed: VAE(random_state=seed, verbose=0),
    }


def measured(make: Callable[[int], Any], X: np.ndarray, y: np.ndarray, seeds: int) -> tuple[float, float, float]:
    """Return mean ROC-AUC, mean average precision and seconds of the processor per fit."""
    areas, precisions, began = [], [], time.process_time()
    for seed in range(seeds):
        torch.manual_seed(seed)
        scores = make(seed).fit(X).decision_scores_
        areas.append(roc_auc_score(y, scores))
        precisions.append(average_precision_score(y, scores))
    return float(np.mean(areas)), float(np.mean(precisions)), (time.process_time() - began) / seeds


def page(options: argparse.Namespace) -> str:
    data = sets()
    found = {}
    for name, make in detectors().items():
        found[name] = {key: measured(make, X, y, options.seeds) for key, (X, y) in data.items()}
        print(name, {key: round(area, 3) for key, (area, _, _) in found[name].items()}, flush=True)
    share = np.mean([y.mean() for _, y in data.values()])
    lines = [
        "# Anomalies in tables",
        "",
        f"Ten sets of ADBench, {options.seeds} seeds, scores of the rows that were fitted; no labels but to score.",
        "",
        f"| | {' | '.join(data)} | mean ROC-AUC | mean average precision | processor seconds a fit |",
        "| --- |" + " --- |" * (len(data) + 3),
        f"| a random score | {' | '.join('0.5' for _ in data)} | 0.500 | {share:.3f} | |",
    ]
    for name, rows in found.items():
        areas, precisions, seconds = np.array(list(rows.values())).T
        each = " | ".join(f"{area:.3f}" for area in areas)
        lines.append(f"| {name} | {each} | {areas.mean():.3f} | {precisions.mean():.3f} | {seconds.mean():.2f} |")
    lines += [
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores shared with other work, "
        f"{torch.get_num_threads()} thread, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    text = page(options)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
