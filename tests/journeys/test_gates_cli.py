"""``punar gates`` as a user meets it: series, texts in Devanagari, sounds, forecasts and autoencoders."""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import punar

SMALL: dict[str, Any] = {"hidden_size": 4, "epochs": 1, "random_state": 0, "device": "cpu"}


@pytest.fixture
def walks(punar_says: Any) -> pd.DataFrame:
    """Twelve walks of unequal length in one long table, its rows out of order."""
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"w{i}", "second": t, "a": rng.normal(), "b": float(i % 2), "label": "up" if i % 2 else "down"}
        for i in range(12)
        for t in range(4 + i)
    ]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=0)
    frame.to_csv("walks.csv", index=False)
    return frame


def page(name: str = "g.html") -> str:
    return Path(name).read_text(encoding="utf-8")


def test_series_of_a_long_table_beside_another_model(punar_says: Any, walks: pd.DataFrame) -> None:
    labels = walks.drop_duplicates("id").set_index("id")["label"]
    X = walks.drop(columns="label")
    for cell in ("lstm", "rnn"):
        model = punar.SequenceModel(cell, id_column="id", time_column="second", **SMALL)
        punar.save(model.fit(X, labels), cell)
    answer = punar_says(
        "gates", "lstm", "walks.csv", "--target", "label", "--item", "2", "--beside", "rnn", "--out", "g.html"
    )
    assert answer.status == 0, answer.err
    found = page()
    ids = list(dict.fromkeys(walks["id"]))  # as they first appear in the file
    assert f"id {ids[2]} of walks" in found
    assert f"; {4 + int(ids[2][1:])} steps" in found
    for word in ("forget", "candidate", ">a<", ">b<", "predicted: ", "the sequence&#39;s own label"):
        assert word in found
    for name in ("lstm", "rnn"):
        assert re.search(rf"{name}, layer 1: gradient at the step read first / last: [\d.e-]+", answer.out)
    assert punar_says("gates", "lstm", "walks.csv", "--out", "g.html").status == 2  # it is there already
    assert punar_says("gates", "lstm", "walks.csv", "--out", "g.html", "--force").status == 0


def test_texts_have_their_words_along_the_axis(punar_says: Any) -> None:
    pytest.importorskip("tokenizers", reason="texts need the extra 'text'")
    texts = [f"यह {'मधुर' if i % 2 else 'नीरस'} फ़िल्म मैंने कल देखी थी" for i in range(12)]
    model = punar.SequenceModel("gru", num_layers=2, bidirectional=True, **SMALL)
    punar.save(model.fit(texts, ["अच्छी", "बुरी"] * 6), "m")
    frame = pd.DataFrame({"समीक्षा": [*texts[:2], "यह किताब मधुर है"]})
    frame.to_csv("समीक्षाएँ.csv", index=False)
    answer = punar_says("gates", "m", "समीक्षाएँ.csv", "--text", "समीक्षा", "--item", "2", "--out", "g.html")
    assert answer.status == 0, answer.err
    assert "gates, layers times directions: 4" in answer.out
    found = page()
    for word in ("यह", "(किताब)", "मधुर", "(है)"):  # in brackets: not in the vocabulary
        assert f">{word}<" in found
    assert "reading from the end" in found
    assert "the class that it predicts" in found


def test_recordings_have_seconds(punar_says: Any) -> None:
    for label, pitch in (("low", 300), ("high", 2500)):
        Path("sounds", label).mkdir(parents=True)
        for i in range(4):
            t = np.arange(4000) / 8000
            samples = np.sin(2 * np.pi * pitch * t) + np.random.default_rng(i).normal(0, 0.1, len(t))
            with wave.open(f"sounds/{label}/{i}.wav", "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes((samples * 8000).astype("<i2").tobytes())
    paths = sorted(str(p) for p in Path("sounds").rglob("*.wav"))
    model = punar.SequenceModel("min_gru", n_mels=12, **SMALL).fit(paths, [Path(p).parent.name for p in paths])
    punar.save(model, "m")
    answer = punar_says("gates", "m", "sounds", "--item", "5", "--out", "g.html")
    assert answer.status == 0, answer.err
    assert "12 bands" in page()
    assert ">seconds<" in page()
    assert "the sequence&#39;s own label" in page()  # the folder's name


def test_a_forecast_and_an_autoencoder(punar_says: Any) -> None:
    sales = pd.DataFrame({"day": np.arange(120), "sold": np.sin(np.arange(120) / 5)})
    sales.to_csv("sales.csv", index=False)
    model = punar.SequenceModel("gru", "forecasting", horizon=3, context=12, time_column="day", **SMALL)
    punar.save(model.fit(sales), "f")
    answer = punar_says("gates", "f", "sales.csv", "--out", "f.html")
    assert answer.status == 0, answer.err
    assert "12 steps" in page("f.html")
    rows = np.random.default_rng(0).normal(size=(10, 8, 2)).astype(np.float32)
    np.save("rows.npy", rows)
    encoder = punar.Autoencoder(network="lstm", epochs=1, random_state=0, device="cpu").fit(rows)
    punar.save(encoder, "a")
    answer = punar_says("gates", "a", "rows.npy", "--item", "9", "--out", "a.html")
    assert answer.status == 0, answer.err
    assert "reconstruction error" in page("a.html")
    assert "against the sequence itself" in page("a.html")


def test_wrong_input_is_one_line_and_status_2(punar_says: Any, walks: pd.DataFrame) -> None:
    punar.save(punar.Autoencoder(epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(20, 3))), "dense")
    X = np.random.default_rng(0).normal(size=(8, 5, 1))
    np.save("x.npy", X)
    punar.save(punar.SequenceModel("gru", **SMALL).fit(X, [0, 1] * 4), "m")
    for words, said in (
        (("dense", "x.npy", "--out", "g.html"), "has no gates"),
        (("m", "x.npy", "--out", "g.html", "--item", "8"), "--item must be from 0 to 7, got 8"),
        (("m", "x.npy", "--out", "g.html", "--item", "-1"), "--item must be from 0 to 7"),
        (("m", "x.npy", "--out", "g.pdf"), "must end in .html"),
        (("nowhere", "x.npy", "--out", "g.html"), "does not exist"),
        (("m", "nowhere.npy", "--out", "g.html"), "no such file"),
        (("m", "x.npy", "--out", "g.html", "--beside", "dense"), "has no gates"),
    ):
        answer = punar_says("gates", *words)
        assert answer.status == 2, words
        assert said in answer.err
        assert "Traceback" not in answer.err
        assert answer.err.count("\n") <= 3
        assert not Path("g.html").exists()
