"""Feature extraction from JPEG files: punar against torchvision's usual eager loop, and sentences against
sentence-transformers.

    pip install ".[bench,vision,text,fast,minilm]"
    python benchmarks/extraction.py --write benchmarks/extraction.md

Peer for pictures: the same torchvision network, a DataLoader of 2 workers with the same decode, resize and crop,
``inference_mode``, batch 32, 2 threads. No cache on either side; random weights, since speed does not depend on them.
Loading, exporting and measuring runtimes is shown apart. Each measurement runs in a process of its own; pairs alternate
in one run; medians.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _transfer_data import DATA, need
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Dataset

import punar
from punar.features import runtime


class Files(Dataset):
    """JPEG files as tensors, as torchvision's users write it."""

    def __init__(self, paths: list[str]) -> None:
        from torchvision import transforms

        self.paths = paths
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

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.change(Image.open(self.paths[i]).convert("RGB"))


def usual(module: torch.nn.Module, paths: list[str]) -> np.ndarray:
    """The usual loop."""
    with torch.inference_mode():
        return torch.cat([module(x) for x in DataLoader(Files(paths), batch_size=32, num_workers=2)]).numpy()


def side(which: str, name: str, folder: Path, answer: Path) -> None:
    """Measure one side in a process of its own: what one leaves in the allocator would speed up the other."""
    paths = sorted(str(p) for p in (folder / "images").glob("*.jpg"))
    weights = folder / f"{name}.safetensors"
    torch.set_num_threads(2)
    started = time.perf_counter()
    if which == "theirs":
        import torchvision

        peer = getattr(torchvision.models, name)(weights=None)
        peer.fc = torch.nn.Identity()
        peer.load_state_dict(load_file(weights))
        peer.eval()
        facts = {"load": time.perf_counter() - started, "start": 0.0, "runtime": "eager"}
        started = time.perf_counter()
        out = usual(peer, paths)
        facts["seconds"] = time.perf_counter() - started
    else:
        network = punar.backbone(f"torchvision:{name}", weights=weights, crop=224 / 256)  # the peer's resize
        extractor = punar.FeatureExtractor(network, cache=False, device="cpu").fit()
        facts = {"load": time.perf_counter() - started, "start": 0.0, "runtime": "eager"}
        original = runtime.fastest

        def fastest(*args: Any) -> Any:
            started = time.perf_counter()
            found = original(*args)
            found[1](args[3])  # the network is exported when its first batch is run
            facts["start"], facts["runtime"] = time.perf_counter() - started, found[0]
            return found

        runtime.fastest = fastest
        started = time.perf_counter()
        out = extractor.transform(paths)
        facts["seconds"] = time.perf_counter() - started - facts["start"]
    np.save(answer.with_suffix(".npy"), out)
    answer.write_text(json.dumps(facts), encoding="utf-8")


def pictures(name: str, folder: Path, n: int, rounds: int) -> list[str]:
    """Return table lines for one network."""
    import torchvision

    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(weights=None)
    kept = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    save_file(kept, folder / f"{name}.safetensors")
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    rows = {}
    for _ in range(rounds):
        for which in found:
            answer = folder / f"{which}.json"
            subprocess.run([sys.executable, __file__, "--side", which, name, folder, answer], check=True)
            found[which].append(json.loads(answer.read_text(encoding="utf-8")))
            rows[which] = np.load(answer.with_suffix(".npy"))
    pairs = list(zip(found["ours"], found["theirs"], strict=True))
    ours, theirs = ([f["seconds"] for f in found[which]] for which in found)
    print(name, "ours", ours, "theirs", theirs, flush=True)
    ratio = statistics.median(t["seconds"] / o["seconds"] for o, t in pairs)
    whole = statistics.median(t["seconds"] / (o["seconds"] + o["start"]) for o, t in pairs)
    difference = float(np.abs(rows["ours"] - rows["theirs"]).max() / np.abs(rows["theirs"]).max())
    load, start = (statistics.median(o[key] for o, _ in pairs) for key in ("load", "start"))
    return [
        f"| {name} | {n / statistics.median(theirs):.1f} | {n / statistics.median(ours):.1f} | {ratio:.2f} "
        f"| {whole:.2f} | {pairs[-1][0]['runtime']} | {load:.1f} | {start:.1f} | {difference:.1e} |"
    ]


def timed(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    out = run()
    return time.perf_counter() - started, out


def sentences(rounds: int) -> list[str]:
    """Return a table line for SST-2 sentences."""
    from sentence_transformers import SentenceTransformer

    from punar.backbones import minilm

    with open(DATA / "sst2" / "train.csv", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:3000]
    peer = SentenceTransformer(str(minilm._folder()), device="cpu")
    extractor = punar.FeatureExtractor("minilm", cache=False, device="cpu").fit()
    ours, theirs = [], []
    extractor.transform(texts[:64])
    peer.encode(texts[:64])
    for _ in range(rounds):
        seconds, mine = timed(lambda: extractor.transform(texts))
        ours.append(seconds)
        seconds, other = timed(lambda: peer.encode(texts, batch_size=32))
        theirs.append(seconds)
    ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
    print("sentences", ours, theirs, flush=True)
    difference = float(np.abs(mine - other).max())
    n = len(texts)
    return [
        f"| MiniLM, {n:,} sentences | {n / statistics.median(theirs):.0f} | {n / statistics.median(ours):.0f} "
        f"| {ratio:.2f} | {difference:.1e} |"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--side", nargs=4, metavar=("WHICH", "NETWORK", "FOLDER", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        which, name, folder, answer = options.side
        side(which, name, Path(folder), Path(answer))
        return
    need(DATA / "imagenet-samples.zip", DATA / "sst2" / "train.csv")
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUNAR_CACHE_DIR"] = str(Path(folder) / "cache")
        with zipfile.ZipFile(DATA / "imagenet-samples.zip") as file:
            names = sorted(n for n in file.namelist() if n.endswith(".jpg"))[: options.pictures]
            for n in names:
                file.extract(n, folder)
        lines = [
            f"# Feature extraction, {len(names)} JPEG files at 224 pixels",
            "",
            "| network | torchvision eager, items/s | punar, items/s | times faster (wanted 1.7) | start included "
            "| runtime | load, s | export and choice, s | largest relative difference |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name in ("resnet18", "resnet50"):
            lines += pictures(name, Path(folder), len(names), options.rounds)
        lines += [
            "",
            "| sentences | sentence-transformers, items/s | punar, items/s | times faster (wanted 1.0) "
            "| largest difference |",
            "| --- | --- | --- | --- | --- |",
            *sentences(options.rounds),
        ]
    lines += [
        "",
        f"{options.rounds} rounds, alternating; features computed anew each round. Threads: 2. Machine: "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        + ", ".join(
            f"{p} {version(p)}"
            for p in ("torch", "torchvision", "onnxruntime", "sentence-transformers", "transformers")
        )
        + ".",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
