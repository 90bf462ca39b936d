"""Boxes that would teach what is not so are refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punar.errors import DataError
from punar.sources import read_items
from punar.tasks.detection import Detection


def test_a_picture_that_stands_in_a_coco_file_twice_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "ख.png")
    whole = {
        "images": [{"id": 5, "file_name": "ख.png"}, {"id": 6, "file_name": "ख.png"}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [{"id": k, "image_id": k, "category_id": 1, "bbox": [k, 1, 4, 4]} for k in (5, 6)],
    }
    (tmp_path / "ann.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(DataError, match=r"'ख\.png' stands in images twice, with the ids 5 and 6\. Give all"):
        read_items(tmp_path / "ann.json", form="boxes")


@pytest.mark.parametrize("crowd", [[0, 1], torch.tensor([False, True]), np.array([0, 1]), 1])
def test_crowds_are_no_examples(crowd: object) -> None:
    own = {"boxes": [[1, 1, 5, 5], [2, 2, 9, 9]], "labels": ["a", "a"]}
    with pytest.raises(DataError, match=r"fit: y\[0\]\['iscrowd'\] marks boxes around many things.*Leave those boxes"):
        Detection().learn([own | {"iscrowd": crowd}], "fit")
    targets = Detection().learn([own | {"iscrowd": torch.zeros(2), "area": [16, 49]}], "fit")
    assert targets.item(0)["boxes"].tolist() == own["boxes"]
