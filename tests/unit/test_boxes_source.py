"""COCO, Pascal VOC and YOLO: the same boxes from each, and what is damaged or hostile is one error with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from punar.errors import DataError, PunarError
from punar.sources import read_items


def picture(path: Path, size: tuple[int, int] = (40, 20), *, turned: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size)
    exif = image.getexif()
    if turned:
        exif[0x0112] = 6
    image.save(path, exif=exif)
    return path


def coco(root: Path, annotations: list[dict[str, Any]], **others: Any) -> Path:
    whole = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 5, "name": "गाय"}, {"id": 9, "name": "dog"}],
        "annotations": annotations,
    }
    path = root / "boxes.json"
    path.write_text(json.dumps(whole | others), encoding="utf-8")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        picture(tmp_path / "images" / name)
    return tmp_path


def boxes(path: Path | str, **options: Any) -> list[tuple[list[list[float]], list[str]]]:
    found = read_items(path, form="boxes", **options)
    assert found.target_kind == "detection"
    return [(np.round(y["boxes"], 6).tolist(), y["labels"]) for y in found.labels()]


EXPECTED = [([[4, 2, 14, 12], [0, 0, 40, 20]], ["गाय", "dog"]), ([], [])]


def test_the_three_formats_give_the_same(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = coco(
        root,
        [
            {"image_id": 1, "category_id": 5, "bbox": [4, 2, 10, 10]},
            {"image_id": 1, "category_id": 9, "bbox": [0, 0, 40, 20]},
        ],
    )
    assert boxes(file) == boxes(root) == EXPECTED
    assert boxes(root / "images", target_path=str(file)) == EXPECTED
    voc = tmp_path_factory.mktemp("voc")
    for name in ("a", "b"):
        picture(voc / "JPEGImages" / f"{name}.png")
    (voc / "Annotations").mkdir()
    (voc / "Annotations" / "a.xml").write_text(xml(("गाय", 4, 2, 14, 12), ("dog", 0, 0, 40, 20)), encoding="utf-8")
    (voc / "Annotations" / "b.xml").write_text(xml(), encoding="utf-8")
    assert boxes(voc) == EXPECTED
    assert boxes(voc / "JPEGImages", target_path=str(voc / "Annotations")) == EXPECTED
    yolo = tmp_path_factory.mktemp("yolo")
    for name in ("a", "b"):
        picture(yolo / "images" / "train" / f"{name}.png")
    (yolo / "labels" / "train").mkdir(parents=True)
    (yolo / "labels" / "train" / "a.txt").write_text("0 .225 .35 .25 .5\n1 0.5 0.5 1 1\n")
    (yolo / "data.yaml").write_text("train: images/train\nnames:\n  0: गाय\n  1: dog\n", encoding="utf-8")
    assert boxes(yolo) == boxes(yolo / "images" / "train") == EXPECTED


def xml(*objects: tuple[str, float, float, float, float], inside: str = "") -> str:
    rows = "".join(
        f"<object>\n<name>{n}</name><part><name>ear</name><bndbox><xmin>0</xmin></bndbox></part>"
        f"<bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>\n"
        for n, a, b, c, d in objects
    )
    return f"<annotation>\n{inside}{rows}</annotation>"


def test_notes_count_labels_empty_pictures_and_boxes_without_area(root: Path) -> None:
    one = {"image_id": 1, "category_id": 5}
    file = coco(root, [one | {"bbox": [1, 1, 0, 5]}, one | {"bbox": [1, 1, 2, 2], "iscrowd": 1}])
    found = read_items(file, form="boxes")
    said = "; ".join(found.notes)
    assert "1 box: गाय 1" in said
    assert "1 picture without any box: 'b.png'" in said
    assert "boxes without area are in 'a.png'" in said
    assert "1 annotation of a crowd" in said
    assert found.labels()[0]["boxes"].tolist() == [[1, 1, 1, 6]]
    assert found.classes == ("गाय", "dog")


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"image_id": 7}, r"annotations\[0\]: image_id 7 is none of images"),
        ({"category_id": 6}, r"annotations\[0\]: category_id 6 is none of categories"),
        ({"bbox": [1, 2, 3]}, r"annotations\[0\]: bbox must be \[x, y, width, height\]"),
        ({"bbox": "1 2 3 4"}, "bbox must be a list"),
        ({"bbox": [1, 2, "wide", 4]}, "bbox must be a number, found 'wide'"),
        ({"bbox": [1, 2, -3, 4]}, "x from 1 to -2"),
        ({"bbox": [1, 2, 1e300, 4]}, "four finite numbers"),
        ({"bbox": [1, 2, 10**400, 4]}, "four finite numbers"),
        ({"bbox": [1, 2, float("nan"), 4]}, "four finite numbers"),
        ({"image_id": True}, "image_id must be a number or a text"),
    ],
)
def test_a_wrong_annotation_is_named_by_its_place(root: Path, annotation: dict[str, Any], said: str) -> None:
    file = coco(root, [{"image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]} | annotation])
    with pytest.raises(DataError, match=said) as caught:
        boxes(file)
    assert "boxes.json" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ("[1]", "must be an object"),
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ('{"images": []}', "categories must be a list"),
        ('{"images": [], "categories": [], "annotations": []}', "there is no picture in it"),
        ('{"images": [3], "categories": [], "annotations": []}', r"images\[0\]: it must be an object"),
        ('{"images": [{"id": 1}], "categories": [], "annotations": []}', "file_name must be a text"),
    ],
)
def test_another_json_is_one_error(root: Path, whole: str, said: str) -> None:
    (root / "boxes.json").write_text(whole)
    with pytest.raises(DataError, match=said):
        boxes(root / "boxes.json")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "images/../../x.png", "..\\x.png", " ", "a\0b"])
def test_nothing_outside_the_folder_is_named(root: Path, name: str) -> None:
    file = coco(root, [], images=[{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": name}])
    with pytest.raises(DataError, match="must lie inside"):
        boxes(file)


def test_two_files_of_boxes_have_to_be_told_apart(root: Path) -> None:
    file = coco(root, [])
    (root / "annotations").mkdir()
    (root / "annotations" / "val.json").write_bytes(file.read_bytes())
    with pytest.raises(DataError, match=r"'boxes\.json', 'val\.json' could all hold the boxes"):
        boxes(root)
    assert len(boxes(root / "annotations" / "val.json")) == 2


def test_pictures_of_a_json_that_are_not_there(root: Path, tmp_path: Path) -> None:
    file = coco(root, [], images=[{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "c.png"}])
    with pytest.raises(DataError, match=r"1 of 2 pictures are not in .*'c\.png'"):
        boxes(file)
    assert len(boxes(file, on_error="skip")) == 1
    (tmp_path / "far").mkdir()
    picture(tmp_path / "far" / "deep" / "x" / "q.png")
    file = coco(tmp_path / "far", [], images=[{"id": 1, "file_name": "q.png"}])
    with pytest.raises(DataError, match="--root FOLDER"):
        boxes(file)
    assert len(boxes(file, root=str(tmp_path / "far" / "deep" / "x"))) == 1


# -- Pascal VOC


def voc(root: Path, text: str | bytes) -> Path:
    (root / "Annotations").mkdir(exist_ok=True)
    for name in ("a", "b"):
        path = root / "Annotations" / f"{name}.xml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;">]>\n<annotation>&y;</annotation>'
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n<annotation><object><name>&x;</name></object></annotation>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, r"a\.xml, line 1: it declares the entity 'x'"),
        (BOMB.encode("utf-16"), "it declares the entity"),
        (FILE, "it declares the entity"),
        ("<annotation>\n<object>\n", r"a\.xml, line 3: this is no xml"),
        ("", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture"),
        (xml(("cow", 5, 0, 1, 4)), r"a\.xml, line 2: a box runs from its left upper corner"),
        (xml(("cow", 0, 0, "1e999", 4)), "line 2: a box needs four finite numbers"),  # type: ignore[arg-type]
        (xml(("cow", 0, 0, "wide", 4)), "line 2: xmax must be a number, found 'wide'"),  # type: ignore[arg-type]
        (xml(("", 0, 0, 1, 4)), "the object has no name"),
        ("<annotation><object><name>a</name></object></annotation>", "has no xmin, ymin, xmax, ymax"),
    ],
)
def test_a_damaged_xml_file_is_named_with_its_line(root: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        boxes(voc(root, text))
    assert "Annotations" in str(caught.value)


def test_lists_and_pictures_without_xml(root: Path) -> None:
    voc(root, xml(("cow", 0, 0, 3, 4)))
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("b  1\n")
    assert read_items(root / "ImageSets" / "Main" / "train.txt", form="boxes").row_names == ("b.png",)
    (root / "Annotations" / "a.xml").unlink()
    with pytest.raises(DataError, match=r"1 of 2 pictures have no xml file.*'a\.png'"):
        boxes(root)
    assert len(boxes(root, on_error="skip")) == 1


# -- YOLO


def yolo(root: Path, line: str) -> Path:
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / "a.txt").write_text(f"0 .5 .5 .5 .5\n{line}\n")
    (root / "classes.txt").write_text("cow\n")
    return root


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 .5 .5", r"a\.txt, line 2: a box is 'class x y width height'"),
        ("0 .5 .5 2.5 .5", "shares of the picture from 0 to 1"),
        ("0 .5 .5 nan .5", "shares of the picture"),
        ("0 .5 .5 x .5", "must be a number, found 'x'"),
        ("3 .5 .5 .1 .1", r"line 2: class '3' has no name; there are 1: 'cow'"),
        ("-1 .5 .5 .1 .1", "the class must be a number from 0"),
    ],
)
def test_a_wrong_line_is_named(root: Path, line: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        boxes(yolo(root, line))


def test_outlines_turned_pictures_and_classes_by_number(root: Path) -> None:
    picture(root / "images" / "a.png", turned=True)  # 20 wide and 40 high as it is seen
    yolo(root, "0 .1 .1 .3 .1 .3 .6 .1 .5")
    assert boxes(root)[0][0] == [[5, 10, 15, 30], [2, 4, 6, 24]]
    (root / "classes.txt").unlink()
    assert boxes(root)[0][1] == ["0", "0"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: &a [x]\nother: *a\n", "alias"),
        ("names: {0: a, 2: b}", "number them from 0"),
        ("names: [", "this is no yaml"),
        ("!!python/object/apply:os.system ['echo']", "this is no yaml"),
    ],
)
def test_a_hostile_yaml_is_one_error(root: Path, text: str, said: str) -> None:
    pytest.importorskip("yaml")
    yolo(root, "")
    (root / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=said):
        boxes(root)


def test_a_picture_that_cannot_be_opened(root: Path) -> None:
    yolo(root, "")
    (root / "images" / "b.png").write_text("no picture")
    with pytest.raises(DataError, match=r"1 of 2 pictures cannot be opened: 'b\.png \(not a picture"):
        boxes(root)


def test_pictures_alone_and_no_boxes_anywhere(root: Path) -> None:
    (root / "images" / "meta.json").write_text('{"camera": "x"}')
    (root / "images" / "empty.json").write_text("")
    assert read_items(root / "images", form="boxes").y is None
    with pytest.raises(PunarError):
        read_items(root / "nowhere", form="boxes")
