"""MNIST from the shared data folder, for the benchmarks that need it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import numpy as np
import torch

import punar

_BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "mnist.npz"
PLACE = Path(os.environ.get("PUNAR_MNIST", _BESIDE))


def load() -> tuple[np.ndarray, np.ndarray]:
    """Return training and test pictures, (n, 784) float32 in [0, 1]."""
    if not PLACE.exists():
        sys.exit("MNIST is not here: set PUNAR_MNIST to an npz file with train_images and test_images (uint8).")
    with np.load(PLACE) as file:
        return tuple((file[k].reshape(-1, 784) / 255).astype(np.float32) for k in ("train_images", "test_images"))


def machine() -> str:
    """Return one line about machine and versions."""
    return (
        f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, punar {punar.__version__}"
    )
