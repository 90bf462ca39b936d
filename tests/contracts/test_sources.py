"""Every source that lies in the folder keeps the contract, and so does one that a stranger brings."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile
from sklearn.base import clone

from punar.core.plugins import member, members
from punar.errors import DataError, ParameterError, ParameterTypeError
from punar.extend import FoundItems, FoundTable, Request, Source
from punar.sources import STRUCTURED, builtin, read_data, read_items, read_sequences

TEXTS = ["यह फ़िल्म बहुत मधुर और सुंदर थी", "a dull and dreadful evening", "कल की कहानी नीरस लगी, सच में"]
LABELS = ["अच्छी", "बुरी", "बुरी"]
READERS = {"data": read_data, "items": read_items, "sequences": read_sequences}


class Lines(Source):
    """One object per line, with a text and a label: a stranger's format."""

    suffixes = (".lines",)

    def read(self, path: Path, request: Request) -> FoundItems:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
        return FoundItems(texts, labels, kind="text", notes=[f"{len(rows)} lines of JSON"])


class Example(NamedTuple):
    """A file that a test wrote: how it is read, and what must come back."""

    path: Path | str
    reader: str
    options: dict[str, Any]
    items: list[Any]
    labels: list[Any] | None


def _table(folder: Path, suffix: str) -> Example:
    frame = pd.DataFrame({"समीक्षा": TEXTS, "राय": LABELS})
    path = folder / f"समीक्षाएँ{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="parquet needs the extra 'table'")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",", encoding="utf-8-sig")
    return Example(path, "items", {"target": "राय"}, TEXTS, LABELS)


def _arrays(folder: Path, suffix: str) -> Example:
    X = np.arange(24.0).reshape(3, 4, 2)
    path = folder / f"श्रेणी{suffix}"
    if suffix == ".npy":
        np.save(path, X)
    else:
        np.savez(path, X=X, y=np.array(LABELS))
    return Example(path, "sequences", {}, X.tolist(), None if suffix == ".npy" else LABELS)


def _ts(folder: Path, suffix: str) -> Example:
    path = folder / f"श्रेणी{suffix}"
    lines = [
        "# a comment",
        "@classLabel true अच्छी बुरी",
        "@data",
        "1,2.5,3:4,5,6:अच्छी",
        "7,8,?:9,1,2:बुरी",
        "3,2,1:4,4,4:बुरी",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    labels = ["अच्छी", "बुरी", "बुरी"]
    return Example(path, "sequences", {}, [[1, 2.5, 3, 4, 5, 6], [7, 8, None, 9, 1, 2], [3, 2, 1, 4, 4, 4]], labels)


def _arff(folder: Path, suffix: str) -> Example:
    path = folder / f"समीक्षाएँ{suffix}"
    lines = ["% a comment", "@relation r", "@attribute 'समीक्षा एक' string", "@attribute राय {अच्छी, बुरी}", "@data"]
    rows = [f"'{text}',{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join([*lines, *rows]), encoding="utf-8")
    return Example(path, "items", {"target": "राय"}, TEXTS, LABELS)


def _folder(folder: Path, suffix: str) -> Example:
    root = folder / "चित्र"
    names = [f"{label}/{name}.png" for label, name in (("बुरी", "ख"), ("अच्छी", "क"), ("बुरी", "अ"))]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 40 * i).save(root / name)
    ordered = sorted(names)
    return Example(root, "items", {}, [str(root / n) for n in ordered], [n.split("/")[0] for n in ordered])


def _single(folder: Path, suffix: str) -> Example:
    path = folder / "चित्र.png"
    Image.new("L", (4, 4), 40).save(path)
    return Example(path, "items", {}, [str(path)], None)


def _tokens(folder: Path, suffix: str) -> Example:
    path = folder / f"शब्द{suffix}"
    path.write_text("राम\tB-PER\nघर\tO\nगया\tO\n\nPune\tB-LOC\n।\tO\n", encoding="utf-8")
    return Example(path, "items", {}, [["राम", "घर", "गया"], ["Pune", "।"]], [["B-PER", "O", "O"], ["B-LOC", "O"]])


def _lines(folder: Path, suffix: str) -> Example:
    path = folder / f"पाठ{suffix}"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return Example(path, "items", {}, TEXTS, None)


def _lines_of_json(folder: Path, suffix: str) -> Example:
    path = folder / f"पाठ{suffix}"
    rows = zip(TEXTS, LABELS, strict=True)
    path.write_text("\n".join(json.dumps({"text": t, "label": label}) for t, label in rows), encoding="utf-8")
    return Example(path, "items", {"parts": [Lines]}, TEXTS, LABELS)


def _records(folder: Path, suffix: str) -> Example:
    path = folder / f"समीक्षाएँ{suffix}"
    rows = [{"समीक्षा": t, "राय": label} for t, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text(json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows)), encoding="utf-8")
    return Example(path, "items", {"target": "राय"}, TEXTS, LABELS)


