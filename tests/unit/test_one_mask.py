"""One picture and its mask: named as two files, and answered with one file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from punar.cli import _written
from punar.errors import DataError, ParameterError
from punar.sources import read_items


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder, names in (("images", ("क.png", "b.jpg")), ("labels", ("क_mask.png", "b.png")), (".", ("own.png",))):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / folder / name)
    (tmp_path / "notes.txt").write_text("no mask")
    return tmp_path


@pytest.mark.parametrize(
    ("picture", "masks", "mask"),
    [
        ("images/क.png", "own.png", "own.png"),  # whatever it is called
        ("images/क.png", "labels", "labels/क_mask.png"),
        ("images/b.jpg", "labels", "labels/b.png"),
        ("images/b.jpg", "labels/b.png", "labels/b.png"),
    ],
)
def test_a_picture_goes_with_its_mask_or_with_their_folder(data: Path, picture: str, masks: str, mask: str) -> None:
    found = read_items(data / picture, form="masks", target_path=str(data / masks))
    assert (list(found.items), found.y) == ([str(data / picture)], [str(data / mask)])
    assert found.row_names == (Path(picture).name,)
    assert not any("without a picture" in note for note in found.notes)


@pytest.mark.parametrize(
    ("picture", "masks", "words"),
    [
        ("own.png", "labels", r"1 of 1 pictures have no mask in .*labels: 'own\.png'"),
        ("images/क.png", "notes.txt", "or a picture and its mask, are needed"),
        ("images", "own.png", "a folder of pictures and one of masks, or a picture and its mask, are needed"),
        ("images/क.png", "gone.png", r"gone\.png: there is no such file"),
    ],
)
def test_what_does_not_go_together_is_named(data: Path, picture: str, masks: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_items(data / picture, form="masks", target_path=str(data / masks))


def test_the_mask_of_one_picture_is_one_file(tmp_path: Path) -> None:
    one = SimpleNamespace(row_names=("a.png",), row_title="file", __len__=lambda: 1)
    values = np.array([[0, 3], [255, 1]])
    write = _written.writer_for("masks", tmp_path / "a.png", 1)
    assert write is not None
    assert write(tmp_path / "a.png", _written.Answers(one, [values], None)).startswith("one mask")  # type: ignore
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), values)
    write(tmp_path / "wide.png", _written.Answers(one, [values * 200], None))  # type: ignore[arg-type]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "wide.png")), values * 200)
    with pytest.raises(ParameterError, match=r"for one mask, and there are 2 pictures\. Name a new folder, such as"):
        _written.writer_for("masks", tmp_path / "a.png", 2)
    with pytest.raises(ParameterError, match=r"must end in \.png.*Name it .*a\.png, or"):
        _written.check(tmp_path / "a.jpg", may_replace=False)
