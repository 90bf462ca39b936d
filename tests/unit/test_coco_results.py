"""Boxes that are found are written as COCO's results: with the ids of the file that names the pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from punar.cli import _written
from punar.cli._written import Answers
from punar.sources import UserItems, read_items
from punar.tasks import Table


def pictures(root: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (40, 20)).save(root / name)
    box = {"id": 1, "image_id": 14, "category_id": 7, "bbox": [1, 0, 4, 2], "area": 8, "iscrowd": 0}
    whole = {
        "images": [{"id": i, "file_name": name} for i, name in ((5, "a.png"), (9, "b.png"), (14, "c.png"))],
        "categories": [{"id": 7, "name": "गाय"}],
        "annotations": [box],
    }
    (root / "ann.json").write_text(json.dumps(whole), encoding="utf-8")
    return root / "ann.json"


def written(found: UserItems, labels: list[list[str]], out: Path) -> list[dict[str, object]]:
    predictions = [
        {"boxes": np.array([[1.0, 0, 5, 2]] * len(own)), "labels": own, "scores": [0.5] * len(own)} for own in labels
    ]
    writer = _written.writer_for("boxes", out)
    assert writer is not None
    writer(out, Answers(found, predictions, Table(np.arange(len(found)), {})))
    rows: list[dict[str, object]] = json.loads(out.read_text(encoding="utf-8"))
    return rows


def test_the_ids_are_those_of_the_file(tmp_path: Path) -> None:
    found = read_items(str(pictures(tmp_path)), form="boxes").take([1, 2])
    rows = written(found, [["dog"], ["गाय", "cat"]], tmp_path / "out.json")
    assert [(row["image_id"], row["category_id"]) for row in rows] == [(9, 9), (14, 7), (14, 8)]
    assert [(row["file_name"], row["category"]) for row in rows[:2]] == [("b.png", "dog"), ("c.png", "गाय")]


def test_loadres_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco").COCO
    data = pictures(tmp_path)
    out = tmp_path / "out.json"
    written(read_items(str(data), form="boxes"), [[], [], ["गाय"]], out)
    results = coco(str(data)).loadRes(str(out))
    assert results.getImgIds() == [5, 9, 14]
    assert [row["category_id"] for row in results.loadAnns(results.getAnnIds(imgIds=[14]))] == [7]
