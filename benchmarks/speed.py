"""Fit time of the same autoencoder in punar, plain torch, skorch, pythae and PyOD, alternating in one run.

    pip install ".[bench]"
    python benchmarks/speed.py --rounds 5 --write benchmarks/speed.md

Network 784-128-32-128-784 (ReLU), batch 128, 10 epochs, Adam 1e-3, 20,000 rows x 784 in memory. Each library is called
as its users call it, with its own preprocessing; punar's time includes scaling and ``fit_report_``. The first round
runs every peer at 1 thread and at all, and the better of the two stands for it; punar chooses its own threads.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from torch import nn

import punar
from punar.networks.dense import Dense

ROWS, WIDTH, HIDDEN, CODE, BATCH, EPOCHS, RATE = 20_000, 784, 128, 32, 128, 10, 1e-3
MNIST = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "mnist.npz"


def rows() -> tuple[np.ndarray, str]:
    """Return MNIST where it is, else generated rows of the same shape; the work is the same."""
    if MNIST.exists():
        with np.load(MNIST) as file:
            return (file["train_images"][:ROWS].reshape(ROWS, WIDTH) / 255).astype(np.float32), "MNIST"
    rng = np.random.default_rng(0)
    return rng.random((ROWS, WIDTH), dtype=np.float32), "generated"


def network() -> nn.Sequential:
    """Return the network of the benchmark in plain torch."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CODE),
        nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH),
    )  # fmt: skip


def fit_punar(X: np.ndarray) -> None:
    dense = Dense(hidden=(HIDDEN,), activation="relu", residual=False)
    punar.Autoencoder(
        network=dense, latent_dim=CODE, epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE, optimizer="adam",
        schedule="constant", weight_decay=0.0, validation_fraction=0.0, random_state=0, device="cpu",
    ).fit(X)  # fmt: skip