def _workbook(folder: Path, suffix: str) -> Example:
    pytest.importorskip("openpyxl", reason="workbooks need the extra 'table'")
    path = folder / f"समीक्षाएँ{suffix}"
    pd.DataFrame({"समीक्षा": TEXTS, "राय": LABELS}).to_excel(path, index=False, engine="openpyxl")
    return Example(path, "items", {"target": "राय"}, TEXTS, LABELS)


def _iris(folder: Path, suffix: str) -> Example:
    found = builtin.load("iris")
    return Example("iris", "data", {}, found.X.tolist(), list(found.labels()))


def _with_pictures(folder: Path, names: tuple[str, ...]) -> list[str]:
    """Write pictures of 8 by 4 pixels, and return their paths in order."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4), (40 * i, 0, 0)).save(folder / name)
    return [str(folder / name) for name in sorted(names)]


def _masks(folder: Path, suffix: str) -> Example:
    root = folder / "दृश्य"
    items = _with_pictures(root, ("images/ख.png", "images/क.png"))
    masks = _with_pictures(root, ("masks/क_mask.png", "masks/ख_mask.png"))
    return Example(root, "items", {"form": "masks"}, items, masks)


def _coco(folder: Path, suffix: str) -> Example:
    root = folder / "दृश्य"
    items = _with_pictures(root, ("images/क.png", "images/ख.png"))
    whole = {
        "images": [{"id": 7, "file_name": "क.png"}, {"id": 3, "file_name": "ख.png"}],
        "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 0, 4, 2]}],
        "categories": [{"id": 1, "name": "गाय"}],
    }
    (root / "boxes.json").write_text(json.dumps(whole), encoding="utf-8")
    labels = [{"boxes": [[1, 0, 5, 2]], "labels": ["गाय"]}, {"boxes": [], "labels": []}]
    return Example(root, "items", {"form": "boxes"}, items, labels)


def _voc(folder: Path, suffix: str) -> Example:
    root = folder / "दृश्य"
    items = _with_pictures(root, ("JPEGImages/क.png", "JPEGImages/ख.png"))
    (root / "Annotations").mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>0</ymin><xmax>5</xmax><ymax>2</ymax></bndbox>"
    for name, inside in (("क", f"<object><name>गाय</name>{box}</object>"), ("ख", "")):
        (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{inside}</annotation>", encoding="utf-8")
    labels = [{"boxes": [[1, 0, 5, 2]], "labels": ["गाय"]}, {"boxes": [], "labels": []}]
    return Example(root, "items", {"form": "boxes"}, items, labels)


def _yolo(folder: Path, suffix: str) -> Example:
    root = folder / "दृश्य"
    items = _with_pictures(root, ("images/क.png", "images/ख.png"))
    (root / "labels").mkdir()
    (root / "labels" / "क.txt").write_text("0 0.375 0.25 0.5 0.5\n")
    (root / "classes.txt").write_text("गाय\n", encoding="utf-8")
    labels = [{"boxes": [[1, 0, 5, 2]], "labels": ["गाय"]}, {"boxes": [], "labels": []}]
    return Example(root, "items", {"form": "boxes"}, items, labels)


def _squad(folder: Path, suffix: str) -> Example:
    path, context = folder / "प्रश्न.json", "राम पुणे गया।"
    qas = [
        {"id": "a", "question": "कहाँ?", "answers": [{"text": "पुणे", "answer_start": context.index("पुणे")}]},
        {"id": "b", "question": "कब?", "answers": [], "is_impossible": True},
    ]
    whole = {"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}
    path.write_text(json.dumps(whole), encoding="utf-8")
    labels = [{"text": ["पुणे"], "answer_start": [4]}, {"text": [], "answer_start": []}]
    return Example(path, "items", {"form": "answers"}, [("कहाँ?", context), ("कब?", context)], labels)


def _aligned(folder: Path, suffix: str) -> Example:
    root = folder / "वाक्य"
    root.mkdir()
    (root / "en.txt").write_text("one\ntwo cows\n", encoding="utf-8")
    (root / "hi.txt").write_text("एक\nदो गायें\n", encoding="utf-8")
    return Example(root, "items", {"form": "texts"}, ["one", "two cows"], ["एक", "दो गायें"])


def _transcripts(folder: Path, suffix: str) -> Example:
    root = folder / "आवाज़"
    root.mkdir()
    for name in ("a.wav", "b.wav"):
        wavfile.write(root / name, 8000, np.zeros(80, dtype=np.int16))
    (root / "a.txt").write_text("एक दो\n", encoding="utf-8")
    (root / "b.lab").write_text("तीन", encoding="utf-8")
    return Example(root, "items", {"form": "texts"}, [str(root / "a.wav"), str(root / "b.wav")], ["एक दो", "तीन"])


# How a test writes what a source reads; a new format gets its line here.
WRITE: dict[str, Callable[[Path, str], Example]] = {
    "aligned": _aligned,
    "arff": _arff,
    "arrays": _arrays,
    "builtin": _iris,
    "coco": _coco,
    "conll": _tokens,
    "csv": _table,
    "folder": _folder,
    "jsonl": _records,
    "lines": _lines_of_json,
    "masks": _masks,
    "parquet": _table,
    "single": _single,
    "squad": _squad,
    "transcripts": _transcripts,
    "ts": _ts,
    "txt": _lines,
    "voc": _voc,
    "xlsx": _workbook,
    "yolo": _yolo,
}
SOURCES: dict[str, type[Source]] = {name: member("sources", name) for name in members("sources")} | {"lines": Lines}
EVERY = [
    pytest.param(name, suffix, id=name + suffix) for name, cls in SOURCES.items() for suffix in cls.suffixes or [""]
]
OF_FILES = [pytest.param(name, suffix, id=name + suffix) for name, cls in SOURCES.items() for suffix in cls.suffixes]


def read(example: Example, reader: str | None = None) -> Any:
    return READERS[reader or example.reader](example.path, **example.options)


def labels_of(found: Any) -> list[Any] | None:
    labels = found.labels()
    return None if labels is None else [row if isinstance(row, list) else _plain(row) for row in labels]


def _plain(label: Any) -> Any:
    """Return boxes as lists, and a class or an amount as text."""
    if not isinstance(label, dict):
        return str(label)
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in label.items()}


def items_of(found: Any) -> list[Any]:
    items = found.X if hasattr(found, "X") else found.items
    if isinstance(items, np.ndarray):
        return items.tolist()
    # Series as flat lists, channel by channel, with None where a value is missing.
    return [[None if v != v else v for v in x.T.ravel().tolist()] if isinstance(x, np.ndarray) else x for x in items]


def test_every_source_has_an_example_and_its_own_suffixes() -> None:
    assert set(WRITE) == set(SOURCES)
    suffixes = [s for cls in SOURCES.values() for s in cls.suffixes]
    assert len(set(suffixes)) == len(suffixes), "two sources would take one file"


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_a_recipe(name: str) -> None:
    cls = SOURCES[name]
    part = cls()
    assert isinstance(part, Source)
    assert vars(clone(part)) == vars(part) == part.get_params(deep=False), "settings only"
    assert cls.__doc__
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in cls.suffixes)
    assert set(cls.options) <= {"header", "key"} | ({"root", "target", "target_path"} if cls.forms else set())
    assert set(cls.forms) <= set(STRUCTURED)


@pytest.mark.parametrize(("name", "suffix"), EVERY)
def test_what_was_written_comes_back(name: str, suffix: str, tmp_path: Path) -> None:
    example = WRITE[name](tmp_path, suffix)
    found = read(example)
    assert items_of(found) == example.items
    assert labels_of(found) == example.labels
    assert (found.target_kind is None) == (example.labels is None)
    assert found.name
    assert str(example.path) in found.description or example.path == "iris"


@pytest.mark.parametrize(("name", "suffix"), EVERY)
def test_the_order_is_the_same_each_time(name: str, suffix: str, tmp_path: Path) -> None:
    example = WRITE[name](tmp_path, suffix)
    first, second = read(example), read(example)
    assert items_of(first) == items_of(second)
    assert first.row_names == second.row_names
    assert first.notes == second.notes


@pytest.mark.parametrize(("name", "suffix"), EVERY)
def test_notes_are_sentences(name: str, suffix: str, tmp_path: Path) -> None:
    for note in read(WRITE[name](tmp_path, suffix)).notes:
        assert len(note.split()) >= 2
        assert note == note.strip()
        assert "\n" not in note


@pytest.mark.parametrize("suffix", [s for cls in SOURCES.values() for s in cls.suffixes])
def test_suffixes_may_be_in_capitals(suffix: str, tmp_path: Path) -> None:
    name = next(name for name, cls in SOURCES.items() if suffix in cls.suffixes)
    example = WRITE[name](tmp_path, suffix)
    moved = Path(example.path).rename(tmp_path / f"बड़ा{suffix.upper()}")
    assert items_of(read(example._replace(path=moved))) == example.items


WRONG = {
    "empty": b"",
    "zeros": bytes(200),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a pickle": pickle.dumps({"a": [1, 2, 3]}, protocol=4),
    "UTF-16": "राम\tB-PER\n".encode("utf-16"),
    "Latin-1": "Größe ist ein schönes Maß\n".encode("latin-1") * 3,
    "noise": np.random.default_rng(0).integers(128, 256, 300, dtype=np.uint8).tobytes(),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=list(WRONG))
@pytest.mark.parametrize(("name", "suffix"), OF_FILES)
def test_a_wrong_file_is_one_error_that_names_it(name: str, suffix: str, content: bytes, tmp_path: Path) -> None:
    example = WRITE[name](tmp_path, suffix)
    path = Path(example.path)
    path.write_bytes(content)
    for reader in READERS:
        with pytest.raises(DataError) as caught:
            read(example._replace(options={"parts": [Lines]}), reader)
        assert path.name in str(caught.value)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("name", "suffix"), OF_FILES)
def test_a_file_that_was_cut_off_is_read_in_part_or_named(name: str, suffix: str, tmp_path: Path) -> None:
    example = WRITE[name](tmp_path, suffix)
    path = Path(example.path)
    whole = path.read_bytes()
    refused, most = [], 0
    for end in range(1, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:end])
        try:
            most = max(most, len(items_of(read(example))))
        except (DataError, ParameterError) as error:
            refused.append(str(error))
    assert all(path.name in said for said in refused)
    assert most <= len(example.items)


def test_an_unknown_suffix_lists_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(DataError) as caught:
        read_items(tmp_path / "a.xyz")
    known = [s for name in members("sources") for s in member("sources", name).suffixes]
    assert all(suffix in str(caught.value) for suffix in known)
    for reader in READERS.values():
        with pytest.raises(DataError, match=r"there is no such file.*iris"):
            reader(str(tmp_path / "nothing.csv"))


# -- a person's own sources


class Small(Source):
    """Tables in a form of one's own: a name, and words that a setting parts."""

    suffixes = (".csv", ".kb")

    def __init__(self, separator: str = "/") -> None:
        self.separator = separator

    def names(self) -> list[str]:
        return ["small"]

    def read(self, path: Path, request: Request) -> FoundTable:
        rows = [[1.0, 2.0], [3.0, 4.0]]
        if str(path) != "small":
            rows = [line.split(self.separator) for line in path.read_text(encoding="utf-8").split()]
        return FoundTable(pd.DataFrame(rows, columns=["a", "b"]).astype(float), [], lambda row: f"line {row + 1}")


