"""Checkpoints that were damaged, forged or misnamed: one clear error, before any work."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.errors import CheckpointError, DidNotLearnWarning, ParameterError, ParameterTypeError
from punar.training import checkpoint as checkpoints
from punar.training import checkpoint_file

X = np.random.default_rng(3).normal(size=(60, 4)).astype(np.float32)
SERIES = np.random.default_rng(4).normal(size=(24, 9, 2)).astype(np.float32)
LABELS = np.arange(24) % 2


def autoencoder(folder: Any, epochs: int = 3) -> Any:
    return punar.Autoencoder(latent_dim=2, epochs=epochs, random_state=0).fit(X, checkpoint=folder)


def sequences(folder: Any, epochs: int = 3) -> Any:
    model = punar.SequenceModel(cell="gru", hidden_size=4, epochs=epochs, random_state=0, evidence="cheap")
    return model.fit(SERIES, LABELS, checkpoint=folder)


def forecasts(folder: Any, epochs: int = 2) -> Any:
    model = punar.SequenceModel(task="forecasting", horizon=2, context=6, hidden_size=4, epochs=epochs, random_state=0)
    return model.fit(np.sin(np.arange(80.0)), checkpoint=folder)


FITS = {"autoencoder": autoencoder, "sequences": sequences, "forecasts": forecasts}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DidNotLearnWarning)
        yield


@pytest.fixture(scope="module", params=sorted(FITS))
def half(request, tmp_path_factory) -> tuple[str, bytes]:
    """The file that a fit left when it was stopped in the middle."""
    folder = tmp_path_factory.mktemp("half")
    saved = checkpoints.Checkpoint.save
    count = 0

    def stops(self, facts, tensors):
        nonlocal count
        saved(self, facts, tensors)
        count += 1
        if count == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(checkpoints.Checkpoint, "save", stops)
        patch.setattr(checkpoints.Checkpoint, "due", lambda self: True)
        with pytest.raises(KeyboardInterrupt):
            FITS[request.param](folder)
    return request.param, (folder / checkpoints.FILE).read_bytes()


@pytest.fixture(scope="module")
def whole(half, tmp_path_factory) -> tuple[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        FITS[half[0]](folder)
    return half[0], (folder / checkpoints.FILE).read_bytes()


def forged(content: bytes, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], Any], path: Path) -> None:
    """Write a checkpoint again, changed and with a right checksum."""
    path.write_bytes(content)
    found = checkpoint_file.read(path)
    assert found is not None
    stored, tensors = found
    replaced = change(stored, tensors)
    path.write_bytes(checkpoint_file.to_bytes(stored if replaced is None else replaced, tensors))


def refused(name: str, folder: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        FITS[name](folder)
    assert "Delete it" in str(caught.value) or "pass another folder" in str(caught.value)
    assert len(str(caught.value)) < 1000


FORGED = {
    "nothing": lambda s, t: {},
    "a list": lambda s, t: [],
    "facts none": lambda s, t: s.update(facts=None),
    "facts empty": lambda s, t: s.update(facts={}),
    "another fingerprint": lambda s, t: s.update(fingerprint={"data": "other"}),
    "fingerprint a text": lambda s, t: s.update(fingerprint="other"),
    "epoch negative": lambda s, t: s["facts"].update(epoch=-1),
    "epoch a text": lambda s, t: s["facts"].update(epoch="two"),
    "epoch a fraction": lambda s, t: s["facts"].update(epoch=0.5),
    "epoch true": lambda s, t: s["facts"].update(epoch=True),
    "epoch far past the end": lambda s, t: s["facts"].update(epoch=10**6, history=[{"epoch": 1}] * 10**6),
    "step past the end": lambda s, t: s["facts"].update(step=10**5),
    "history of numbers": lambda s, t: s["facts"].update(history=[1, 2]),
    "history a mapping": lambda s, t: s["facts"].update(history={"epoch": 1}),
    "history too long": lambda s, t: s["facts"].update(history=[{"epoch": 1}] * 50),
    "history of texts": lambda s, t: s["facts"].update(history=[{"epoch": "one"}], epoch=1),
    "best_loss a number": lambda s, t: s["facts"].update(best_loss=0.5),
    "best_loss too many": lambda s, t: s["facts"].update(best_loss=[0.1] * 9),
    "seconds negative": lambda s, t: s["facts"].update(seconds=-1.0),
    "threads none": lambda s, t: s["facts"].update(threads=0),
    "threads many": lambda s, t: s["facts"].update(threads=10**9),
    "seed a text": lambda s, t: s["facts"].update(seed="0"),
    "report a list": lambda s, t: s["facts"].update(report=["good"]),
    "report without a verdict": lambda s, t: s["facts"].update(report={"learned": True}),
    "finished and nothing else": lambda s, t: s.update(facts={"finished": True}),
    "a weight gone": lambda s, t: t.__delitem__(min(n for n in t if n.startswith("module."))),
    "a weight cut": lambda s, t: t.update({n: v.flatten()[:1] for n, v in t.items() if n.endswith(("weight", "ih"))}),
    "a weight in another type": lambda s, t: t.update({n: v.double() for n, v in t.items() if "module." in n}),
    "a weight too many": lambda s, t: t.update({"module.more": torch.zeros(2)}),
    "no optimiser": lambda s, t: [t.pop(n) for n in list(t) if n.startswith("optimizer.")] and None,
    "the optimiser of another network": lambda s, t: t.update({"optimizer.999.exp_avg": torch.zeros(2)}),
    "the optimiser's place a word": lambda s, t: t.update({"optimizer.first.exp_avg": torch.zeros(2)}),
}


@pytest.mark.parametrize("case", FORGED)
def test_what_no_fit_writes_is_refused_also_with_a_right_checksum(half, tmp_path, case):
    name, content = half
    forged(content, FORGED[case], tmp_path / checkpoints.FILE)
    refused(name, tmp_path)


def test_a_forgery_that_changes_nothing_is_accepted(half, tmp_path):
    name, content = half
    forged(content, lambda s, t: None, tmp_path / checkpoints.FILE)
    resumed, fresh = FITS[name](tmp_path), FITS[name](None)
    for one, other in zip(resumed.module_.parameters(), fresh.module_.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_flipped_bit_a_cut_and_a_zeroed_block_are_refused(half, tmp_path):
    name, content = half
    path, rng = tmp_path / checkpoints.FILE, np.random.default_rng(0)
    for at in rng.integers(0, len(content), 12):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        # Spaces pad the header: a flip among them is a header that is no JSON any more.
        refused(name, tmp_path)
    for damaged in (content[:-1], content[: len(content) // 2], content + b"x", content[:-200] + bytes(200)):
        path.write_bytes(damaged)
        refused(name, tmp_path)


def test_without_a_checksum_it_is_refused(half, tmp_path):
    from safetensors.torch import load, save

    name, content = half
    (tmp_path / checkpoints.FILE).write_bytes(save(load(content), metadata={"punar": "{}"}))
    with pytest.raises(CheckpointError, match="no checksum"):
        FITS[name](tmp_path)


def test_a_finished_job_without_what_it_learned_is_refused(whole, tmp_path):
    from safetensors.torch import load

    name, content = whole
    forged(content, lambda s, t: t.clear(), tmp_path / checkpoints.FILE)
    refused(name, tmp_path)
    forged(content, lambda s, t: s["facts"].update(report={}), tmp_path / checkpoints.FILE)
    refused(name, tmp_path)
    for gone in ("calibration", "scaler.mean"):
        if gone in load(content):
            forged(content, lambda s, t: t.__delitem__(gone), tmp_path / checkpoints.FILE)  # noqa: B023
            refused(name, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("state", [0, None])
def test_pipes_folders_links_and_devices_are_refused_at_once(tmp_path, state):
    def hangs(*_):
        raise AssertionError("waits for a pipe")

    path = tmp_path / checkpoints.FILE
    model = punar.Autoencoder(latent_dim=1, epochs=1, random_state=state)
    before = signal.signal(signal.SIGALRM, hangs)
    try:
        for make in (os.mkfifo, os.mkdir, lambda p: os.symlink("/dev/zero", p), lambda p: os.symlink(__file__, p)):
            make(path)
            signal.alarm(60)
            with pytest.raises(CheckpointError, match="plain file"):
                model.fit(X, checkpoint=tmp_path)
            signal.alarm(0)
            path.rmdir() if path.is_dir() else path.unlink()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


NAMES = [
    (3.5, ParameterTypeError),
    (False, ParameterTypeError),
    (b"run", ParameterTypeError),
    (("run",), ParameterTypeError),
    ({"folder": "run"}, ParameterTypeError),
    (object(), ParameterTypeError),
    ("", ParameterError),
    ("  ", ParameterError),
    ("run\0", ParameterError),
    ("r" * 256, CheckpointError),
    (Path("r" * 400), CheckpointError),
    ("a/" * 3000, CheckpointError),
]


@pytest.mark.parametrize(("given", "kind"), NAMES, ids=lambda v: repr(v)[:20])
@pytest.mark.parametrize("kind_of_fit", ["autoencoder", "sequences", "transfer"])
def test_what_is_no_folder_is_refused_before_any_work(tmp_path, monkeypatch, given, kind, kind_of_fit):
    monkeypatch.chdir(tmp_path)
    models = {
        "autoencoder": punar.Autoencoder(),
        "sequences": punar.SequenceModel(),
        "transfer": punar.TransferLearner("starter"),
    }
    with pytest.raises(kind, match="checkpoint"):
        models[kind_of_fit].fit("no data at all, which is never looked at", [0], checkpoint=given)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_refused_before_any_work(tmp_path):
    (tmp_path / "notes").write_text("mine")
    for path in (tmp_path / "notes", tmp_path / "notes" / "run"):
        with pytest.raises(CheckpointError, match="checkpoint="):
            punar.Autoencoder().fit("nothing", checkpoint=path)
    assert (tmp_path / "notes").read_text() == "mine"


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    autoencoder("~/run", epochs=1)
    assert (tmp_path / "run" / checkpoints.FILE).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_tensors_that_share_memory_are_stored_in_full(tmp_path):
    base = torch.arange(6.0)
    given = {"a": base, "b": base, "c": base.reshape(2, 3), "d": base[:0], "e": base[3:], "count": torch.tensor(4)}
    (tmp_path / checkpoints.FILE).write_bytes(checkpoint_file.to_bytes({"facts": 1}, given))
    found = checkpoint_file.read(tmp_path / checkpoints.FILE)
    assert found is not None
    assert found[0] == {"facts": 1}
    assert all(torch.equal(found[1][name], value) for name, value in given.items())
