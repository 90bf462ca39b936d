"""Resume equals never having stopped, bit for bit, wherever it was stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import punar
from punar.errors import CheckpointError
from punar.networks.dense import Dense
from punar.training import checkpoint as checkpoints
from punar.training.loop import Loop


def data(n: int = 150) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(n, 8))


def model(**changes: Any) -> punar.Autoencoder:
    # Dropout draws from torch's global stream, denoising from the loop's own: both must come back.
    settings: dict[str, Any] = {"objective": "denoising", "network": Dense(hidden=(16,), dropout=0.2), "latent_dim": 3}
    settings |= {"epochs": 6, "batch_size": 32, "random_state": 3, "patience": 3} | changes
    return punar.Autoencoder(**settings)


def weights(ae: punar.Autoencoder) -> list[torch.Tensor]:
    return list(ae.module_.state_dict().values())


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", [1, 2, 4, 5, 6, 13, 23, 25])
def test_stopped_at_any_step_and_continued(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model().fit(data())
    real_step, steps = Loop._run_step, 0

    def counted(self: Loop, order: torch.Tensor) -> None:
        nonlocal steps
        if steps == at:
            raise Killed
        steps += 1
        real_step(self, order)

    monkeypatch.setattr(checkpoints.Checkpoint, "due", lambda self: True)
    monkeypatch.setattr(Loop, "_run_step", counted)
    with pytest.raises(Killed):
        model().fit(data(), checkpoint=tmp_path)
    monkeypatch.setattr(Loop, "_run_step", real_step)
    runs: list[int] = []
    real_train = Loop.train
    monkeypatch.setattr(Loop, "train", lambda self: (real_train(self), runs.append(self.steps_run))[0])
    again = model().fit(data(), checkpoint=tmp_path)
    for a, b in zip(weights(whole), weights(again), strict=True):
        assert torch.equal(a, b)
    drop = ("seconds",)
    kept = [[{k: v for k, v in e.items() if k not in drop} for e in ae.history_] for ae in (whole, again)]
    assert kept[0] == kept[1]
    assert runs[0] == 5 * len(whole.history_) - at  # nothing that was saved is done again


def test_a_finished_folder_returns_the_model_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = model().fit(data(), checkpoint=tmp_path)

    def refuse(self: Loop, order: torch.Tensor) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Loop, "_run_step", refuse)
    again = model().fit(data(), checkpoint=tmp_path)
    np.testing.assert_array_equal(first.transform(data()), again.transform(data()))
    assert again.fit_report_ == first.fit_report_


def test_a_drawn_seed_is_taken_up_again(tmp_path: Path) -> None:
    first = model(random_state=None).fit(data(), checkpoint=tmp_path)
    again = model(random_state=None).fit(data(), checkpoint=tmp_path)
    assert first.seed_ == again.seed_


@pytest.mark.parametrize(
    ("changes", "rows", "words"),
    [
        ({"learning_rate": 0.01}, 150, "parameters.learning_rate was '0.002', is '0.01'"),
        ({"objective": "sparse"}, 150, "parameters.objective"),
        ({}, 140, "data.content was .* data.rows was 150, is 140"),
        ({"random_state": 4}, 150, "parameters.random_state"),
    ],
)
def test_another_job_is_refused_by_name(changes: dict[str, Any], rows: int, words: str, tmp_path: Path) -> None:
    model().fit(data(), checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=words):
        model(**changes).fit(data(rows), checkpoint=tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk" * 100, b"\xff" * 8 + b"{}"])
def test_a_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / checkpoints.FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="Delete it to start the job again"):
        model().fit(data(), checkpoint=tmp_path)


JOB = """
import sys, time, numpy as np, torch, punar
from punar.networks.dense import Dense
rng = np.random.default_rng(0)
X = (rng.normal(size=(4000, 10)) @ rng.normal(size=(10, 200)) + rng.normal(size=(4000, 200))).astype("float32")
ae = punar.Autoencoder("denoising", Dense(hidden=(256, 64), dropout=0.1), 10, epochs=int(sys.argv[2]), batch_size=64,
                       random_state=0, early_stopping=False)
torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # torch's own imports on first use are no work of the fit
print("start", flush=True)
begun = time.perf_counter()
ae.fit(X, checkpoint=sys.argv[1])
print("seconds", time.perf_counter() - begun)
from punar.training.checkpoint import hash_tensors
print("hash", hash_tensors(ae.module_.state_dict().values()))
"""


def run_job(folder: Path, epochs: int, kill_after: float | None = None) -> tuple[float, str]:
    """Return the seconds spent inside fit, and the hash of the weights, empty where it was killed."""
    command = [sys.executable, "-W", "ignore", "-c", JOB, str(folder), str(epochs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "start\n"
        begun = time.perf_counter()
        if kill_after is not None:
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return time.perf_counter() - begun, ""
        out, _ = process.communicate()
    assert process.returncode == 0
    facts = dict(line.split() for line in out.splitlines())
    return float(facts["seconds"]), facts["hash"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_kill_9_twice(tmp_path: Path) -> None:
    seconds, wanted = run_job(tmp_path / "whole", 8)
    for kill_after in (0.3 * seconds, 0.5 * seconds):
        run_job(tmp_path / "killed", 8, kill_after)
    _, found = run_job(tmp_path / "killed", 8)
    assert found == wanted


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_twenty_random_kill_points_cost_less_than_a_third_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = 300  # a kill costs half a second and a start, whatever the machine: pieces of two seconds bear that
    seconds, wanted = run_job(tmp_path / "whole", epochs)
    rng = random.Random(0)
    # A machine that was busy with the first run and is not with these ends before 20 kills: then once more.
    for attempt in range(3):
        spent, kills, found = 0.0, 0, ""
        while not found:
            wait = rng.uniform(0.2, 1.8) * seconds / 21 if kills < 20 else None
            one, found = run_job(tmp_path / f"killed{attempt}", epochs, wait)
            spent, kills = spent + one, kills + (not found)
        if kills == 20:
            break
        seconds, _ = run_job(tmp_path / f"whole{attempt}", epochs)
    with capsys.disabled():
        print(f"\none run {seconds:.1f} s; {kills} kills, together {spent:.1f} s: {spent / seconds:.3f} times one run")
    assert found == wanted
    assert kills == 20
    assert spent < 1.3 * seconds
