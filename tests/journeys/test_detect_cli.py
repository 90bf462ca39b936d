"""Anomalies from the command line: what is odd in a file, why, and what a stored detector says of another."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import punar


@pytest.fixture
def payments(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "राशि": random.normal(100, 10, 200),
            "hour": random.integers(8, 18, 200),
            "city": random.choice(["Pune", "दिल्ली"], 200),
        }
    )
    frame.to_csv(tmp_path / "usual.csv", index=False)
    frame.loc[7, "राशि"] = 900.0
    frame.loc[20, "hour"] = 3
    frame.to_csv(tmp_path / "payments.csv", index=False)
    return tmp_path


def test_a_file_is_judged_by_itself(punar_says, payments):
    answer = punar_says("detect", "payments.csv", "--out", "odd.csv")
    assert answer.status == 0, answer.err
    assert "held-out rows set the threshold" in answer.out
    lines = [line for line in answer.out.splitlines() if line.startswith("  row")]
    assert len(lines) == 10
    assert lines[0].startswith("  row 7 ")
    assert "राशि 100%" in lines[0]
    assert lines[1].startswith("  row 20 ")
    assert "hour 100%" in lines[1]
    with open(payments / "odd.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200
    assert float(rows[7]["flagged"]) == 1
    assert float(rows[7]["p_value"]) < 0.05
    assert 2 <= sum(float(row["flagged"]) for row in rows) < 40


@pytest.mark.parametrize("method", ["neighbors", "autoencoder"])
def test_a_stored_detector_judges_another_file(punar_says, payments, method):
    answer = punar_says("detect", "usual.csv", "--method", method, "--alpha", "0.1", "--save", "detector")
    assert answer.status == 0, answer.err
    assert "Next: punar detect usual.csv --model detector" in answer.out
    answer = punar_says("detect", "payments.csv", "--model", "detector", "--out", "odd.parquet")
    assert answer.status == 0, answer.err
    assert "of usual rows at most 10.0% would be" in answer.out
    found = pd.read_parquet(payments / "odd.parquet")
    model = punar.load(payments / "detector")
    expected = model.predict(pd.read_csv(payments / "payments.csv")) == -1
    assert np.array_equal(found["flagged"].to_numpy() == 1, expected)
    assert found["flagged"][7] == 1


def test_pictures_and_a_pretrained_network(punar_says, tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "parts").mkdir()
    for i in range(24):
        pixels = random.integers(100, 120, (32, 32, 3)).astype(np.uint8)
        if i == 5:
            pixels[8:24, 8:24] = (250, 20, 20)
        Image.fromarray(pixels).save(tmp_path / "parts" / f"{i:02}.png")
    for given in ((), ("--backbone", "starter")):
        answer = punar_says("detect", "parts", "--alpha", "0.2", "--save", f"m{len(given)}", *given)
        assert answer.status == 0, answer.err
        assert answer.out.splitlines()[2].split()[0].endswith("05.png")
        again = punar_says("detect", "parts", "--model", f"m{len(given)}", "--out", f"odd{len(given)}.csv")
        assert again.status == 0, again.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.csv",), "nowhere.csv"),
        (("payments.csv", "--alpha", "2"), "--alpha must be"),
        (("payments.csv", "--alpha", "0.001"), "--alpha must be at least"),
        (("payments.csv", "--method", "knn"), "--method must be one of"),
        (("payments.csv", "--model", "nowhere"), "does not exist"),
        (("payments.csv", "--text", "city"), "--text is for items that a pretrained network reads"),
        (("payments.csv", "--weights", "none"), "--weights is for items that a pretrained network reads"),
        (("payments.csv", "--backbone", "starter", "--size", "8"), "--size is for tables and pictures"),
    ],
)
def test_what_is_refused(punar_says, payments, words, message):
    answer = punar_says("detect", *words)
    assert answer.status == 2, answer.err
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_model_takes_no_settings(punar_says, payments):
    assert punar_says("detect", "usual.csv", "--save", "m").status == 0
    for words, message in (
        (("--alpha", "0.1"), "--alpha is for a new detector"),
        (("--save", "n"), "--save is for a new detector"),
        (("--kind", "table"), "--kind is not needed"),
    ):
        answer = punar_says("detect", "payments.csv", "--model", "m", *words)
        assert answer.status == 2
        assert message in answer.err
    assert punar_says("fit", "usual.csv", "--epochs", "1", "--out", "ae").status == 0
    answer = punar_says("detect", "payments.csv", "--model", "ae")
    assert answer.status == 2
    assert "ae holds no detector, but a model of the kind Autoencoder" in answer.err
    answer = punar_says("predict", "m", "payments.csv")
    assert answer.status == 2
    assert "Traceback" not in answer.err
