"""The loop against twenty lines of torch, and the estimator against PCA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

import punar
from punar.core.runtime import mix
from punar.data.rows import TensorRows
from punar.networks.dense import Dense
from punar.training import optimisers
from punar.training.loop import Loop

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def losses(module: nn.Module, batch: torch.Tensor, *, progress: float, generator: torch.Generator):
    return {"error": (module(batch) - batch).square().mean()}


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 6))


@pytest.mark.parametrize("n", [63, 64, 65, 96])
def test_the_loop_equals_twenty_lines_of_torch_bit_for_bit(n: int) -> None:
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(1))
    ours = network()
    Loop(
        ours, losses, TensorRows(x), torch.arange(n), torch.arange(0), epochs=3, batch_size=32, optimizer="adam",
        schedule="constant", learning_rate=1e-2, weight_decay=0.0, gradient_clip=None, patience=None, seed=5,
        device=torch.device("cpu"),
    ).train()  # fmt: skip
    plain = network()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-2, fused=True)
    for epoch in range(3):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(mix(5, 0, epoch)))
        for start in range(0, n, 32):
            batch = x[order[start : start + 32]]
            loss = (plain(batch) - batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)


class OneNumber(nn.Module):
    """Learns the mean of its rows, and counts the batches it was trained on in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.zeros(1))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.batches += 1
        return self.number.expand_as(batch)


@pytest.mark.parametrize("patience", [None, 3])
def test_validation_restores_the_best_weights_and_reports_means_per_row(patience: int | None) -> None:
    # It walks from 0 towards 10; the held-out rows lie at 5, which it passes on the way.
    x = torch.cat([torch.full((40, 1), 10.0), torch.full((10, 1), 5.0)])
    module, walked = OneNumber(), []
    loop = Loop(
        module, losses, TensorRows(x), torch.arange(40), torch.arange(40, 50), epochs=20, batch_size=40,
        optimizer="sgd", schedule="constant", learning_rate=0.05, weight_decay=0.0, gradient_clip=None,
        patience=patience, seed=5, device=torch.device("cpu"),
        epoch_end=lambda module, **_: walked.append(float(module.number.detach())),
    )  # fmt: skip
    history = loop.train()
    found = [entry["valid_loss"] for entry in history]
    assert found == pytest.approx([(number - 5) ** 2 for number in walked])
    best = int(np.argmin(found))
    assert 0 < best < len(found) - 1
    assert len(found) == (20 if patience is None else best + 1 + patience)
    assert float(module.number.detach()) == walked[best]
    assert int(module.batches) == best + 1  # buffers go back too
    assert not module.training


@pytest.mark.parametrize(("schedule", "start", "end"), [("constant", 1, 1), ("cosine", 0, 0)])
def test_schedules_begin_and_end_where_they_say(schedule: str, start: float, end: float) -> None:
    assert optimisers.rate(schedule, 0.0) == pytest.approx(start, abs=0.25)
    assert optimisers.rate(schedule, 0.05) == pytest.approx(1.0)
    assert optimisers.rate(schedule, 1.0) == pytest.approx(end, abs=1e-9)


def test_a_linear_autoencoder_spans_the_pca_subspace() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 10)) * np.array([5, 4, 3, 1, 0.8, 0.5, 0.5, 0.3, 0.2, 0.1]) + rng.normal(size=10)
    ae = punar.Autoencoder(
        network=Dense(hidden=(), residual=False), latent_dim=3, epochs=400, batch_size=400, learning_rate=0.03,
        weight_decay=0.0, validation_fraction=0.0, scaling="global", random_state=0,
    ).fit(X)  # fmt: skip
    pca = PCA(3).fit(X)
    plane = ae.inverse_transform(np.eye(3)) - ae.inverse_transform(np.zeros((1, 3)))
    assert np.max(subspace_angles(plane.T, pca.components_.T)) < 1e-2
    assert ae.score(X) == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-4)
    untrained = np.max(subspace_angles(rng.normal(size=(10, 3)), pca.components_.T))
    assert untrained > 0.5  # what chance gives


@pytest.mark.skipif(not (SHARED / "mnist.npz").exists(), reason="../shared/data/mnist.npz is not here")
def test_pca_on_mnist_gives_the_papers_13_87() -> None:
    with np.load(SHARED / "mnist.npz") as file:
        train, test = ((file[k].reshape(-1, 784) / 255).astype(np.float32) for k in ("train_images", "test_images"))
    pca = PCA(30, svd_solver="covariance_eigh").fit(train)
    error = ((test - pca.inverse_transform(pca.transform(test))) ** 2).sum(1).mean()
    assert error == pytest.approx(13.87, abs=0.01)  # Hinton and Salakhutdinov 2006, Fig. 2
