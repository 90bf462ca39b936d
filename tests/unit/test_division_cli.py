"""``punar fit --validation DATA`` and ``--groups COLUMN``, for rows, series, texts and pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import punar
from punar.cli.main import app
from punar.errors import PunarError
from punar.training.loop import Loop

RNG = np.random.default_rng(8)
WORDS = ["kind", "warm", "bright", "cold", "dull", "grim"]


@pytest.fixture
def trained(monkeypatch):
    found = []
    usual = Loop.train

    def train(loop):
        valid = [i for part in loop._valid_index for i in part.tolist()]
        found.append((sorted(loop._train_index.tolist()), sorted(valid)))
        return usual(loop)

    monkeypatch.setattr(Loop, "train", train)
    return found


def fit(folder, *words):
    done = CliRunner().invoke(
        app, ["fit", *map(str, words), "--epochs", "2", "-q", "--out", str(folder / "model"), "--force"]
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return punar.load(folder / "model")


def texts(count):
    rows = [(" ".join(RNG.choice(WORDS[3 * (i % 2) :][:3], 4)), "ab"[i % 2], f"writer {i // 4}") for i in range(count)]
    return pd.DataFrame(rows, columns=["text", "label", "writer"])


def rows(count):
    frame = pd.DataFrame(RNG.normal(size=(count, 4)), columns=list("wxyz"))
    frame["patient"] = [f"p{i // 5}" for i in range(count)]
    return frame


def test_rows_with_a_validation_file(tmp_path, trained):
    rows(60).drop(columns="patient").to_csv(tmp_path / "a.csv", index=False)
    rows(25)[["z", "y", "x", "w"]].to_csv(tmp_path / "b.csv", index=False)
    model = fit(tmp_path, tmp_path / "a.csv", "--validation", tmp_path / "b.csv")
    assert trained == [(list(range(60)), list(range(60, 85)))]
    assert model.fit_report_["rows"] == 25


def test_rows_in_groups_which_are_no_input(tmp_path, trained):
    frame = rows(60)
    frame.to_csv(tmp_path / "a.csv", index=False)
    model = fit(tmp_path, tmp_path / "a.csv", "--groups", "patient")
    assert list(model.feature_names_in_) == list("wxyz")
    patients = frame["patient"].to_numpy()
    assert all(valid and not set(patients[train]) & set(patients[valid]) for train, valid in trained)


def test_rows_that_are_left_out_take_their_groups_with_them(tmp_path, trained):
    frame = rows(60)
    frame.loc[[0, 7, 33], "x"] = np.nan
    frame.to_csv(tmp_path / "a.csv", index=False)
    fit(tmp_path, tmp_path / "a.csv", "--groups", "patient", "--skip-bad")
    patients = frame["patient"].drop([0, 7, 33]).to_numpy()
    assert all(valid and not set(patients[train]) & set(patients[valid]) for train, valid in trained)


@pytest.mark.parametrize("how", [("--cell", "gru"), ("--backbone", "minilm", "--strategy", "fine_tuning")])
def test_texts_with_validation_and_in_groups(tmp_path, trained, how):
    frame = texts(40)
    frame.to_csv(tmp_path / "a.csv", index=False)
    texts(24).to_csv(tmp_path / "b.csv", index=False)
    words = ("--text", "text", "--target", "label", *how)
    model = fit(tmp_path, tmp_path / "a.csv", *words, "--validation", tmp_path / "b.csv")
    assert trained == [(list(range(40)), list(range(40, 64)))]
    assert (model.fit_report_["rows"], list(model.classes_)) == (24, ["a", "b"])
    trained.clear()
    fit(tmp_path, tmp_path / "a.csv", *words, "--groups", "writer")
    writers = frame["writer"].to_numpy()
    assert trained
    assert all(not set(writers[train]) & set(writers[valid]) for train, valid in trained)


def series(count):
    long = [(f"s{i}", t, i % 2 + RNG.normal(), "ab"[i % 2], f"house {i // 3}") for i in range(count) for t in range(8)]
    return pd.DataFrame(long, columns=["id", "t", "v", "label", "house"])


def test_series_of_a_long_table(tmp_path, trained):
    frame = series(30)
    frame.to_csv(tmp_path / "a.csv", index=False)
    series(22)[["house", "v", "label", "t", "id"]].to_csv(tmp_path / "b.csv", index=False)
    words = ("--id", "id", "--time", "t", "--target", "label", "--cell", "gru")
    drop = ("--drop", "house")
    model = fit(tmp_path, tmp_path / "a.csv", *words, *drop, "--validation", tmp_path / "b.csv")
    assert (model.fit_report_["rows"], model.n_features_in_) == (22, 1)
    trained.clear()
    model = fit(tmp_path, tmp_path / "a.csv", *words, "--groups", "house")
    houses = frame.groupby("id", sort=False)["house"].first().to_numpy()
    assert model.n_features_in_ == 1
    assert all(not set(houses[train]) & set(houses[valid]) for train, valid in trained)
    autoencoder = (*words[:4], "--network", "gru", "--drop", "label")
    fit(tmp_path, tmp_path / "a.csv", *autoencoder, "--groups", "house")


def test_a_series_in_two_groups_is_refused(tmp_path):
    frame = series(12)
    frame.loc[3, "house"] = "another"
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(PunarError, match=r"s0.*2 groups"):
        fit(tmp_path, tmp_path / "a.csv", "--id", "id", "--target", "label", "--cell", "gru", "--groups", "house")


def test_folders_of_pictures(tmp_path):
    for split, count in (("train", 12), ("held", 20)):
        for i in range(count):
            place = tmp_path / split / "ab"[i % 2] / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 32, 3), 40 + 150 * (i % 2) + i, np.uint8)).save(place)
    model = fit(tmp_path, tmp_path / "train", "--backbone", "starter", "--validation", tmp_path / "held")
    assert (model.fit_report_["rows"], model.fit_report_["rows_from"]) == (20, "held_out")
    with pytest.raises(PunarError, match="--groups"):
        fit(tmp_path, tmp_path / "train", "--backbone", "starter", "--groups", "who")


def test_what_cannot_be_is_said_in_the_words_of_the_command_line(tmp_path):
    rows(60).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(PunarError, match="persons"):
        fit(tmp_path, tmp_path / "a.csv", "--groups", "persons")
    pd.DataFrame({"day": pd.date_range("2025", periods=50), "v": np.arange(50.0)}).to_csv(
        tmp_path / "s.csv", index=False
    )
    words = ("--task", "forecasting", "--horizon", "2", "--time", "day")
    with pytest.raises(PunarError, match="--validation is not for --task forecasting"):
        fit(tmp_path, tmp_path / "s.csv", *words, "--validation", tmp_path / "s.csv")
