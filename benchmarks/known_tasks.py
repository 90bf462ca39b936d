"""Textbook tasks of recurrent networks, chance beside every score, and the gradient by step.

    pip install "."
    python benchmarks/known_tasks.py --write benchmarks/known_tasks.md

Adding problem (Hochreiter and Schmidhuber, 1997): two marked numbers of 200 are to be added; the mean alone has a
squared error of 1/6. Copy task (same paper; sizes of Arjovsky et al., 2016): ten symbols out of eight are to be said
again after a pause; blanks until then and guesses after cost 10 ln 8 / (pause + 20). It has an answer at every step,
which SequenceModel has not: the cells' stacks in a plain loop. Digits pixel by pixel: scikit-learn's 8 x 8 digits as 64
steps of one pixel. MNIST row by row: 28 steps of 28 pixels, 4,000 training pictures. ``--only`` runs one of them;
tables written before are kept. After the adding problem the norm of the gradient by step is drawn into
gradient_flow.svg, for the fitted networks.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _sections import Table, main
from _transfer_data import need
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import punar
from punar.core.plugins import member
from punar.reporting import flow

STEPS = 200
PAUSE = 20
EPOCHS = {"rnn": 12, "lstm": 24, "gru": 16}


def adding(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of (number, mark) and the sums of the two marked numbers, one in each half."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, STEPS, 2), np.float32)
    X[..., 0] = rng.random((n, STEPS))
    for low, high in ((0, STEPS // 2), (STEPS // 2, STEPS)):
        X[np.arange(n), rng.integers(low, high, n), 1] = 1
    return X, (X[..., 0] * X[..., 1]).sum(1)


def adding_table(options: argparse.Namespace) -> list[str]:
    (X, y), (T, t) = adding(options.sequences, 0), adding(2000, 1)
    lines = [
        "| cell, 64 units | squared error | chance | epochs | minutes | gradient, first step / last |",
        "| --- " * 6 + "|",
    ]
    flows = []
    for cell in options.cells:
        started = time.perf_counter()
        model = punar.SequenceModel(
            cell,
            "regression",
            64,
            pooling="last",
            scaling="none",
            epochs=options.epochs or EPOCHS.get(cell, 16),
            batch_size=64,
            learning_rate=3e-3,
            validation_fraction=0.05,
            patience=100,
            random_state=0,
            device="cpu",
        ).fit(X, y)
        minutes = (time.perf_counter() - started) / 60
        error = float(((model.predict(T) - t) ** 2).mean())
        found = punar.gradient_flow(model, T[:64], t[:64])
        flows.append(
            {"model": cell.upper(), "lines": {k: v.tolist() for k, v in found.by_time.items()}, "ratios": found.ratios}
        )
        lines.append(
            f"| {cell.upper()} | {error:.4f} | {((t - y.mean()) ** 2).mean():.4f} | {len(model.history_)} "
            f"| {minutes:.1f} | {found.ratios['hidden']:.1e} |"
        )
        print(lines[-1], [round(h["valid_loss"], 3) for h in model.history_], flush=True)
    if options.write:
        (options.write.parent / "gradient_flow.svg").write_text(
            standalone(str(flow.panels(flows)[0])), encoding="utf-8"
        )
    return [
        *lines,
        "",
        f"{options.sequences:,} sequences of {STEPS} steps, batch 64. Gradient of the fitted network's own loss: "
        "![by step](gradient_flow.svg)",
    ]


def copying(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return symbols read and symbols to be said, (n, PAUSE + 20): 0 is a blank, 9 the sign to begin."""
    told = torch.randint(1, 9, (n, 10), generator=generator)
    read = torch.zeros(n, PAUSE + 20, dtype=torch.int64)
    said = torch.zeros_like(read)
    read[:, :10], read[:, PAUSE + 9], said[:, -10:] = told, 9, told
    return read, said


