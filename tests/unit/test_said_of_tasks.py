"""What the command line says where data, options and tasks do not meet, in its own words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import punar
from punar.cli._answers import _say_unchanged
from punar.cli._asked import settings_of
from punar.cli._parts import Parts
from punar.cli._spoken import OF_TASKS, option_of, spoken
from punar.cli.main import run
from punar.core.plugins import members
from punar.errors import DataError, NotSupportedError
from punar.inspection.gate_facts import gate_facts
from punar.reporting import gates
from punar.sources import read_items, read_sequences
from punar.texts import inspection


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as stop:
            run(words)
        assert stop.value.code == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return call


def news(folder: Path) -> None:
    topics = ["sports", "music", "politics"] * 4
    rows = "".join(f"some words on {topic} {i},{topic}\n" for i, topic in enumerate(topics))
    (folder / "news.csv").write_text("text,topic\n" + rows)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("as in masks, set ignore=None.", "as in masks, pass --set ignore=none."),
        ("Pass language='hi'.", "Pass --set language=hi."),
        ("--set peices=20: no such setting", "--set peices=20: no such setting"),
        ("--set size=20: no such setting", "--set size=20: no such setting"),
    ],
)
def test_settings_of_tasks_are_set_with_set(written, wanted):
    assert spoken(written) == wanted
    assert spoken(wanted) == wanted


def test_what_is_said_to_be_a_tasks_is_one():
    known = {name for task in members("tasks") for name in settings_of(Parts().cls("tasks", task))}
    assert known >= OF_TASKS
    assert not [name for name in OF_TASKS if option_of(name)]


def test_labels_by_their_names(said, tmp_path):
    news(tmp_path)
    line = said("fit", "--labels", "sports", "--out", "m")
    assert "--labels sports,politics" in line
    assert "fit(" not in line
    line = said("fit", "news.csv", "--labels", "sports,music", "--target", "topic", "--out", "m")
    assert "column topic holds 'politics', which is not among --labels (sports, music)" in line
    assert "--validation" not in line


def test_a_report_names_the_option_of_the_labels(said, tmp_path):
    news(tmp_path)
    texts = [f"{word} words" for word in ("red", "blue") * 8]
    model = punar.SequenceModel("gru", hidden_size=4, epochs=1, random_state=0).fit(texts, ["a", "b"] * 8)
    punar.save(model, tmp_path / "m")
    assert "--target COLUMN" in said("report", "m", "news.csv", "--out", "r.html")


def test_a_field_of_a_file_is_no_option(said, tmp_path):
    whole = {"data": [{"paragraphs": [{"qas": []}]}]}
    (tmp_path / "squad.json").write_text(json.dumps(whole))
    line = said("fit", "squad.json", "--task", "question_answering", "--backbone", "minilm", "--out", "m")
    assert "the field context must be a text" in line
    assert "--task question_answering" in said("fit", "squad.json", "--out", "m")


def test_data_of_another_task(said, tmp_path):
    (tmp_path / "data.yaml").write_text("names: [a]\n")
    assert "name the folder" in said("fit", "data.yaml", "--task", "detection", "--out", "m")
    (tmp_path / "boxes.json").write_text(json.dumps({"images": [{"id": 1}], "annotations": [{"id": 1}, {"id": 2}]}))
    assert "--task detection" in said("fit", "boxes.json", "--out", "m")
    (tmp_path / "en.txt").write_text("one\ntwo words\n")
    line = said("fit", "en.txt", "--task", "translation", "--cell", "gru", "--out", "m")
    assert "--target-file" in line
    assert "recording" not in line
    line = said("fit", "en.txt", "--task", "masked_language_modeling", "--cell", "gru", "--out", "m")
    assert "--backbone" in line
    assert "leave --cell out" in line


def test_recordings_and_a_table_of_what_is_said_elsewhere(said, tmp_path):
    (tmp_path / "wavs").mkdir()
    for name in ("a.wav", "b.wav"):
        wavfile.write(tmp_path / "wavs" / name, 8000, np.zeros(800, dtype=np.int16))
    (tmp_path / "own.csv").write_text("file,text\nb.wav,two\na.wav,one\n")
    (tmp_path / "from_here.tsv").write_text("file\ttext\nwavs/b.wav\ttwo\nwavs/a.wav\tone\n")
    for table in ("own.csv", "from_here.tsv"):
        found = read_items(tmp_path / "wavs", form="texts", target_path=str(tmp_path / table))
        assert [Path(item).name for item in found.items] == ["b.wav", "a.wav"]
        assert found.labels() == ["two", "one"]
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match="a csv or tsv file with a column of files and one of texts"):
        read_items(tmp_path / "wavs", form="texts", target_path=str(tmp_path / "lines.txt"))
    line = said("fit", "wavs", "--task", "speech_recognition", "--cell", "gru", "--out", "m")
    assert "a csv or tsv file with a column of files and one of texts: --target-file" in line


def test_pictures_are_no_recordings(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="no recordings are in this folder"):
        read_sequences(tmp_path, form="texts", kind="audio")


def test_gates_of_a_model_that_writes():
    read, written = ["one", "two", "three"] * 6, ["1", "2", "3"] * 6
    model = punar.SequenceModel("gru", task="translation", hidden_size=4, epochs=1, random_state=0).fit(read, written)
    with pytest.raises(NotSupportedError, match="writes its answer step by step"):
        punar.gradient_flow(model, read, written)
    for y in (None, written):
        facts = gate_facts(model, read, 1, y=y)
        facts["flows"] = [{"model": "m", **facts.pop("flow")}]
        page = gates.html(facts | {"model": "m", "data": "d", "made": "Made."})
        assert inspection.CAPTION_NO_FLOW in page
        assert page.count("<svg") == len(facts["layers"]) > 0


def test_texts_without_a_blank_are_counted(capsys):
    _say_unchanged(["a", "he is here"], ["a", "he is ___"])
    assert "1 of 2 texts have no blank" in capsys.readouterr().err
    _say_unchanged(["he is here"], ["he is ___"])
    assert capsys.readouterr().err == ""
