"""Small sets of series: made ones, whose classes differ in one known way, and real ones from ../shared/data."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable

import numpy as np
from _transfer_data import DATA, need
from words_and_sounds import recordings

from punar.preparations.sounds import log_mel_picture

Series = list[np.ndarray]
Made = Callable[[np.random.Generator, int], tuple[Series, np.ndarray]]
_BANDS = 8


def _labels(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    return rng.permutation(np.arange(n) % classes)


def _listed(X: np.ndarray) -> Series:
    return [x[:, None] if x.ndim == 1 else x for x in X]


def frequency(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Waves of three frequencies and any phase, in noise."""
    y = _labels(rng, n, 3)
    rate = np.array([0.04, 0.06, 0.09])[y] * rng.uniform(0.93, 1.07, n)
    waves = np.sin(2 * np.pi * (rate[:, None] * np.arange(150) + rng.random((n, 1))))
    return _listed(waves + 0.5 * rng.normal(size=(n, 150))), y


def shape(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """A ramp or a tent somewhere in noise."""
    y, width = _labels(rng, n, 2), 30
    X = 0.7 * rng.normal(size=(n, 200))
    forms = [np.concatenate([np.linspace(0, 3, 15), np.linspace(3, 0, 15)]), np.linspace(0, 3, width)]
    for i, label in enumerate(y):
        at = rng.integers(0, 200 - width)
        X[i, at : at + width] += forms[label]
    return _listed(X), y


def order(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Up before down, or down before up, anywhere."""
    y = _labels(rng, n, 2)
    X = 0.3 * rng.normal(size=(n, 120))
    for i, label in enumerate(y):
        one, two = sorted(rng.choice(np.arange(5, 110), 2, replace=False))
        X[i, one : one + 6] += 2 if label else -2
        X[i, two : two + 6] -= 2 if label else -2
    return _listed(X), y


def length(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Noise of 40 to 69 steps, or of 65 to 94."""
    y = _labels(rng, n, 2)
    return [rng.normal(size=(int(rng.integers(40, 70) + 25 * label), 1)) for label in y], y


def amplitude(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Noise of three deviations."""
    y = _labels(rng, n, 3)
    return _listed(np.array([0.7, 1.0, 1.4])[y][:, None] * rng.normal(size=(n, 100))), y


def level(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Two levels, closer than series of one class are to each other."""
    y = _labels(rng, n, 2)
    return _listed(0.5 * y[:, None] + 0.6 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 80))), y


def trend(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Falling, flat or rising walks at any level."""
    y = _labels(rng, n, 3)
    walk = np.cumsum(rng.normal(size=(n, 251)), 1) * 0.05 + 0.3 * rng.normal(size=(n, 251))
    return _listed(5 * rng.normal(size=(n, 1)) + walk + (y - 1)[:, None] * np.linspace(0, 1.2, 251)), y


def cylinder_bell_funnel(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Saito's (1994) three shapes."""
    y, step = _labels(rng, n, 3), np.arange(128)
    X = rng.normal(size=(n, 128))
    for i, label in enumerate(y):
        a = rng.integers(16, 32)
        b = min(a + rng.integers(32, 96), 127)
        inside = (step >= a) & (step <= b)
        form = [np.ones(128), (step - a) / (b - a), (b - step) / (b - a)][label]
        X[i] += (6 + rng.normal()) * inside * form
    return _listed(X), y


def harmonics(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Waves whose second harmonic has one sign or the other."""
    y, step = _labels(rng, n, 2), np.arange(300)
    angle = 2 * np.pi * (rng.uniform(0.02, 0.03, (n, 1)) * step + rng.random((n, 1)))
    return _listed(np.sin(angle) - (y - 0.5)[:, None] * np.sin(2 * angle) + 0.3 * rng.normal(size=(n, 300))), y


def slow(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Five hundred steps: slow waves of two frequencies, in noise."""
    y = _labels(rng, n, 2)
    rate = np.where(y, 0.012, 0.02) * rng.uniform(0.9, 1.1, n)
    waves = np.sin(2 * np.pi * (rate[:, None] * np.arange(500) + rng.random((n, 1))))
    return _listed(waves + 0.8 * rng.normal(size=(n, 500))), y


def walks(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """IndoorMovement: does somebody change rooms, by the strengths of four radio beacons?"""
    path = DATA / "series" / "IndoorMovement.zip"
    need(path)
    with zipfile.ZipFile(path) as file:
        target = np.loadtxt(file.open("dataset/MovementAAL_target.csv"), delimiter=",", comments="#", dtype=int)
        some = target[rng.permutation(len(target))[:n]]
        names = [f"dataset/MovementAAL_RSS_{i}.csv" for i in some[:, 0]]
        X = [np.loadtxt(file.open(name), delimiter=",", comments="#", ndmin=2) for name in names]
    return X, (some[:, 1] > 0).astype(int)


def digits(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Spoken digits 0 to 4 as the energies of eight bands, 10 ms a step."""
    need(DATA / "fsdd.zip")
    clips, digit, _, rate = recordings()
    some = rng.permutation(np.flatnonzero(digit < 5))[:n]
    bands = [np.asarray(log_mel_picture(clips[i], rate, width=None)) for i in some]
    return [b[: len(b) // _BANDS * _BANDS].reshape(_BANDS, -1, b.shape[1]).mean(1).T for b in bands], digit[some]


def taxis(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Taxi trips of New York by half hours: a day from Monday to Thursday, or one from Friday to Sunday?"""
    path = next(iter(sorted((DATA / "nab").rglob("nyc_taxi.csv"))))
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    days = np.array([float(row["value"]) for row in rows])
    days = days[: len(days) // 48 * 48].reshape(-1, 48)
    weekday = (np.datetime64(rows[0]["timestamp"][:10]) + np.arange(len(days))).astype("datetime64[D]")
    late = (weekday.astype(int) + 3) % 7 >= 4
    some = rng.permutation(len(days))[:n]
    return _listed(days[some]), late[some].astype(int)


def winds(rng: np.random.Generator, n: int) -> tuple[Series, np.ndarray]:
    """Days of Beijing by the hour, three weather channels: did the wind come mostly from the north-west?"""
    path = DATA / "series" / "pollution.csv"
    need(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    values = np.array([[float(row[name]) for name in ("DEWP", "TEMP", "PRES")] for row in rows]).reshape(-1, 24, 3)
    north_west = np.array([row["cbwd"] == "NW" for row in rows]).reshape(-1, 24).mean(1) > 0.5
    some = rng.permutation(len(values))[:n]
    return _listed(values[some]), north_west[some].astype(int)


# By name: series to train on, to test on, and what makes them.
SETS: dict[str, tuple[int, int, Made]] = {
    "frequency": (36, 150, frequency),
    "shape in noise": (60, 150, shape),
    "order of two events": (80, 150, order),
    "length": (50, 150, length),
    "amplitude": (60, 150, amplitude),
    "level": (60, 150, level),
    "trend": (36, 150, trend),
    "cylinder, bell, funnel": (30, 150, cylinder_bell_funnel),
    "harmonics": (50, 150, harmonics),
    "slow waves": (40, 150, slow),
    "indoor movements (real)": (200, 114, walks),
    "spoken digits, 8 bands (real)": (100, 300, digits),
    "taxi days (real)": (80, 135, taxis),
    "wind of a day (real)": (150, 400, winds),
}
