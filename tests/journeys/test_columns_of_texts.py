"""Tables whose columns are texts: of words and of numbers, with what is said where they do not tell enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

import punar
from punar.errors import DataError, ParameterError
from punar.sources import read_items, read_sequences

NUMBERS = {"one": "001", "two": "007", "three": "3.50", "four": "4", "five": "NA", "six": "12"}


def text(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def sounds(folder: Path, count: int) -> list[str]:
    folder.mkdir(exist_ok=True)
    for i in range(count):
        wavfile.write(folder / f"{i}.wav", 8000, np.zeros(800, dtype=np.int16))
    return [f"{i}.wav" for i in range(count)]


# -- words and digits


@pytest.mark.parametrize("read", [read_items, read_sequences])
def test_of_two_columns_the_other_is_text_as_it_stands(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = text(tmp_path / "t.csv", "english,digits", *(f"{a},{b}" for a, b in NUMBERS.items()))
    found = read(path, form="texts")
    assert (list(found.items), list(found.y)) == (list(NUMBERS), list(NUMBERS.values()))
    back = text(tmp_path / "b.csv", "digits,english", *(f"{b},{a}" for a, b in NUMBERS.items()))
    found = read(back, form="texts")
    assert (list(found.items), list(found.y)) == (list(NUMBERS.values()), list(NUMBERS))
    assert list(read(path, form="texts", text="digits").items) == list(NUMBERS.values())


@pytest.mark.parametrize("suffix", [".jsonl", ".xlsx", ".parquet"])
def test_numbers_of_other_formats_are_texts_too(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"english": ["one", "seven", "none"], "digits": [1, 7, 12], "said": ["001", "007", "0"]})
    path, own = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    for file, columns in ((path, ["english", "digits"]), (own, ["english", "said"])):
        part = frame[columns]
        if suffix == ".jsonl":
            text(file, *(json.dumps(row) for row in part.to_dict("records")))
        elif suffix == ".parquet":
            part.to_parquet(file)
        else:
            pytest.importorskip("openpyxl")
            part.to_excel(file, index=False)
    assert read_items(path, form="texts").y == ["1", "7", "12"]
    assert read_items(own, form="texts").y == ["001", "007", "0"]


def test_whole_numbers_beside_a_gap_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"english": ["one", "two", "three"], "digits": [1.0, 2.0, None]}).to_parquet(path)
    assert read_items(path, form="texts", on_error="skip").y == ["1", "2"]


def test_answers_are_read_as_they_stand(tmp_path: Path) -> None:
    path = text(tmp_path / "q.csv", "question,context,answer", "When?,In 1950 it was.,1950", "How?,It cost 007.,007")
    text(tmp_path / "h.csv", "question,context,answer", "When?,In 1950 it was.,1950", "Why?,It cost 7.,")
    assert read_items(path, form="answers").y == ["1950", "007"]
    assert read_items(tmp_path / "h.csv", form="answers").y == ["1950", ""]


def test_three_columns_are_asked_about(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "english,hindi,note", "one,1,x", "two,2,y")
    with pytest.raises(DataError, match=r"'english', 'hindi', 'note' could each .*--target COLUMN.*--text COLUMN"):
        read_items(path, form="texts")
    with pytest.raises(DataError, match=r"'english', 'note' could each .* to be read.*--text COLUMN"):
        read_items(path, form="texts", target="hindi")
    found = read_items(path, form="texts", target="hindi", text="english")
    assert (found.items, found.y) == (["one", "two"], ["1", "2"])
    found = read_items(path, form="texts", text="english")
    assert found.y is None
    assert any("which of 'hindi', 'note' is to be written was not told" in note for note in found.notes)


def test_a_column_that_names_the_rows_is_no_text(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "id,english,hindi,pair_id", "1,go,जाओ,a", "2,come,आओ,b")
    found = read_items(path, form="texts")
    assert (found.items, found.y) == (["go", "come"], ["जाओ", "आओ"])
    assert "columns that are not used: 'id', 'pair_id'" in found.notes


def test_digits_from_words_on_the_command_line(punar_says: Any) -> None:
    rows = [f"{a},{b}" for a, b in (("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"), ("five", "5"))] * 5
    text(Path("tw.csv"), "english,digits", *rows)
    fit = ("--task", "translation", "--cell", "gru", "--epochs", "1", "--hidden-size", "8")
    said = punar_says("fit", "tw.csv", *fit, "--out", "t")
    assert said.status == 0, said.err
    assert "to be written: the texts of column 'digits'" in said.err
    text(Path("three.csv"), "english,hindi,note", *(f"{row},x" for row in rows))
    said = punar_says("fit", "three.csv", *fit, "--out", "u")
    assert said.status == 2
    assert "'english', 'hindi', 'note'" in said.err
    assert "--target" in said.err


# -- transcripts


def test_a_recording_that_the_table_does_not_name_is_refused_or_said(tmp_path: Path) -> None:
    names = sounds(tmp_path / "r", 12)
    table = text(tmp_path / "r" / "transcripts.csv", "file,text", *(f"{n},one" for n in names if n not in names[4:6]))
    with pytest.raises(DataError, match=r"2 of 12 recordings have no text.*'4\.wav', '5\.wav'.*--skip-bad"):
        read_items(tmp_path / "r", form="texts")
    for found in (
        read_items(tmp_path / "r", form="texts", on_error="skip"),
        read_items(table, form="texts"),
        read_items(tmp_path / "r", form="texts", target_path=str(table)),
        read_sequences(table, form="texts"),
    ):
        assert len(found) == 10
        note = next(note for note in found.notes if "2 of 12 recordings have no text" in note)
        assert "'4.wav', '5.wav'" in note
    text(table, "file,text", *(f"{n},one" for n in names))
    assert not any("no text" in note for note in read_items(tmp_path / "r", form="texts").notes)


def test_a_recording_with_two_texts_is_refused(tmp_path: Path) -> None:
    names = sounds(tmp_path / "r", 3)
    rows = [f"{n},say {n[0]}" for n in names]
    table = text(tmp_path / "r" / "t.csv", "file,text", *rows, "./0.wav,say four")
    for path in (tmp_path / "r", table):
        with pytest.raises(DataError, match=r"'0\.wav' has two texts, 'say 0' \(line 2\) and 'say four' \(line 5\)"):
            read_items(path, form="texts")
    text(table, "file,text", *rows, "0.wav,say  0")
    found = read_items(table, form="texts")
    assert any("1 row said once more what another says, the first in line 5" in note for note in found.notes)


def test_empty_transcripts_are_not_missing_files(tmp_path: Path) -> None:
    names = sounds(tmp_path / "r", 12)
    text(tmp_path / "r" / "t.csv", "file,text", *(f"{n}," for n in names))
    with pytest.raises(DataError, match=r"12 of 12 rows cannot be used: line 2: column 'text' is empty"):
        read_items(tmp_path / "r", form="texts")


def test_missing_masks_are_not_missing_pictures(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    path = text(tmp_path / "t.csv", "picture,mask", *(f"{i}.png,m{i}.png" for i in range(3)))
    with pytest.raises(DataError, match=r"3 of 3 rows cannot be used: line 2: there is no file 'm0\.png'"):
        read_items(path, form="masks", path="picture", target="mask")


@pytest.mark.parametrize("deeper", [False, True])
@pytest.mark.parametrize("kind", [None, "audio"])
def test_names_without_an_ending_are_asked_for_it(tmp_path: Path, deeper: bool, kind: str | None) -> None:
    place = tmp_path / "wavs" if deeper else tmp_path
    for name in sounds(place, 3):
        (place / name).rename(place / f"LJ001-000{name}")
    table = text(tmp_path / "metadata.csv", "file,text", *(f"LJ001-000{i},say number {i}" for i in range(3)))
    said = rf"--path file{f' --root {place}' if deeper else ''} --suffix \.wav"
    for path in (tmp_path, table):
        with pytest.raises(DataError, match=said):
            read_items(path, form="texts", kind=kind)
        asked: dict[str, Any] = {"path": "file", "suffix": ".wav"} | ({"root": str(place)} if deeper else {})
        found = read_items(path, form="texts", **asked)
        assert (found.y, found.kind) == (["say number 0", "say number 1", "say number 2"], "audio")
        assert read_items(path, form="texts", target="text", **asked).y == found.y


def test_what_is_for_columns_is_refused_where_there_are_none(tmp_path: Path) -> None:
    for name in sounds(tmp_path / "r", 2):
        text(tmp_path / "r" / f"{name[0]}.txt", "one")
    for option in ("target", "root"):
        given: dict[str, Any] = {option: "text"}
        with pytest.raises(ParameterError, match=rf"--{option} cannot be used with .*beside the recordings"):
            read_items(tmp_path / "r", form="texts", **given)


def test_subtitles_of_texts_are_refused_at_once(punar_says: Any) -> None:
    read, written = ["one", "two", "three"] * 6, ["1", "2", "3"] * 6
    model = punar.SequenceModel("gru", task="translation", hidden_size=4, epochs=1, random_state=0)
    punar.save(model.fit(read, written), "m")
    text(Path("en.txt"), "one", "two")
    for out in ("o.srt", "o"):
        said = punar_says("predict", "m", "en.txt", "--out", out)
        assert said.status == 2
        assert "are for recordings, and this model reads texts. Name a file that ends in .csv" in said.err
        assert "new folder" not in said.err
        assert not Path(out).exists()
    assert punar_says("predict", "m", "en.txt", "--out", "o.txt").status == 0


# -- what a command says -----------------------------------------------------------------------------------------------


def test_a_json_of_another_task_is_named_without_options_that_are_not_there(punar_says: Any) -> None:
    read, written = ["one", "two", "three"] * 6, ["1", "2", "3"] * 6
    model = punar.SequenceModel("gru", task="translation", hidden_size=4, epochs=1, random_state=0)
    punar.save(model.fit(read, written), "m")
    Path("ok.json").write_text(json.dumps({"images": [{"id": 1}], "annotations": [{"id": 1}, {"id": 2}]}))
    for command in (("predict", "m", "ok.json"), ("report", "m", "ok.json", "--out", "r.html")):
        said = punar_says(*command)
        assert said.status == 2
        assert "for the task detection: a model that was fitted with --task detection reads them" in said.err
        assert "Say so" not in said.err


def test_one_question_on_the_command_line_is_told_how(punar_says: Any) -> None:
    pytest.importorskip("transformers")
    items, y = [("Who won?", "Asha won the race."), ("Who sings?", "Ravi sings a song.")] * 4, ["Asha", "Ravi"] * 4
    model = punar.TransferLearner(
        "minilm", "question_answering", "feature_extraction", epochs=1, random_state=0, evidence="cheap"
    )
    punar.save(model.fit(items, y), "qm")
    for typed in ("Who won? Asha won the race.", "कौन?"):
        said = punar_says("predict", "qm", typed)
        assert said.status == 2
        assert "this model answers a question from a text that is given with it" in said.err
        assert "question,context" in said.err
    assert "a space after it" not in punar_says("predict", "qm", "Who").err
    text(Path("q.csv"), "question,context", '"Who won?","Asha won the race."')
    assert punar_says("predict", "qm", "q.csv").status == 0


def test_masks_of_a_folder_are_named_by_their_files(punar_says: Any) -> None:
    from PIL import Image

    for folder in ("images", "masks"):
        Path("d", folder).mkdir(parents=True)
    for i in range(4):
        Image.new("RGB", (64, 64)).save(f"d/images/{i}.png")
        Image.fromarray(np.eye(64 if i else 32, 64, dtype=np.uint8)).save(f"d/masks/{i}.png")
    said = punar_says("fit", "d", "--task", "segmentation", "--backbone", "starter", "--out", "s")
    assert said.status == 2
    assert "d/masks/0.png" in said.err
    assert "is a mask of 32 x 64 pixels" in said.err
    assert "d/images/0.png" in said.err
