"""What a network needs of memory is said before it is taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import punar
from punar.core import memory
from punar.errors import ParameterError, PunarWarning

X = np.random.default_rng(0).normal(size=(30, 6))
TEXTS, Y = ["fine words", "poor words"] * 8, [1, 0] * 8


def test_what_is_free_is_known_here():
    found = memory.available()
    assert found is not None
    assert 2**20 < found < 2**50


@pytest.mark.parametrize(
    "fit",
    [
        lambda: punar.Autoencoder(latent_dim=3 * 10**8).fit(X),
        lambda: punar.Autoencoder(latent_dim=10**40).fit(X),
        lambda: punar.Autoencoder(network=punar.networks.dense.Dense(hidden=(10**6, 10**6))).fit(X),
        lambda: punar.SequenceModel("lstm", hidden_size=300_000).fit(TEXTS, Y),
        lambda: punar.SequenceModel("min_gru", embedding_dim=2**24).fit([f"{t} {i}" for i, t in enumerate(TEXTS)], Y),
        lambda: punar.SequenceModel("rnn", hidden_size=60_000, num_layers=64).fit(list(X[:, :, None]), [0, 1] * 15),
        lambda: punar.SequenceModel(task="forecasting", horizon=2, hidden_size=200_000).fit(np.arange(80.0)),
    ],
)
def test_more_than_there_is_is_refused_before_it_is_taken(fit, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 6 * 10**9)
    with pytest.raises(ParameterError) as error:
        fit()
    assert "GB" in str(error.value) or "larger than the memory" in str(error.value) or "No machine" in str(error.value)
    assert "smaller sizes" in str(error.value) or "No machine" in str(error.value)


def test_sizes_that_no_network_has_are_refused_by_their_rule():
    with pytest.raises(ParameterError, match="hidden_size"):
        punar.SequenceModel(hidden_size=10**12).fit(TEXTS, Y)


def test_weights_are_counted_and_nothing_is_drawn():
    state = torch.random.get_rng_state()
    with pytest.warns(PunarWarning, match=r"100,010,000 weights.* 1.6 GB"):
        memory.check_memory(lambda: nn.Linear(10_000, 10_001 - 1, bias=True), "Here.fit", "a")
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_part_that_cannot_be_built_without_memory_is_left_to_its_build():
    def own() -> nn.Module:
        raise ValueError("numbers are needed here")

    memory.check_memory(own, "Here.fit", "a")


def test_small_networks_say_nothing(recwarn):
    memory.check_memory(lambda: nn.Linear(10, 10), "Here.fit", "a")
    assert not recwarn.list
