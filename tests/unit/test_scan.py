"""The parallel scan at its edges: one step, prime lengths, gates that are shut or open, half precision."""

from __future__ import annotations

import pytest
import torch

from punar.cells import _scan
from punar.cells.min_gru import MinGru
from punar.cells.min_lstm import MinLstm


@pytest.mark.parametrize("steps", [1, 2, 7, 97, 1000, 4096, 4099])
def test_chunks_are_near_the_square_root_and_fit_where_they_can(steps):
    length = _scan._chunk(steps)
    assert 1 <= length <= steps
    assert length <= 2 * max(1, round((steps / 5) ** 0.5))
    if steps in (1000, 4096):
        assert steps % length == 0
        assert length > 1


@pytest.mark.parametrize("steps", [1, 96, 97])
def test_gates_that_are_shut_or_open(steps):
    c = torch.randn(2, steps, 3)
    assert torch.equal(_scan.mix(torch.zeros(2, steps, 3), c), torch.zeros(2, steps, 3))
    torch.testing.assert_close(_scan.mix(torch.ones(2, steps, 3), c), c)


def test_a_long_sequence_neither_overflows_nor_fades():
    z = torch.full((1, 20_000, 1), 1e-4)
    hidden = _scan.mix(z, torch.ones(1, 20_000, 1))
    t = torch.arange(1, 20_001, dtype=torch.float64)
    expected = 1 - (1 - z[0, :, 0].double()) ** t
    torch.testing.assert_close(hidden[0, :, 0].double(), expected, rtol=1e-4, atol=1e-6)


def test_what_comes_in_need_not_be_contiguous():
    z, c = torch.rand(3, 4, 24).transpose(1, 2), torch.randn(24, 3, 4).transpose(0, 1)
    torch.testing.assert_close(_scan.mix(z, c), _scan.mix(z.contiguous(), c.contiguous()))
    leaf = z.detach().clone().requires_grad_()
    _scan.mix(leaf, c)[:, -1].sum().backward()  # its gradient comes in expanded
    assert leaf.grad.isfinite().all()
    assert leaf.grad[:, 0].abs().sum() > 0


def test_inputs_are_left_alone():
    z, c = torch.rand(2, 30, 3), torch.randn(2, 30, 3)
    before = z.clone(), c.clone()
    _scan.mix(z, c)
    assert torch.equal(z, before[0])
    assert torch.equal(c, before[1])


@pytest.mark.parametrize("cell", [MinGru(), MinLstm()])
def test_gates_that_round_to_zero_leave_the_state(cell):
    module = cell.build(2, 3)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.fill_(-200.0 if name.endswith("bias") and "candidate" not in name else 0.0)
    x = torch.randn(1, 12, 2).requires_grad_()
    hidden = module(x)
    hidden.sum().backward()
    assert torch.equal(hidden, torch.zeros(1, 12, 3))
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("cell", [MinGru(update_bias=-6.0), MinLstm()])
def test_autocast_does_not_reach_the_scan(cell):
    torch.manual_seed(0)
    module = cell.build(8, 16)
    x = torch.randn(2, 600, 8)
    exact = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = module(x)
        hidden.square().mean().backward()
    assert hidden.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in module.parameters())
    # The linear maps' rounding is left, 0.5 %; a scan in bfloat16 would be 4 % off for the slow gate.
    assert (hidden - exact).abs().max() < 0.01 * exact.abs().max()
