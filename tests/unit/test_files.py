"""What users bring: every file that cannot be used says where and why, and what was decided is noted."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from punar.errors import DataError, DataTypeError, MissingExtraError, ParameterError
from punar.sources import _memory
from punar.sources import read_data as read

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


# -- names


def test_a_built_in_name_wins_unless_it_is_written_as_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").mkdir()
    Image.fromarray(noise(4, 4)).save(tmp_path / "iris" / "a.png")
    assert read("iris").kind == "table"
    assert read("./iris").kind == "images"
    assert read(Path("iris")).kind == "images"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("irsi", r"Did you mean 'iris'\?"),
        ("", "empty"),
        ("nothing.csv", "no such file"),
        ("x" * 5000, "File name too long"),
        ("a\0b.csv", "no such file"),
    ],
)
def test_a_wrong_name_is_explained(name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(name)


def test_a_misspelt_file_is_suggested(tmp_path: Path) -> None:
    put(tmp_path / "flowers.csv", "a\nb\n")
    with pytest.raises(DataError, match=r"Did you mean 'flowers.csv'\?"):
        read(str(tmp_path / "flower.csv"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.xlsx", "CSV UTF-8"),
        ("a.pkl", "never read"),
        ("a.zip", "Unpack it first"),
        ("a", "no suffix"),
    ],
)
def test_other_formats_are_told_what_to_become(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(put(tmp_path / name, "x"))


@pytest.mark.parametrize("option", ["target", "drop", "key", "header", "size"])
def test_an_option_that_does_not_belong_is_refused(option: str) -> None:
    value = {"drop": ["a"], "header": False, "size": 8}.get(option, "a")
    with pytest.raises(ParameterError, match=option):
        read("iris", **{option: value})


def test_a_wrong_kind_or_on_error_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"'image'.*Did you mean 'images'\?"):
        read("iris", kind="image")
    with pytest.raises(ParameterError, match="on_error"):
        read("iris", on_error="ignore")
    with pytest.raises(ParameterError, match="kind='images' does not fit iris"):
        read("iris", kind="images")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_rights_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "a\n1\n")
    path.chmod(0)
    with pytest.raises(DataError, match="permission denied"):
        read(path)


# -- csv


def test_a_plain_csv(tmp_path: Path) -> None:
    data = read(put(tmp_path / "a.csv", "x,y\n1,2\n3,4.5\n"))
    assert data.X.tolist() == [[1, 2], [3, 4.5]]
    assert (data.columns, data.kind, data.y, data.notes) == (("x", "y"), "table", None, [])
    assert data.name == "a"


def test_numbers_come_back_to_the_last_digits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 3)) * 10.0 ** np.arange(-20, 40, 20)
    pd.DataFrame(values, columns=list("abc")).to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_allclose(read(tmp_path / "a.csv").X, values, rtol=1e-15)


def test_devanagari_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = put(tmp_path / "फूल.csv", "\ufeffलंबाई,चौड़ाई,जाति\n1,2,क\n3,4,ख\n5,6,क\n")
    data = read(path, target="जाति")
    assert data.columns == ("लंबाई", "चौड़ाई")
    assert data.classes == ("क", "ख")
    assert data.y.tolist() == [0, 1, 0]
    assert data.labels().tolist() == ["क", "ख", "क"]
    with pytest.raises(DataTypeError, match=r"'जाति'.*'क' in line 2.*--drop"):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("\n\n", "line 1 is blank"),
        ("a,b\n", "no rows"),
        ("5.1,3.5\n4.9,3\n", r"line 1: column names are needed.*5\.1, 3\.5"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 fields where line 1 has 2"),
        ('a,b\n"1\n1",2\n1\n', "line 4: 1 field where line 1 has 2"),
        ("a,b,\n1,2,\n", "column 3 .* has no name"),
        (",,a\n7,2,1\n1,2,3\n", "column 2 .* has no name"),
        ("a,b,a\n7,1,2\n", r"'a' stands more than once \(columns 1, 3\)"),
        ("a,b\n1,inf\n", "finite.*column 'b', line 2"),
        ("a,b\n1,1e400\n", "finite.*column 'b', line 2"),
        ('a,b\n"1,2\n3\n', "quote"),
        ("a,b\n" + "9" * 200_000 + ",1\n", "finite.*column 'a', line 2"),
        (b"\x80\x81\x82" * 50, "must be UTF-8"),
        (b"\x00\x01\x02\n" * 50, "not text"),
        ("a,b\n1,2\nGröße,3\n".encode("latin-1"), "line 3: the file must be UTF-8.*'CSV UTF-8'"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + bytes(50), "zip archive"),
        (b"\x80\x04\x95" + bytes(50), "pickle"),
        (b"PAR1" + bytes(50), "parquet"),
    ],
)
def test_a_csv_that_cannot_be_used_says_where(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = put(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_header_of_many_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1 is longer"):
        read(put(tmp_path / "a.csv", b"column," * 3_000_000))


def test_text_columns_are_all_named_with_a_value_and_its_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", 'a,b,c,d\n"1\n1",2,x,2020-01-01\n3,?,y,2020-01-02\n')
    with pytest.raises(DataTypeError, match=r"4 of 4 columns") as caught:
        read(path)
    message = str(caught.value)
    assert "'b' (1 of 2 values, first '?' in line 4)" in message
    assert "'c' (all values, first 'x' in line 3)" in message
    assert "'2020-01-01'" in message
    with pytest.raises(DataTypeError, match="'b'"):
        read(path, drop=["a", "c", "d"])


def test_missing_values_name_columns_and_counts_and_can_be_skipped(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "a,b,c\n7,,2\n1,3,4\n,NA,1\n")
    with pytest.raises(DataError, match=r"'a' 1 time, 'b' 2 times; the first in line 2\. 1 of 3 rows"):
        read(path)
    data = read(path, on_error="skip")
    assert data.X.tolist() == [[1, 3, 4]]
    assert data.row_names == ("1",)
    assert "2 of 3 rows" in data.notes[0]


def test_a_column_without_any_value_cannot_be_skipped_away(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'b' 2 times.*0 of 2 rows are complete"):
        read(put(tmp_path / "a.csv", "a,b\n7,\n1,\n"), on_error="skip")


def test_numbers_without_a_header_are_read_when_asked(tmp_path: Path) -> None:
    data = read(put(tmp_path / "a.csv", "5.1,3.5\n4.9,3\n"), header=False)
    assert data.X.shape == (2, 2)
    assert data.columns == ("column 1", "column 2")


@pytest.mark.parametrize("header", ["0,1,2", "2019,2020,2021"])
def test_consecutive_numbers_are_column_names(tmp_path: Path, header: str) -> None:
    data = read(put(tmp_path / "a.csv", f"{header}\n1,2,3\n"))
    assert data.columns == tuple(header.split(","))
    assert len(data.X) == 1


def test_what_was_decided_is_noted(tmp_path: Path) -> None:
    data = read(put(tmp_path / "a.csv", ";b;c\n0;1;2\n\n1;3;4\n"))
    assert data.columns == ("b", "c")
    assert data.X.tolist() == [[1, 2], [3, 4]]
    assert len(data.notes) == 3
    assert "semicolons" in data.notes[0]
    assert "blank line" in data.notes[1]
    assert "only counts the rows" in data.notes[2]


def test_wide_whole_numbers_and_booleans_are_numbers(tmp_path: Path) -> None:
    data = read(put(tmp_path / "a.csv", "a,b\n" + "9" * 40 + ",True\n3,False\n"))
    assert data.X.tolist() == [[1e40, 1], [3, 0]]


def test_only_the_models_columns_are_taken_in_its_order(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "c,name,a\n1,x,2\n")
    data = read(path, columns=["a", "c"])
    assert data.X.tolist() == [[2, 1]]
    assert "'name'" in data.notes[0]
    with pytest.raises(DataError, match=r"no column 'b' for the model"):
        read(path, columns=["a", "b"])
    assert read("iris", columns=["petal width (cm)"]).X.shape == (150, 1)


# -- targets


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["x", "y", "x", "y"], "classification", ("x", "y")),
        (["NA", "IN", "IN", "NA"], "classification", ("IN", "NA")),
        (["007", "08", "007", "08"], "classification", ("007", "08")),
        (["3", "7", "3", "3"], "classification", ("3", "7")),
        (["True", "False", "True", "True"], "classification", ("False", "True")),
        (["0.5", "1.5", "2.5", "0.5"], "regression", ()),
    ],
)
def test_a_target_is_read_by_its_values(tmp_path: Path, values: list[str], kind: str, classes: tuple[str, ...]) -> None:
    text = "a,t\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values))
    data = read(put(tmp_path / "a.csv", text), target="t")
    assert (data.target_kind, data.classes, data.columns) == (kind, classes, ("a",))


def test_many_different_whole_numbers_are_amounts(tmp_path: Path) -> None:
    text = "a,t\n" + "".join(f"{i},{i * i}\n" for i in range(40))
    data = read(put(tmp_path / "a.csv", text), target="t")
    assert data.target_kind == "regression"
    assert data.y[3] == 9


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        ("a,t\n1,x\n2,y\n3,z\n", "t", "value of its own"),
        ("a,t\n1,x\n2,\n3,x\n", "t", "'t' 1 time; the first in line 3"),
        ("a,t\n1,x\n", "tt", r"no column 'tt' for the target. Did you mean 't'\?"),
        ("t\nx\nx\n", "t", "no column is left"),
    ],
)
def test_a_target_that_cannot_be_used(tmp_path: Path, text: str, target: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(put(tmp_path / "a.csv", text), target=target)


def test_a_column_to_drop_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'nmae' to drop. Did you mean 'name'\?"):
        read(put(tmp_path / "a.csv", "name,b\nx,1\n"), drop=["nmae"])


# -- parquet


def test_parquet_with_a_target_and_its_index_left_out(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="parquet needs the extra 'table'")
    frame = pd.DataFrame({"a": pd.array([1, 2, None], dtype="Int64"), "b": [1.5, 2, 3], "c": list("xyx")})
    frame.set_index(pd.Index(["p", "q", "r"])).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"'a' 1 time; the first in row 2"):
        read(tmp_path / "a.parquet", target="c")
    data = read(tmp_path / "a.parquet", target="c", on_error="skip")
    assert data.X.tolist() == [[1, 1.5], [2, 2]]
    assert data.classes == ("x", "y")


def test_a_damaged_parquet_file_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="parquet needs the extra 'table'")
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for content in (whole[:-10], b"PAR1" + bytes(300) + b"PAR1", b"a,b\n1,2\n"):
        with pytest.raises(DataError, match="parquet"):
            read(put(tmp_path / "b.parquet", content))


def test_parquet_without_pyarrow_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'punar\[table\]'"):
        read(put(tmp_path / "a.parquet", b"PAR1" + bytes(20)))


# -- npy and npz


def saved(path: Path, X: np.ndarray) -> Path:
    np.save(path, X, allow_pickle=True)
    return path


@pytest.mark.parametrize(
    ("X", "kind", "shape", "dtype"),
    [
        (np.arange(6.0).reshape(3, 2), "table", (3, 2), "float64"),
        (np.arange(6, dtype="f4").reshape(3, 2), "table", (3, 2), "float32"),
        (np.arange(6, dtype=">f8").reshape(3, 2), "table", (3, 2), "float64"),
        (np.arange(6).reshape(3, 2, order="F"), "table", (3, 2), "float64"),
        (noise(3, 4, 5), "images", (3, 4, 5), "uint8"),
        (noise(3, 4, 5, 3), "images", (3, 4, 5, 3), "uint8"),
    ],
)
def test_npy_arrays(tmp_path: Path, X: np.ndarray, kind: str, shape: tuple[int, ...], dtype: str) -> None:
    data = read(saved(tmp_path / "a.npy", X))
    assert (data.kind, data.X.shape, str(data.X.dtype)) == (kind, shape, dtype)
    assert np.array_equal(data.X, X)
    assert data.X.flags.writeable


def test_three_dimensional_floats_need_to_be_called_pictures(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.full((2, 3, 3), 0.5))
    with pytest.raises(DataError, match=r"sequences.*--kind images"):
        read(path)
    assert read(path, kind="images").kind == "images"
    assert read(path, kind="table").X.shape == (2, 9)


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.array([{}], dtype=object), "Python objects.*never read"),
        (np.zeros((2, 2), dtype=complex), "complex128"),
        (np.array(["a"]), "must hold numbers"),
        (np.zeros(2, dtype=[("a", float)]), "must hold numbers"),
        (np.zeros(2), "rows must be a table"),
        (np.float64(3), "rows must be a table"),
        (np.zeros((0, 2)), "no rows"),
        (np.array([[1.0, np.nan]]), r"NaN.*\(0, 1\)"),
        (np.full((2, 3, 3, 1), 2.0), r"pictures must be .*2 to 2"),
    ],
)
def test_npy_arrays_that_cannot_be_used(tmp_path: Path, X: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(saved(tmp_path / "a.npy", X))


def hostile_headers() -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(6.0).reshape(3, 2))
    good = buffer.getvalue()
    return {
        "cut off": good[:-4],
        "cut in the header": good[:40],
        "claims 48 GB": good.replace(b"(3, 2), }        ", b"(3000000000, 2), }"),
        "negative shape": good.replace(b"(3, 2)", b"(-3,2)"),
        "nested": b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000,
        "header too long": b"\x93NUMPY\x02\x00" + (90_000).to_bytes(4, "little") + b"[" * 90_000,
        "another file": b"a,b\n1,2\n",
    }


@pytest.mark.parametrize("name", hostile_headers())
def test_a_damaged_or_hostile_npy_file_is_one_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"a\.npy"):
        read(put(tmp_path / "a.npy", hostile_headers()[name]))


def test_npz_with_X_and_y(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", X=noise(4, 2).astype(float), y=np.array(list("abab")))
    data = read(tmp_path / "a.npz")
    assert data.X.shape == (4, 2)
    assert data.classes == ("a", "b")


def test_npz_with_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, train_images=noise(4, 3, 3), train_labels=np.array([5, 6, 5, 6]), more=noise(2, 3, 3))
    with pytest.raises(DataError, match=r"3 arrays, 'train_images', 'train_labels', 'more'.*--key"):
        read(path)
    data = read(path, key="train_images", target="train_labels")
    assert (data.kind, data.classes) == ("images", ("5", "6"))
    with pytest.raises(DataError, match=r"no array 'train_image'. Did you mean 'train_images'\?"):
        read(path, key="train_image")
    with pytest.raises(DataError, match=r"one label per row is needed, 2 of them, but the shape is \(4,\)"):
        read(path, key="more", target="train_labels")


def test_hostile_npz_files_are_one_error(tmp_path: Path) -> None:
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(1_000_000))
    with pytest.raises(DataError, match=r"array 'X'.*16\.0 TB"):
        read(tmp_path / "bomb.npz")
    np.savez(tmp_path / "o.npz", X=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        read(tmp_path / "o.npz", key="X")
    np.savez(tmp_path / "a.npz", X=np.zeros((50, 2)))
    whole = (tmp_path / "a.npz").read_bytes()
    with pytest.raises(DataError, match="cut off"):
        read(put(tmp_path / "b.npz", whole[:200]))
    flipped = bytearray(whole)
    flipped[400] ^= 255
    with pytest.raises(DataError, match="array 'X'"):
        read(put(tmp_path / "b.npz", bytes(flipped)))
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("x.txt", "hi")
    with pytest.raises(DataError, match="no array"):
        read(tmp_path / "e.npz")


def test_a_file_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_memory, "available_bytes", lambda: 100)
    with pytest.raises(DataError, match=r"needs about .* 100 B are free"):
        read(put(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 100))
    with pytest.raises(DataError, match="are free"):
        read(saved(tmp_path / "a.npy", np.zeros((20, 2))))
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="--size"):
        read(tmp_path)


def test_free_memory_is_a_plausible_number() -> None:
    free = _memory.available_bytes()
    assert free is None or 1_000_000 < free < 10**14


# -- folders of pictures


def picture(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    found.save(path, **options)


def test_a_flat_folder_of_grey_pictures(tmp_path: Path) -> None:
    for i in (2, 0, 1):
        picture(tmp_path / f"{i}.png", noise(6, 7 + 0 * i))
    put(tmp_path / ".hidden.png", "x")
    put(tmp_path / "notes.txt", "x")
    data = read(tmp_path)
    assert data.X.shape == (3, 6, 7)
    assert data.X.dtype == np.uint8
    assert np.array_equal(data.X[0], noise(6, 7))
    assert data.row_names == ("0.png", "1.png", "2.png")
    assert data.y is None
    assert any("'notes.txt'" in note for note in data.notes)


def test_subfolders_are_classes_in_sorted_order(tmp_path: Path) -> None:
    for label in ("कुत्ता", "बिल्ली"):
        for i in range(2):
            picture(tmp_path / "चित्र" / label / f"{i}.png", noise(4, 5, 3))
    data = read(tmp_path / "चित्र")
    assert data.X.shape == (4, 4, 5, 3)
    assert data.classes == ("कुत्ता", "बिल्ली")
    assert data.y.tolist() == [0, 0, 1, 1]
    assert data.row_names[2] == str(Path("बिल्ली") / "0.png")


def test_sizes_that_differ_are_brought_to_one_and_it_is_said(tmp_path: Path) -> None:
    for i, shape in enumerate([(8, 9), (20, 30), (300, 200)]):
        picture(tmp_path / f"{i}.png", noise(*shape))
    data = read(tmp_path)
    assert data.X.shape == (3, 20, 30)
    assert "3 sizes, 8 by 9 to 300 by 200" in data.notes[0]
    assert read(tmp_path, size=16).X.shape == (3, 16, 16)
    assert read(tmp_path, size=(10, 12)).X.shape == (3, 10, 12)
    for size in (0, 1000, (3, 4, 5), "x"):
        with pytest.raises(ParameterError, match="size"):
            read(tmp_path, size=size)


def test_large_pictures_are_reduced_with_their_shape_kept(tmp_path: Path) -> None:
    blocks = np.kron(np.array([[0, 255], [255, 0], [0, 255]], dtype=np.uint8), np.ones((400, 400), np.uint8))
    picture(tmp_path / "a.jpg", blocks)
    data = read(tmp_path)
    assert data.X.shape == (1, 64, 43)
    assert abs(int(data.X[0, 5, 5]) - 0) < 8
    assert abs(int(data.X[0, 5, 37]) - 255) < 8


def test_one_coloured_picture_makes_all_of_them_colour(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", noise(4, 4))
    picture(tmp_path / "b.png", noise(4, 4, 3))
    data = read(tmp_path)
    assert data.X.shape == (2, 4, 4, 3)
    assert np.array_equal(data.X[0, ..., 0], data.X[0, ..., 2])


def turned_by_exif() -> tuple[Image.Image, dict[str, object]]:
    upright = np.zeros((4, 8), np.uint8)
    upright[:, :4] = 255
    found = Image.fromarray(upright)
    exif = found.getexif()
    exif[0x0112] = 6
    return found, {"exif": exif, "quality": 100}


def test_the_exif_tag_turns_a_picture(tmp_path: Path) -> None:
    found, options = turned_by_exif()
    picture(tmp_path / "a.jpg", found, **options)
    data = read(tmp_path)
    assert data.X.shape == (1, 8, 4)
    assert data.X[0, 0, 0] > 250
    assert data.X[0, 7, 0] < 5


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", Image.new("RGBA", (2, 2), (255, 0, 0, 0)))
    picture(tmp_path / "b.png", Image.new("RGBA", (2, 2), (255, 0, 0, 255)))
    assert read(tmp_path).X[:, 0, 0].tolist() == [[255, 255, 255], [255, 0, 0]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, name: str) -> None:
    picture(tmp_path / name, np.array([[0, 257, 32896, 65535]], dtype=np.uint16))
    assert read(tmp_path).X.tolist() == [[[0, 1, 128, 255]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_mode_is_read(tmp_path: Path, mode: str) -> None:
    suffix = ".jpg" if mode in ("CMYK", "YCbCr") else ".png"
    picture(tmp_path / f"a{suffix}", Image.new("RGB", (8, 8), "white").convert(mode))
    assert read(tmp_path).X.min() >= 250


def test_unreadable_pictures_are_all_named_or_skipped_and_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", noise(8, 8))
    put(tmp_path / "b.png", (tmp_path / "a.png").read_bytes()[:60])
    put(tmp_path / "c.jpg", b"junk" * 50)
    put(tmp_path / "d.png", b"")
    (tmp_path / "e.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="4 of 5 files") as caught:
        read(tmp_path)
    assert all(f"{n}" in str(caught.value) for n in ("b.png", "c.jpg", "d.png", "e.png"))
    data = read(tmp_path, on_error="skip")
    assert np.array_equal(data.X, noise(8, 8)[None])
    assert data.row_names == ("a.png",)
    assert "4 of 5 files" in data.notes[0]
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match="4 of 4 files"):
        read(tmp_path, on_error="skip")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", Image.new("1", (11_000, 11_000)))
    with pytest.raises(DataError, match="more than 100,000,000 pixels"):
        read(tmp_path)


def test_no_program_is_started_for_a_picture(tmp_path: Path) -> None:
    put(tmp_path / "a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(DataError, match="not a picture in a known format"):
        read(tmp_path)


def test_folders_without_usable_pictures_are_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures are in this folder"):
        read(tmp_path / "empty")
    picture(tmp_path / "deep" / "train" / "cat" / "a.png", noise(4, 4))
    with pytest.raises(DataError, match="Deeper subfolders are in 'train'"):
        read(tmp_path / "deep")
    picture(tmp_path / "both" / "a.png", noise(4, 4))
    picture(tmp_path / "both" / "x" / "a.png", noise(4, 4))
    with pytest.raises(DataError, match="1 picture beside 1 subfolder"):
        read(tmp_path / "both")


@pytest.mark.skipif(not (SHARED / "cifar10.zip").exists(), reason="shared/data/cifar10.zip is not here")
def test_real_photographs_are_read_as_pillow_reads_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(SHARED / "cifar10.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("test/"))
        chosen = [n for n in names if n.endswith(("0001.jpg", "0002.jpg"))]
        archive.extractall(tmp_path, chosen)
    data = read(tmp_path / "test")
    assert data.X.shape == (len(chosen), 32, 32, 3)
    assert len(data.classes) == 10
    first = np.asarray(Image.open(tmp_path / "test" / data.row_names[0]))
    assert np.array_equal(data.X[0], first)


@pytest.mark.skipif(not (SHARED / "mnist.npz").exists(), reason="shared/data/mnist.npz is not here")
def test_mnist_is_read_by_its_keys() -> None:
    data = read(SHARED / "mnist.npz", key="test_images", target="test_labels")
    assert data.X.shape == (10_000, 28, 28)
    assert data.X.dtype == np.uint8
    assert len(data.classes) == 10
