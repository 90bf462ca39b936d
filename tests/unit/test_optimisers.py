"""Optimisers: torch's arithmetic, without what torch wraps around it for its compiler."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from punar.training import optimisers

PEERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def steps(optimiser, module, count):
    generator = torch.Generator().manual_seed(3)
    for _ in range(count):
        optimiser.zero_grad()
        module(torch.randn(5, 4, generator=generator)).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("name", optimisers.NAMES)
def test_the_same_numbers_as_torch_own_class(name):
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    built = optimisers.build(name, ours.parameters(), learning_rate=0.01, weight_decay=0.1)
    more = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    peer = PEERS[name](theirs.parameters(), lr=0.01, weight_decay=0.1, fused=True, **more)
    steps(built, ours, 7)
    steps(peer, theirs, 7)
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)
    assert isinstance(built, PEERS[name])


def test_a_state_goes_on_where_it_was():
    first = nn.Linear(4, 3)
    one = optimisers.build("adamw", first.parameters(), learning_rate=0.01, weight_decay=0.1)
    steps(one, first, 3)
    second = nn.Linear(4, 3)
    second.load_state_dict(first.state_dict())
    two = optimisers.build("adamw", second.parameters(), learning_rate=0.01, weight_decay=0.1)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    steps(one, first, 2)
    steps(two, second, 2)
    assert torch.equal(first.weight, second.weight)


def test_a_fit_does_not_import_the_compiler():
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np, punar\n"
        "punar.Autoencoder(latent_dim=2, epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(40, 5)))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
