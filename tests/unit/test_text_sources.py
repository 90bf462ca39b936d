"""Questions with answers, sentences with translations, recordings with what is said in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from punar.errors import DataError, ParameterError
from punar.sources import read_items, read_sequences


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, 8000, np.zeros(8, dtype=np.int16))
    return path


# -- answers


def squad(path: Path, *qas: dict[str, Any], context: str = "Ram went to Pune.") -> Path:
    whole = {"version": "1.1", "data": [{"title": "x", "paragraphs": [{"context": context, "qas": list(qas)}]}]}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


PUNE = {"text": "Pune", "answer_start": 12}


def test_squad_of_both_versions(tmp_path: Path) -> None:
    path = squad(
        tmp_path / "s.json",
        {"id": "q1", "question": "Where?", "answers": [PUNE, {"text": "to Pune", "answer_start": 9}]},
        {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True},
    )
    found = read_items(path, form="answers")
    assert found.items == [("Where?", "Ram went to Pune."), ("Why?", "Ram went to Pune.")]
    assert found.labels() == [
        {"text": ["Pune", "to Pune"], "answer_start": [12, 9]},
        {"text": [], "answer_start": []},
    ]
    assert (found.row_names, found.row_title, found.target_kind) == (("q1", "q2"), "question", "question_answering")
    assert "1 question that the context does not answer" in found.notes


def test_questions_alone_can_be_answered(tmp_path: Path) -> None:
    found = read_items(squad(tmp_path / "s.json", {"id": "q", "question": "Where?"}), form="answers")
    assert (found.y, len(found)) == (None, 1)
    path = squad(tmp_path / "s.json", {"id": "q", "question": "a"}, {"id": "r", "question": "b", "answers": [PUNE]})
    with pytest.raises(DataError, match=r"1 question of 2 without answers.*is_impossible"):
        read_items(path, form="answers")


@pytest.mark.parametrize(
    ("qa", "said"),
    [
        ({"answers": [{"text": "Pune", "answer_start": 11}]}, r"qas\[0\], answers\[0\]: .*where there is ' Pun'"),
        ({"answers": [{"text": "Pune", "answer_start": -5}]}, "must stand in the context"),
        ({"answers": [{"text": "Pune", "answer_start": 10**9}]}, "must stand in the context"),
        ({"answers": [{"text": "", "answer_start": 0}]}, "must stand in the context"),
        ({"answers": [{"text": "Pune"}]}, "answer_start must be a whole number"),
        ({"answers": "Pune"}, "answers must be a list"),
        ({"question": None}, "question must be a text"),
    ],
)
def test_a_wrong_answer_is_named_by_its_place(tmp_path: Path, qa: dict[str, Any], said: str) -> None:
    path = squad(tmp_path / "s.json", {"id": "a", "question": "Where?", "answers": [PUNE]} | qa)
    with pytest.raises(DataError, match=said) as caught:
        read_items(path, form="answers")
    assert "s.json, data[0], paragraphs[0], qas[0]" in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_three_columns(tmp_path: Path, suffix: str) -> None:
    rows = [("Where?", "Ram went to Pune.", "Pune"), ("Why?", "Ram went to Pune.", "")]
    names = ("question", "context", "answer")
    path = tmp_path / f"t{suffix}"
    if suffix == ".jsonl":
        text(path, *(json.dumps(dict(zip(names, row, strict=True))) for row in rows))
    else:
        text(path, *(("\t" if suffix == ".tsv" else ",").join(row) for row in [names, *rows]))
    found = read_items(path, form="answers")
    assert found.items == [(q, c) for q, c, _ in rows]
    assert found.labels() == ["Pune", ""]
    assert any("1 question without an answer" in note for note in found.notes)
    assert read_items(path, form="answers", kind="text").target_kind == "question_answering"


def test_columns_of_other_names_and_missing_ones(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "query,story,reply,more", "Where?,Ram went to Pune.,7,x", ",a story,b,c")
    with pytest.raises(DataError, match=r"a column 'question', a column 'context'.*'query', 'story'"):
        read_items(path, form="answers")
    with pytest.raises(DataError, match=r"1 of 2 rows cannot be used: line 3: its question is empty"):
        read_items(path, form="answers", text="story", target="reply")
    found = read_items(path, form="answers", text="story", target="reply", on_error="skip", keep=["more"])
    assert (found.items, found.labels()) == ([("Where?", "Ram went to Pune.")], ["7"])
    assert found.kept["more"].tolist() == ["x"]
    with pytest.raises(DataError, match="no column 'replies'"):
        read_items(path, form="answers", text="story", target="replies")


# -- translations


def pairs(path: Path | str, **options: Any) -> list[tuple[str, str]]:
    found = read_items(path, form="texts", **options)
    assert found.target_kind == "translation"
    return list(zip(found.items, found.labels(), strict=True))


def test_two_columns_in_the_order_of_the_file_or_as_named(tmp_path: Path) -> None:
    path = text(tmp_path / "t.tsv", "english\thindi", "Go.\tजाओ।", "None\tकोई नहीं")
    assert pairs(path) == [("Go.", "जाओ।"), ("None", "कोई नहीं")]
    assert pairs(path, target="english") == [("जाओ।", "Go."), ("कोई नहीं", "None")]
    assert pairs(path, text="hindi") == [("जाओ।", "Go."), ("कोई नहीं", "None")]
    path = text(tmp_path / "u.csv", "target,id,source", "जाओ,x,go", "आओ,y,come")
    assert pairs(path) == [("go", "जाओ"), ("come", "आओ")]
    path = text(tmp_path / "v.csv", "a,b,c", "one,two,three")
    with pytest.raises(DataError, match=r"--text COLUMN"):
        pairs(path)
    path = text(tmp_path / "n.csv", "words,digits", "seven,007", "ten,010")
    assert pairs(path, target="digits") == [("seven", "007"), ("ten", "010")]


def test_one_column_and_plain_lines_have_no_target(tmp_path: Path) -> None:
    for path in (text(tmp_path / "a.csv", "english", "Go.", "Come."), text(tmp_path / "a.txt", "Go.", "Come.")):
        found = read_items(path, form="texts", kind="text")
        assert (found.items, found.y) == (["Go.", "Come."], None)


def test_an_empty_half_is_refused_or_left_out(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "english,hindi", "Go.,जाओ", "Stop.,")
    with pytest.raises(DataError, match=r"line 3: column 'hindi' is empty"):
        pairs(path)
    assert pairs(path, on_error="skip") == [("Go.", "जाओ")]


def test_two_files_line_by_line(tmp_path: Path) -> None:
    english, hindi = text(tmp_path / "en.txt", "Go.", "", "Come."), text(tmp_path / "hi.txt", "जाओ", "", "आओ")
    expected = [("Go.", "जाओ"), ("Come.", "आओ")]
    assert pairs(english, target_path=str(hindi)) == expected
    assert pairs(tmp_path) == pairs(tmp_path, target="hi") == pairs(tmp_path, target="hi.txt") == expected
    assert pairs(tmp_path, target="en.txt") == [(b, a) for a, b in expected]
    assert read_items(tmp_path, form="texts").row_names == ("0", "2")
    with pytest.raises(DataError, match=r"--target says which file is written.*'fr'"):
        pairs(tmp_path, target="fr")
    text(hindi, "जाओ", "आओ")
    with pytest.raises(DataError, match=r"en\.txt has 3 lines and .*hi\.txt 2"):
        pairs(english, target_path=str(hindi))
    text(hindi, "जाओ", "रुको", "आओ")
    with pytest.raises(DataError, match=r"1 line is blank in one alone, the first is line 2"):
        pairs(english, target_path=str(hindi))
    assert pairs(english, target_path=str(hindi), on_error="skip") == expected
    with pytest.raises(DataError, match=r"two files of lines that belong together"):
        pairs(english, target_path=str(tmp_path))


def test_files_of_one_stem_are_the_two_languages(tmp_path: Path) -> None:
    text(tmp_path / "train.en", "Go.")
    text(tmp_path / "train.hi", "जाओ")
    text(tmp_path / "README", "from somewhere")
    assert pairs(tmp_path) == pairs(tmp_path, target="hi") == [("Go.", "जाओ")]


def test_sequences_read_texts_too(tmp_path: Path) -> None:
    path = text(tmp_path / "t.tsv", "english\thindi", "Go.\tजाओ।", "Come.\tआओ।")
    found = read_sequences(path, form="texts")
    assert (list(found.items), found.y, found.kind) == (["Go.", "Come."], ["जाओ।", "आओ।"], "text")
    with pytest.raises(ParameterError, match="--id cannot be used"):
        read_sequences(path, form="texts", id_column="english")


# -- transcripts


def said(path: Path | str, **options: Any) -> list[tuple[str, str]]:
    found = read_items(path, form="texts", **options)
    assert (found.kind, found.target_kind) == ("audio", "speech_recognition")
    return [(Path(x).name, y) for x, y in zip(found.items, found.labels(), strict=True)]


def test_a_table_beside_the_recordings(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / name)
    table = text(tmp_path / "transcripts.tsv", "file\tspeaker\ttext", "b.wav\tx\tदो", "a.wav\ty\tONE TWO")
    assert said(tmp_path) == said(table) == [("b.wav", "दो"), ("a.wav", "ONE TWO")]
    assert read_sequences(tmp_path, form="texts").y == ["दो", "ONE TWO"]
    text(tmp_path / "other.csv", "file,text", "a.wav,x")
    with pytest.raises(DataError, match=r"other\.csv, transcripts\.tsv could all hold the texts"):
        said(tmp_path)


def test_a_text_file_beside_each_recording(tmp_path: Path) -> None:
    for name in ("x/a.wav", "x/b.wav", "c.wav"):
        sound(tmp_path / name)
    text(tmp_path / "x" / "a.txt", "एक", "दो")
    text(tmp_path / "c.lab", "तीन")
    text(tmp_path / "notes.txt", "about the recordings")
    with pytest.raises(DataError, match=r"1 of 3 recordings have no text: 'b\.wav'"):
        said(tmp_path)
    assert said(tmp_path, on_error="skip") == [("c.wav", "तीन"), ("a.wav", "एक दो")]
    text(tmp_path / "x" / "b.txt", " ")
    with pytest.raises(DataError, match=r"b\.txt: there is no text in it"):
        said(tmp_path)
    text(tmp_path / "x" / "b.txt", "x")
    text(tmp_path / "x" / "b.lab", "x")
    with pytest.raises(DataError, match=r"b has a \.txt and a \.lab file"):
        said(tmp_path)


def test_the_lists_of_librispeech(tmp_path: Path) -> None:
    for name in ("1/2/1-2-0000.wav", "1/2/1-2-0001.wav"):
        sound(tmp_path / name)
    chapter = text(tmp_path / "1" / "2" / "1-2.trans.txt", "1-2-0000 HE SAID", "1-2-0001 NO MORE", "1-2-0002 LOST")
    assert said(tmp_path) == [("1-2-0000.wav", "HE SAID"), ("1-2-0001.wav", "NO MORE")]
    assert "1 text without a recording" in read_items(tmp_path, form="texts").notes
    for line, words in (("../x HE", "is the name of a recording"), ("alone", "is the name"), ("1-2-0000 X", "twice")):
        text(chapter, "1-2-0000 HE SAID", line)
        with pytest.raises(DataError, match=rf"1-2\.trans\.txt, line 2.*{words}"):
            said(tmp_path)


def test_recordings_alone_and_folders_without_any(tmp_path: Path) -> None:
    sound(tmp_path / "s" / "a.wav")
    found = read_items(tmp_path / "s", form="texts")
    assert (found.kind, found.y) == ("audio", None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="texts are read from a csv"):
        read_items(tmp_path / "empty", form="texts")


def test_a_text_to_go_on_with_may_be_one_word(tmp_path: Path) -> None:
    path = text(tmp_path / "t.txt", "नमस्ते", "a" * 10_000)
    assert read_items(path, form="none").items == ["नमस्ते", "a" * 10_000]
    assert read_items(path).items == [["नमस्ते", "a" * 10_000]]