def copy_table(options: argparse.Namespace) -> list[str]:
    chance = 10 * math.log(8) / (PAUSE + 20)
    lines = ["| cell, 128 units | cross-entropy | chance | symbols right | chance | minutes |", "| --- " * 6 + "|"]
    for cell in options.cells:
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        stack = member("cells", cell)().stack(10, 128)
        head = torch.nn.Linear(128, 9)
        parameters = [*stack.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=5e-3)
        started = time.perf_counter()

        def loss(read: torch.Tensor, said: torch.Tensor, stack: Any = stack, head: Any = head) -> tuple[Any, Any]:
            raw = head(stack(torch.nn.functional.one_hot(read, 10).float())[0])
            return torch.nn.functional.cross_entropy(raw.flatten(0, 1), said.flatten()), raw

        for _ in range(options.steps):
            optimizer.zero_grad()
            loss(*copying(128, generator))[0].backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        read, said = copying(2000, generator)
        with torch.no_grad():
            found, raw = loss(read, said)
        right = float((raw[:, -10:].argmax(2) == said[:, -10:]).float().mean())
        minutes = (time.perf_counter() - started) / 60
        lines.append(f"| {cell.upper()} | {found:.4f} | {chance:.4f} | {right:.3f} | 0.125 | {minutes:.1f} |")
        print("copy", lines[-1], flush=True)
    return [*lines, "", f"A pause of {PAUSE} steps, {options.steps:,} steps of 128 new sequences each, Adam at 0.005."]


def standalone(drawing: str) -> str:
    """Return a page's drawing as a file of its own, with the page's colours."""
    style = (Path(flow.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    space = '<svg xmlns="http://www.w3.org/2000/svg" '
    start, rest = drawing.replace("<svg ", space, 1).split(">", 1)
    return f"{start}><style>{style}</style>{rest}"


def classes(X: np.ndarray, y: np.ndarray, train: int, title: str, epochs: int) -> list[str]:
    """Return a table of cells on labelled sequences, beside logistic regression on all numbers at once."""
    X, T, y, t = train_test_split(
        X, y, train_size=train, test_size=min(2000, len(X) - train), stratify=y, random_state=0
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    started = time.perf_counter()
    score = linear.fit(X.reshape(len(X), -1), y).score(T.reshape(len(T), -1), t)
    lines = ["| model | accuracy | minutes |", "| --- " * 3 + "|"]
    lines.append(f"| logistic regression on all pixels | {score:.3f} | {(time.perf_counter() - started) / 60:.1f} |")
    for cell in ("rnn", "lstm", "gru"):
        started = time.perf_counter()
        model = punar.SequenceModel(
            cell, pooling="last", epochs=epochs, batch_size=64, learning_rate=4e-3, random_state=0, device="cpu"
        ).fit(X, y)
        minutes = (time.perf_counter() - started) / 60
        lines.append(f"| {cell.upper()}, 64 units | {model.score(T, t):.3f} | {minutes:.1f} |")
        print(title, lines[-1], flush=True)
    return [*lines, f"| chance (largest class) | {np.bincount(t).max() / len(t):.3f} | |"]


def digits_table(options: argparse.Namespace) -> list[str]:
    X, y = load_digits(return_X_y=True)
    return classes((X / 16).astype(np.float32)[:, :, None], y, 1347, "digits", 40)


def rows_table(options: argparse.Namespace) -> list[str]:
    from _mnist import PLACE

    need(PLACE)
    with np.load(PLACE) as file:
        X, y = file["train_images"][:6000], file["train_labels"][:6000].astype(int)
    return classes(X.astype(np.float32) / 255, y, 4000, "rows", 20)


TABLES: dict[str, Table] = {
    "adding": (f"Adding problem, {STEPS} steps", adding_table),
    "copy": (f"Copy task, a pause of {PAUSE} steps", copy_table),
    "digits": ("Digits pixel by pixel, 64 steps", digits_table),
    "rows": ("MNIST row by row, 28 steps", rows_table),
}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--cells", nargs="+", default=["rnn", "lstm", "gru"], help="of the adding problem and the copy task"
    )
    options.add_argument("--sequences", type=int, default=12_800)
    options.add_argument("--epochs", type=int)
    options.add_argument("--steps", type=int, default=8000, help="of the copy task")
    main("Known tasks of recurrent networks", TABLES, options)
