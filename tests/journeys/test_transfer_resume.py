"""A transfer fit that is killed anywhere, in the head phase, while features are cached, at an unfreezing switch."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torchvision")

SCRIPT = """
import hashlib, sys, time
import numpy as np, torch
torch.set_num_threads(1)
import punar
from punar.tasks import _linear_head
from punar.features import engine
phase, folder = sys.argv[1], sys.argv[2]

def slow(function, seconds):
    def inner(*args, **kwargs):
        time.sleep(seconds)
        return function(*args, **kwargs)
    return inner

# Wider windows, so that the kills land where they should; the numbers stay the same.
if phase == "head":
    _linear_head._choose = slow(_linear_head._choose, 1.0)
if phase == "cache":
    engine._SEGMENT_SECONDS = 0.0
    engine.filled = slow(engine.filled, 0.1)
if phase == "switch":
    from punar.training.loop import Loop
    Loop._close_epoch = slow(Loop._close_epoch, 0.2)
rng = np.random.default_rng(0)
X = rng.integers(0, 256, (160, 16, 16, 3), dtype=np.uint8)
y = np.arange(160) % 2
X[y == 1, :8] //= 2
model = punar.TransferLearner(
    punar.backbone("cifar_resnet20", weights=None), strategy="fine_tuning",
    unfreeze="all" if phase == "switch" else "last",
    gradual=phase == "switch", epochs=4, random_state=0, device="cpu", validation_fraction=0.2,
)
print("start", flush=True)
model.fit(X, y, checkpoint=folder)
digest = hashlib.sha256()
for name, value in model.module_.state_dict().items():
    digest.update(name.encode() + value.contiguous().numpy().tobytes())
print("weights", digest.hexdigest(), model.fit_report_["model"], flush=True)
"""


def _run(phase, folder, cache, kill_after=None):
    """Run the fit, kill it ``kill_after`` seconds after its start, and return what it said of its weights."""
    environment = os.environ | {"PUNAR_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, phase, str(folder)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "start\n"
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    out = process.stdout.read()
    process.stdout.close()
    code = process.wait()
    assert code in ((0, -signal.SIGKILL) if kill_after is not None else (0,))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["head", "cache", "switch"])
def test_killed_and_started_again_ends_in_the_same_weights(phase, tmp_path):
    began = time.perf_counter()
    wanted = _run(phase, tmp_path / "whole", tmp_path / "cache-whole")
    assert wanted.startswith("weights")
    seconds = time.perf_counter() - began
    rng, kills, found = random.Random(0), 0, ""
    for _ in range(6):
        found = _run(phase, tmp_path / "killed", tmp_path / "cache-killed", rng.uniform(0.05, 0.25 * seconds))
        kills += not found
    found = found or _run(phase, tmp_path / "killed", tmp_path / "cache-killed")
    print(f"{phase}: {kills} kills")
    assert kills >= 2
    assert found == wanted
