"""Data from which nothing can be learned, or on which nothing can be measured, are refused by what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from punar.errors import DataError, ParameterError, PunarWarning
from punar.preparations.pictures import Pictures
from punar.preparations.sounds import Sounds
from punar.sources._boxes import check_size
from punar.sources._item_table import Wanted, _files
from punar.tasks.detection import Detection
from punar.tasks.question_answering import QuestionAnswering
from punar.tasks.segmentation import Segmentation
from punar.tasks.speech_recognition import SpeechRecognition
from punar.tasks.translation import Translation

BOX = {"boxes": [[0, 0, 9, 9]], "labels": ["a"]}
NONE = {"boxes": [], "labels": [], "scores": []}


def test_files_outside_of_a_table_s_folder_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").touch()
    (tmp_path / "b.wav").touch()
    values = pd.Series(["a.wav", "../b.wav", str(tmp_path / "b.wav"), str(tmp_path / "in" / "a.wav")])
    bad = _files(values, tmp_path / "in", Wanted())[1]
    assert sorted(bad) == [1, 2]
    assert "must lie inside" in bad[1]


def test_a_picture_of_another_size_than_its_json_says_is_named(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(place)
    for said in ((40, 30), (30, 40), (None, None), None):
        check_size(place, said, tmp_path / "b.json", "json")
    with pytest.raises(DataError, match=r"a\.png is 80 x 60 .* 40 x 30"):
        check_size(place, (80, 60), tmp_path / "b.json", "json")


def test_names_must_differ_and_be_enough() -> None:
    with pytest.raises(ParameterError, match="names must differ"):
        Segmentation(names=["a", "a"]).check()
    with pytest.raises(ParameterError, match="they hold 2, and there are 2 names"):
        Segmentation(names=["a", "b"]).learn([np.array([[0, 2]])], "fit")


def test_a_score_needs_something_to_measure() -> None:
    task = Segmentation()
    task.learn([np.array([[0, 1]])], "fit")
    with pytest.raises(DataError, match="nothing to measure"):
        task.score([np.full((1, 2), 255)], [np.array([[0, 1]])])
    with pytest.raises(DataError, match="nothing to measure"):
        Detection().score([NONE], [NONE])
    with pytest.raises(DataError, match="no word to measure"):
        SpeechRecognition().score(["", ""], ["a", ""])


def test_strange_labels_and_shares_are_said() -> None:
    task = Detection()
    task.labels_ = ["b"]
    with pytest.warns(PunarWarning, match="does not know: .'a'"):
        assert task.score([BOX], [NONE]) == 0
    with pytest.warns(PunarWarning, match="shares of the picture"):
        Detection().score([{"boxes": [[0.1, 0.1, 0.9, 1.0]], "labels": ["a"]}], [NONE])


def test_empty_texts_teach_nothing() -> None:
    for y, X in ((["", " "], ["a", "b"]), (["a", "b"], ["", ""])):
        with pytest.raises(DataError, match="must have a text to learn from, got 2"):
            Translation().learn(y, "fit", X)
    with pytest.raises(DataError, match="must have an answer to learn from, got 2"):
        QuestionAnswering().learn(["", ""], "fit", [("q", "c"), ("q", "c")])


def test_one_picture_and_empty_items_are_named() -> None:
    with pytest.raises(DataError, match=r"one picture \(h, w, 3\): pass \[X\]"):
        Pictures().check(np.zeros((32, 40, 3), np.uint8), "predict")
    with pytest.raises(DataError, match=r"X\[0\] is empty"):
        Pictures().check([np.zeros((0, 0, 3), np.uint8)], "fit")
    with pytest.raises(DataError, match=r"X\[0\] is empty"):
        Sounds().check([np.zeros(0, np.float32)], "fit")
