"""Real pictures and weights for the transfer benchmarks, from ../shared/data; nothing of it is in this repository."""

from __future__ import annotations

import csv
import io
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
MOBILENET = DATA / "weights" / "mobilenet_v2_imagenet" / "mobilenetv2_100_same_bnstats.safetensors"
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def need(*paths: Path) -> None:
    """End with a sentence where a file is absent."""
    missing = [str(p) for p in paths if not p.exists()]
    if missing:
        sys.exit(f"this benchmark needs {', '.join(missing)}, which is not here")


def imagenet_samples() -> tuple[list[Image.Image], np.ndarray]:
    """Return one picture of each ImageNet class and its class index."""
    need(DATA / "imagenet-samples.zip")
    with zipfile.ZipFile(DATA / "imagenet-samples.zip") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file.open("labels.csv"), encoding="utf-8")))
        names = [n for n in file.namelist() if n.endswith(".jpg")]
        where = {Path(n).name: n for n in names}
        pictures = [Image.open(io.BytesIO(file.read(where[Path(r["file"]).name]))) for r in rows]
    return pictures, np.array([int(r["index"]) for r in rows])


def cifar(split: str, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random CIFAR-10 pictures (n, 32, 32, 3) uint8, ``per_class`` of each class, and their class names."""
    need(DATA / "cifar10.zip")
    rng = np.random.default_rng(seed)
    X, y = [], []
    with zipfile.ZipFile(DATA / "cifar10.zip") as file:
        names = [n for n in file.namelist() if n.endswith(".jpg")]
        for label in CIFAR_CLASSES:
            own = sorted(n for n in names if f"{split}/{label}/" in n)
            for i in rng.choice(len(own), per_class, replace=False):
                X.append(np.asarray(Image.open(io.BytesIO(file.read(own[i]))).convert("RGB")))
                y.append(label)
    return np.stack(X), np.array(y)


def blood_cells(split: str, margin: float = 0.15) -> tuple[list[np.ndarray], np.ndarray]:
    """Return square crops around the boxes of one split (train, val or test) and their cell types."""
    need(DATA / "bccd.zip")
    X, y = [], []
    with zipfile.ZipFile(DATA / "bccd.zip") as file:
        root = next(n for n in file.namelist() if n.endswith(f"ImageSets/Main/{split}.txt"))
        prefix = root.removesuffix(f"ImageSets/Main/{split}.txt")
        for name in file.read(root).decode().split():
            picture = Image.open(io.BytesIO(file.read(f"{prefix}JPEGImages/{name}.jpg"))).convert("RGB")
            for box in ElementTree.fromstring(file.read(f"{prefix}Annotations/{name}.xml")).iter("object"):
                left, top, right, bottom = (int(box.find(f"bndbox/{s}").text) for s in ("xmin", "ymin", "xmax", "ymax"))
                side = max(right - left, bottom - top) * (1 + 2 * margin)
                if min(right - left, bottom - top) < 4:
                    continue
                x, z = (left + right) / 2, (top + bottom) / 2
                crop = picture.crop(
                    (round(x - side / 2), round(z - side / 2), round(x + side / 2), round(z + side / 2))
                )
                X.append(np.asarray(crop))
                y.append(box.find("name").text)
    return X, np.array(y)


def some(X: list[np.ndarray], y: np.ndarray, per_class: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return at most ``per_class`` random items of each class."""
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        chosen += list(rng.choice(own, min(per_class, len(own)), replace=False))
    return [X[i] for i in chosen], y[np.array(chosen)]
