"""A user's way through ``punar.compare``: from data to verdict, table and report."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA, KernelPCA
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

import punar
from punar.comparison import reducer
from punar.core import deadline
from punar.texts import compare as texts

DIGITS = load_digits()
PICTURES, LABELS = (DIGITS.images[:150] / 16).astype(np.float32), DIGITS.target[:150]
NETWORKS = [texts.VANILLA, texts.SPARSE, texts.DENOISING, texts.VARIATIONAL, texts.CONVOLUTIONAL]
EVERYBODY = [texts.PCA, texts.NMF, texts.PROJECTION, texts.RAW, *NETWORKS]


@pytest.fixture
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reducer, "_FEWEST_EPOCHS", 2)
    monkeypatch.setattr(reducer, "_MOST_EPOCHS", 2)


@pytest.fixture
def digits(few_epochs: None) -> Any:
    return punar.compare(PICTURES, LABELS, cv=2, verbose=0, name="digits", latent_dim=4)


def test_pictures_all_nine_take_part(digits):
    table = digits.table
    assert list(table.index) == EVERYBODY
    assert set(table["status"]) == {"ok"}
    assert list(digits.verdicts) == ["variance_explained", "accuracy", "trustworthiness"]
    numbers = table.drop(columns=["status", "note", "epochs", "peak_mb"])
    assert numbers.notna().all(axis=None)
    assert (table.loc[NETWORKS, "epochs"] == 2).all()
    assert list(table["code_size"]) == [4 if name != texts.RAW else 64 for name in EVERYBODY]
    assert table.loc[texts.RAW, "variance_explained"] == 1
    assert table.loc[texts.RAW, "trustworthiness"] == 1
    for key in ("variance_explained", "trustworthiness"):
        assert digits.facts["verdicts"][key]["best"] != texts.RAW
    assert texts.RAW in digits.verdicts["accuracy"]


def test_the_result_reads_well_everywhere(digits, tmp_path):
    page = digits.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    for name in EVERYBODY:
        assert name in page
        assert name in str(digits)
        assert name in digits.to_markdown()
        assert name in digits._repr_html_()
    for sentence in digits.verdicts.values():
        assert sentence in digits.verdict
        assert sentence in str(digits)
    assert "majority class" in str(digits)
    stored = json.loads(digits.to_json(tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert stored == digits.facts


def test_a_report_that_cannot_be_made_leaves_the_old_one(digits, tmp_path):
    path = digits.to_html(tmp_path / "report.html")
    before = path.read_bytes()
    del digits.facts["protocol"]["how"]
    with pytest.raises(Exception, match="how"):
        digits.to_html(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_has_a_row_that_says_why_convolution_is_out(few_epochs):
    X, y = load_diabetes(return_X_y=True)
    result = punar.compare(X[:80], y[:80], cv=2, verbose=0)
    row = result.table.loc[texts.CONVOLUTIONAL]
    assert (row["status"], row["note"]) == ("refused", "needs pictures (n, h, w[, c])")
    assert (result.table.drop(texts.CONVOLUTIONAL)["status"] == "ok").all()
    assert "r2" in result.verdicts
    assert texts.NEEDS_PICTURES in str(result)


def test_variance_explained_is_what_one_gets_by_hand():
    X, y = load_iris(return_X_y=True)
    result = punar.compare(X, y, candidates={"PCA": PCA(2)}, random_state=5, verbose=0)
    by_hand = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=5).split(X, y):
        scaler = StandardScaler().fit(X[train])
        a, b = scaler.transform(X[train]), scaler.transform(X[test])
        pca = PCA(2).fit(a)
        error = ((b - pca.inverse_transform(pca.transform(b))) ** 2).sum()
        by_hand.append(1 - error / ((b - a.mean(0)) ** 2).sum())
    np.testing.assert_allclose(result.facts["rows"][0]["scores"]["variance_explained"]["folds"], by_hand, atol=1e-5)


def test_the_score_is_the_autoencoders_own_on_pictures():
    ae = punar.Autoencoder(latent_dim=3, epochs=3, scaling="none", kind="images", network="conv", validation_fraction=0)
    result = punar.compare(PICTURES, LABELS, candidates={"conv": ae}, cv=2, verbose=0, kind="images")
    train, test = next(iter(StratifiedKFold(2, shuffle=True, random_state=0).split(PICTURES, LABELS)))
    centre, scale = PICTURES[train].mean(0), PICTURES[train].std(0)
    scale = np.sqrt((scale**2).mean())
    fitted = punar.Autoencoder(**ae.get_params() | {"random_state": 0}).fit((PICTURES[train] - centre) / scale)
    found = result.facts["rows"][0]["scores"]["variance_explained"]["folds"][0]
    assert fitted.score((PICTURES[test] - centre) / scale) == pytest.approx(found, abs=1e-3)


def test_same_seed_same_scores(few_epochs):
    def scores(seed: int) -> Any:
        rivals = {"vanilla": punar.Autoencoder(latent_dim=2, epochs=2), "PCA": PCA(2)}
        table = punar.compare(PICTURES, LABELS, candidates=rivals, cv=2, random_state=seed, verbose=0).table
        return table[["variance_explained", "accuracy", "trustworthiness"]].to_numpy()

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).any()


def test_where_the_data_is_a_curve_the_autoencoder_clearly_wins():
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, 300)
    X = np.column_stack([t, np.exp(2 * t), np.sin(3 * t)]) + 0.02 * rng.normal(size=(300, 3))
    rivals = {"PCA": PCA(1), "autoencoder": punar.Autoencoder(latent_dim=1, epochs=60)}
    result = punar.compare(X, candidates=rivals, cv=3, verbose=0)
    assert result.verdicts["variance_explained"].startswith("autoencoder wins")


def test_where_the_data_is_flat_pca_is_named():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(150, 8))
    rivals = {"autoencoder": punar.Autoencoder(latent_dim=2, epochs=20), "PCA": PCA(2)}
    result = punar.compare(X, candidates=rivals, cv=3, verbose=0)
    sentence = result.verdicts["variance_explained"]
    assert sentence.startswith("PCA wins") or ("no clear difference" in sentence and "PCA is" in sentence)
    assert result.facts["verdicts"]["variance_explained"]["cheapest"] == "PCA"


def test_labels_without_signal_are_called_so():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 6)), rng.integers(0, 2, 100)
    result = punar.compare(X, y, candidates={"PCA": PCA(2), "kernel": KernelPCA(2)}, verbose=0)
    assert "none clearly beats the majority class" in result.verdicts["accuracy"]


def test_a_transformer_without_inverse_has_no_variance_explained():
    X, y = load_iris(return_X_y=True)
    result = punar.compare(X, y, candidates={"k-means": KMeans(3, n_init=1), "PCA": PCA(2)}, verbose=0)
    assert np.isnan(result.table.loc["k-means", "variance_explained"])
    assert result.table.loc["k-means", "accuracy"] > 0.7
    assert result.verdicts["variance_explained"].startswith("only PCA has a score")
    assert any("Code sizes differ (2, 3)" in note for note in result.notes)


def test_codes_wider_than_the_data_refuse_what_cannot(few_epochs):
    X, y = load_iris(return_X_y=True)
    table = punar.compare(X[::3], y[::3], latent_dim=6, cv=2, verbose=0).table
    refused = [texts.PCA, texts.PROJECTION, texts.CONVOLUTIONAL]
    assert list(table.index[table["status"] == "refused"]) == refused
    assert "at most 4 here" in table.loc[texts.PCA, "note"]
    assert (table.drop(refused)["status"] == "ok").all()


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (np.arange(4.0).reshape(-1, 1), None),
        (np.random.default_rng(0).normal(size=(6, 30)), [0, 1, 0, 1, 0, 1]),
        (np.column_stack([np.ones(12), np.arange(12.0), np.zeros(12)]), None),
        (np.random.default_rng(0).integers(0, 255, (8, 3, 5, 3)).astype(np.uint8), list("aabbaabb")),
        (np.arange(20.0).reshape(10, 2) * 1e12, np.arange(10) / 3),
    ],
    ids=["one column", "wide", "constant columns", "tiny colour pictures", "large numbers"],
)
def test_small_and_odd_data_gives_an_answer(few_epochs, tmp_path, rows, labels):
    result = punar.compare(rows, labels, cv=2, verbose=0)
    assert (result.table["status"] != "failed").all(), result.table["note"].tolist()
    assert result.to_html(tmp_path / "r.html").stat().st_size > 5000


def test_it_says_how_it_reads_the_data_and_what_is_left(capsys):
    X, y = load_iris(return_X_y=True)
    result = punar.compare(X, y, candidates={"PCA": PCA(2)}, name="iris")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("iris: read as a table of 150 rows and 4 columns, with 3 classes as labels.\n")
    assert "[5/5]" in said.err
    punar.compare(X, y, candidates={"PCA": PCA(2)}, verbose=0)
    assert capsys.readouterr().err == ""
    assert result.facts["data"]["reading"] in str(result)


def test_a_budget_is_kept_by_the_networks_too(monkeypatch):
    now, fit = [0.0], punar.Autoencoder.fit
    monkeypatch.setattr(deadline, "clock", lambda: now[0])

    def one_second_for_ten_epochs(self, *given, **named):
        now[0] += 0.05 + 0.1 * self.epochs
        return fit(self, *given, **named)

    monkeypatch.setattr(punar.Autoencoder, "fit", one_second_for_ten_epochs)
    X, y = load_iris(return_X_y=True)
    result = punar.compare(X, y, budget="60s", verbose=0, name="iris")  # some 100 s without it
    assert 20 < now[0] <= 60
    assert any("within 1 min" in note for note in result.notes), result.notes
    assert result.facts["protocol"]["folds"] >= 2


@pytest.mark.slow
def test_digits_the_main_job():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = punar.compare(DIGITS.images / 16, DIGITS.target, verbose=0, kind="images", name="digits")
    table = result.table
    assert set(table["status"]) == {"ok"}
    assert 0.83 < table.loc[texts.PCA, "variance_explained"] < 0.86
    best = result.facts["verdicts"]["variance_explained"]["best"]
    assert best in NETWORKS
    assert table.loc[best, "variance_explained"] > 0.91
    assert "PCA" in result.verdicts["trustworthiness"]
