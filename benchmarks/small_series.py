"""Small sets of series: what people would use instead, a plain GRU and the default, on the same series.

    pip install ".[series]"
    python benchmarks/small_series.py --write benchmarks/small_series.md

Each seed draws training and test series anew and is the network's ``random_state``. The plain GRU is what the default
was before: last state, at most 100 epochs, patience 15. ``evidence="cheap"``: fits are not repeated for a verdict.
``--only`` runs some of the sets; ``--rows`` is a file that keeps what was measured, so that a run can go on.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from _series_sets import SETS

import punar
from punar import baselines

MODELS = ("chance", "1-NN", "MiniRocket", "plain GRU", "default")
_COLUMNS = ("set", "seed", *MODELS, "seconds GRU", "seconds")


def measured(name: str, seed: int) -> dict[str, object]:
    """Return the accuracy of every model on one draw of a set, and the seconds of the networks' fits."""
    n, m, make = SETS[name]
    X, y = make(np.random.default_rng([seed, 11]), n + m)
    train, test, known, right = X[:n], X[n:], y[:n], y[n:]
    row: dict[str, object] = {"set": name, "seed": seed, "chance": baselines.chance_score("classes", known, right)}
    row["1-NN"] = np.mean(baselines.NearestNeighbour().fit(train, known).predict(test) == right)
    if find_spec("aeon") is not None:
        row["MiniRocket"] = np.mean(baselines.random_kernels("classes", seed).fit(train, known).predict(test) == right)
    usual = {"random_state": seed, "device": "cpu", "evidence": "cheap"}
    networks = {
        "plain GRU": ("seconds GRU", punar.SequenceModel(branch=None, epochs=100, patience=15, **usual)),
        "default": ("seconds", punar.SequenceModel(**usual)),
    }
    for title, (clock, model) in networks.items():
        started = time.perf_counter()
        model.fit(train, known)
        row[clock] = time.perf_counter() - started
        row[title] = model.score(test, right)
    return row


def page(rows: list[dict[str, object]]) -> str:
    """Return the table as Markdown: means over seeds, and the mean over sets below."""
    numbers = [*MODELS, "seconds GRU", "seconds"]
    lines = [
        "| set | draws | series | steps | " + " | ".join(numbers) + " |",
        "| --- " * 4 + "| ---: " * len(numbers) + "|",
    ]
    means = []
    for name, (n, _, make) in SETS.items():
        own = [row for row in rows if row["set"] == name]
        if not own:
            continue
        longest = max(map(len, make(np.random.default_rng([0, 11]), n)[0]))
        means.append([np.mean([float(str(row[k])) if row.get(k) else np.nan for row in own]) for k in numbers])
        cells = [f"{v:.3f}" for v in means[-1][: len(MODELS)]] + [f"{v:.1f}" for v in means[-1][len(MODELS) :]]
        lines.append(f"| {name} | {len(own)} | {n} | {longest} | {' | '.join(cells)} |")
    every = np.mean(means, axis=0)
    cells = [f"**{v:.3f}**" for v in every[: len(MODELS)]] + [f"{v:.1f}" for v in every[len(MODELS) :]]
    foot = (
        f"Accuracy on series apart, mean of the draws; seconds of one fit. 1-NN: Euclidean, channels scaled, a "
        f"shorter series goes on with zeros. Machine: {platform.machine()}, {os.cpu_count()} cores under "
        f"much other work, "
        f"{torch.get_num_threads()} thread, Python {platform.python_version()}, torch {torch.__version__}, punar "
        f"{punar.__version__}, {time.strftime('%Y-%m-%d')}."
    )
    return "\n".join(["# Small sets of series", "", *lines, f"| **mean** | | | | {' | '.join(cells)} |", "", foot, ""])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    if options.rows and options.rows.is_file():
        with options.rows.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["set"], int(str(row["seed"]))) for row in rows}
    for seed in range(options.seeds):
        for name in options.only:
            if (name, seed) in done:
                continue
            rows.append(measured(name, seed))
            print({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
            if options.rows:
                with options.rows.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, _COLUMNS)
                    writer.writeheader()
                    writer.writerows(rows)
    text = page([row | {"seed": int(str(row["seed"]))} for row in rows])
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
