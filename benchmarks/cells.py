"""The question "cell" on sentences, spoken digits and radio signals: RNN, GRU, LSTM and their parallel forms.

    pip install ".[text]"
    python benchmarks/cells.py --write benchmarks/cells.md

Every part answers `punar.compare(X, y, question="cell")` with its usual settings, beside chance and a linear model on
summary statistics. `--only words` measures one part, and replaces its section of the file.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import platform
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import wavfile

import punar

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SENTENCES = 1500
TITLE = "# Which cell?"


def words() -> tuple[str, Any, Any, dict[str, Any]]:
    """SST-2: sentences of the training file, as many of each class."""
    with open(DATA / "sst2" / "train.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([r["label"] for r in rows])
    rng = np.random.default_rng(0)
    some = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[: SENTENCES // 2] for c in np.unique(labels)])
    return "SST-2, 1,500 sentences", [rows[i]["text"] for i in some], labels[some], {}


def speech() -> tuple[str, Any, Any, dict[str, Any]]:
    """Spoken digits: ten clips of each digit and speaker; one speaker is held out in each fold."""
    clips, digit, speaker = [], [], []
    with zipfile.ZipFile(DATA / "fsdd.zip") as file:
        for name in sorted(n for n in file.namelist() if n.endswith(".wav")):
            first, who, index = Path(name).stem.split("_")
            if int(index) % 5 or int(index) >= 50:
                continue
            with file.open(name) as wav:
                rate, samples = wavfile.read(io.BytesIO(wav.read()))
            clips.append((samples.astype(np.float32) / 32768, rate))
            digit.append(first)
            speaker.append(who)
    return "spoken digits, speakers held out", clips, np.array(digit), {"groups": np.array(speaker), "cv": 6}


def signals() -> tuple[str, Any, Any, dict[str, Any]]:
    """IndoorMovement: does a walker change rooms, by the strengths of four radio beacons?"""
    with zipfile.ZipFile(DATA / "series" / "IndoorMovement.zip") as file:
        target = np.loadtxt(file.open("dataset/MovementAAL_target.csv"), delimiter=",", comments="#", dtype=int)
        walks = [
            np.loadtxt(file.open(f"dataset/MovementAAL_RSS_{i}.csv"), delimiter=",", comments="#", ndmin=2)
            for i in target[:, 0]
        ]
    return "IndoorMovement, 314 walks", walks, np.where(target[:, 1] > 0, "changes room", "stays"), {}


def passengers() -> tuple[str, Any, Any, dict[str, Any]]:
    """Airline passengers: 144 months, the next twelve forecast from five origins."""
    with open(DATA / "series" / "airline-passengers.csv", encoding="utf-8") as file:
        values = [float(row[1]) for row in list(csv.reader(file))[1:] if len(row) == 2]
    return "airline passengers", np.array(values), None, {"horizon": 12}


PARTS: dict[str, Callable[[], tuple[str, Any, Any, dict[str, Any]]]] = {
    "words": words,
    "speech": speech,
    "signals": signals,
    "passengers": passengers,
}


def section(part: str, equal: str) -> str:
    """Measure one part and return its section."""
    name, X, y, options = PARTS[part]()
    started = time.perf_counter()
    result = punar.compare(X, y, question="cell", equal=equal, name=name, device="cpu", **options)
    print(result, flush=True)
    text = result.to_markdown().replace("# Which cell? ", f"## {part}: ", 1)
    text += "".join(f"- {line}\n" for line in result.facts["protocol"]["how"][:4])
    seconds = time.perf_counter() - started
    return text + (
        f"\n{seconds / 60:.1f} minutes; {platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python "
        f"{platform.python_version()}, torch {torch.__version__}, punar {punar.__version__}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(PARTS))
    parser.add_argument("--equal", choices=("width", "parameters"), default="width")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    known: dict[str, str] = {}
    if options.write and options.write.exists():
        for text in re.split(r"(?m)^(?=## )", options.write.read_text(encoding="utf-8"))[1:]:
            known[text[3:].split(":")[0]] = text.rstrip() + "\n"
    for part in [options.only] if options.only else PARTS:
        known[part] = section(part, options.equal)
        out = "\n".join([TITLE + "\n", *(known[p] for p in PARTS if p in known)])
        if options.write:
            options.write.write_text(out, encoding="utf-8")


if __name__ == "__main__":
    main()
