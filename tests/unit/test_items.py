"""What a user names -> items and labels: folders of files, tables of paths or texts, built-in pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from punar.errors import DataError, ParameterError
from punar.sources import holds_items, kind_of, leave_out_unreadable, read_items, unreadable

TEXTS = ["a stirring and funny film", "reassembled from the cutting room floor", "जो कुछ भी हुआ वह अच्छा था"]


def picture(path: Path, side: int = 8, shade: int = 90) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (shade, 20, 200)).save(path)
    return str(path)


def sound(path: Path, seconds: float = 0.1) -> str:
    from scipy.io import wavfile

    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, 8000, np.zeros(int(8000 * seconds), dtype=np.int16))
    return str(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "चित्र"
    for label in ("cat", "dog"):
        for i in range(3):
            picture(folder / label / f"{i}.png")
    return folder


# -- folders


def test_subfolders_of_pictures_are_classes_and_nothing_is_opened(photos):
    (photos / "cat" / "broken.jpg").write_bytes(b"no picture")
    (photos / "cat" / "notes.txt").write_text("x")
    (photos / ".hidden").mkdir()
    (photos / "empty").mkdir()
    found = read_items(photos)
    assert (found.kind, found.target_kind, found.name) == ("vision", "classification", "चित्र")
    assert found.classes == ("cat", "dog")
    assert list(found.labels()) == ["cat"] * 4 + ["dog"] * 3
    assert found.row_names[0] == str(Path("cat") / "0.png")
    assert found.row_title == "file"
    assert all(Path(p).is_file() for p in found.items)
    said = " ".join(found.notes)
    assert "'notes.txt'" in said
    assert "'empty' holds no pictures" in said


def test_subfolders_of_recordings_are_classes(tmp_path):
    for label in ("one", "two"):
        sound(tmp_path / "speech" / label / "a.wav")
    found = read_items(tmp_path / "speech")
    assert (found.kind, found.classes, len(found)) == ("audio", ("one", "two"), 2)
    assert holds_items(str(tmp_path / "speech"))


def test_a_flat_folder_has_no_labels(tmp_path):
    picture(tmp_path / "flat" / "a.png")
    found = read_items(tmp_path / "flat")
    assert found.y is None
    assert found.labels() is None
    assert not holds_items(str(tmp_path / "flat"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f.mkdir(), ["no pictures", "0 subfolders"]),
        (lambda f: [picture(f / "a.png"), picture(f / "cat" / "a.png")], ["beside 1 subfolder", "move the loose"]),
        (lambda f: [picture(f / "x" / "cat" / "a.png")], ["Deeper subfolders", "'x'"]),
        (lambda f: [picture(f / "x" / "a.png"), sound(f / "y" / "a.wav")], ["1 pictures and 1 recordings"]),
    ],
    ids=["empty", "loose", "deep", "mixed"],
)
def test_folders_that_cannot_be_used(tmp_path, make, words):
    make(tmp_path / "f")
    with pytest.raises(DataError) as caught:
        read_items(tmp_path / "f")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_mixed_folder_is_read_when_told_what_is_meant(tmp_path):
    picture(tmp_path / "f" / "x" / "a.png")
    sound(tmp_path / "f" / "y" / "a.wav")
    assert read_items(tmp_path / "f", kind="audio").classes == ("y",)
    with pytest.raises(DataError, match="texts are read from a csv"):
        read_items(tmp_path / "f", kind="text")


# -- tables


def test_a_table_of_texts_finds_its_column(tmp_path):
    file = tmp_path / "reviews.csv"
    pd.DataFrame({"id": ["r1", "r2", "r3"], "text": TEXTS, "label": [1, 0, 1]}).to_csv(file, index=False)
    found = read_items(file, target="label")
    assert (found.kind, found.items, found.target_kind) == ("text", TEXTS, "classification")
    assert list(found.labels()) == ["1", "0", "1"]
    assert found.row_names == ("0", "1", "2")
    assert "columns that are not used: 'id'" in found.notes
    assert holds_items(str(file), target="label")
    assert not holds_items(str(file))


def test_short_texts_have_to_be_named(tmp_path):
    file = tmp_path / "a.csv"
    pd.DataFrame({"colour": ["red", "blue", "red"], "label": ["x", "y", "x"]}).to_csv(file, index=False)
    with pytest.raises(DataError, match="--text COLUMN"):
        read_items(file, target="label")
    assert read_items(file, target="label", text="colour").items == ["red", "blue", "red"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_a_table_of_paths_beside_the_table(tmp_path, monkeypatch, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="parquet needs the extra 'table'")
    names = [f"pictures/{i}.png" for i in range(4)]
    for name in names:
        picture(tmp_path / "data" / name)
    frame = pd.DataFrame({"file": names, "caption": ["a red circle on blue"] * 4, "weight": [1.5, 2.25, 3.0, 0.5]})
    file = tmp_path / "data" / f"table{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, sep="," if suffix == ".csv" else "\t")
    monkeypatch.chdir(tmp_path)
    found = read_items(Path("data") / file.name, target="weight")
    assert (found.kind, found.target_kind) == ("vision", "regression")
    np.testing.assert_array_equal(found.y, frame["weight"])
    assert found.row_names == tuple(names)
    assert all(Path(p).is_file() for p in found.items)


def test_missing_files_and_labels_are_refused_or_counted(tmp_path):
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    file = tmp_path / "t.csv"
    file.write_text("file,label\na.png,x\nb.png,y\nlost.png,x\n,y\na.png,\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"3 of 5 rows.*line 4: there is no file 'lost.png'.*--skip-bad"):
        read_items(file, target="label")
    found = read_items(file, target="label", on_error="skip")
    assert len(found) == 2
    assert any("3 of 5 rows were left out" in note for note in found.notes)


def test_the_form_decides_how_numbers_are_read(tmp_path):
    file = tmp_path / "t.csv"
    pd.DataFrame({"text": TEXTS * 2, "stars": [1, 2, 3, 1, 2, 3]}).to_csv(file, index=False)
    assert read_items(file, target="stars").target_kind == "classification"
    found = read_items(file, target="stars", form="amounts")
    assert found.target_kind == "regression"
    assert found.labels().dtype == np.float64
    assert read_items(file, target="stars", form="classes").classes == ("1", "2", "3")


def test_several_labels_in_a_field_become_indicators(tmp_path):
    file = tmp_path / "t.csv"
    pd.DataFrame({"text": TEXTS, "tags": ["red; round", "round", " red ;"]}).to_csv(file, index=False)
    found = read_items(file, target="tags", form="sets")
    assert found.classes == ("red", "round")
    np.testing.assert_array_equal(found.labels(), [[1, 1], [0, 1], [1, 0]])
    assert any("in this order: 'red', 'round'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"target": "labl"}, DataError, "Did you mean 'label'"),
        ({"text": "txt"}, DataError, "Did you mean 'text'"),
        ({"text": "text", "path": "text"}, ParameterError, "not both"),
        ({"target": "label", "form": "amounts"}, DataError, "finite numbers"),
        ({"kind": "vision"}, DataError, "no column of pictures"),
        ({"kind": "sound"}, ParameterError, "kind must be"),
        ({"form": "clases"}, ParameterError, "Did you mean 'classes'"),
    ],
)
def test_bad_options_are_explained(tmp_path, options, error, words):
    file = tmp_path / "t.csv"
    pd.DataFrame({"text": TEXTS, "label": ["a", "b", "a"]}).to_csv(file, index=False)
    with pytest.raises(error, match=words):
        read_items(file, **options)


def test_two_columns_of_texts_are_not_guessed_between(tmp_path):
    file = tmp_path / "t.csv"
    pd.DataFrame({"question": TEXTS, "answer": TEXTS[::-1], "label": ["a", "b", "a"]}).to_csv(file, index=False)
    with pytest.raises(DataError, match="'question', 'answer' could"):
        read_items(file, target="label")


# -- arrays and memory


def test_built_in_pictures_are_items_and_tables_are_not():
    found = read_items("digits")
    assert (found.kind, found.items.shape, len(found.classes)) == ("vision", (1797, 8, 8), 10)
    assert not holds_items("digits")
    with pytest.raises(DataError, match="read as table"):
        read_items("iris")
    with pytest.raises(ParameterError, match="text cannot be used with digits"):
        read_items("digits", text="a")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a.png", Path("b.jpg")], "vision"),
        (["a.wav", "b.flac"], "audio"),
        (["one text", "another.", "no.png"], "text"),
        (np.array(["a text"]), "text"),
        (np.zeros((2, 4, 4)), "vision"),
        ([np.zeros((4, 4, 3)), np.zeros((5, 5, 3))], "vision"),
        ([Image.new("L", (4, 4))], "vision"),
        ([np.zeros(100)], "audio"),
        ([(np.zeros(100), 8000)], "audio"),
    ],
)
def test_what_is_in_memory_is_told_by_content(values, kind):
    assert kind_of(values) == kind


@pytest.mark.parametrize("values", [np.zeros((4, 3)), pd.DataFrame({"a": [1]}), [1, 2], []])
def test_what_no_backbone_reads_is_refused(values):
    with pytest.raises(DataError):
        kind_of(values)


# -- items that cannot be opened


def test_unreadable_items_are_counted_named_and_left_out(photos, monkeypatch):
    from punar.data import decode

    (photos / "cat" / "0.png").write_bytes(b"no picture")
    whole = (photos / "dog" / "1.png").read_bytes()
    (photos / "dog" / "1.png").write_bytes(whole[: len(whole) // 2])
    picture(photos / "dog" / "bomb.png", side=70)
    monkeypatch.setattr(decode, "_MOST_PIXELS", 64 * 64)
    found = read_items(photos)
    assert len(found) == 7
    left = leave_out_unreadable(found)
    assert len(left) == 4
    assert len(left.labels()) == 4
    assert "3 of 7 items cannot be read" in left.notes[-1]
    assert "more than 4,096 pixels" in left.notes[-1]
    assert left.row_names == ("cat/1.png", "cat/2.png", "dog/0.png", "dog/2.png")
    assert unreadable(TEXTS, "text") == {}


def test_when_nothing_can_be_opened_it_says_so(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"1 of 1 items cannot be read: a\.wav"):
        leave_out_unreadable(read_items(tmp_path / "f"))
