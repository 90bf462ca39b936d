"""Sequence models against what is known: order that a table cannot see, plain torch on packed batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import punar
from punar.core.runtime import mix
from punar.models.recurrent.rows import by_length
from punar.training import optimisers


def which_came_first(n, seed):
    """Noise with one step marked up and one down: which came first? Statistics are blind to it."""
    rng = np.random.default_rng(seed)
    X, y = [], rng.integers(0, 2, n)
    for label in y:
        x = rng.normal(size=(rng.integers(8, 30), 1)) * 0.3
        early, late = sorted(rng.choice(np.arange(1, len(x) - 1), 2, replace=False))
        x[early], x[late] = (3.0, -3.0) if label else (-3.0, 3.0)
        X.append(x)
    return X, y


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_order_of_two_marks_is_seen_where_a_table_sees_nothing(cell):
    X, y = which_came_first(600, 0)
    fitted = punar.SequenceModel(cell, hidden_size=32, epochs=25, random_state=0, device="cpu").fit(X, y)
    other, wanted = which_came_first(400, 1)
    score, report = fitted.score(other, wanted), fitted.fit_report_
    print(f"{cell}: accuracy {score:.3f}, chance 0.5, linear on statistics {report['linear']:.3f}")
    assert score > 0.95
    assert report["linear"] < 0.7
    assert "the order of the steps says more" in report["verdict"]


def order(n, rng):
    """Two events of six steps, up before down or down before up, anywhere in noise."""
    X, y = 0.3 * rng.normal(size=(n, 120, 1)), np.arange(n) % 2
    for x, label in zip(X, y, strict=True):
        one, two = sorted(rng.choice(np.arange(5, 110), 2, replace=False))
        x[one : one + 6] += 2 if label else -2
        x[two : two + 6] -= 2 if label else -2
    return X, y


def shape(n, rng):
    """A ramp or a tent of thirty steps, anywhere in noise."""
    X, y = 0.7 * rng.normal(size=(n, 200, 1)), np.arange(n) % 2
    forms = [np.concatenate([np.linspace(0, 3, 15), np.linspace(3, 0, 15)]), np.linspace(0, 3, 30)]
    for x, label in zip(X, y, strict=True):
        at = rng.integers(0, 170)
        x[at : at + 30, 0] += forms[label]
    return X, y


def slow(n, rng):
    """Waves of about 50 or 83 steps in noise: longer than all kernels reach."""
    y, step = np.arange(n) % 2, np.arange(400)
    rate = np.where(y, 0.012, 0.02) * rng.uniform(0.9, 1.1, n)
    waves = np.sin(2 * np.pi * (rate[:, None] * step + rng.random((n, 1))))
    return (waves + 0.8 * rng.normal(size=(n, 400)))[:, :, None], y


@pytest.mark.slow
@pytest.mark.parametrize(("make", "n"), [(order, 80), (shape, 60), (slow, 40)])
def test_few_series_are_enough_for_order_and_for_shapes_in_noise(make, n):
    rng = np.random.default_rng(7)
    X, y = make(n + 150, rng)
    fitted = punar.SequenceModel(random_state=0, device="cpu", evidence="cheap").fit(X[:n], y[:n])
    score = fitted.score(X[n:], y[n:])
    print(f"{make.__name__}: accuracy {score:.3f} from {n} series, chance 0.5")
    assert score > 0.85


def test_training_equals_twenty_lines_of_torch_on_packed_batches():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(rng.integers(1, 15), 3)).astype(np.float32) for _ in range(50)]
    y = rng.integers(0, 3, 50)
    settings = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "scaling": "none", "validation_fraction": 0.0}
    model = punar.SequenceModel("gru", hidden_size=5, random_state=7, device="cpu", **settings)
    untrained = model.set_params(epochs=1, learning_rate=1e-30, weight_decay=0.0).fit(X, y).module_.state_dict()
    gru, head = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 3)
    values = [v.clone() for v in untrained.values()]
    with torch.no_grad():
        for own, value in zip([*gru.parameters(), *head.parameters()], values, strict=True):
            own.copy_(value)
    parameters = [*gru.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.01)
    lengths, target, step = torch.tensor([len(x) for x in X]), torch.from_numpy(y), 0
    for epoch in range(3):
        generator = torch.Generator().manual_seed(mix(7, 0, epoch))
        order = by_length(lengths, torch.randperm(50, generator=generator), 8, generator)
        for batch in order.split(8):
            optimizer.param_groups[0]["lr"] = 0.01 * optimisers.rate("cosine", step / (3 * math.ceil(50 / 8)))
            packed = pack_sequence([torch.from_numpy(X[i]) for i in batch.tolist()], enforce_sorted=False)
            loss = nn.functional.cross_entropy(head(gru(packed)[1][0]), target[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
    model.set_params(**settings, weight_decay=0.01).fit(X, y)
    found = list(model.module_.state_dict().values())
    for own, value in zip(parameters, found, strict=True):
        torch.testing.assert_close(value, own.detach(), atol=2e-5, rtol=0)
    moved = max(float((a - b).abs().max()) for a, b in zip(found, values, strict=True))
    assert moved > 0.01  # else the comparison would say nothing
