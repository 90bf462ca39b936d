"""What files say of sizes, ids, lines and parts is kept: what does not fit together is refused, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from punar.errors import DataError
from punar.sources import read_items

# -- sizes


def picture(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def voc(root: Path, size: str) -> Path:
    """Return the folder of one picture of 64 x 48 (width x height) with one box, whose xml file says ``size``."""
    picture(root / "JPEGImages" / "a.png")
    (root / "Annotations").mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    (root / "Annotations" / "a.xml").write_text(
        f"<annotation>{size}<object><name>cow</name>{box}</object></annotation>"
    )
    return root


def sides(width: object, height: object) -> str:
    return f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"


@pytest.mark.parametrize("size", [sides(10, 10), sides("10.0", " 10 "), sides(64, 47)])
def test_voc_boxes_of_another_copy_of_the_picture_are_refused(tmp_path: Path, size: str) -> None:
    root = voc(tmp_path, size)
    said = r"a\.xml: the picture a\.png is \d+ x \d+ pixels .* in its xml file, and 64 x 48 in its file: .* scale"
    with pytest.raises(DataError, match=said):
        read_items(root, form="boxes")
    with pytest.raises(DataError, match=said):
        read_items(root / "JPEGImages", form="boxes", target_path=str(root / "Annotations"))


@pytest.mark.parametrize(
    "size",
    ["", "<size/>", sides(0, 0), sides(64, 48), sides("64.0", 48), sides(48, 64), sides("", ""), sides("?", "?")],
)
def test_voc_sizes_that_are_right_or_not_known_are_taken(tmp_path: Path, size: str) -> None:
    assert read_items(voc(tmp_path, size), form="boxes").labels()[0]["boxes"].tolist() == [[1, 2, 9, 8]]
