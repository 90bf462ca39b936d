"""ImageNet -> CIFAR-10 pictures and -> blood cells: scratch, feature extraction, last block, all layers, measured.

    pip install ".[vision]"
    python benchmarks/transfer.py --write benchmarks/transfer.md

MobileNetV2 (../shared/data/weights), pictures at 128 pixels, 10, 50 and 200 per class, 3 seeds. Results go to a JSON
file after each fit, so that a run that was stopped goes on. Chance is the share of the largest class in the test set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path

import _transfer_data as data
import numpy as np
import torch

import punar

SIZES, SEEDS, SIDE = (10, 50, 200), (0, 1, 2), 128
EPOCHS = {10: 20, 50: 10, 200: 4}
PLAIN = {"interpolation": 1.0, "augment": None}  # the trained weights themselves; strategies.py has the defaults
STRATEGIES = {
    "scratch": {"strategy": "scratch", "batch_size": 32},
    "feature extraction": {"strategy": "feature_extraction"},
    "last block": {"strategy": "fine_tuning", "unfreeze": "last", **PLAIN},
    "all layers": {"strategy": "fine_tuning", "unfreeze": "all", "batch_size": 32, **PLAIN},
}


def backbone() -> object:
    return punar.backbone(
        "timm:mobilenetv2_100", weights=str(data.MOBILENET), pad_type="same",
        mean=[0.5] * 3, std=[0.5] * 3, size=[SIDE, SIDE], crop=1.0,
    )  # fmt: skip


def sets(seed: int, per_class: int) -> dict[str, tuple[list, np.ndarray, list, np.ndarray]]:
    X, y = data.cifar("train", per_class, seed)
    test, labels = data.cifar("test", 100, 0)
    cells, kinds = data.some(*data.blood_cells("train"), per_class, seed)
    a, b = data.blood_cells("val"), data.blood_cells("test")
    more, sorts = data.some(a[0] + b[0], np.concatenate([a[1], b[1]]), 150, 0)
    return {"CIFAR-10": (list(X), y, list(test), labels), "blood cells": (cells, kinds, more, sorts)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "punar-transfer.json")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    data.need(data.MOBILENET, data.DATA / "cifar10.zip", data.DATA / "bccd.zip")
    found: dict[str, dict[str, float]] = {}
    if options.results.exists():
        found = json.loads(options.results.read_text(encoding="utf-8"))
    cache = options.results.with_suffix(".cache")
    os.environ["PUNAR_CACHE_DIR"] = str(cache)
    warnings.simplefilter("ignore")
    for n in SIZES:
        for seed in SEEDS:
            for name, (X, y, test, labels) in sets(seed, n).items():
                for strategy, settings in STRATEGIES.items():
                    key = f"{name}|{n}|{strategy}|{seed}"
                    if key in found:
                        continue
                    started = time.perf_counter()
                    model = punar.TransferLearner(
                        backbone(), epochs=EPOCHS[n], random_state=seed, device="cpu", validation_fraction=0,
                        early_stopping=False, **settings,
                    ).fit(X, y)  # fmt: skip
                    seconds = time.perf_counter() - started
                    found[key] = {"accuracy": model.score(test, labels), "seconds": seconds}
                    options.results.write_text(json.dumps(found, indent=1), encoding="utf-8")
                    print(key, found[key], flush=True)
    table(found, options.write)


def table(found: dict[str, dict[str, float]], write: Path | None) -> None:
    lines = ["# From ImageNet to small data: MobileNetV2 at 128 pixels, test accuracy in %", ""]
    lines += ["| data | per class | chance | " + " | ".join(STRATEGIES) + " |", "| --- " * (3 + len(STRATEGIES)) + "|"]
    for name, chance in (("CIFAR-10", 10.0), ("blood cells", 100 / 3)):
        for n in SIZES:
            cells = []
            for strategy in STRATEGIES:
                runs = [found[f"{name}|{n}|{strategy}|{seed}"] for seed in SEEDS]
                scores = 100 * np.array([r["accuracy"] for r in runs])
                seconds = np.median([r["seconds"] for r in runs])
                cells.append(f"{scores.mean():.1f} ± {scores.std(ddof=1):.1f} ({seconds:.0f} s)")
            lines.append(f"| {name} | {n} | {chance:.0f} | " + " | ".join(cells) + " |")
    minutes = sum(r["seconds"] for r in found.values()) / 60
    epochs = ", ".join(f"{e} at {n} per class" for n, e in EPOCHS.items())
    lines += [
        "",
        f"Mean ± standard deviation of {len(SEEDS)} seeds, median seconds of a fit in brackets. Test: 1,000 CIFAR-10 "
        "pictures, 450 crops around cells, 150 per type. Epochs (all but feature extraction): "
        f"{epochs}; no validation split. Fits together {minutes:.0f} minutes. Features are remembered, so later fits "
        "on the same pictures find them.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
        f"{torch.__version__}, punar {punar.__version__}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if write:
        write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
