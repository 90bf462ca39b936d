"""Masks, boxes, answers and texts as files: what was predicted comes back from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from punar.cli import _written
from punar.cli._answers import as_rows
from punar.cli._written import Answers
from punar.errors import DataError, ParameterError
from punar.sources import UserItems
from punar.tasks import Table
from punar.texts import predictions as names


def items(*own: str, kind: str = "vision", title: str = "file", folder: Path | None = None) -> UserItems:
    paths = [str(folder / name) if folder else name for name in own]
    return UserItems(paths, None, kind, "some", "some", row_names=own, row_title=title)


def plain(found: UserItems, predictions: Any) -> Answers:
    return Answers(found, predictions, Table(np.arange(len(found)), {names.PREDICTION: list(predictions)}))


def write(form: str, out: Path, answers: Answers) -> str:
    writer = _written.writer_for(form, out, len(answers.found))
    assert writer is not None
    return writer(out, answers)


def test_masks_keep_their_numbers_and_names(tmp_path: Path) -> None:
    masks = [np.array([[0, 7], [254, 3]]), np.array([[1]]), np.array([[7_000, 2]])]
    found = items("a/x.jpg", "a/x.png", "../../y.jpg")
    assert write("masks", tmp_path / "out", plain(found, masks)).startswith("3 masks")
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png"))
    assert files == ["a/x-2.png", "a/x.png", "y.png"], "two pictures of one stem, and none outside the folder"
    for name, mask in zip(["a/x.png", "a/x-2.png", "y.png"], masks, strict=True):
        with Image.open(tmp_path / "out" / name) as picture:
            assert np.array_equal(np.asarray(picture), mask)
            assert picture.mode == ("P" if mask.max() <= 255 else picture.mode)
    with Image.open(tmp_path / "out" / "a/x.png") as picture:
        colours = picture.convert("RGB").getcolors() or []
    assert len(colours) == 4, "each number has a colour of its own"


def test_numbers_that_no_png_holds(tmp_path: Path) -> None:
    for mask in (np.array([[70_000]]), np.array([[-1]])):
        with pytest.raises(ParameterError, match=r"from 0 to 65,535.*masks\.csv"):
            write("masks", tmp_path / "out", plain(items("x.jpg"), [mask]))
    assert not (tmp_path / "out").exists()


def test_absolute_names_stay_in_the_folder(tmp_path: Path) -> None:
    write("masks", tmp_path / "out", plain(items("/etc/x.jpg"), [np.zeros((1, 1), dtype=int)]))
    assert [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")] == ["etc/x.png"]


def test_boxes_are_a_list_of_results(tmp_path: Path) -> None:
    for name in ("a.png", "ख.png"):
        Image.new("RGB", (40, 20)).save(tmp_path / name)
    predictions = [
        {
            "boxes": np.array([[1.25, 2, 11, 12.5], [0, 0, 3, 4]]),
            "labels": np.array(["गाय", "dog"]),
            "scores": [0.9, 0.5],
        },
        {"boxes": np.zeros((0, 4)), "labels": [], "scores": []},
    ]
    said = write("boxes", tmp_path / "boxes.json", plain(items("a.png", "ख.png", folder=tmp_path), predictions))
    assert said.startswith("2 boxes of 2 pictures")
    rows = json.loads((tmp_path / "boxes.json").read_text(encoding="utf-8"))
    assert rows[0] == {
        "image_id": 1, "category_id": 2, "bbox": [1.25, 2, 9.75, 10.5], "score": 0.9, "file_name": "a.png",
        "category": "गाय"
    }  # fmt: skip
    assert [(row["category_id"], row["score"]) for row in rows] == [(2, 0.9), (1, 0.5)]


def test_answers_and_texts(tmp_path: Path) -> None:
    found = items("q1", "q2", kind="text", title="question")
    assert "2 answers" in write("answers", tmp_path / "a.json", plain(found, ["पुणे", ""]))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"q1": "पुणे", "q2": ""}
    write("texts", tmp_path / "t.txt", plain(found, ["दो गायें", "a\nb\u2028c"]))
    assert (tmp_path / "t.txt").read_text(encoding="utf-8") == "दो गायें\na b c\n"


def test_subtitles_of_segments_and_of_whole_recordings(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(12_000, dtype=np.int16))
    one = items("a.wav", kind="audio", folder=tmp_path)
    write("texts", tmp_path / "a.srt", plain(one, ["एक दो"]))
    assert (tmp_path / "a.srt").read_text(encoding="utf-8") == "1\n00:00:00,000 --> 00:00:01,500\nएक दो\n"
    columns = {names.START: [0.0, 3599.9996], names.END: [1.5, 3725.25], names.TEXT: ["एक\n", " two  three"]}
    write("texts", tmp_path / "b.srt", Answers(one, ["x"], Table(np.array([0, 0]), columns)))
    assert (tmp_path / "b.srt").read_text(encoding="utf-8") == (
        "1\n00:00:00,000 --> 00:00:01,500\nएक\n\n2\n01:00:00,000 --> 01:02:05,250\ntwo three\n"
    )
    both = items("a.wav", "x/a.wav", kind="audio", folder=tmp_path)
    with pytest.raises(ParameterError, match=r"one recording, and there are 2\. Name a new folder"):
        write("texts", tmp_path / "c.srt", plain(both, ["a", "b"]))
    columns = {names.START: [0.0, 0.0], names.END: [1.0, 1.0], names.TEXT: ["ek", "do"]}
    write("texts", tmp_path / "srt", Answers(both, ["ek", "do"], Table(np.array([0, 1]), columns)))
    assert "do" in (tmp_path / "srt" / "x" / "a.srt").read_text()
    assert "ek" in (tmp_path / "srt" / "a.srt").read_text()
    texts = items("0", kind="text", title="row")
    with pytest.raises(ParameterError, match="recordings"):
        write("texts", tmp_path / "d.srt", plain(texts, ["a"]))
    (tmp_path / "bad.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"bad\.wav: it cannot be decoded"):
        write("texts", tmp_path / "e.srt", plain(items("bad.wav", kind="audio", folder=tmp_path), ["a"]))


def test_what_out_may_end_in(tmp_path: Path) -> None:
    for form, good, bad in [
        ("masks", ["new", "m.csv", "m.png"], ["m.jpg", "m.json", "m.srt"]),
        ("boxes", ["b.json", "b.csv"], ["b.txt", "new"]),
        ("answers", ["a.json", "a.tsv"], ["a.srt", "new"]),
        ("texts", ["t.txt", "t.srt", "t.csv", "new"], ["t.json", "t.conll"]),
        ("classes", ["c.csv", "c.parquet"], ["c.json", "new"]),
    ]:
        for name in good:
            _written.check(tmp_path / name, may_replace=False, form=form)
            _written.check(tmp_path / name, may_replace=False)
        for name in bad:
            with pytest.raises(ParameterError, match="--out must ") as caught:
                _written.check(tmp_path / name, may_replace=False, form=form)
            assert str(tmp_path / name) in str(caught.value)
    (tmp_path / "old").mkdir()
    with pytest.raises(ParameterError, match="exists already"):
        _written.check(tmp_path / "old", may_replace=True, form="masks")


def test_a_table_of_masks_has_a_row_for_each_number() -> None:
    masks = [np.array([[0, 0], [0, 7]]), np.array([[7]])]
    table = as_rows(Table(np.arange(2), {names.PREDICTION: masks}), masks)
    assert table.item.tolist() == [0, 0, 1]
    assert {k: v.tolist() for k, v in table.columns.items()} == {"value": [0, 7, 7], "share": [0.75, 0.25, 1.0]}
    texts = Table(np.arange(1), {names.PREDICTION: ["a"]})
    assert as_rows(texts, ["a"]) is texts