class NeedsSettings(Source):
    """Cannot be made without a setting."""

    suffixes = (".kb",)

    def __init__(self, must: str) -> None:
        self.must = must

    def read(self, path: Path, request: Request) -> Any:
        return self.must


def test_own_sources_are_asked_first_as_class_or_object(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1/2\n3/4\n5/6\n")
    assert read_data(path, parts=[Small]).X.tolist() == [[1, 2], [3, 4], [5, 6]]
    path.write_text("1|2\n3|4\n")
    assert read_data(path, parts=[Small("|")], target="b").y.tolist() == [0, 1]
    assert len(read_sequences(path, parts=[Small("|")], kind="series").items[0]) == 2


def test_own_sources_may_have_names_of_their_own() -> None:
    assert read_data("small", parts=[Small]).X.shape == (2, 2)
    with pytest.raises(DataError, match=r"'smal' .*Did you mean 'small'.*iris"):
        read_data("smal", parts=[Small()])
    with pytest.raises(DataError, match="not a built-in"):
        read_data("small")


def test_other_parts_are_passed_over(tmp_path: Path) -> None:
    from punar.objectives.sparse import Sparse

    assert read_data("iris", parts=[Sparse, Sparse(), Source]).X.shape == (150, 4)


def test_parts_that_cannot_be_used_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    path.write_text("x")
    with pytest.raises(ParameterTypeError, match="parts must be a list"):
        read_items(path, parts=Lines)  # type: ignore[arg-type]
    with pytest.raises(ParameterTypeError, match=r"NeedsSettings cannot be made.*Pass an object"):
        read_items(path, parts=[NeedsSettings])
    with pytest.raises(ParameterTypeError, match=r"NeedsSettings\.read must return one of FoundTable, .*'text'"):
        read_items(path, parts=[NeedsSettings("text")])
    with pytest.raises(DataError, match=r"a\.kb: Small cannot read it \(ValueError: "):
        read_items(path, parts=[Small])


def test_own_items_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    path.write_text("x")
    for given, said in [
        (FoundItems([]), "no item"),
        (FoundItems(["a text", "b"], ["x"]), "2 items, but 1 targets"),
        (FoundItems(["a text", "b"], ["x", None]), "item 1 has no label"),
        (FoundItems([["a", "b"]], [["O"]], form="sequences"), "2 tokens and 1 label"),
        (FoundItems([["a", "b"]], ["O"], form="sequences"), "list of labels"),
    ]:
        with pytest.raises(DataError, match=said) as caught:
            read_items(path, parts=[NeedsSettings(given)])  # type: ignore[arg-type]
        assert "a.kb" in str(caught.value)


def test_options_that_a_format_does_not_know_are_refused(tmp_path: Path) -> None:
    example = _lines_of_json(tmp_path, ".lines")
    for option in ("target", "text", "path"):
        with pytest.raises(ParameterError, match=f"{option} cannot be used with"):
            read_items(example.path, parts=[Lines], **{option: "label"})
    with pytest.raises(ParameterError, match="header cannot be used"):
        read_items(example.path, parts=[Lines], header=True)
    with pytest.raises(ParameterError, match="key cannot be used"):
        read_sequences(example.path, parts=[Lines], key="X")


def test_a_form_decides_how_own_targets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.lines"
    path.write_text("\n".join(json.dumps({"text": t, "label": i % 2}) for i, t in enumerate(TEXTS)), encoding="utf-8")
    for form, kind in [("classes", "classification"), ("amounts", "regression"), ("sets", "multilabel")]:
        assert read_items(path, parts=[Lines], form=form).target_kind == kind
    assert read_items(path, parts=[Lines], form="none").y is None
    with pytest.raises(DataError, match="list of labels, one per token"):
        read_items(path, parts=[Lines], form="sequences")
