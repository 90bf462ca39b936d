"""The cache among a user's own files, in folders that are none, and after a version that wrote it otherwise."""

from __future__ import annotations

import json
import os
import signal
import warnings
import zlib

import numpy as np
import pytest

import punar
from punar.errors import ParameterError, ParameterTypeError, PunarWarning
from punar.features import cache as caches
from punar.features import runtime
from punar.features.cache import Cache

# Tests of the note ask for it by pytest.warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*in the cache was damaged:punar.errors.PunarWarning")

KEYS = [bytes([n]) * 16 for n in range(4)]
ROWS = np.arange(24, dtype=np.float32).reshape(4, 6)


def filled(folder):
    Cache(folder).space("k").add(KEYS, ROWS)
    return folder / "features" / "k"


def test_files_of_the_same_names_that_are_somebodys_own_stay(tmp_path, monkeypatch):
    folder = filled(tmp_path)
    own = {f"{n}-0123456789ab.{kind}": b"my own notes, " * 40 for n in range(3) for kind in ("rows", "keys")}
    own |= {"7-0123456789ab.rows.new": b"not punar's"}
    for name, content in own.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, 0))
    again = Cache(tmp_path).space("k")
    np.testing.assert_array_equal(again.row(KEYS[2]), ROWS[2])
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "1")
    Cache(tmp_path).trim()
    assert Cache(tmp_path).size() == 0
    assert Cache(tmp_path).clear() == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == own


@pytest.mark.parametrize("name", ["keys", "rows"])
@pytest.mark.parametrize("length", [1, 8, 40])
def test_a_beginning_of_zeros_is_still_known_by_the_file_beside_it(tmp_path, name, length):
    folder = filled(tmp_path)
    (path,) = folder.glob(f"*.{name}")
    path.write_bytes(bytes(length) + path.read_bytes()[length:])
    again = Cache(tmp_path).space("k")
    row = again.row(KEYS[0])
    assert row is None or np.array_equal(row, ROWS[0])
    assert Cache(tmp_path).clear() > 0 or not list(folder.parent.glob("k/*"))
    assert not list(folder.parent.glob("k/*"))


def test_segments_of_an_older_version_go(tmp_path):
    folder = tmp_path / "features" / "k"
    folder.mkdir(parents=True)
    head = b"punar rows 2\n" + json.dumps({"dtype": "float32", "shape": [6], "rows": 1}).encode() + b"\n" + bytes(20)
    (folder / "5-0123456789ab.keys").write_bytes(head + zlib.crc32(head).to_bytes(4, "little"))
    (folder / "5-0123456789ab.rows").write_bytes(ROWS[0].tobytes())
    assert bytes(16) not in Cache(tmp_path).space("k")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("value", ["~nobody-of-this-name/x", "~nobody-of-this-name", "c" * 300, "a/" * 3000])
@pytest.mark.parametrize("variable", ["PUNAR_CACHE_DIR", "XDG_CACHE_HOME", None])
def test_a_cache_folder_that_cannot_be_is_named(monkeypatch, value, variable):
    if variable is None:
        with pytest.raises(ParameterError, match="cache must be a folder, got"):
            caches.check(value, "X")
        with pytest.raises(ParameterError, match="cache must be a folder, got"):
            punar.FeatureExtractor("starter", cache=value).fit()
        return
    for each in ("PUNAR_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ParameterError, match=f"{variable} must be a folder, got"):
        punar.FeatureExtractor("starter").fit()
    runtime._recall()  # what was remembered of this machine is a help, not a need


@pytest.mark.parametrize("value", [b"x", 3, ["x"], " ", "a\0b"])
def test_what_is_no_cache_is_refused(value):
    with pytest.raises((ParameterError, ParameterTypeError), match="cache must be"):
        caches.check(value, "X")


def test_a_file_is_no_cache_folder(tmp_path, monkeypatch):
    (tmp_path / "f").write_text("mine")
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "f"))
    with pytest.raises(ParameterError, match="which is something else"):
        Cache()
    assert (tmp_path / "f").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_in_place_of_what_is_remembered_does_not_hang(tmp_path, monkeypatch):
    def hangs(*_):
        raise AssertionError("waits for a pipe")

    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path))
    os.mkfifo(tmp_path / runtime._REMEMBERED)
    before = signal.signal(signal.SIGALRM, hangs)
    try:
        signal.alarm(30)
        assert runtime._recall() == {}
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _every_row(folder):
    space = Cache(folder).space("k")
    return [space.row(key) for key in KEYS]


@pytest.mark.parametrize(("name", "at"), [("keys", 40), ("keys", -2), ("rows", 20), ("rows", -1)])
def test_what_was_damaged_is_said_once_and_computed_again(tmp_path, name, at):
    (path,) = filled(tmp_path).glob(f"*.{name}")
    data = bytearray(path.read_bytes())
    data[at] ^= 16
    path.write_bytes(data)
    with pytest.warns(PunarWarning, match=rf"\.{name} in the cache was damaged: its segment is deleted"):
        found = _every_row(tmp_path)
    assert any(row is None for row in found)
    Cache(tmp_path).space("k").add(KEYS, ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Cache(tmp_path).space("k")
        np.testing.assert_array_equal(again.row(KEYS[3]), ROWS[3])


def test_what_another_process_trimmed_is_not_called_damaged(tmp_path):
    folder = filled(tmp_path)
    space = Cache(tmp_path).space("k")
    for path in folder.iterdir():
        path.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert space.row(KEYS[0]) is None
        assert KEYS[0] not in Cache(tmp_path).space("k")


def test_doctor_goes_on_past_a_cache_folder_that_cannot_be(monkeypatch):
    from typer.testing import CliRunner

    from punar.cli.main import app

    monkeypatch.setenv("PUNAR_CACHE_DIR", "~nobody-of-this-name/cache")
    shown = CliRunner().invoke(app, ["doctor"]).output
    assert "feature cache" in shown
    assert "there is no user of this name" in " ".join(shown.split())
