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

from punar.errors import DataError
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
