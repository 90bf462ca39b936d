"""The cache of computed rows: whole or absent, bounded, shared by several writers."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
import zlib

import numpy as np
import pytest

from punar.errors import DataError, ParameterError, ParameterTypeError
from punar.features import cache as caches
from punar.features import segment as segments
from punar.features.cache import Cache

# The note on what was deleted, which test_cache_harm.py is about.
pytestmark = pytest.mark.filterwarnings("ignore:.*in the cache was damaged:punar.errors.PunarWarning")


def keys(*numbers):
    return [int(n).to_bytes(16, "big") for n in numbers]


def rows(*numbers):
    return np.stack([np.full((2, 3), n, dtype=np.float32) for n in numbers])


def space(folder, key="a"):
    return Cache(folder).space(key)


def test_rows_come_back_in_another_space_object(tmp_path):
    space(tmp_path).add(keys(1, 2), rows(1, 2))
    again = space(tmp_path)
    assert keys(2)[0] in again
    assert keys(3)[0] not in again
    np.testing.assert_array_equal(again.row(keys(2)[0]), rows(2)[0])
    assert keys(1)[0] not in space(tmp_path, "b")


@pytest.mark.parametrize("damage", ["truncated rows", "truncated keys", "rows gone", "unfinished"])
def test_a_damaged_segment_is_as_if_it_were_not_there(tmp_path, damage):
    space(tmp_path).add(keys(1), rows(1))
    (found,) = tmp_path.glob("features/a/*.keys")
    other = found.with_suffix(".rows")
    if damage == "truncated rows":
        other.write_bytes(other.read_bytes()[:-1])
    elif damage == "truncated keys":
        found.write_bytes(found.read_bytes()[:-1])
    elif damage == "rows gone":
        other.unlink()
    else:
        found.rename(found.with_suffix(".keys.new"))
    assert keys(1)[0] not in space(tmp_path)
    space(tmp_path).add(keys(1), rows(5))
    np.testing.assert_array_equal(space(tmp_path).row(keys(1)[0]), rows(5)[0])


def test_the_limit_holds_and_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "500")  # bytes: four segments of one row
    for n in range(8):
        space(tmp_path, f"s{n}").add(keys(n), rows(n))
        for i, file in enumerate(sorted(tmp_path.glob("features/*/*"), key=lambda f: f.stat().st_mtime_ns)):
            os.utime(file, (i, i))
    assert Cache(tmp_path).size() <= 500
    assert keys(7)[0] in space(tmp_path, "s7")
    assert keys(0)[0] not in space(tmp_path, "s0")


def test_what_does_not_fit_is_still_answered(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "150")  # one segment
    one = space(tmp_path)
    one.add(keys(1), rows(1))
    one.add(keys(2), rows(2))
    np.testing.assert_array_equal(one.row(keys(2)[0]), rows(2)[0])
    assert 0 < Cache(tmp_path).size() <= 150


def test_a_folder_that_cannot_be_written_costs_speed_only(tmp_path):
    (tmp_path / "features").write_text("a file in the way")
    one = space(tmp_path)
    one.add(keys(1), rows(1))
    np.testing.assert_array_equal(one.row(keys(1)[0]), rows(1)[0])


def _write(folder, start):
    for n in range(start, start + 20):
        space(folder).add(keys(n), rows(n))


def test_two_processes_may_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, start)) for start in (0, 10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = space(tmp_path)
    for n in range(30):
        np.testing.assert_array_equal(found.row(keys(n)[0]), rows(n)[0])


def test_clear_frees_everything(tmp_path):
    space(tmp_path).add(keys(1), rows(1))
    used = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert Cache(tmp_path).clear() == used > 24 + 16
    assert Cache(tmp_path).size() == 0
    assert not list(tmp_path.glob("features/*"))


def test_settings_are_checked(monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "much")
    with pytest.raises(ParameterError, match=r"PUNAR_CACHE_LIMIT must be a size such as '5GB'.*'MUCH'"):
        caches.limit_bytes()
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "1.5kb")
    assert caches.limit_bytes() == 1536
    with pytest.raises(ParameterTypeError, match="cache must be True, False or a folder, got 3"):
        caches.check(3, "X")


def flip(path, at):
    found = bytearray(path.read_bytes())
    found[at] ^= 1
    path.write_bytes(found)


@pytest.mark.parametrize("at", [0, 13, 20, 60, -30, -10, -1])
def test_a_flipped_bit_among_the_keys_drops_the_segment(tmp_path, at):
    space(tmp_path).add(keys(1, 2), rows(1, 2))
    (found,) = tmp_path.glob("features/a/*.keys")
    flip(found, at)
    again = space(tmp_path)
    assert not [k for k in keys(1, 2) if k in again]
    assert not list(tmp_path.glob("features/a/*"))


def test_exchanged_keys_drop_the_segment_also_with_a_right_checksum(tmp_path):
    space(tmp_path).add(keys(1, 2), rows(1, 2))
    (found,) = tmp_path.glob("features/a/*.keys")
    head = found.read_bytes()[:-4]
    start = head.index(b"}\n") + 2
    table = np.frombuffer(head[start:], segments._entry()).copy()
    table["key"] = table["key"][::-1].copy()  # the rows' checksums stay where they are
    head = head[:start] + table.tobytes()
    found.write_bytes(head + zlib.crc32(head).to_bytes(4, "little"))
    again = space(tmp_path)
    assert keys(1)[0] in again
    assert again.row(keys(1)[0]) is None
    assert keys(2)[0] not in again
    assert not list(tmp_path.glob("features/a/*"))


@pytest.mark.parametrize("damage", ["zeros", "bit", "cut while in use", "gone while in use"])
def test_damaged_rows_are_none_and_are_written_anew(tmp_path, damage):
    space(tmp_path).add(keys(1, 2), rows(1, 2))
    (found,) = tmp_path.glob("features/a/*.rows")
    if damage == "zeros":
        found.write_bytes(found.read_bytes()[:16] + bytes(48))
    elif damage == "bit":
        flip(found, 16 + 5)
    again = space(tmp_path)
    if damage == "cut while in use":
        np.testing.assert_array_equal(again.row(keys(2)[0]), rows(2)[0])
        os.truncate(found, 3)
    elif damage == "gone while in use":
        found.unlink()
    assert again.row(keys(1)[0]) is None
    assert keys(1)[0] not in again
    again.add(keys(1, 2), rows(1, 2))
    np.testing.assert_array_equal(space(tmp_path).row(keys(1)[0]), rows(1)[0])


def test_a_row_on_the_disk_is_read_when_used_and_says_when_it_was_damaged(tmp_path):
    space(tmp_path).add(keys(1), rows(1))
    row = space(tmp_path).stored(keys(1)[0])
    np.testing.assert_array_equal(row.read(), rows(1)[0])
    flip(next(tmp_path.glob("features/a/*.rows")), 16)
    with pytest.raises(DataError, match=r"\.rows was changed or cut short while it was in use.*run this again"):
        row.read()
    assert keys(1)[0] not in space(tmp_path)


def test_a_hostile_header_reserves_no_memory(tmp_path):
    space(tmp_path).add(keys(1), rows(1))
    (found,) = tmp_path.glob("features/a/*.keys")
    for facts in (
        {"dtype": "float32", "shape": [2**40, 2**40], "rows": 1},
        {"dtype": "float32", "shape": [2, 3], "rows": 2**60},
        {"dtype": "object", "shape": [2, 3], "rows": 1},
        {"dtype": "float32", "shape": [-2, -3], "rows": 1},
        {"dtype": "float32", "shape": 6, "rows": 1},
        ["float32"],
    ):
        head = b"punar rows 3\n" + json.dumps(facts).encode() + b"\n" + bytes(20)
        found.write_bytes(head + zlib.crc32(head).to_bytes(4, "little"))
        found.with_suffix(".rows").write_bytes(bytes(16 + 24))
        assert keys(0)[0] not in space(tmp_path)
        assert not found.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_pipes_and_links_are_passed_over(tmp_path):
    space(tmp_path).add(keys(1), rows(1))
    folder = tmp_path / "features" / "a"
    (one,) = folder.glob("*.keys")
    os.mkfifo(folder / "5f-0123456789ab.keys")
    os.mkfifo(folder / "5f-0123456789ac.rows")
    (folder / "5f-0123456789ad.keys").symlink_to(one)
    again = space(tmp_path)
    np.testing.assert_array_equal(again.row(keys(1)[0]), rows(1)[0])
    one.with_suffix(".rows").unlink()
    os.mkfifo(one.with_suffix(".rows"))
    assert again.row(keys(1)[0]) is not None  # opened before
    assert keys(1)[0] not in space(tmp_path)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    class Full:
        def __init__(self, *args):
            self.file = open(*args)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(bytes(data)[:7])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(segments, "open", Full, raising=False)
    one = space(tmp_path)
    one.add(keys(1), rows(1))
    np.testing.assert_array_equal(one.row(keys(1)[0]), rows(1)[0])
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_trimming_and_clearing_leave_the_files_of_others(tmp_path, monkeypatch):
    own = tmp_path / "features" / "piano"
    own.mkdir(parents=True)
    for name in ("grand.keys", "grand.rows", "notes.keys.new"):
        (own / name).write_bytes(bytes(5000))
    space(tmp_path, "a").add(keys(1), rows(1))
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "1")
    Cache(tmp_path).trim()
    assert Cache(tmp_path).size() == 0
    space(tmp_path, "piano")
    assert Cache(tmp_path).clear() == 0
    assert sorted(file.name for file in own.iterdir()) == ["grand.keys", "grand.rows", "notes.keys.new"]


def test_a_limit_below_one_segment_is_kept_too(tmp_path, monkeypatch):
    for n in range(3):
        space(tmp_path, f"s{n}").add(keys(n), rows(n))
    assert Cache(tmp_path).size() > 0
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "10")
    one = space(tmp_path, "s9")
    one.add(keys(9), rows(9))
    np.testing.assert_array_equal(one.row(keys(9)[0]), rows(9)[0])
    assert Cache(tmp_path).size() == 0


def test_what_a_killed_writer_left_goes_after_an_hour(tmp_path):
    folder = tmp_path / "features" / "a"
    folder.mkdir(parents=True)
    for name, hours in (("1-000000000000.rows.new", 2), ("2-000000000000.rows", 2), ("3-000000000000.rows.new", 0)):
        (folder / name).write_bytes(b"punar numbers 3\n1234")
        used = time.time() - 3600 * hours
        os.utime(folder / name, (used, used))
    space(tmp_path)
    assert [file.name for file in folder.iterdir()] == ["3-000000000000.rows.new"]
