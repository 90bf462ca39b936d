"""Layouts that people have: labels beside a folder, split folders, several targets, kept columns, pipes, sounds."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import punar
from punar.cli.main import app
from punar.data.decode import BadItem, read_audio, read_rate
from punar.errors import DataError, ParameterError, PunarWarning
from punar.sources import read_data, read_items, read_sequences, splits_of


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(path)


def tone(path: Path, rate: int = 8000, seconds: float = 0.3, pitch: float = 440) -> None:
    soundfile = pytest.importorskip("soundfile", reason="sounds need the extra 'audio'")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate), rate)


def says(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words), catch_exceptions=True)
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


# -- labels beside a folder


def test_paths_that_begin_and_end_elsewhere(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "jpgs" / f"leaf{i}.jpg", 40 * i)
    table = tmp_path / "labels.csv"
    pd.DataFrame({"leaf": [f"leaf{i}" for i in range(4)], "kind": list("oaoa")}).to_csv(table, index=False)
    for suffix in (".jpg", "jpg"):
        found = read_items(table, path="leaf", root=str(tmp_path / "jpgs"), suffix=suffix, target="kind")
        assert [Path(p).name for p in found.items] == [f"leaf{i}.jpg" for i in range(4)]
        assert found.kind == "vision"
    with pytest.raises(DataError, match=r"none of the 4 files .*--root FOLDER, --suffix.*There is .*jpgs.leaf0\.jpg"):
        read_items(table, path="leaf", target="kind")
    (tmp_path / "jpgs" / "leaf2.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 4 rows cannot be used: line 4: there is no file 'leaf2'"):
        read_items(table, path="leaf", root=str(tmp_path / "jpgs"), suffix=".jpg", target="kind")
    with pytest.raises(ParameterError, match="belong to a column of paths"):
        read_items(table, text="leaf", root="x", target="kind")


def test_sounds_beside_a_table(tmp_path: Path) -> None:
    for i in range(3):
        tone(tmp_path / "wavs" / f"{i}.flac")
    pd.DataFrame({"clip": [0, 1, 2], "who": list("xyx")}).to_csv(tmp_path / "a.csv", index=False)
    found = read_sequences(tmp_path / "a.csv", path="clip", root=str(tmp_path / "wavs"), suffix=".flac", target="who")
    assert found.kind == "audio"
    assert list(found.y) == ["x", "y", "x"]


# -- split folders


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train", "val", "test"], {"train", "val", "test"}),
        (["Train", "Test"], {"train", "test"}),
        (["training", "validation"], {"train", "val"}),
        (["train", "valid", "test"], {"train", "val", "test"}),
        (["train", "cats"], set()),
        (["val", "test"], set()),
    ],
)
def test_split_folders_are_told_by_their_names(tmp_path: Path, names: list[str], parts: set[str]) -> None:
    for name in names:
        for kind in "uv":
            picture(tmp_path / name / kind / "a.png", 9)
    assert set(splits_of(tmp_path)) == parts
    if parts:
        with pytest.raises(DataError, match=rf"split into .*{names[0]}"):
            read_items(tmp_path)
    assert splits_of(tmp_path / "nothing") == {}


def test_the_train_folder_is_fitted_and_the_others_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for part, n in (("Train", 10), ("Val", 4), ("Test", 6)):
        for i in range(n):
            picture(tmp_path / "leaves" / part / "pq"[i % 2] / f"{i}.png", n + 20 + 200 * (i % 2) + i)
    status, said = says("fit", "leaves", "--backbone", "starter", "-q", "--out", "m")
    assert status == 0, said
    assert "leaves/Train is learned from" in said.replace(os.sep, "/")
    assert "10 pictures" in said
    assert "punar predict MODEL leaves/Test" in said.replace(os.sep, "/")
    assert "leaves/Val" in said.replace(os.sep, "/")
    status, said = says("predict", "m", "leaves/Test", "--out", "p.csv")
    assert status == 0, said
    assert "Accuracy on the labels of DATA: 1.0000" in said, "chance is 0.5"


# -- several targets


FRAME = pd.DataFrame(
    {
        "review": [
            "a red and round thing here",
            "a red but square thing",
            "a blue one that is round",
            "blue and square too",
        ]
        * 6,
        "red": ["yes", "yes", "no", "no"] * 6,
        "round": [1, 0, 1, 0] * 6,
        "stars": [1.5, 2.5, 3.5, 4.5] * 6,
        "price": [10, 20, 30, 40] * 6,
        "key": [f"k{i}" for i in range(24)],
    }
)


def table(folder: Path, frame: pd.DataFrame = FRAME) -> Path:
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def test_several_columns_are_labels_or_amounts(tmp_path: Path) -> None:
    path = table(tmp_path)
    found = read_items(path, text="review", target=["red", "round"])
    assert found.target_kind == "multilabel"
    assert found.y[:4].tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]
    assert list(found.labels().columns) == ["red", "round"]
    found = read_items(path, text="review", target=["stars", "price"])
    assert found.target_kind == "regression"
    assert found.y[1].tolist() == [2.5, 20]
    assert read_items(path, text="review", target=["round", "price"], form="amounts").y[0].tolist() == [1, 10]
    with pytest.raises(DataError, match=r"column 'price' holds '10'"):
        read_items(path, text="review", target=["red", "price"], form="sets")
    with pytest.raises(DataError, match="regression needs finite numbers"):
        read_items(path, text="review", target=["red", "price"])
    with pytest.raises(ParameterError, match="several targets"):
        read_items(path, text="review", target=["red", "round"], form="classes")
    with pytest.raises(ParameterError, match="target must be one column"):
        read_data(path, target=["red", "round"])  # type: ignore[arg-type]


def test_several_columns_of_series(tmp_path: Path) -> None:
    wide = pd.DataFrame(np.arange(20.0).reshape(4, 5), columns=[f"t{i}" for i in range(5)])
    wide.assign(up=[1, 0, 1, 0], far=[0, 0, 1, 1]).to_csv(tmp_path / "w.csv", index=False)
    found = read_sequences(tmp_path / "w.csv", target=["up", "far"])
    assert found.target_kind == "multilabel"
    assert found.labels().to_dict("list") == {"up": [1, 0, 1, 0], "far": [0, 0, 1, 1]}
    assert np.shape(found.items) == (4, 5, 1)
    long = pd.DataFrame({"id": [1, 1, 2, 2], "v": [1.0, 2, 3, 4], "up": [1, 1, 0, 0], "far": [0, 0, 1, 1]})
    long.to_csv(tmp_path / "l.csv", index=False)
    found = read_sequences(tmp_path / "l.csv", id_column="id", target=["up", "far"])
    assert found.y.loc[1].to_dict() == {"up": 1, "far": 0}
    assert found.channels == ("v",)


def test_names_of_labels_are_answered_matched_and_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path)
    words = ("--text", "review", "--target", "red", "--target", "round")
    status, said = says("fit", "t.csv", *words, "--cell", "gru", "--epochs", "30", "-q", "--out", "m")
    assert status == 0, said
    table(tmp_path, FRAME[["review", "round", "red", "key"]])
    status, said = says(
        "predict", "m", "t.csv", *words[:2], "--target", "round", "--target", "red", "--keep", "key", "--out", "p.csv"
    )
    assert status == 0, said
    found = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    assert list(found.columns) == ["key", "row", "prediction", "probability red", "probability round"]
    assert list(found["key"]) == list(FRAME["key"])
    right = float(next(line for line in said.splitlines() if "all right" in line).split()[-1])
    assert right > 0.7, f"{said}; one answer for all gets 0.25"
    model = punar.load("m")
    assert list(model.classes_) == ["red", "round"]
    y = pd.DataFrame({"round": [1, 0], "red": [1, 1]})
    assert model.score(list(FRAME["review"][:2]), y) == model.score(list(FRAME["review"][:2]), y[["red", "round"]])
    with pytest.raises(DataError, match=r"must have the columns 'red', 'round', got 'blue', 'red'"):
        model.score(list(FRAME["review"][:2]), y.rename(columns={"round": "blue"}))


# -- kept columns


def test_kept_columns_stand_first_and_follow_the_rows_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd"))
    frame.iloc[3, 1] = np.nan
    frame.assign(key=[f"k{i}" for i in range(30)]).to_csv("t.csv", index=False)
    status, said = says(
        "fit", "t.csv", "--drop", "key", "--skip-bad", "--latent-dim", "2", "--epochs", "2", "-q", "--out", "m"
    )
    assert status == 0, said
    for command in ("transform", "reconstruct"):
        status, said = says(command, "m", "t.csv", "--skip-bad", "--keep", "key", "--out", f"{command}.csv")
        assert status == 0, said
        found = pd.read_csv(f"{command}.csv")
        assert found.columns[0] == "key"
        assert list(found["key"]) == [f"k{i}" for i in range(30) if i != 3]
    status, said = says("transform", "m", "t.csv", "--skip-bad", "--keep", "keys", "--out", "x.csv")
    assert status != 0
    assert "Did you mean 'key'?" in said
    status, said = says("transform", "m", "t.csv", "--skip-bad", "--keep", "key", "--out", "x.npy")
    assert status != 0
    assert "--keep is for tables" in said


def test_kept_columns_of_series(tmp_path: Path) -> None:
    wide = pd.DataFrame(np.arange(15.0).reshape(3, 5), columns=[f"t{i}" for i in range(5)]).assign(ward=list("xxy"))
    wide.to_csv(tmp_path / "w.csv", index=False)
    assert list(read_sequences(tmp_path / "w.csv", keep=["ward"]).kept["ward"]) == ["x", "x", "y"]
    long = pd.DataFrame({"id": [2, 2, 1], "v": [1.0, 2, 3], "ward": list("xxy"), "w": list("pqr")})
    long.to_csv(tmp_path / "l.csv", index=False)
    found = read_sequences(tmp_path / "l.csv", id_column="id", keep=["ward"], drop=["w"], kind="series")
    assert list(found.kept["ward"]) == ["x", "y"]
    with pytest.raises(DataError, match="id '2' has several values"):
        read_sequences(tmp_path / "l.csv", id_column="id", keep=["w"], drop=["ward"], kind="series")


def test_short_texts_are_found_where_a_model_reads_texts(tmp_path: Path) -> None:
    pd.DataFrame({"key": ["a1", "b2"], "text": ["hi", "no"], "n": [1, 2]}).to_csv(tmp_path / "t.csv", index=False)
    assert list(read_items(tmp_path / "t.csv", kind="text").items) == ["hi", "no"]
    pd.DataFrame({"key": ["a1", "b2"], "words": ["hi", "no"]}).to_csv(tmp_path / "u.csv", index=False)
    assert list(read_items(tmp_path / "u.csv", kind="text", keep=["key"]).items) == ["hi", "no"]
    with pytest.raises(DataError, match="no column of texts"):
        read_items(tmp_path / "u.csv", kind="text")


# -- sounds


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".flac", ".aiff", ".au", ".caf", ".w64", ".opus"])
def test_every_sound_that_soundfile_writes_is_read(tmp_path: Path, suffix: str) -> None:
    soundfile = pytest.importorskip("soundfile", reason="sounds need the extra 'audio'")
    wave = 0.5 * np.sin(np.arange(8000) * 0.2)
    path = tmp_path / "u" / f"a{suffix}"
    path.parent.mkdir()
    if suffix == ".opus":
        soundfile.write(path, wave, 8000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, wave, 8000)
    picked = read_sequences(tmp_path)
    assert picked.kind == "audio"
    assert picked.items == [str(path)]
    samples, rate = read_audio(path)
    assert rate in (8000, 48000)
    assert abs(len(samples) / rate - 1) < 0.2
    assert read_rate(path) == rate


def test_sounds_that_nothing_here_reads_say_how_to_convert(tmp_path: Path) -> None:
    path = tmp_path / "u" / "voice memo.m4a"
    path.parent.mkdir()
    path.write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(200))
    assert read_items(tmp_path).kind == "audio"
    with pytest.raises(BadItem, match=r"does not read \.m4a.*ffmpeg -i voice memo\.m4a voice memo\.wav"):
        read_audio(path)


def wav(rate: int) -> bytes:
    samples = np.zeros(64, dtype="<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(samples),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        rate * 2 % 2**32,
        2,
        16,
        b"data",
        len(samples),
    )
    return head + samples


@pytest.mark.parametrize("rate", [1, 500, 999, 400_000, 9_999_991, 2**31 - 1])
def test_a_false_rate_is_refused_before_anything_is_resampled(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(rate))
    for reader in (read_audio, read_rate):
        with pytest.raises(BadItem, match=r"samples per second|cannot be decoded"):
            reader(path)
    monkeypatch.setattr("punar.data.decode.find_spec", lambda name: None)
    with pytest.raises(BadItem, match=r"samples per second|cannot be decoded"):
        read_audio(path)


def test_one_slow_recording_among_others_is_said(tmp_path: Path) -> None:
    paths = []
    for i in range(10):
        tone(tmp_path / f"{i}.wav", rate=4000 if i == 7 else 16000, pitch=300 + 400 * (i % 2))
        paths.append(str(tmp_path / f"{i}.wav"))
    with pytest.warns(PunarWarning, match=r"1 of \d+ recordings have half .*7\.wav with 4,000"):
        punar.SequenceModel("gru", epochs=1, random_state=0).fit(paths, np.arange(10) % 2)


# -- pipes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_named_pipes_are_refused_at_once(tmp_path: Path) -> None:
    picture(tmp_path / "u" / "a.png", 3)
    os.mkfifo(tmp_path / "u" / "b.png")
    os.mkfifo(tmp_path / "data.csv")
    os.mkfifo(tmp_path / "c.wav")
    for read in (read_items, read_sequences, read_data):
        with pytest.raises(DataError, match=r"b\.png is a named pipe"):
            read(tmp_path / "u")
        with pytest.raises(DataError, match=r"data\.csv: it is a named pipe"):
            read(tmp_path / "data.csv")
    for call in (read_audio, read_rate):
        with pytest.raises(BadItem, match="named pipe"):
            call(tmp_path / "c.wav")
    for item in ("u/b.png", "c.wav"):
        with pytest.raises(DataError):
            punar.FeatureExtractor("starter", cache=False).fit().transform([str(tmp_path / item)])


# -- names of files, and folders that are gone


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_names_that_are_not_utf_8_are_written_escaped(tmp_path: Path) -> None:
    from punar.cli._writing import write_frame, write_rows

    folder = os.fsencode(tmp_path) + b"/p/h\xe4t"
    os.makedirs(folder)
    picture(tmp_path / "a.png", 5)
    Path(os.fsdecode(folder + b"/\xfc.png")).write_bytes((tmp_path / "a.png").read_bytes())
    found = read_items(tmp_path / "p")
    assert found.classes == ("h\\udce4t",)
    assert found.row_names == (os.path.join("h\\udce4t", "\\udcfc.png"),)
    assert Path(found.items[0]).is_file(), "the path itself still opens the file"
    assert read_data(tmp_path / "p").row_names == found.row_names
    write_rows(tmp_path / "r.csv", np.ones((1, 1)), ["x"], list(found.row_names), "file")
    write_frame(tmp_path / "f.tsv", {"file": np.array(["\udcfc.png"], dtype=object)})
    for name in ("r.csv", "f.tsv"):
        assert "\\udcfc.png" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="a folder in use cannot be deleted there")
def test_a_working_folder_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from punar.cli.main import run

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit) as stopped:
        run(["fit", "iris", "--out", "m"])
    assert stopped.value.code == 2
    monkeypatch.chdir(tmp_path)
