"""The cache of computed rows: whole or absent, bounded, shared by several writers."""

from __future__ import annotations

import multiprocessing
import os

import numpy as np
import pytest

from punar.errors import ParameterError, ParameterTypeError
from punar.features import cache as caches
from punar.features.cache import Cache


def keys(*numbers):
    return [int(n).to_bytes(16, "big") for n in numbers]


def rows(*numbers):
    return np.stack([np.full((2, 3), n, dtype=np.float32) for n in numbers])


def space(folder, key="a"):
    return Cache(folder).space(key, (2, 3), np.dtype("float32"))


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
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "200")  # bytes: four segments of one row, 24 + 16 each
    for n in range(8):
        space(tmp_path, f"s{n}").add(keys(n), rows(n))
        for i, file in enumerate(sorted(tmp_path.glob("features/*/*"), key=lambda f: f.stat().st_mtime_ns)):
            os.utime(file, (i, i))
    assert Cache(tmp_path).size() <= 200
    assert keys(7)[0] in space(tmp_path, "s7")
    assert keys(0)[0] not in space(tmp_path, "s0")


def test_what_does_not_fit_is_still_answered(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "50")
    one = space(tmp_path)
    one.add(keys(1), rows(1))
    one.add(keys(2), rows(2))
    np.testing.assert_array_equal(one.row(keys(2)[0]), rows(2)[0])
    assert Cache(tmp_path).size() <= 50


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
    assert Cache(tmp_path).clear() == 24 + 16
    assert Cache(tmp_path).size() == 0


def test_settings_are_checked(monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "much")
    with pytest.raises(ParameterError, match=r"PUNAR_CACHE_LIMIT must be a size such as '5GB'.*'MUCH'"):
        caches.limit_bytes()
    monkeypatch.setenv("PUNAR_CACHE_LIMIT", "1.5kb")
    assert caches.limit_bytes() == 1536
    with pytest.raises(ParameterTypeError, match="cache must be True, False or a folder, got 3"):
        caches.check(3, "X")
