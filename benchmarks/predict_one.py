"""What answering one item costs beside the network's own forward pass.

    pip install ".[bench,vision,text,minilm]"
    OMP_WAIT_POLICY=passive python benchmarks/predict_one.py --write benchmarks/predict_one.md

Bare: the item is decoded (a sentence tokenised), made a batch of one and given to the same module, backbone and head,
in ``inference_mode``, in the memory layout that is the faster one. Ours: ``predict([item])`` of the fitted model, with
the cache on, as by default. Both sides alternate in one process, on 2 threads; the ratio is the median over the pairs.
Threads that wait do not spin (OMP_WAIT_POLICY), so that other programs disturb less. Random weights for ResNet-18,
since speed does not depend on them; the JPEG file is 500 x 400 pixels.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import punar

WANTED = 1.25
CLASSES = 2
TRAINING = 40


def fitted(backbone: Any, X: Any) -> punar.TransferLearner:
    """A classifier on items whose classes mean nothing: only its speed is asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", punar.errors.DidNotLearnWarning)
        return punar.TransferLearner(backbone, device="cpu", random_state=0).fit(X, np.arange(len(X)) % CLASSES)


def bare(model: punar.TransferLearner, item: Any) -> int:
    """Decode, one forward pass, the largest output."""
    preparation = model.preparation_
    prepared = preparation.prepare(item)
    batch = preparation.collate([prepared], preparation.bucket(prepared))
    with torch.inference_mode():
        if "pixels" in batch:
            batch["pixels"] = batch["pixels"].contiguous(memory_format=torch.channels_last)
        return int(model.module_(batch).argmax())


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measured(what: str, model: punar.TransferLearner, item: Any, repeats: int) -> str:
    """Return the table's line for one item."""

    def ours() -> object:
        return model.predict([item])

    def theirs() -> object:
        return bare(model, item)

    for warm_up in (ours, theirs, ours, theirs):
        warm_up()
    pairs = []
    for i in range(repeats):
        # What one side leaves in the caches helps the other: each goes first half of the time.
        order = (ours, theirs) if i % 2 else (theirs, ours)
        found = {run: seconds(run) for run in order}
        pairs.append((found[ours], found[theirs]))
    predict, forward = (statistics.median(side) * 1e3 for side in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    low, high = ratios[len(ratios) // 4], ratios[-len(ratios) // 4]
    ratio = statistics.median(ratios)
    print(
        what, f"bare {forward:.2f} ms, predict {predict:.2f} ms, ratio {ratio:.2f} [{low:.2f}, {high:.2f}]", flush=True
    )
    return f"| {what} | {forward:.2f} | {predict:.2f} | {ratio:.2f} | {low:.2f} to {high:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "2"  # what punar goes by; torch is told so itself
    torch.set_num_threads(2)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUNAR_CACHE_DIR"] = str(Path(folder) / "cache")
        blocks = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        file = Path(folder) / "one.jpg"
        Image.fromarray(np.kron(blocks, np.ones((10, 10, 1), dtype=np.uint8))).save(file, quality=90)
        array = np.asarray(Image.open(file))
        small = rng.integers(0, 256, (TRAINING, 32, 32, 3), dtype=np.uint8)
        resnet = fitted(punar.backbone("torchvision:resnet18", weights=None), small)
        starter = fitted("starter", small)
        minilm = fitted("minilm", [f"sentence number {i}" for i in range(TRAINING)])
        sentence = "A picture of two dogs that run along the beach while the sun goes down behind the hills."
        lines = [
            "# Answering one item",
            "",
            "| item | decoding and bare forward pass, ms | predict, ms "
            f"| ratio (wanted {WANTED} for ResNet-18) | middle half of the ratios |",
            "| --- | --- | --- | --- | --- |",
            measured("ResNet-18 at 224 pixels, JPEG file", resnet, file, options.repeats),
            measured("ResNet-18 at 224 pixels, array", resnet, array, options.repeats),
            measured("starter, JPEG file", starter, file, options.repeats),
            measured("starter, array of its own size", starter, small[0], options.repeats),
            measured("MiniLM, a sentence of 19 words", minilm, sentence, options.repeats),
        ]
    versions = ", ".join(f"{p} {version(p)}" for p in ("torch", "torchvision", "tokenizers", "pillow"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    lines += [
        "",
        f"{options.repeats} pairs, alternating; medians. Threads: 2, OMP_WAIT_POLICY "
        f"{os.environ.get('OMP_WAIT_POLICY', 'not set')}. Machine: {platform.machine()}, {os.cpu_count()} cores{load} "
        f"(above 2 other programs had the cores too: ratios hold, times are long), Python {platform.python_version()}; "
        f"{versions}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
