"""Autoencoders of series from the command line: fit, reconstruct with an error for each step, transform, gates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import punar

IDS = ("--id", "मशीन", "--time", "hour")
QUICK = ("--network", "gru", "--epochs", "12", "--latent-dim", "2", "--quiet")


@pytest.fixture
def machines(tmp_path: Path) -> str:
    """Thirty machines, their rows shuffled; the last hours of machine 7 are odd. The channel is named step."""
    parts = []
    for i in range(30):
        hour = np.arange(14 + i % 5)
        frame = pd.DataFrame({"मशीन": f"म {i}", "hour": hour, "step": np.sin(hour * 0.5 + i), "state": "ok"})
        if i == 7:
            frame.loc[hour > 10, "step"] = 9.0
        parts.append(frame)
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(tmp_path / "machines.csv", index=False)
    return "machines.csv"


def test_what_is_odd_has_the_largest_error(punar_says, machines):
    answer = punar_says("fit", machines, *IDS, *QUICK, "--target", "state", "--out", "model")
    assert answer.status == 0
    assert "PCA, same code size" in answer.out
    assert f"Next: punar reconstruct model {machines} --id 'मशीन' --time hour" in answer.out
    answer = punar_says("reconstruct", "model", machines, *IDS, "--out", "again.csv")
    assert answer.status == 0
    assert "in मशीन म 7" in answer.out
    table = pd.read_csv("again.csv")
    assert list(table) == ["मशीन", "step (punar)", "step", "squared error"]
    assert len(table) == len(pd.read_csv(machines))
    by_step = table.groupby("step (punar)")["squared error"].max()
    assert table.loc[table["squared error"].idxmax(), "मशीन"] == "म 7"
    assert by_step.idxmax() > 10
    model = punar.load("model")
    frame = pd.read_csv(machines).sort_values("hour")
    series = [frame[frame["मशीन"] == name][["step"]].to_numpy() for name in pd.read_csv(machines)["मशीन"].unique()]
    np.testing.assert_allclose(
        table.groupby("मशीन", sort=False)["squared error"].mean(), model.reconstruction_error(series), rtol=1e-4
    )


def test_codes_and_gates(punar_says, machines):
    assert punar_says("fit", machines, *IDS, *QUICK, "--drop", "state", "--out", "model").status == 0
    assert punar_says("transform", "model", machines, *IDS, "--drop", "state", "--out", "codes.csv").status == 0
    codes = pd.read_csv("codes.csv")
    assert list(codes) == ["मशीन", "autoencoder0", "autoencoder1"]
    assert len(codes) == 30
    assert codes["autoencoder0"].std() > 0
    assert punar_says("gates", "model", machines, *IDS, "--target", "state", "--out", "g.html").status == 0
    assert "म " in Path("g.html").read_text("utf-8")


def test_missing_values_are_refused_or_masked_as_asked(punar_says, machines):
    frame = pd.read_csv(machines)
    frame.loc[3, "step"] = np.nan
    frame.to_csv("gaps.csv", index=False)
    fit = ("fit", "gaps.csv", *IDS, "--drop", "state", "--quiet", "--epochs", "2")
    for how in ("--network", "--cell"):
        refused = punar_says(*fit, how, "gru", "--target", "state", "--out", "none")
        assert refused.status == 2
        assert "--missing mask" in refused.err
    answer = punar_says(*fit, "--network", "gru", "--missing", "mask", "--out", "model")
    assert answer.status == 0, answer.err
    assert punar_says("reconstruct", "model", "gaps.csv", *IDS, "--drop", "state", "--out", "again.csv").status == 0
    again = pd.read_csv("again.csv")
    assert again.notna().all(axis=None), "what is missing is filled, and has no error"
    assert (again["squared error"] == 0).sum() == 1
    answer = punar_says("fit", "digits", "--missing", "mask", "--out", "other")
    assert answer.status == 2
    assert "--missing is for recurrent networks" in answer.err


def test_arrays_of_series_may_end_in_nan(punar_says):
    X = np.sin(np.arange(12) * 0.4 + np.arange(25)[:, None])[:, :, None].astype(np.float32)
    X[3, 9:] = np.nan
    np.save("waves.npy", X)
    assert punar_says("fit", "waves.npy", *QUICK, "--hidden-size", "8", "--out", "model").status == 0
    assert punar.load("model").network_.hidden_size == 8
    assert punar_says("reconstruct", "model", "waves.npy", "--out", "again.parquet").status == 0
    assert pd.read_parquet("again.parquet").shape == (25 * 12 - 3, 4)


def test_channels_are_known_by_name(punar_says, machines):
    frame = pd.read_csv(machines)
    frame.assign(far=1e4 * frame["step"] + frame["hour"])[["मशीन", "hour", "step", "far"]].to_csv(
        "two.csv", index=False
    )
    pd.read_csv("two.csv")[["far", "hour", "मशीन", "step"]].assign(note="x").to_csv("swapped.csv", index=False)
    assert punar_says("fit", "two.csv", *IDS, *QUICK, "--out", "model").status == 0
    first, again = (punar_says("reconstruct", "model", data, *IDS).out for data in ("two.csv", "swapped.csv"))
    assert first == again
    assert punar_says("gates", "model", "swapped.csv", *IDS, "--out", "g.html").status == 0
    answer = punar_says("reconstruct", "model", machines, *IDS)
    assert answer.status == 2
    assert "far" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "machines.csv", "--network", "lstm", "--drop", "मशीन", "--drop", "state", "--out", "m"), "one series"),
        (("fit", "machines.csv", "--network", "lstm", *IDS, "--size", "8", "--out", "m"), "--size is not for series"),
        (("fit", "machines.csv", "--network", "lstm", *IDS, "--out", "m"), "state"),
        (("fit", "machines.csv", "--network", "dense", *IDS, "--out", "m"), "--id is for recurrent networks"),
        (("fit", "digits", "--network", "lstm", "--out", "m"), "not sequences"),
        (("fit", "machines.csv", "--network", "lstm", "--target", "state", "--out", "m"), "needs --id"),
        (("fit", "machines.csv", "--network", "lstm", *IDS, "--horizon", "3", "--out", "m"), "--horizon"),
        (("reconstruct", "model", "machines.csv", "--drop", "state", *IDS, "--out", "a.npy"), ".csv, .tsv, .parquet"),
        (("transform", "model", "machines.csv", *IDS, "--text", "state", "--out", "a.csv"), "--text"),
        (("reconstruct", "model", "digits"), "not sequences"),
    ],
)
def test_mistakes_are_said(punar_says, machines, words, said):
    if "model" in words:
        assert punar_says("fit", machines, *IDS, *QUICK, "--drop", "state", "--out", "model").status == 0
    answer = punar_says(*words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not Path("m").exists()
