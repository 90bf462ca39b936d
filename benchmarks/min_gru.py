"""Training steps of recurrent cells: the minimal cells' parallel scan against torch's GRU and LSTM, and GRU against
LSTM of equal width.

    pip install .
    python benchmarks/min_gru.py --write benchmarks/min_gru.md

A step is forward, mean square of all states, backward and AdamW; one layer, float32, 2 threads. Each line is one run in
which the two sides alternate; medians of the rounds, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from punar.cells.min_gru import MinGru
from punar.cells.min_lstm import MinLstm

LONG = [(8, 256, 64, 64), (8, 1024, 64, 64), (8, 4096, 64, 64)]
# Batch, steps, input width, hidden width, and what has such shapes.
SHAPES = [
    ((32, 28, 28, 64), "MNIST row by row"),
    ((32, 64, 1, 64), "digits pixel by pixel"),
    ((64, 30, 64, 64), "sentences"),
    ((128, 48, 1, 32), "windows of a series"),
    ((16, 80, 40, 128), "spoken words, log-mel frames"),
    ((64, 200, 2, 128), "the adding problem"),
    ((32, 100, 256, 256), "wide"),
    ((1, 1000, 16, 64), "one long series"),
    ((8, 4096, 64, 64), "very long sequences"),
]


def step(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """Return one training step."""
    optimiser = torch.optim.AdamW(module.parameters())

    def run() -> None:
        optimiser.zero_grad()
        out = module(x)
        states = out[0] if isinstance(out, tuple) else out
        states.square().mean().backward()
        optimiser.step()

    return run


def alternating(ours: Callable[[], None], theirs: Callable[[], None], rounds: int) -> tuple[float, float, float]:
    """Return median milliseconds of both and the median of their ratio, theirs over ours."""
    times: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for run, found in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            run()
            if number:  # the first round warms up
                found.append(1000 * (time.perf_counter() - started))
    ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
    return statistics.median(times[0]), statistics.median(times[1]), ratio


def long_sequences(rounds: int) -> list[str]:
    """Return table lines: each minimal cell beside the cell that it simplifies."""
    lines = []
    for name, cell, peer in (("min_gru", MinGru(), nn.GRU), ("min_lstm", MinLstm(), nn.LSTM)):
        for count, steps, width, hidden in LONG:
            x = torch.randn(count, steps, width)
            ours, theirs, ratio = alternating(
                step(cell.build(width, hidden), x), step(peer(width, hidden, batch_first=True), x), rounds
            )
            wanted = "10" if (name, steps) == ("min_gru", 4096) else "-"
            lines.append(
                f"| {name} | nn.{peer.__name__} | {steps:,} | {theirs:.1f} | {ours:.1f} | {ratio:.1f} | {wanted} |"
            )
            print(lines[-1], flush=True)
    return lines


def equal_width(rounds: int) -> list[str]:
    """Return table lines: GRU beside LSTM."""
    lines = []
    for (count, steps, width, hidden), what in SHAPES:
        x = torch.randn(count, steps, width)
        gru, lstm, ratio = alternating(
            step(nn.GRU(width, hidden, batch_first=True), x), step(nn.LSTM(width, hidden, batch_first=True), x), rounds
        )
        lines.append(f"| {what} | {count} | {steps:,} | {width} | {hidden} | {gru:.2f} | {lstm:.2f} | {ratio:.2f} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    lines = [
        "# Training steps of recurrent cells",
        "",
        "Minimal cells on the parallel scan against torch's cells; batch 8, input and hidden width 64.",
        "",
        "| cell | against | steps | its ms per training step | ours | times faster | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *long_sequences(options.rounds),
        "",
        "GRU against LSTM of equal width, as it falls. An LSTM has four matrices where a GRU has three; on a CPU torch "
        "runs the LSTM through oneDNN and the GRU step by step.",
        "",
        "| shape of | batch | steps | input | hidden | GRU, ms per training step | LSTM | LSTM / GRU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *equal_width(options.rounds),
        "",
        f"{options.rounds} rounds, alternating; medians. Threads: 2. Machine: {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}; torch {version('torch')}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
