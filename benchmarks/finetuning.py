"""Fit time of transfer learning: punar against the loops that people write in plain PyTorch.

    pip install ".[vision,fast]"
    python benchmarks/finetuning.py --write benchmarks/finetuning.md

Data: crops around blood cells (200 per type; test 150 per type), ResNet-18 of torchvision at 224 pixels from JPEG
files. No ResNet-18 weights travel with this project: both sides start from the same random ones, whose features tell
these cells apart well enough to see whether the accuracies agree. Our cache is empty at every start, and every fit
runs in a process of its own.

The usual loop for a frozen network: DataLoader of 2 workers, the whole network run in every epoch, Adam on the head.
The usual loop for layer4 and the head: the same with layer4 trained, AdamW, batch norm frozen as ours.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import _transfer_data as data
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

import punar
from punar.backbones import build

KINDS = ("Platelets", "RBC", "WBC")
PLAIN = {"interpolation": 1.0, "augment": None}  # the same work as the usual loop
Fit = Callable[[list[str], np.ndarray, list[str], np.ndarray], float]


class Files(Dataset):
    """JPEG files and labels, as torchvision's users write it."""

    def __init__(self, paths: list[str], y: np.ndarray) -> None:
        from torchvision import transforms

        self.paths, self.y = paths, y
        self.change = transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.change(Image.open(self.paths[i]).convert("RGB")), KINDS.index(self.y[i])


def usual(trained: tuple[str, ...], epochs: int, rate: float) -> Fit:
    """Return the usual loop that trains the head and the parts whose names begin so."""

    def fit(X: list[str], y: np.ndarray, test: list[str], labels: np.ndarray) -> float:
        import torchvision

        torch.manual_seed(0)
        net = torchvision.models.resnet18(weights=None)
        net.fc = nn.Identity()
        net.load_state_dict(build(backbone(), seed=0).module.state_dict())
        net.fc = nn.Linear(512, 3)
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name.startswith(("fc", *trained)))
        optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=rate)
        started = time.perf_counter()
        for _ in range(epochs):
            net.eval()  # batch norms keep their statistics; there is no dropout
            for x, target in DataLoader(Files(X, y), batch_size=32, shuffle=True, num_workers=2):
                loss = nn.functional.cross_entropy(net(x), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        seconds.append(time.perf_counter() - started)
        with torch.inference_mode():
            out = torch.cat([net(x).argmax(1) for x, _ in DataLoader(Files(test, labels), batch_size=32)])
        return float((np.array(KINDS)[out.numpy()] == labels).mean())

    return fit


def ours(**settings: object) -> Fit:
    """Return a fit of TransferLearner."""

    def fit(X: list[str], y: np.ndarray, test: list[str], labels: np.ndarray) -> float:
        shutil.rmtree(os.environ["PUNAR_CACHE_DIR"], ignore_errors=True)
        model = punar.TransferLearner(
            backbone(), random_state=0, device="cpu", validation_fraction=0, early_stopping=False, **settings
        )
        started = time.perf_counter()
        model.fit(X, y)
        seconds.append(time.perf_counter() - started)
        return model.score(test, labels)

    return fit


def backbone() -> object:
    return punar.backbone("torchvision:resnet18", weights=None)


seconds: list[float] = []

# Title -> the usual loop, our fit, and how many times faster it is meant to be.
JOBS: dict[str, tuple[Fit, Fit, float]] = {
    "frozen network and head, 10 epochs": (usual((), 10, 1e-3), ours(), 10.0),
    "layer4 and head, 5 epochs": (
        usual(("layer4",), 5, 3e-4),
        ours(strategy="fine_tuning", unfreeze=["layer4"], epochs=5, batch_size=32, learning_rate=1e-3, **PLAIN),
        2.5,
    ),
}


def alone(title: str, side: int, *data: Any) -> tuple[float, float]:
    """Return seconds and accuracy of one fit in a process of its own: allocators remember what ran before."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_fit, title, side, *data).result()


def _fit(title: str, side: int, *data: Any) -> tuple[float, float]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    seconds.clear()
    accuracy = JOBS[title][side](*data)
    return seconds[0], accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--per-class", type=int, default=200)
    parser.add_argument("--only", default="", help="part of a job's title")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    data.need(data.DATA / "bccd.zip")
    lines = [
        f"# Fit time of transfer learning, {3 * options.per_class} JPEG files, ResNet-18 at 224 pixels",
        "",
        "| job | usual loop, s | punar, s | times faster | wanted | accuracy, usual | accuracy, punar | chance |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUNAR_CACHE_DIR"] = str(Path(folder) / "cache")
        X, y = data.some(*data.blood_cells("train"), options.per_class, 0)
        a, b = data.blood_cells("val"), data.blood_cells("test")
        test, labels = data.some(a[0] + b[0], np.concatenate([a[1], b[1]]), 150, 0)
        files = []
        for k, rows in enumerate((X, test)):
            files.append([f"{folder}/{k}-{i}.jpg" for i in range(len(rows))])
            for path, row in zip(files[-1], rows, strict=True):
                Image.fromarray(row).resize((256, 256)).save(path, quality=92)
        for title, (_, _, wanted) in JOBS.items():
            if options.only not in title:
                continue
            found = []
            for _ in range(options.rounds):
                found.append([alone(title, side, files[0], y, files[1], labels) for side in (1, 0)])
            mine, theirs = ([pair[side] for pair in found] for side in (0, 1))
            ratio = statistics.median(t[0] / m[0] for m, t in found)
            lines.append(
                f"| {title} | {statistics.median(t for t, _ in theirs):.1f} "
                f"| {statistics.median(t for t, _ in mine):.1f} | {ratio:.1f} | {wanted:g} "
                f"| {theirs[0][1]:.3f} | {mine[0][1]:.3f} | 0.333 |"
            )
            print(lines[-1], found, flush=True)
    lines += [
        "",
        f"{options.rounds} rounds, alternating, each fit in a process of its own, medians; 2 threads. "
        f"Machine: {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}, "
        f"punar {punar.__version__}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
