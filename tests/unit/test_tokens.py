"""CoNLL files and text files: tokens and their labels, or one text per line, told by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from punar.errors import DataError, ParameterError
from punar.sources import holds_items, read_data, read_items, read_sequences

NAMES = [["राम", "घर", "गया", "।"], ["Pune", "sleeps"]]
TAGS = [["B-PER", "O", "O", "O"], ["B-LOC", "O"]]
TWO = "राम\tB-PER\nघर\tO\nगया\tO\n।\tO\n\nPune\tB-LOC\nsleeps\tO\n"


def put(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


# -- layouts


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        TWO.replace("\t", " "),
        TWO.replace("\t", "   "),
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
        "\n\n" + TWO.replace("\n\n", "\n \t\n\n") + "\n\n\n",
        TWO.rstrip("\n"),
        "-DOCSTART-\tO\n\n" + TWO.replace("\n\n", "\n-DOCSTART-\tO\n"),
        "# sent_id = 1\n# text = राम घर गया\n" + TWO,
    ],
    ids=["tabs", "space", "spaces", "byte order mark", "CRLF", "blank lines", "no last end", "documents", "comments"],
)
def test_layouts_of_one_content(text: str, tmp_path: Path) -> None:
    found = read_items(put(tmp_path / "शब्द.conll", text))
    assert found.items == NAMES
    assert found.labels() == TAGS
    assert (found.kind, found.target_kind, found.row_title) == ("text", "tagging", "sentence")
    assert found.classes == ("B-LOC", "B-PER", "O")
    assert found.row_names == ("0", "1")
    assert "6 tokens in 2 sentences" in found.notes[0]


def test_four_columns_give_the_first_and_the_last(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP I-PER\n"
    found = read_items(put(tmp_path / "train.conll", text))
    assert found.items == [["EU", "rejects"], ["Peter"]]
    assert found.labels() == [["I-ORG", "O"], ["I-PER"]]
    assert any("of 4 columns" in note for note in found.notes)
    assert "1 -DOCSTART- line skipped" in found.notes


def test_one_column_has_no_labels(tmp_path: Path) -> None:
    found = read_items(put(tmp_path / "new.bio", "राम\nघर\n\nPune\n"))
    assert found.items == [["राम", "घर"], ["Pune"]]
    assert found.y is None
    assert found.target_kind is None
    assert any("no labels" in note for note in found.notes)
    assert not holds_items(str(tmp_path / "new.bio"))
    assert holds_items(str(put(tmp_path / "old.iob", TWO)))


def test_tokens_that_look_like_something_else(tmp_path: Path) -> None:
    odd = ["#", "# 1", "\u00a0", "\u2028", "-", '"', "a,b", "\u200d"]
    text = "".join(f"{token}\tO\n" for token in odd)
    assert read_items(put(tmp_path / "a.conll", text)).items == [odd]
    # In columns parted by spaces a token "#" has its label; a comment has another number of words, or no label.
    found = read_items(put(tmp_path / "b.conll", "# O\nx B-A\n\n# x\ny O\n"))
    assert found.items == [["#", "x"], ["y"]]
    assert "1 comment line skipped" in found.notes
    # Inside a sentence a line that begins so is a token, with the columns of one.
    with pytest.raises(DataError, match=r"line 2: 4 columns where line 1 has 2"):
        read_items(put(tmp_path / "c.conll", "x O\n# two more words\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tO\nb\n", r"line 2: 1 column where line 1 has 2.*'b'"),
        ("a\tO\n\nb\tX\tO\n", r"line 3: 3 columns where line 1 has 2"),
        ("a O\nb O O\n", r"line 2: 3 columns where line 1 has 2"),
        ("a\tO\nb\t\n", r"line 2: column 2 is empty"),
        ("\n# x\na\tO\n\tO\n", r"line 4: column 1 is empty"),
        ("\n \n", "no token in it"),
        ("-DOCSTART-\n\n", "no token in it"),
        ("", "the file is empty"),
        ("a\tO\nGröße\tO\n".encode("latin-1"), "line 2: the file must be UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_items(put(tmp_path / "a.conll", text))
    assert str(tmp_path / "a.conll") in str(caught.value)


def test_a_missing_blank_line_is_noticed(tmp_path: Path) -> None:
    notes = read_items(put(tmp_path / "a.conll", "a\tO\nb\tO\n")).notes
    assert any("all of them are one sentence" in note for note in notes)
    notes = read_items(put(tmp_path / "a.conll", "a\tO\n\n" + "b\tO\n" * 600 + "\nc\tO\n")).notes
    assert any("600 tokens and ends in line 602" in note for note in notes)


def test_a_label_per_token_is_no_class(tmp_path: Path) -> None:
    path = put(tmp_path / "a.conll", TWO)
    assert read_items(path, form="sequences").labels() == TAGS
    assert read_items(path, form="none").y is None
    with pytest.raises(ParameterError, match=r"a label per token.*'classes' was asked for"):
        read_items(path, form="classes")
    with pytest.raises(DataError, match="it holds texts, but pictures are needed"):
        read_items(path, kind="vision")
    with pytest.raises(DataError, match="items of kind 'text'"):
        read_data(path)


def test_recurrent_networks_read_the_same(tmp_path: Path) -> None:
    found = read_sequences(put(tmp_path / "a.conll", TWO), form="sequences")
    assert (found.items, found.labels(), found.kind, found.target_kind) == (NAMES, TAGS, "text", "tagging")
    some = found.take([1])
    assert (some.items, some.y, some.row_names) == (NAMES[1:], TAGS[1:], ("1",))
    items = read_items(tmp_path / "a.conll").take([1])
    assert (items.items, items.y) == (NAMES[1:], TAGS[1:])


def test_a_table_that_is_none_is_told_its_name(tmp_path: Path) -> None:
    path = put(tmp_path / "tags.tsv", 'He\tPRON\nsaid\tVERB\n"\tPUNCT\n\nNo\tINTJ\n')
    with pytest.raises(DataError, match=r"one token and its label per line.*name it \.conll"):
        read_items(path, form="sequences")
    plain = put(tmp_path / "plain.tsv", TWO)
    for reader in (read_items, read_sequences):
        with pytest.raises(DataError, match=r"no column of .*name it \.conll"):
            reader(plain, form="sequences")
    with pytest.raises(DataError) as caught:
        read_items(path)
    assert ".conll" not in str(caught.value)


# -- text files


@pytest.mark.parametrize(
    ("text", "form", "tokens"),
    [
        ("राम\nघर\nगया\n\nPune\nsleeps\n", None, True),
        ("राम\nघर\nगया\n", None, True),
        (TWO, None, True),
        (TWO.replace("\t", " "), None, True),
        ("From ADP\nthe DET\n\nAP PROPN\n", "sequences", True),
        ("From\tADP\nthe\tDET\n\nAP\tPROPN\n", None, True),
        ("राम घर गया।\nपुणे एक शहर है।\n", None, False),
        ("one two\nthree four\n", None, False),
        ("one two\nthree four five\n", "sequences", False),
        ("吾輩は猫である。名前はまだ無い。\nどこで生れたかとんと見当がつかぬ。\n", None, False),
        ("one\ttwo\nthree\tfour\n", None, False),
    ],
)
def test_a_text_file_is_told_by_content_and_says_so(text: str, form: str | None, tokens: bool, tmp_path: Path) -> None:
    found = read_items(put(tmp_path / "नया.txt", text), form=form)
    assert all(isinstance(item, list if tokens else str) for item in found.items)
    assert found.notes[0].startswith("read as one token per line" if tokens else "read as one text per line")
    assert [w for item in found.items for w in (item if tokens else item.split())][:1] == text.split()[:1]


def test_lines_of_text_are_stripped_and_blank_ones_counted(tmp_path: Path) -> None:
    found = read_items(put(tmp_path / "a.txt", "  a first line \n\nand a second\u2028one\n\n"))
    assert found.items == ["a first line", "and a second\u2028one"]
    assert "2 blank lines skipped" in found.notes
    assert found.y is None
    with pytest.raises(DataError, match="only blank lines"):
        read_items(put(tmp_path / "b.txt", "\n \n"))
    with pytest.raises(DataError, match=r"name it \.csv or \.tsv"):
        read_data(tmp_path / "a.txt")
