"""What files say of sizes, ids, lines and parts is kept: what does not fit together is refused, with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from punar.cli import _written
from punar.cli._written import Answers
from punar.errors import DataError
from punar.sources import UserItems, read_items
from punar.tasks import Table

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


# -- ids


def coco(root: Path, **others: Any) -> Path:
    picture(root / "images" / "a.png")
    whole: dict[str, Any] = {
        "images": [{"id": 3, "file_name": "images/a.png"}],
        "categories": [{"id": 7, "name": "cow"}, {"id": 8, "name": "cat"}],
        "annotations": [{"image_id": 3, "category_id": 7, "bbox": [1, 2, 8, 6]}],
    }
    (root / "boxes.json").write_text(json.dumps(whole | others))
    return root / "boxes.json"


@pytest.mark.parametrize(("first", "second"), [(7, 8), ("a", "b"), (8, 7)])
def test_coco_categories_of_one_name_are_refused_with_their_ids(tmp_path: Path, first: Any, second: Any) -> None:
    file = coco(
        tmp_path,
        categories=[{"id": first, "name": "cow"}, {"id": 2, "name": "cat"}, {"id": second, "name": "cow"}],
        annotations=[{"image_id": 3, "category_id": first, "bbox": [1, 2, 8, 6]}],
    )
    said = rf"boxes\.json: the name 'cow' stands in categories twice, with the ids {first!r} and {second!r}; .*remove"
    with pytest.raises(DataError, match=said):
        read_items(file, form="boxes")


def test_coco_categories_of_different_names_keep_their_ids(tmp_path: Path) -> None:
    assert read_items(coco(tmp_path), form="boxes").class_ids == {"cow": 7, "cat": 8}


def test_a_coco_picture_that_is_named_in_two_ways_is_one(tmp_path: Path) -> None:
    images = [{"id": 3, "file_name": "images/a.png"}, {"id": 4, "file_name": "./images//a.png"}]
    with pytest.raises(DataError, match="stands in images twice, with the ids 3 and 4"):
        read_items(coco(tmp_path, images=images), form="boxes")


def test_yolo_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("2 .5 .5 .2 .2\n")
    (tmp_path / "classes.txt").write_text("cow\ncat\ncow\n")
    with pytest.raises(DataError, match=r"the classes 0 and 2 are both called 'cow' .* different names"):
        read_items(tmp_path, form="boxes")
    (tmp_path / "classes.txt").write_text("cow\ncat\ncalf\n")
    assert read_items(tmp_path, form="boxes").labels()[0]["labels"] == ["calf"]


def squad(path: Path, ids: list[Any]) -> Path:
    rows = [{"question": f"Who, {i}?"} | ({} if each == "" else {"id": each}) for i, each in enumerate(ids)]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Asha sang.", "qas": rows}]}]}))
    return path


def test_squad_questions_of_one_id_are_refused_by_their_ids(tmp_path: Path) -> None:
    file = squad(tmp_path / "dev.json", ["q1", "q2", "q1", 5, "5"])
    with pytest.raises(
        DataError, match=r"dev\.json: 2 ids belong to more than one .*: 'q1', '5'\. Give each"
    ) as caught:
        read_items(file, form="answers")
    assert "q2" not in str(caught.value)
    with pytest.raises(DataError, match=r"1 id belongs to more than one question, .*: 'q1'\."):
        read_items(squad(file, ["q1", "q1"]), form="answers")


def test_squad_questions_have_ids_or_none_has(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    assert read_items(squad(file, ["q1", 5]), form="answers").row_names == ("q1", "5")
    assert read_items(squad(file, ["", None]), form="answers").row_names == ("0", "1")
    with pytest.raises(DataError, match=r"1 of 3 questions have no id, the first is number 2, .* Give each an id"):
        read_items(squad(file, ["1", "", "x"]), form="answers")
    for wrong in (True, 1.5, ["q"]):
        with pytest.raises(DataError, match=r"qas\[0\]: the id of a question must be a text or a whole number"):
            read_items(squad(file, [wrong]), form="answers")


def answers(names: tuple[str, ...]) -> Answers:
    found = UserItems([("Who?", "Asha.")] * len(names), None, "text", "dev", "dev", row_names=names)
    return Answers(found, [f"answer {i}" for i in range(len(names))], Table(np.arange(len(names)), {}))


def test_no_answer_is_lost_to_another_of_its_name(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    write = _written.writer_for("answers", out)
    assert write is not None
    with pytest.raises(DataError, match=r"dev: two questions are called 'b', and .*out\.json holds one answer by each"):
        write(out, answers(("a", "b", "b")))
    assert not out.exists()
    write(out, answers(("a", "b")))
    assert json.loads(out.read_text()) == {"a": "answer 0", "b": "answer 1"}
