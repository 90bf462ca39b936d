"""Folders of pictures and masks: what belongs together, what is left over, and lists that part them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from punar.errors import DataError, ParameterError
from punar.sources import lists_of, read_items


def written(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3)).save(path) if path.suffix == ".png" else path.write_text("")
    return root


def pairs(root: Path | str, **options: object) -> list[tuple[str, str]]:
    found = read_items(root, form="masks", **options)
    assert found.target_kind == "segmentation"
    return [(Path(x).name, Path(y).name) for x, y in zip(found.items, found.labels(), strict=True)]


@pytest.mark.parametrize(
    ("pictures", "masks", "ending"),
    [
        ("images", "masks", ""),
        ("Images", "Masks", "_mask"),
        ("imgs", "gt", "_gt"),
        ("img", "labels", "_L"),
        ("JPEGImages", "SegmentationClass", ""),
        ("image", "annotations", ".mask"),
        ("pictures", "annot", "-labels"),
    ],
)
def test_names_that_are_usual_in_the_field(tmp_path: Path, pictures: str, masks: str, ending: str) -> None:
    written(tmp_path, f"{pictures}/b.png", f"{pictures}/क.png", f"{masks}/क{ending}.png", f"{masks}/b{ending}.png")
    assert pairs(tmp_path) == [("b.png", f"b{ending}.png"), ("क.png", f"क{ending}.png")]


def test_a_mask_with_the_very_name_comes_before_one_with_an_ending(tmp_path: Path) -> None:
    written(tmp_path, "images/a.png", "images/a_mask.png", "masks/a.png", "masks/a_mask.png")
    assert pairs(tmp_path) == [("a.png", "a.png"), ("a_mask.png", "a_mask.png")]


def test_folders_may_be_nested_and_named_apart(tmp_path: Path) -> None:
    written(tmp_path, "seen/x/1.png", "seen/y/1.png", "drawn/x/1.png", "drawn/y/1.png")
    found = read_items(tmp_path / "seen", form="masks", target_path=str(tmp_path / "drawn"))
    assert [Path(y).parent.name for y in found.labels()] == ["x", "y"]
    assert found.row_names == ("x/1.png", "y/1.png")
    with pytest.raises(DataError, match=r"nowhere.*no such file"):
        read_items(tmp_path / "seen", form="masks", target_path=str(tmp_path / "nowhere"))
    with pytest.raises(ParameterError, match="text cannot be used"):
        read_items(tmp_path / "seen", form="masks", target_path=str(tmp_path / "drawn"), text="a")


def test_pictures_without_masks_are_counted_and_named(tmp_path: Path) -> None:
    written(tmp_path, "images/a.png", "images/b.png", "images/c.png", "masks/b.png", "masks/z.png")
    with pytest.raises(DataError, match=r"2 of 3 pictures have no mask.*'a\.png', 'c\.png'.*--skip-bad"):
        pairs(tmp_path)
    found = read_items(tmp_path, form="masks", on_error="skip")
    assert [Path(x).name for x in found.items] == ["b.png"]
    notes = "; ".join(found.notes)
    assert "left out: 2 of 3 pictures" in notes
    assert "1 mask without a picture: 'z.png'" in notes


def test_two_masks_of_one_picture_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "images/a.png", "masks/a_mask.png", "masks/a_gt.png")
    with pytest.raises(DataError, match=r"a_gt\.png and a_mask\.png could both be the mask of a"):
        pairs(tmp_path)
    written(tmp_path / "b", "images/a.png", "masks/a.png", "labels/a.png")
    with pytest.raises(DataError, match=r"'labels', 'masks' could all hold the masks.*--masks FOLDER"):
        pairs(tmp_path / "b")


def test_lists_part_the_pictures_in_their_order(tmp_path: Path) -> None:
    written(tmp_path, *(f"{folder}/{n}.png" for folder in ("images", "masks") for n in "abc"))
    (tmp_path / "train.txt").write_text("c\nimages/a.png masks/a.png\n\n")
    (tmp_path / "test.txt").write_text("b\n")
    assert pairs(tmp_path / "train.txt") == [("c.png", "c.png"), ("a.png", "a.png")]
    assert pairs(tmp_path / "test.txt") == [("b.png", "b.png")]
    assert len(pairs(tmp_path)) == 3
    assert list(lists_of(tmp_path)) == ["train", "test"]
    assert "name a part" in read_items(tmp_path, form="masks").notes[0]
    (tmp_path / "test.txt").write_text("b\nq\n")
    with pytest.raises(DataError, match=r"test\.txt: it names 1 picture that is not there: 'q'"):
        pairs(tmp_path / "test.txt")
    (tmp_path / "test.txt").write_text("\n\n")
    with pytest.raises(DataError, match="names nothing"):
        pairs(tmp_path / "test.txt")


def test_lists_of_voc_and_folders_of_parts(tmp_path: Path) -> None:
    written(tmp_path, "JPEGImages/a.png", "SegmentationClass/a.png", "ImageSets/Segmentation/train.txt")
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("a\n")
    assert pairs(tmp_path / "ImageSets/Segmentation/train.txt") == [("a.png", "a.png")]
    assert lists_of(tmp_path)["train"] == tmp_path / "ImageSets/Segmentation/train.txt"
    written(tmp_path / "parts", "images/train/a.png", "images/val/b.png")
    assert {k: p.name for k, p in lists_of(tmp_path / "parts").items()} == {"train": "train", "val": "val"}
    assert lists_of(tmp_path / "nowhere") == {}


def test_classes_are_named_by_line(tmp_path: Path) -> None:
    written(tmp_path, "images/a.png", "masks/a.png")
    (tmp_path / "classes.txt").write_text("आकाश\nroad\nvoid\n\n", encoding="utf-8")
    found = read_items(tmp_path, form="masks")
    assert found.classes == ("आकाश", "road", "void")
    assert any("value 2 is called 'void'" in note for note in found.notes)


def test_a_table_names_pictures_and_masks(tmp_path: Path) -> None:
    written(tmp_path, "p/a.png", "p/b.png", "m/a.png")
    (tmp_path / "t.csv").write_text("picture,mask\np/a.png,m/a.png\np/b.png,m/b.png\n")
    with pytest.raises(DataError, match=r"line 3: there is no file 'm/b\.png'"):
        pairs(tmp_path / "t.csv", target="mask", path="picture")
    assert pairs(tmp_path / "t.csv", target="mask", path="picture", on_error="skip") == [("a.png", "a.png")]


def test_without_masks_pictures_can_still_be_answered(tmp_path: Path) -> None:
    written(tmp_path, "images/a.png", "images/b.png")
    found = read_items(tmp_path / "images", form="masks")
    assert (len(found), found.y, found.target_kind) == (2, None, None)
    written(tmp_path, "masks/a.png", "masks/b.png")
    assert read_items(tmp_path, form="none").y is None
    # Without that form the two folders are two classes, and a note says what else they may be.
    plain = read_items(tmp_path)
    assert plain.classes == ("images", "masks")
    assert any("--task segmentation" in note for note in plain.notes)
