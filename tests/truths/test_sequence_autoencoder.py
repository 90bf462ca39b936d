"""Sequences that two numbers make: an autoencoder finds the two numbers, PCA of the same width does not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor

import punar
from punar.networks.recurrent import Recurrent


def waves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sine waves of 32 steps and what each is made of, (n, 2): its height and its speed."""
    rng = np.random.default_rng(seed)
    made_of = np.stack([rng.uniform(0.5, 2.0, n), rng.uniform(0.1, 0.45, n)], 1)
    return (made_of[:, :1] * np.sin(np.arange(32) * made_of[:, 1:]))[:, :, None], made_of


def cut(X: np.ndarray, seed: int) -> list[np.ndarray]:
    lengths = np.random.default_rng(seed).integers(16, 33, len(X))
    return [x[:length] for x, length in zip(X, lengths, strict=True)]


def autoencoder(cell: str, epochs: int = 25) -> punar.Autoencoder:
    network = Recurrent(cell, hidden_size=32)
    return punar.Autoencoder(
        network=network, latent_dim=2, epochs=epochs, batch_size=16, learning_rate=5e-3, random_state=0, device="cpu"
    )


@pytest.mark.parametrize("cell", ["lstm", pytest.param("gru", marks=pytest.mark.slow)])
def test_two_numbers_are_found_where_pca_needs_more(cell: str) -> None:
    (X, made_of), (other, wanted) = waves(300, 0), waves(200, 1)
    ae = autoencoder(cell).fit(X)
    mean = X.mean(0)
    score = ae.score(other)
    flat = PCA(2).fit(X.reshape(300, -1))
    back = flat.inverse_transform(flat.transform(other.reshape(200, -1))).reshape(other.shape)
    spread = ((other - mean) ** 2).sum()
    linear = 1 - ((other - back) ** 2).sum() / spread
    neighbours = KNeighborsRegressor(5).fit(ae.transform(X), made_of)
    found = neighbours.score(ae.transform(other), wanted)
    print(f"{cell}: {score:.3f} of the variance, PCA {linear:.3f}, mean 0; height and speed from the code: {found:.3f}")
    assert score > 0.9
    assert linear < 0.85
    assert found > 0.9
    assert "reconstructs better" in str(ae.fit_report_)
    odd = other.copy()
    odd[:, 12:20] = odd[:, 12:20][:, ::-1]
    ranks = ae.reconstruction_error(odd)[:, None] > ae.reconstruction_error(other)
    print(f"ROC-AUC of waves with eight steps turned around: {ranks.mean():.3f}, chance 0.5")
    assert ranks.mean() > 0.9


def test_two_numbers_are_found_in_sequences_of_unequal_length() -> None:
    (X, made_of), (other, wanted) = waves(300, 0), waves(200, 1)
    ragged, rest = cut(X, 0), cut(other, 1)
    ae = autoencoder("lstm", epochs=50).fit(ragged)
    score = ae.score(rest)
    found = KNeighborsRegressor(5).fit(ae.transform(ragged), made_of).score(ae.transform(rest), wanted)
    print(f"unequal lengths: {score:.3f} of the variance, mean 0; height and speed from the code: {found:.3f}")
    assert score > 0.9
    assert found > 0.8
