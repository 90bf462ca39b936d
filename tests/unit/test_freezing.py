"""Frozen means frozen: parameters, buffers and mode, by one rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from punar.backbones import Stage
from punar.errors import ParameterError, ParameterTypeError
from punar.models.transfer.freezing import set_trainable, stage_modules, stage_parameters, trainable_stages


class Net(nn.Module):
    """A stem, three blocks under one container, and a parameter and a dropout of no stage."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(4))
        self.noise = nn.Dropout(0.5)
        self.conv1 = nn.Linear(4, 4)
        self.bn1 = nn.BatchNorm1d(4)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)) for _ in range(3)
        )

    def forward(self, x):
        x = self.bn1(self.conv1(self.noise(x + self.token)))
        for block in self.blocks:
            x = block(x)
        return x


STAGES = (
    Stage("stem", ("conv1", "bn1")),
    Stage("blocks.0", ("blocks.0",)),
    Stage("blocks.1", ("blocks.1",)),
    Stage("blocks.2", ("blocks.2",)),
)


@pytest.mark.parametrize(
    ("unfreeze", "expected"),
    [
        ("all", {0, 1, 2, 3}),
        ("last", {3}),
        (0, set()),
        (1, {3}),
        (np.int64(2), {2, 3}),
        (4, {0, 1, 2, 3}),
        (["blocks.2"], {3}),
        ("blocks.2", {3}),
        (("blocks.0", "stem"), {0, 1}),
        (["blocks"], {1, 2, 3}),
        (["blocks.2", "head"], {3}),
        (["head"], set()),
        ([], set()),
    ],
    ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v),  # a set has no order of its own
)
def test_what_is_unfrozen(unfreeze, expected):
    assert trainable_stages(STAGES, unfreeze, "here") == expected


def test_a_name_is_no_prefix_of_a_longer_number():
    stages = [Stage(f"layer.{i}", (f"encoder.layer.{i}",)) for i in range(12)]
    assert trainable_stages(stages, ["layer.1"], "here") == {1}
    assert trainable_stages(stages, ["encoder.layer.1"], "here") == {1}
    assert trainable_stages(stages, ["encoder"], "here") == set(range(12))


@pytest.mark.parametrize(
    ("unfreeze", "error", "words"),
    [
        (5, ParameterError, r"^here: unfreeze, .* from 0 .* to 4 .*stem, blocks.0, .*got 5\.$"),
        (-1, ParameterError, "got -1"),
        (["blocks.3"], ParameterError, r"no stage 'blocks\.3'\. Did you mean 'blocks"),
        (["stm"], ParameterError, "Did you mean 'stem'"),
        ("bocks.2", ParameterError, r"Did you mean 'blocks\.2'"),
        (["conv1"], ParameterError, "'conv1' is a piece of the stage 'stem', which is frozen or trained as one"),
        (["blocks.2.0"], ParameterError, r"piece of the stage 'blocks\.2'"),
        ([""], ParameterError, "no stage ''"),
        (True, ParameterTypeError, "got True"),
        (1.5, ParameterTypeError, "got 1.5"),
        (None, ParameterTypeError, "got None"),
        ([3], ParameterTypeError, r"got \[3\]"),
    ],
    ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v),  # a set has no order of its own
)
def test_a_wrong_value_is_refused_with_what_to_do(unfreeze, error, words):
    with pytest.raises(error, match=words):
        trainable_stages(STAGES, unfreeze, "here")


def test_parameters_of_no_stage_are_the_first_stages_and_none_is_lost_or_twice():
    net = Net()
    parts = stage_parameters(net, STAGES)
    assert any(p is net.token for p in parts[0])
    assert [sum(p.numel() for p in part) for part in parts] == [4 + 20 + 8, 28, 28, 28]
    ids = [id(p) for part in parts for p in part]
    assert sorted(ids) == sorted(id(p) for p in net.parameters())


def test_a_shared_parameter_belongs_to_the_earliest_stage():
    net = Net()
    net.blocks[2][0].weight = net.blocks[0][0].weight
    set_trainable(net, STAGES, {3})
    assert not net.blocks[2][0].weight.requires_grad
    assert net.blocks[2][0].bias.requires_grad


def test_modules_of_a_stage_come_in_order():
    net = Net()
    assert stage_modules(net, STAGES[0]) == [net.conv1, net.bn1]


def test_frozen_stages_keep_every_bit_and_the_others_learn():
    torch.manual_seed(0)
    net = Net()
    net.train()
    set_trainable(net, STAGES, {2, 3})
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        net(torch.randn(8, 4)).square().sum().backward()
        optimiser.step()
    after = net.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {k for k in before if k.startswith(("blocks.1", "blocks.2"))}


@pytest.mark.parametrize(
    ("trainable", "training"),
    [
        ({3}, {"blocks.2"}),
        ({0}, {"noise", "conv1", "bn1"}),
        ({1, 2, 3}, {"blocks", "blocks.0", "blocks.1", "blocks.2"}),
        (set(), set()),
        ({0, 1, 2, 3}, {"", "noise", "conv1", "bn1", "blocks", "blocks.0", "blocks.1", "blocks.2"}),
    ],
    ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v),  # a set has no order of its own
)
def test_modes_follow_the_stages(trainable, training):
    net = Net()
    set_trainable(net, STAGES, trainable)
    assert {n for n, m in net.named_modules() if m.training and n.count(".") < 2} == training
    for name, inner in net.named_modules():
        if name.count(".") == 2:
            assert inner.training == net.get_submodule(name.rsplit(".", 1)[0]).training


def test_setting_twice_leaves_no_trace_of_the_first():
    net = Net()
    set_trainable(net, STAGES, {0, 1})
    set_trainable(net, STAGES, {3})
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {
        n for n, _ in net.named_parameters() if n.startswith("blocks.2")
    }
