"""One bit flipped, a block zeroed, a file cut or exchanged: refused in punar's words, or the same answer to the bit.

The models are those of tests/golden, loaded and saved again: one of every estimator, with hashes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.core import plugins
from punar.errors import CheckpointError, PunarError
from punar.features.cache import Cache
from punar.training.checkpoint import FILE, Checkpoint, read_meta

# The note on what was deleted, which test_cache_harm.py is about.
pytestmark = pytest.mark.filterwarnings("ignore:.*in the cache was damaged:punar.errors.PunarWarning")

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDERS = sorted(p.parent.name for p in GOLDEN.glob("*/config.json"))
FILES = ["config.json", "model.safetensors"]
FEW, MANY = 40, 1000


def state(model: Any) -> tuple[Any, ...]:
    """What a model answers with: its settings, facts and tensors, to the bit."""
    facts, tensors = model.to_stored()
    held = {
        n: (str(t.dtype), tuple(t.shape), t.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        for n, t in tensors.items()
    }
    return plugins.to_dict(model), facts, held


@pytest.fixture(scope="module", params=FOLDERS)
def saved(request, tmp_path_factory) -> tuple[Path, tuple[Any, ...]]:
    model = punar.load(GOLDEN / request.param)
    return punar.save(model, tmp_path_factory.mktemp("m") / "m"), state(model)


def outcome(folder: Path, before: tuple[Any, ...]) -> str:
    """Return what a load ends in; every other exception, and another model, fails the test."""
    try:
        model = punar.load(folder)
    except PunarError as error:
        return "refused" if len(str(error)) < 1000 else "refused at length"
    assert state(model) == before, "another model was loaded without a word"
    return "the same"


def flip_each(path: Path, times: int, seed: int, after: Any) -> dict[str, int]:
    content, rng = path.read_bytes(), random.Random(seed)
    counts: dict[str, int] = {}
    try:
        for _ in range(times):
            bit = rng.randrange(8 * len(content))
            data = bytearray(content)
            data[bit // 8] ^= 1 << bit % 8
            path.write_bytes(data)
            found = after()
            counts[found] = counts.get(found, 0) + 1
    finally:
        path.write_bytes(content)
    assert after() == "the same"
    print(f"{path.parent.name}/{path.name}: {times} flips, {counts}")
    return counts


@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_a_model_folder(saved, name, times):
    folder, before = saved
    counts = flip_each(folder / name, times, times, lambda: outcome(folder, before))
    # All that a flip of the weights can do is to be refused.
    assert counts.get("refused", 0) >= (times if name == "model.safetensors" else times // 2)


@pytest.mark.parametrize("name", FILES)
def test_cut_zeroed_and_exchanged_files(saved, name, tmp_path):
    folder, before = shutil.copytree(saved[0], tmp_path / "m"), saved[1]
    path = folder / name
    content, rng = path.read_bytes(), random.Random(0)
    damaged = [b"", content[:1], content[:-1], content[: len(content) // 2], content + b"\0", content * 2]
    for size in (1, 16, 64, 512):
        at = rng.randrange(max(1, len(content) - size))
        # A block of other bytes than zeros: the file may hold zeros.
        damaged.append(content[:at] + bytes(b ^ 0xFF for b in content[at : at + size]) + content[at + size :])
        damaged.append(content[:at] + bytes(size) + content[at + size :])
    other = next(p for p in GOLDEN.iterdir() if (p / name).is_file() and (p / name).read_bytes() != content)
    damaged += [(other / name).read_bytes(), path.with_name(next(n for n in FILES if n != name)).read_bytes()]
    counts: dict[str, int] = {}
    for data in damaged:
        path.write_bytes(data)
        found = outcome(folder, before)
        counts[found] = counts.get(found, 0) + 1
    assert counts["refused"] >= len(damaged) - 4, counts
    path.write_bytes(content)
    assert outcome(folder, before) == "the same"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_refused_at_once(saved, name, tmp_path):
    def hangs(*_):
        raise AssertionError("waits")

    folder, before = shutil.copytree(saved[0], tmp_path / "m"), saved[1]
    path = folder / name
    path.unlink()
    handler = signal.signal(signal.SIGALRM, hangs)
    try:
        for make in (os.mkfifo, os.mkdir, lambda p: os.symlink("/dev/zero", p), lambda p: os.symlink(p, p)):
            make(path)
            signal.alarm(60)
            assert outcome(folder, before) == "refused"
            with pytest.raises(PunarError):
                punar.FeatureExtractor(str(folder)).fit()
            signal.alarm(0)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["keys", "rows"])
def test_a_flipped_bit_in_the_cache(tmp_path, kind, times):
    keys = [n.to_bytes(16, "big") for n in range(30)]
    rows = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    Cache(tmp_path).space("s").add(keys, rows)
    kept = {path: path.read_bytes() for path in (tmp_path / "features" / "s").iterdir()}

    def read() -> str:
        space = Cache(tmp_path).space("s")
        found = [space.row(key) if key in space else None for key in keys]
        for path, content in kept.items():
            if not path.exists():
                path.write_bytes(content)
        for row, wanted in zip(found, rows, strict=True):
            assert row is None or np.array_equal(row, wanted), "another row without a word"
        return "dropped" if any(row is None for row in found) else "the same"

    (path,) = (p for p in kept if p.suffix == f".{kind}")
    content, rng, counts = kept[path], random.Random(times), {}
    for _ in range(times):
        data = bytearray(content)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        found = read()
        counts[found] = counts.get(found, 0) + 1
        path.write_bytes(content)
    print(f"cache .{kind}: {times} flips, {counts}")
    assert counts["dropped"] > times / 2
    assert read() == "the same"


@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_a_checkpoint(tmp_path, times):
    X = np.random.default_rng(0).normal(size=(40, 3))
    punar.Autoencoder(latent_dim=2, epochs=2, random_state=0).fit(X, checkpoint=tmp_path)
    content = (tmp_path / FILE).read_bytes()
    fingerprint = read_meta(tmp_path)["fingerprint"]  # type: ignore[index]
    facts, tensors = Checkpoint(tmp_path, fingerprint).load() or ({}, {})
    assert tensors

    def read() -> str:
        try:
            found = Checkpoint(tmp_path, fingerprint).load()
        except CheckpointError:
            return "refused"
        assert found is not None
        assert found[0] == facts
        assert found[1].keys() == tensors.keys()
        assert all(torch.equal(value, tensors[name]) for name, value in found[1].items())
        return "the same"

    counts = flip_each(tmp_path / FILE, times, times, read)
    assert counts["refused"] > times / 2
    assert (tmp_path / FILE).read_bytes() == content
