"""Cats or dogs? Two hundred small photographs, a network that comes with punar, and a head fitted in seconds.

    python examples/two_kinds_of_animals.py

The pictures are from the test part of CIFAR-10, which the network never saw; it was pretrained on the training part.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

import punar

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10.zip"
ANIMALS = ("cat", "dog")


def pictures(begin: int, end: int) -> tuple[np.ndarray, list[str]]:
    """Return pictures (n, 32, 32, 3) of both animals by their place in the file, and what each shows."""
    found, names = [], []
    with zipfile.ZipFile(DATA) as file:
        for animal in ANIMALS:
            for i in range(begin, end):
                found.append(np.asarray(Image.open(io.BytesIO(file.read(f"test/{animal}/{i:04d}.jpg"))).convert("RGB")))
                names.append(animal)
    return np.stack(found), names


def main() -> tuple[float, float]:
    """Return the accuracy on other pictures, and that of chance."""
    model = punar.TransferLearner("starter", random_state=0).fit(*pictures(0, 100))
    X, y = pictures(100, 300)
    score = model.score(X, y)
    print(model.fit_report_)
    print(f"On {len(y)} other pictures: accuracy {score:.3f}; always one animal: 0.500")
    return score, 0.5


if __name__ == "__main__":
    main()
