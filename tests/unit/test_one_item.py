"""One picture, one recording or one text is enough for predict, transform and gates; as typed by a newcomer."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from punar.cli import _typed
from punar.errors import DataError
from punar.inspection.gate_facts import doubt
from punar.reporting.gates import html
from punar.sources import read_items, read_sequences

soundfile = pytest.importorskip("soundfile")
WORDS = ["a sad tale", "a glad song", "such a sad day", "so glad today", "very sad end", "one glad smile"] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("items")
    rng = np.random.default_rng(3)
    for i in range(20):
        shade = rng.normal(60 + 120 * (i % 2), 10, (24, 24, 3))
        (place / "photos" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8)).save(place / "photos" / "ab"[i % 2] / f"p{i}.jpg")
        (place / "calls" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        tone = 0.4 * np.sin(np.arange(3000) * (0.2 + 0.3 * (i % 2)))
        soundfile.write(place / "calls" / "ab"[i % 2] / f"c{i}.flac", tone, 8000)
    (place / "moods.csv").write_text("text,mood\n" + "\n".join(f"{w},{w.split()[-2]}" for w in WORDS))
    quick = ["--epochs", "1", "--quiet"]
    punar_(place, "fit", "photos", "--backbone", "starter", "--out", "photo-model", "--quiet")
    punar_(place, "fit", "calls", "--cell", "gru", "--out", "call-model", *quick)
    punar_(
        place, "fit", "moods.csv", "--text", "text", "--target", "mood", "--cell", "lstm", "--out", "mood-model", *quick
    )
    return place


def punar_(folder, *words, status=0):
    done = subprocess.run([sys.executable, "-m", "punar", *words], capture_output=True, text=True, cwd=folder)
    assert done.returncode == status, done.stderr
    return done


def test_one_picture(folder):
    lines = punar_(folder, "predict", "photo-model", "photos/b/p3.jpg").stdout.splitlines()
    assert lines[0].startswith("file,prediction")
    assert lines[1].startswith("p3.jpg,b,")
    punar_(folder, "transform", "photo-model", "photos/b/p3.jpg", "--out", "one.npy")
    assert np.load(folder / "one.npy").shape == (1, 128)


def test_one_recording(folder):
    assert punar_(folder, "predict", "call-model", "calls/a/c2.flac").stdout.splitlines()[1].startswith("c2.flac,")
    punar_(folder, "gates", "call-model", "calls/a/c2.flac", "--out", "call.html")
    page = (folder / "call.html").read_text()
    assert "c2.flac" in page
    learned = json.loads((folder / "call-model" / "config.json").read_text())["fitted"]["report"]["learned"]
    assert ('role="note"' in page.split("<h2>")[0]) is (learned is not True)


def test_one_text(folder):
    done = punar_(folder, "predict", "mood-model", "such a glad day")
    assert len(done.stdout.splitlines()) == 2
    assert "read as one text" in done.stderr
    punar_(folder, "gates", "mood-model", "such a glad day.", "--out", "mood.html")
    assert ">glad<" in (folder / "mood.html").read_text()
    assert "with a space after it" in punar_(folder, "predict", "mood-model", "glad", status=2).stderr
    assert len(punar_(folder, "predict", "mood-model", "glad ").stdout.splitlines()) == 2


def test_what_is_no_item_for_the_model_is_refused(folder):
    said = punar_(folder, "predict", "photo-model", "calls/a/c2.flac", status=2).stderr
    assert "pictures are needed here, and this is a recording" in said
    assert "there is no such file" in punar_(folder, "predict", "mood-model", "moods.cvs", status=2).stderr
    assert "not a built-in" in punar_(folder, "predict", "photo-model", "a glad day", status=2).stderr
    said = punar_(folder, "fit", "photos/b/p3.jpg", "--backbone", "starter", "--out", "x", status=2).stderr
    assert "one subfolder per class" in said


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".jpeg"])
def test_a_file_is_one_item(tmp_path, suffix):
    path = tmp_path / f"मेरा चित्र{suffix}"
    Image.new("RGB", (9, 9)).save(path)
    found = read_items(path)
    assert (found.items, found.row_names, found.y, found.kind) == ([str(path)], (path.name,), None, "vision")
    with pytest.raises(DataError, match="pictures; sequence models"):
        read_sequences(path)


@pytest.mark.parametrize(
    ("data", "typed"),
    [
        ("what a day", True),
        ("नीरस", True),
        ("映画が好き", True),
        ("see v2.0 today", True),
        ("it ended well.", True),
        ("my file.csv", False),
        ("some dir/other.parquet", False),
        ("reviews", False),
        ("", False),
        ("   ", False),
    ],
)
def test_what_counts_as_a_text(data, typed):
    assert _typed.is_typed(data, "text") is typed
    assert not _typed.is_typed(data, "audio")


def test_a_path_that_is_there_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "what a day").write_text("x")
    assert not _typed.is_typed("what a day", "text")


def test_the_page_of_gates_says_first_what_is_not_known():
    class Model:
        fit_report_ = {"learned": False, "verdict": "Did not learn: 0.5 <beside> 0.5."}

    facts = {
        "cell": "Gru", "model": "m", "data": "d", "made": "", "target": "own", "layers": [], "flows": [],
        "item": {"name": "0", "steps": 3, "labels": None, "unknown": False, "seconds": None, "inputs": None,
                 "answer": None},
    }  # fmt: skip
    facts["layers"] = [
        {"number": 0, "reverse": False, "order": [0], "kept_by": None, "half_lives": None,
         "parts": [{"name": "hidden", "gate": False, "values": [[0.1], [0.2], [0.3]]}]}
    ]  # fmt: skip
    assert 'role="note"' not in html(facts)
    page = html(facts | {"doubt": doubt(Model)})
    assert "This model did not learn" in page
    assert "0.5 &lt;beside&gt; 0.5" in page
    assert page.index("This model did not learn") < page.index("<h2>")
    Model.fit_report_ = {"learned": True, "verdict": "Learned."}
    assert doubt(Model) is None
