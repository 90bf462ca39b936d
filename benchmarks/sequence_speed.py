"""Fit time of sequence models: punar against a plain torch loop and skorch with the same network.

    pip install ".[bench]"
    python benchmarks/sequence_speed.py --write benchmarks/sequence_speed.md

Data: made here, 1,200 sequences of 20 to 200 steps (evenly spread) and 16 channels; the class is the sign of
the first channel's sum over the last five steps. The same for all: one layer of 64 units, linear head on the last valid
state, Adam with decoupled decay, batch 32, 10 epochs, two threads, float32, nothing held out. The peers pad every
sequence to the longest, as people do: index batches of one tensor in memory (plain torch), and skorch's
NeuralNetClassifier with its DataLoader. Ours includes reading, scaling and the fit report. Each fit runs in a process
of its own; the sides alternate in one run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

EPOCHS, BATCH, HIDDEN, CHANNELS = 10, 32, 64, 16
RATE = 4e-3
SHORTEST, LONGEST = 20, 200


def data(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return sequences and their classes."""
    rng = np.random.default_rng(seed)
    lengths = np.linspace(SHORTEST, LONGEST, n).astype(int)
    rng.shuffle(lengths)
    X = [rng.normal(size=(length, CHANNELS)).astype(np.float32) for length in lengths]
    return X, np.array([int(x[-5:, 0].sum() > 0) for x in X])


def padded(X: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, longest, channels) with zeros behind the ends, and the lengths."""
    lengths = np.array([len(x) for x in X])
    rows = np.zeros((len(X), lengths.max(), CHANNELS), dtype=np.float32)
    for row, x in zip(rows, X, strict=True):
        row[: len(x)] = x
    return rows, lengths


class Plain(nn.Module):
    """What people write: torch's layer, the last valid state, a linear head."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](CHANNELS, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        out, _ = self.rnn(x)
        return self.head(out[torch.arange(len(x)), lengths - 1])


def plain(cell: str, X: list[np.ndarray], y: np.ndarray) -> Callable[[list[np.ndarray]], np.ndarray]:
    """Fit with twenty lines of torch."""
    rows, lengths = padded(X)
    x, n, target = torch.from_numpy(rows), torch.from_numpy(lengths), torch.from_numpy(y)
    torch.manual_seed(0)
    net = Plain(cell)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(net(x[index], n[index]), target[index])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()

    def predict(test: list[np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = net(*map(torch.from_numpy, padded(test))).argmax(1).numpy()
        return found

    return predict


def with_skorch(cell: str, X: list[np.ndarray], y: np.ndarray) -> Callable[[list[np.ndarray]], np.ndarray]:
    """Fit with skorch."""
    from skorch import NeuralNetClassifier
    from skorch.callbacks import GradientNormClipping

    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Plain,
        module__cell=cell,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=RATE,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[GradientNormClipping(1.0)],
        verbose=0,
    )
    rows, lengths = padded(X)
    net.fit({"x": rows, "lengths": lengths}, y)

    def predict(test: list[np.ndarray]) -> np.ndarray:
        rows, lengths = padded(test)
        return net.predict({"x": rows, "lengths": lengths})

    return predict


def ours(cell: str, X: list[np.ndarray], y: np.ndarray) -> Callable[[list[np.ndarray]], np.ndarray]:
    """Fit a SequenceModel."""
    import punar

    model = punar.SequenceModel(
        cell,
        hidden_size=HIDDEN,
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=RATE,
        validation_fraction=0,
        early_stopping=False,
        random_state=0,
        device="cpu",
    )
    return model.fit(X, y).predict


SIDES = {"punar": ours, "plain torch": plain, "skorch": with_skorch}


def _measure(side: str, cell: str, n: int) -> tuple[float, float]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    X, y = data(n, 0)
    # First uses of torch's optimisers, of skorch and of punar import much: not what is measured.
    SIDES[side](cell, X[:64], y[:64])
    started = time.perf_counter()
    predict = SIDES[side](cell, X, y)
    seconds = time.perf_counter() - started
    test, truth = data(400, 1)
    return seconds, float((predict(test) == truth).mean())


def measure(side: str, cell: str, n: int) -> tuple[float, float]:
    """Return seconds of one fit and its accuracy on other sequences, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, side, cell, n).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=1200)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = [
        f"# Fit time of sequence models, {options.sequences:,} sequences of {SHORTEST} to {LONGEST} steps, "
        f"{CHANNELS} channels, {EPOCHS} epochs",
        "",
        "| cell | punar, s | plain torch, s | times faster (wanted 1.5) | skorch, s | times faster (wanted 1.3) "
        "| accuracy: punar, torch, skorch | chance |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell in ("lstm", "gru"):
        rounds = [{side: measure(side, cell, options.sequences) for side in SIDES} for _ in range(options.rounds)]
        taken = {side: statistics.median(r[side][0] for r in rounds) for side in SIDES}
        times = {s: statistics.median(r[s][0] / r["punar"][0] for r in rounds) for s in ("plain torch", "skorch")}
        right = ", ".join(f"{rounds[-1][side][1]:.3f}" for side in SIDES)
        lines.append(
            f"| {cell} | {taken['punar']:.2f} | {taken['plain torch']:.2f} | {times['plain torch']:.2f} "
            f"| {taken['skorch']:.2f} | {times['skorch']:.2f} | {right} | 0.500 |"
        )
        print(lines[-1], rounds, flush=True)
    lines += [
        "",
        f"{options.rounds} rounds, alternating, medians; 2 threads. Machine: {platform.machine()}, {os.cpu_count()} "
        f"cores, Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in ("torch", "skorch", "punar"))
        + ".",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
