"""Three kinds of blood cells under the microscope, told apart with forty labelled cells of each.

    python examples/blood_cells.py

Cells are cut out of the pictures of BCCD by their boxes. The network, which comes with punar, was pretrained on
animals and vehicles.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

import punar

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "bccd.zip"

SIDES = ("xmin", "ymin", "xmax", "ymax")


def cells(split: str, most: int) -> tuple[list[np.ndarray], list[str]]:
    """Return at most so many cells of each kind, cut out of one split's pictures, and their kinds."""
    found: list[np.ndarray] = []
    kinds: list[str] = []
    with zipfile.ZipFile(DATA) as file:
        listing = next(n for n in file.namelist() if n.endswith(f"ImageSets/Main/{split}.txt"))
        root = listing.removesuffix(f"ImageSets/Main/{split}.txt")
        for name in file.read(listing).decode().split():
            picture = Image.open(io.BytesIO(file.read(f"{root}JPEGImages/{name}.jpg"))).convert("RGB")
            for box in ElementTree.fromstring(file.read(f"{root}Annotations/{name}.xml")).iter("object"):
                kind = str(box.findtext("name"))
                left, top, right, bottom = (
                    int(box.findtext(f"bndbox/{s}", "0")) for s in ("xmin", "ymin", "xmax", "ymax")
                )
                if kinds.count(kind) < most and min(right - left, bottom - top) > 4:
                    found.append(np.asarray(picture.crop((left, top, right, bottom))))
                    kinds.append(kind)
    return found, kinds


def main() -> tuple[float, float]:
    """Return the accuracy on cells of other people's blood, and that of chance."""
    model = punar.TransferLearner("starter", random_state=0).fit(*cells("train", 40))
    X, y = cells("test", 60)
    score, chance = model.score(X, y), max(map(y.count, set(y))) / len(y)
    print(model.fit_report_)
    print(f"On {len(y)} cells of the test pictures: accuracy {score:.3f}; always the commonest kind: {chance:.3f}")
    return score, chance


if __name__ == "__main__":
    main()
