"""The latent space as a picture: of tables, pictures, series and features, with a figure that can be wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import punar
from punar.errors import DataError, ParameterError, ParameterTypeError

RNG = np.random.default_rng(8)
Y = np.arange(90) % 3
# Three groups around a circle in 3 of 6 columns.
CENTRES = 3 * np.column_stack([np.cos(2 * np.pi * Y / 3), np.sin(2 * np.pi * Y / 3), Y == 1])
TABLE = np.column_stack([CENTRES + RNG.normal(0, 0.4, (90, 3)), RNG.normal(0, 0.4, (90, 3))])


class Codes:
    """Codes that a test wrote itself."""

    def __init__(self, codes):
        self.codes = codes

    def transform(self, X):
        return self.codes


def settings(**more):
    return {"epochs": 30, "random_state": 0, "evidence": "cheap"} | more


@pytest.fixture(scope="module")
def table():
    return punar.Autoencoder(latent_dim=2, **settings()).fit(TABLE)


def page(found, tmp_path):
    text = found.save(tmp_path / "map.html").read_text()
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text), "nothing from elsewhere"
    return text


def test_a_table(table, tmp_path):
    found = punar.latent_map(table, TABLE, np.array(["red", "green", "blue"])[Y])
    assert np.allclose(found.points, table.transform(TABLE), atol=1e-5)
    assert found.scores["chance"] == pytest.approx(1 / 3)
    assert found.scores["map"] > 0.8 > found.scores["chance"]
    text = page(found, tmp_path)
    assert text.count("<circle") == 90
    assert "<title>row 7: green</title>" in text
    assert "The two latent dimensions themselves" in text
    assert [line["number"] for line in found.facts["traversal"]] == sorted(
        {1, 2}, key=lambda k: -found.points[:, k - 1].var()
    )
    assert all(len(line["cells"]) == 9 for line in found.facts["traversal"])


def test_scores_are_those_of_the_nearest_neighbour():
    codes = np.array([[0.0, 0], [0.1, 0], [5, 5], [5.1, 5], [9, 0], [9.2, 0]])
    labels = ["a", "a", "b", "c", "d", "d"]
    found = punar.latent_map(Codes(codes), np.zeros((6, 2)), labels)
    assert found.scores["map"] == pytest.approx(4 / 6)
    assert found.scores["chance"] == pytest.approx(2 / 6)
    # Labels at random: the figure is near chance, whatever the picture looks like.
    noise = punar.latent_map(Codes(RNG.normal(size=(600, 2))), np.zeros((600, 2)), RNG.integers(0, 4, 600))
    assert abs(noise.scores["map"] - 0.25) < 0.07


def test_longer_codes_are_projected_and_the_share_is_said(tmp_path):
    codes = RNG.normal(size=(80, 5)) * [5, 3, 0.5, 0.5, 0.5]
    found = punar.latent_map(Codes(codes), codes, np.arange(80) % 2)
    share = np.var(codes, axis=0)
    assert found.facts["projection"]["explained"] == pytest.approx(share[:2].sum() / share.sum(), abs=0.03)
    assert "component 1 of the codes" in page(found, tmp_path)
    # In this case PCA of the rows is the map itself, but for the columns' units.
    assert set(found.scores) == {"map", "PCA", "code", "chance"}


def test_neighbours_are_the_nearest_codes_without_the_row_itself():
    codes = np.column_stack([np.arange(12.0), np.zeros(12)])
    first = punar.latent_map(Codes(codes), codes).facts["neighbours"][0]
    assert [each["name"] for each in first] == [f"row {i}" for i in range(7)]
    assert [each["distance"] for each in first[1:]] == [1, 2, 3, 4, 5, 6]


def test_numbers_as_labels_and_none(table, tmp_path):
    found = punar.latent_map(table, TABLE, TABLE[:, 0])
    assert found.facts["target"] == "numbers"
    assert "lowest twelfth" in page(found, tmp_path)
    assert set(punar.latent_map(table, TABLE).scores) == {"map", "PCA"}
    assert 0.5 < punar.latent_map(table, TABLE).scores["map"] <= 1


def test_pictures(tmp_path):
    pictures = np.clip(RNG.random((60, 12, 12)) * 0.3 + 0.6 * (np.arange(60) % 2)[:, None, None], 0, 1)
    model = punar.Autoencoder(network="conv", kind="images", latent_dim=3, **settings(epochs=2)).fit(pictures)
    found = punar.latent_map(model, pictures, np.arange(60) % 2)
    text = page(found, tmp_path)
    # Six rows... of two classes: one of each, with six neighbours; three dimensions of nine pictures.
    assert text.count("data:image/png") == 2 * 7 + 3 * 9


def test_series(tmp_path):
    series = [np.sin(np.arange(20 + i % 4) * (0.3 + 0.3 * (i % 2)))[:, None] for i in range(40)]
    model = punar.Autoencoder(network="gru", latent_dim=2, **settings(epochs=2)).fit(series)
    text = page(punar.latent_map(model, series, np.arange(40) % 2), tmp_path)
    assert text.count("<polyline") == 2 * 7 + 2 * 9


def test_features_of_pictures_and_texts_without_a_decoder(tmp_path):
    pictures = np.clip(RNG.random((24, 16, 16, 3)) * 0.3 + 0.6 * (np.arange(24) % 2)[:, None, None, None], 0, 1)
    found = punar.latent_map(punar.FeatureExtractor("starter", cache=False), pictures, np.arange(24) % 2)
    assert found.facts["traversal"] == []
    assert found.scores["map"] > 0.9 > found.scores["chance"] == 0.5
    assert page(found, tmp_path).count("data:image/png") == 2 * 7
    words = ["a sad end", "a glad song", "so sad", "so glad"] * 6
    model = punar.SequenceModel("gru", **settings(epochs=2)).fit(words, np.arange(24) % 2)
    assert ">a sad end<" in page(punar.latent_map(model, words, np.arange(24) % 2), tmp_path)


def test_a_frame_with_names_and_one_dimension(tmp_path):
    frame = pd.DataFrame(TABLE, columns=list("uvwxyz"))
    model = punar.Autoencoder(latent_dim=1, **settings(epochs=2)).fit(frame)
    found = punar.latent_map(model, frame, names=[f"<b>{i}" for i in range(90)])
    text = page(found, tmp_path)
    assert "in the order u, v, w, x, y, z" in text
    assert "<b>7" not in text
    assert "&lt;b&gt;7" in text
    assert found.points.shape == (90, 2)


def test_many_rows_are_thinned_and_said():
    found = punar.latent_map(Codes(RNG.normal(size=(5000, 2))), np.zeros((5000, 2)))
    assert len(found.points) == len(found.rows) == 2000
    assert (found.rows[0], found.rows[-1]) == (0, 4999)
    assert "2,000 of 5,000 rows" in found._repr_html_()


def test_svg_and_png(table, tmp_path):
    found = punar.latent_map(table, TABLE, Y)
    drawing = ElementTree.fromstring(found.save(tmp_path / "m.svg").read_text())
    assert len(drawing.findall("{http://www.w3.org/2000/svg}circle")) == 90 + 3
    picture = np.asarray(Image.open(found.save(tmp_path / "m.png")))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 4
    with pytest.raises(ParameterError, match=r"must end in .html, .htm, .svg, .png"):
        found.save(tmp_path / "m.pdf")


@pytest.mark.parametrize(
    ("model", "X", "labels", "error", "words"),
    [
        (3, TABLE, None, ParameterTypeError, "model must have transform"),
        (Codes(TABLE[:2]), TABLE[:2], None, DataError, "at least 3 rows, got 2"),
        (Codes(TABLE), TABLE, Y[:5], DataError, "labels must hold one for each row, 90, got 5"),
        (Codes([TABLE, TABLE]), TABLE, None, ParameterTypeError, "one row for each item"),
    ],
)
def test_mistakes_say_what_to_do(model, X, labels, error, words):
    with pytest.raises(error, match=words):
        punar.latent_map(model, X, labels)


@pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")
def test_a_model_that_did_not_learn_says_so_first(tmp_path):
    model = punar.Autoencoder(**settings(epochs=1)).fit(RNG.normal(size=(300, 6)))
    assert model.fit_report_["learned"] is not True
    text = page(punar.latent_map(model, TABLE), tmp_path)
    assert 'role="note"' in text.split("<h2>")[0]


def test_the_command(tmp_path):
    def punar_(*words):
        done = subprocess.run([sys.executable, "-m", "punar", *words], capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    pd.DataFrame(TABLE, columns=list("uvwxyz")).assign(kind=np.array(["p", "q", "r"])[Y]).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert punar_("fit", "t.csv", "--target", "kind", "--epochs", "5", "--out", "m", "-q")[0] == 0
    status, said = punar_("latent", "m", "t.csv", "--target", "kind", "--out", "map.html")
    assert status == 0, said
    assert "PCA's map of the rows" in said
    assert "chance 0.333" in said
    text = (tmp_path / "map.html").read_text()
    assert "The latent space of m: t" in text
    assert ": q</title>" in text
    assert punar_("latent", "m", "t.csv", "--drop", "kind", "--out", "map.svg")[0] == 0
    assert punar_("latent", "m", "t.csv", "--out", "map.pdf") == (
        2, "punar: --out must end in .html, .htm, .svg, .png, got 'map.pdf'.\n",
    )  # fmt: skip