def fit_torch(X: np.ndarray, *, fused: bool = False) -> None:
    """The twenty lines: data in memory, batches by index."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=fused)
    loss_of = nn.MSELoss()
    x = torch.from_numpy(X)
    x = (x - x.mean(0)) / x.std()
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            batch = x[order[start : start + BATCH]]
            loss = loss_of(net(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        loss_of(net(x[:3000]), x[:3000]).item()


def fit_torch_fused(X: np.ndarray) -> None:
    fit_torch(X, fused=True)


def fit_skorch(X: np.ndarray) -> None:
    from skorch import NeuralNetRegressor

    NeuralNetRegressor(
        network(), max_epochs=EPOCHS, lr=RATE, batch_size=BATCH, optimizer=torch.optim.Adam,
        iterator_train__shuffle=True, train_split=None, verbose=0,
    ).fit(X, X)  # fmt: skip


def fit_pythae(X: np.ndarray) -> None:
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()[:3]

        def forward(self, x: torch.Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.net(x.flatten(1)))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()[3:]

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.net(z))

    model = AE(AEConfig(input_dim=(WIDTH,), latent_dim=CODE), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=RATE,
            optimizer_cls="Adam", no_cuda=True,
        )  # fmt: skip
        TrainingPipeline(training_config=config, model=model)(train_data=X)


def fit_pyod(X: np.ndarray) -> None:
    from pyod.models.auto_encoder import AutoEncoder

    AutoEncoder(
        hidden_neuron_list=[HIDDEN, CODE], batch_norm=False, dropout_rate=0.0, epoch_num=EPOCHS, batch_size=BATCH,
        lr=RATE, verbose=0, device="cpu",
    ).fit(X)  # fmt: skip


def multiply_only(X: np.ndarray) -> None:
    """The matrix products of the same training and nothing else: what no float32 library on torch can undercut."""
    x = torch.from_numpy(X[:BATCH])
    sizes = [(WIDTH, HIDDEN), (HIDDEN, CODE), (CODE, HIDDEN), (HIDDEN, WIDTH)]
    weights = [torch.randn(outputs, inputs) for inputs, outputs in sizes]
    rows_in = [torch.randn(BATCH, inputs) for inputs, _ in sizes]
    rows_out = [torch.randn(BATCH, outputs) for _, outputs in sizes]
    rows_in[0] = x
    for _ in range(EPOCHS * -(-len(X) // BATCH)):
        for k, (weight, row, out) in enumerate(zip(weights, rows_in, rows_out, strict=True)):
            torch.mm(row, weight.t())
            torch.mm(out.t(), row)
            if k:
                torch.mm(out, weight)


PEERS: dict[str, tuple[Callable[[np.ndarray], None], float | None]] = {
    "plain torch": (fit_torch, 0.95),
    "plain torch, fused Adam": (fit_torch_fused, None),
    "skorch": (fit_skorch, 3.0),
    "pythae": (fit_pythae, 3.0),
    "pyod": (fit_pyod, 6.0),
    "(matrix products alone)": (multiply_only, None),
}


def check_peers() -> None:
    """Fail at once, not after minutes, where a peer cannot run."""
    X = np.random.default_rng(0).random((256, WIDTH), dtype=np.float32)
    for fit, _ in PEERS.values():
        timed(fit, X, 1)


def timed(fit: Callable[[np.ndarray], None], X: np.ndarray, threads: int) -> float:
    torch.set_num_threads(threads)
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = time.perf_counter()
        fit(X)
        return time.perf_counter() - begun


def release(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    X, source = rows()
    cores = torch.get_num_threads()
    choices = sorted({1, cores})
    timed(fit_punar, X[:512], cores)
    check_peers()
    times: dict[str, dict[int, list[float]]] = {name: {n: [] for n in choices} for name in PEERS}
    ours: dict[str, list[float]] = {name: [] for name in PEERS}
    ratios: dict[str, dict[int, list[float]]] = {name: {n: [] for n in choices} for name in PEERS}
    for k in range(options.rounds):
        for name, (fit, _) in PEERS.items():
            # Each pair stands side by side, so that a change of the machine's speed hits both.
            mine = timed(fit_punar, X, cores)
            ours[name].append(mine)
            # The first round finds the peer's better thread count, the others time it there.
            best = min(choices, key=lambda c: statistics.median(times[name][c])) if k else None
            for n in choices if best is None else [best]:
                theirs = timed(fit, X, n)
                times[name][n].append(theirs)
                ratios[name][n].append(theirs / mine)
            print(
                k + 1,
                name,
                f"punar {mine:.2f} s",
                {n: round(times[name][n][-1], 2) for n in choices if times[name][n]},
                flush=True,
            )
    lines = [
        f"# Fit time, {ROWS:,} x {WIDTH} ({source}), {EPOCHS} epochs, batch {BATCH}",
        "",
        "| peer | threads | peer, s (median) | punar, s (median) | times faster (median of pairs) | min-max | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (_, wanted) in PEERS.items():
        n = min(choices, key=lambda c: statistics.median(times[name][c]))
        r = ratios[name][n]
        goal = "" if wanted is None else f">= {wanted}"
        lines.append(
            f"| {name} | {n} | {statistics.median(times[name][n]):.2f} | {statistics.median(ours[name]):.2f} "
            f"| {statistics.median(r):.2f} | {min(r):.2f}-{max(r):.2f} | {goal} |"
        )
    names = ["torch", "skorch", "pythae", "pyod", "numpy"]
    lines += [
        "",
        f"{options.rounds} rounds, each pair side by side; the peer at its better thread count of {choices}. "
        "`fit_report_` and scaling are in punar's time. Plain torch scales once and measures the loss of 3,000 rows.",
        "",
        f"Machine: {platform.machine()}, {cores} cores, Python {platform.python_version()}; punar {punar.__version__}, "
        + ", ".join(f"{name} {release(name)}" for name in names)
        + ".",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
