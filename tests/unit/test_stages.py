"""Where a network may be cut, and running it again from there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from punar.backbones import Stage, prove_stages, prove_view
from punar.core.replay import captured, replayed
from punar.errors import BackboneError


class Toy(nn.Module):
    """Three linear layers, and one way in which they cannot be cut after the first."""

    def __init__(self, fault=None):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.gain = nn.Parameter(torch.zeros(1))
        self.fault = fault
        if fault == "shared":
            self.c.weight = self.a.weight

    def forward(self, x):
        a = self.a(x)
        h = a * 1.0
        if self.fault == "in place":
            h = a.relu_()
        if self.fault == "twice":
            h = self.a(h)
        h = self.b(h)
        if self.fault == "skip":
            h = h + self.gain * x
        return self.c(h)


TOY = (Stage("one", ("a",)), Stage("two", ("b",)), Stage("three", ("c",)))


@pytest.mark.parametrize(("fault", "kept"), [
    (None, "one two three"),
    ("shared", "three"),
    # What a stub returns cannot be changed in place either.
    ("in place", "three"),
    ("twice", "two three"),
    ("skip", "three"),
])  # fmt: skip
def test_a_boundary_that_loses_something_is_merged_into_the_next(fault, kept):
    net = Toy(fault)
    stages = prove_stages(net, TOY, lambda: net(torch.arange(8.0).view(2, 4) - 3))
    assert [stage.name for stage in stages] == kept.split()
    assert [name for stage in stages for name in stage.modules] == ["a", "b", "c"]


def test_a_network_without_a_last_module_is_one_stage():
    net = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    net.forward = lambda x: net["b"](net["b"](net["a"](x)))
    stages = prove_stages(net, (Stage("a", ("a",)), Stage("b", ("b",))), lambda: net(torch.rand(2, 4).sign()))
    assert stages == (Stage("all", ("",)),)


def test_a_network_that_is_never_the_same_twice_is_refused():
    net = nn.Linear(4, 4)
    with pytest.raises(BackboneError, match="other numbers on each run"):
        prove_stages(net, (Stage("all", ("",)),), lambda: net(torch.rand(2, 4)))


def test_replaying_needs_no_values_below_and_restores_the_network():
    net = Toy()
    names = list(net.state_dict())
    x = torch.rand(2, 4)
    with captured(net, "a", "b") as found:
        net(x)
    assert list(found) == ["a", "b"]
    with replayed(net, TOY, 2, found["b"]):
        assert list(net.state_dict()) == names
        again = net(torch.full((2, 4), torch.nan))
    assert torch.equal(again, net(x))
    with pytest.raises(KeyError, match="boom"), replayed(net, TOY, 1, found["a"]):
        raise KeyError("boom")
    with pytest.raises(KeyError, match="boom"), captured(net, "a"):
        raise KeyError("boom")
    assert torch.equal(again, net(x))
    assert not any("forward" in part.__dict__ or part._forward_hooks for part in net.modules())
    with captured(net, "") as found:
        net(x)
    assert torch.equal(found[""], again)
    with pytest.raises(RuntimeError, match="not called: c"), captured(net, "c"):
        pass
    with pytest.raises(ValueError, match="boundary"), replayed(net, TOY, 4, x):
        pass


def test_gradients_of_a_replay_equal_those_of_the_whole_run():
    net = Toy()
    net.a.requires_grad_(False)
    x = torch.rand(2, 4)
    net(x).square().sum().backward()
    wanted = [p.grad.clone() for part in (net.b, net.c) for p in part.parameters()]
    net.zero_grad()
    with torch.no_grad(), captured(net, "a") as found:
        net(x)
    with replayed(net, TOY, 1, found["a"]):
        net(torch.zeros(2, 4)).square().sum().backward()
    assert all(torch.equal(p.grad, w) for p, w in zip([*net.b.parameters(), *net.c.parameters()], wanted, strict=True))


class Grid(nn.Module):
    """A part that also reads a table as long as the batch, and one whose output has no batch."""

    def __init__(self, refuses):
        super().__init__()
        self.first, self.last, self.refuses = Part(refuses), nn.Linear(4, 4), refuses
        self.rows = 0

    def forward(self, x):
        table = torch.arange(8.0)[:, None].expand(8, 4)
        a, shape = self.first(x, table)
        return self.last(a) + 0 * shape.sum()


class Part(nn.Module):
    def __init__(self, refuses):
        super().__init__()
        self.inner, self.refuses, self.seen = nn.Linear(4, 4), refuses, []

    def forward(self, x, table):
        self.seen.append(len(x))
        if self.refuses and len(table) != 8:
            raise RuntimeError("the table has eight rows")
        return self.inner(x), table[:1]


@pytest.mark.parametrize(("refuses", "rows"), [(False, [2, 3]), (True, [2, 8])])
def test_a_stub_learns_its_form_from_few_rows_and_from_all_where_those_do_not_tell(refuses, rows):
    net = Grid(refuses).eval()
    x = torch.randn(8, 4)
    stages = (Stage("first", ("first", "last")),)
    wanted = torch.randn(8, 4)
    with replayed(net, stages, 1, wanted):
        assert net(torch.zeros(8, 4)).shape == (8, 4)
    assert net.first.seen == rows
    with replayed(net, stages, 1, wanted):
        net(x)
    assert net.first.seen == rows, "learnt once"


class UNet(nn.Module):
    """Two stages down and one way up that reads both."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.middle, self.up = nn.Conv2d(6, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        one = self.down1(x)
        two = self.middle(self.down2(torch.max_pool2d(one.relu(), 2)))
        return self.up(torch.cat([one, nn.functional.interpolate(two, scale_factor=2.0)], 1))


DOWN = (Stage("down1", ("down1",)), Stage("down2", ("down2",)), Stage("middle", ("middle",)))


def _picture(module, batch):
    return module(batch["pixels"])


def test_skip_connections_are_replayed_from_the_outputs_of_all_stages_that_they_read():
    net = UNet().eval()
    batch = {"pixels": torch.rand(2, 3, 8, 8)}
    assert prove_view(net, DOWN, _picture, batch) == ((0,), (0, 1), (0, 2))
    whole = net(batch["pixels"])
    with captured(net, "down1", "down2") as found:
        net(batch["pixels"])
    values = {0: found["down1"], 1: found["down2"]}
    with replayed(net, DOWN, 2, values):
        assert torch.equal(net(torch.full((2, 3, 8, 8), torch.nan)), whole)
    # One value alone: the skip reads zeros.
    with replayed(net, DOWN, 2, values[1]):
        assert not torch.equal(net(batch["pixels"]), whole)
    assert [s.name for s in prove_stages(net, (*DOWN, Stage("up", ("up",))), lambda: net(batch["pixels"]))] == [
        "down1",
        "up",
    ]
    for wrong in ({}, {2: found["down2"]}):
        with pytest.raises(ValueError, match=r"stages in \[0, 1\]"), replayed(net, DOWN, 2, wrong):
            pass


def test_what_is_captured_is_a_copy_where_the_network_runs_on():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
    x = torch.randn(64, 3)
    with captured(net, "0", "2") as found:
        net(x)
    assert torch.equal(found["0"], net[0](x))
    assert found["0"].min() < 0


def test_a_view_that_cannot_be_remembered_has_no_boundary():
    net = Toy("skip").eval()
    with torch.no_grad():
        net.gain.fill_(0.5)
    batch = {"x": torch.rand(2, 4)}
    assert prove_view(net, TOY, lambda module, given: module(given["x"]), batch) == ((), (), (2,))
