"""Warm starts: a network trained on many simulated sequences, reused on few of a real machine with other faults.

Chance and a network trained from random weights stand beside every figure.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import punar
from punar import errors

SEEDS = range(3)
PER_CLASS = 12
SIMULATED = ("hum", "beat", "square", "resonance", "drift", "knock")
REAL = ("chirp", "sawtooth", "burst", "bearing")


def signal(kind, rng, *, speed, noise):
    """One recording of a machine: a waveform of its kind with its own phase and speed, in noise."""
    n = int(rng.integers(40, 90))
    turn = speed * rng.uniform(0.85, 1.15)
    t = np.arange(n) + rng.uniform(0, 40)
    angle = 2 * np.pi * turn * t / 12
    hits = (np.arange(n) + rng.integers(12)) % max(int(12 / turn), 2)
    x = {
        "hum": lambda: np.sin(angle),
        "beat": lambda: np.sin(angle) * np.sin(angle / 6.0),
        "square": lambda: np.sign(np.sin(angle)),
        "resonance": lambda: _driven(rng.normal(size=n), 1.6 * np.cos(2 * np.pi * turn / 9), -0.85),
        "drift": lambda: _driven(rng.normal(size=n), 0.95, 0.0),
        "knock": lambda: np.exp(-hits / 1.5),
        "chirp": lambda: np.sin(angle * (1 + np.arange(n) / n)),
        "sawtooth": lambda: 2 * (angle / (2 * np.pi) % 1) - 1,
        "burst": lambda: np.sin(2 * angle) * (np.sin(angle / 5.0) > 0),
        "bearing": lambda: np.exp(-hits / 3.0) * np.cos(2.2 * hits),
    }[kind]()
    return ((x - x.mean()) / (x.std() + 1e-9) + rng.normal(0, noise, n)).astype(np.float32)


def _driven(given, one, two):
    x = np.zeros(len(given))
    for t in range(len(given)):
        x[t] = given[t] + one * x[t - 1] + two * x[t - 2] if t > 1 else given[t]
    return x


def recordings(kinds, per_class, seed, **condition):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(kinds)), per_class)
    return [signal(kinds[k], rng, **condition)[:, None] for k in y], np.array(kinds)[y]


def quiet(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.DidNotLearnWarning)
        return model.fit(X, y)


@pytest.mark.slow
def test_from_simulation_to_the_real_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))
    X, y = recordings(SIMULATED, 400, 0, speed=1.0, noise=0.3)
    source = punar.SequenceModel("gru", hidden_size=48, pooling="mean", epochs=15, random_state=0, device="cpu").fit(
        X, y
    )
    held, kinds = recordings(SIMULATED, 50, 1, speed=1.0, noise=0.3)
    folder = str(punar.save(source, tmp_path / "simulated"))
    # The machine runs faster, its sensor is noisier, and none of its faults was simulated.
    condition = {"speed": 1.3, "noise": 0.6}
    test = recordings(REAL, 150, 10_000, **condition)
    ways = {
        "reused, frozen": {"strategy": "feature_extraction"},
        "reused, last layer tuned": {"strategy": "fine_tuning", "unfreeze": "last"},
        "scratch": {"strategy": "scratch"},
        # Nothing held out, no stopping, and enough steps that it fits what it is given.
        "scratch, 300 epochs": {
            "strategy": "scratch",
            "epochs": 300,
            "batch_size": 16,
            "validation_fraction": 0.0,
            "early_stopping": False,
        },
    }
    scores = {name: [] for name in ways}
    for seed in SEEDS:
        few = recordings(REAL, PER_CLASS, 100 + seed, **condition)
        for name, settings in ways.items():
            given = {"epochs": 60, "patience": 15, "random_state": seed, "device": "cpu"} | settings
            model = punar.TransferLearner(folder, **given)
            scores[name].append(quiet(model, *few).score(*test))
    print(f"\n{len(SIMULATED)} simulated kinds, held out: {source.score(held, kinds):.3f} (chance 0.167)")
    for name, found in scores.items():
        print(f"{name:26} {np.mean(found):.3f}  worst {min(found):.3f}  (chance {1 / len(REAL):.3f})")
    scratch = [max(pair) for pair in zip(scores["scratch"], scores["scratch, 300 epochs"], strict=True)]
    reused = scores["reused, frozen"]
    assert source.score(held, kinds) > 0.8
    assert np.mean(scores["scratch, 300 epochs"]) > 1 / len(REAL) + 0.1, (
        "a baseline that learned nothing proves nothing"
    )
    assert np.mean(reused) > np.mean(scratch) + 0.05
    assert all(a > b for a, b in zip(reused, scratch, strict=True))
