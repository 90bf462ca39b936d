"""A fit on ragged batches that is killed anywhere, and started again, ends with the same weights."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import hashlib, sys, time
import numpy as np, torch
torch.set_num_threads(1)
import punar
from punar.training.loop import Loop

def slow(function, seconds):
    def inner(*args, **kwargs):
        time.sleep(seconds)
        return function(*args, **kwargs)
    return inner

# A wider window, so that the kills land inside epochs too; the numbers stay the same.
Loop._run_step = slow(Loop._run_step, 0.03)
kind, cell, folder = sys.argv[1:4]
rng = np.random.default_rng(0)
if kind == "series":
    X = [rng.normal(size=(rng.integers(2, 60), 3)) for _ in range(300)]
    y = np.array([int(x[-1, 0] > 0) for x in X])
else:
    words = ["good", "fine", "bad", "awful", "film", "book", "a", "the"]
    X = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(300)]
    y = np.array([int(x.count("good") > x.count("bad")) for x in X])
model = punar.SequenceModel(
    cell, hidden_size=16, num_layers=2, bidirectional=True, dropout=0.3, epochs=6, random_state=0, device="cpu"
)
print("start", flush=True)
model.fit(X, y, checkpoint=folder)
digest = hashlib.sha256()
for name, value in model.module_.state_dict().items():
    digest.update(name.encode() + value.contiguous().numpy().tobytes())
print("weights", digest.hexdigest(), len(model.history_), model.fit_report_["model"], flush=True)
"""


def _run(kind, cell, folder, kill_after=None):
    """Run the fit, kill it ``kill_after`` seconds after its start; return what it said of its weights, and seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, kind, cell, str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "start\n"
    began = time.perf_counter()
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    out = process.stdout.read()
    process.stdout.close()
    code = process.wait()
    assert code in ((0, -signal.SIGKILL) if kill_after is not None else (0,))
    return out, time.perf_counter() - began


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "cell"), [("series", "lstm"), ("texts", "gru"), ("series", "min_gru")])
def test_killed_and_started_again_ends_in_the_same_weights(kind, cell, tmp_path):
    if kind == "texts":
        pytest.importorskip("tokenizers")
    wanted, seconds = _run(kind, cell, tmp_path / "whole")
    assert wanted.startswith("weights")
    rng, kills, found = random.Random(0), 0, ""
    for _ in range(5):
        found, _ = _run(kind, cell, tmp_path / "killed", rng.uniform(0.1, 0.35) * seconds)
        kills += not found
        if found:
            break
    found = found or _run(kind, cell, tmp_path / "killed")[0]
    print(f"{kind}, {cell}: {kills} kills")
    assert kills >= 2
    assert found == wanted
