"""Recurrent cells against their equations, written out step by step, and against torch's packed sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from punar.cells import Stack, _scan
from punar.cells.gru import Gru
from punar.cells.lstm import Lstm
from punar.cells.min_gru import MinGru
from punar.cells.min_lstm import MinLstm
from punar.cells.rnn import Rnn

B, T, D, H = 3, 11, 4, 5
LENGTHS = torch.tensor([6, 11, 1, 8, 3])
CELLS = [Rnn(), Rnn("relu"), Lstm(), Gru(), MinGru(), MinLstm()]


def _built(cell, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    module = cell.build(D, H)
    with torch.no_grad():
        for parameter in module.parameters():  # biases other than zero, all unlike
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module.to(dtype)


def _inputs(seed=1, dtype=torch.float64):
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _weights(module):
    return {k.rpartition("fused.")[2]: v.detach().numpy() for k, v in module.state_dict().items()}


def _states(module, x):
    with torch.no_grad():
        return module(x).numpy()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _each_sequence(x, step, *state):
    """Run ``step(x_t, *state) -> state`` over each sequence; the first of the state is the hidden one."""
    out = np.zeros((B, T, H))
    for b in range(B):
        now = state
        for t in range(T):
            now = step(x[b, t].numpy(), *now)
            out[b, t] = now[0]
    return out


# --- the equations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_elman_1990(nonlinearity):
    module, x = _built(Rnn(nonlinearity)), _inputs()
    w = _weights(module)

    def step(x_t, h):
        a = w["weight_ih_l0"] @ x_t + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        return (np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0),)

    np.testing.assert_allclose(_states(module, x), _each_sequence(x, step, np.zeros(H)), rtol=0, atol=1e-12)


def test_hochreiter_schmidhuber_1997_with_forget_gate():
    module, x = _built(Lstm()), _inputs()
    w = _weights(module)
    W_i, W_f, W_g, W_o = np.split(w["weight_ih_l0"], 4)
    U_i, U_f, U_g, U_o = np.split(w["weight_hh_l0"], 4)
    b_i, b_f, b_g, b_o = np.split(w["bias_ih_l0"] + w["bias_hh_l0"], 4)

    def step(x_t, h, c):
        i = sigmoid(W_i @ x_t + U_i @ h + b_i)
        f = sigmoid(W_f @ x_t + U_f @ h + b_f)
        o = sigmoid(W_o @ x_t + U_o @ h + b_o)
        g = np.tanh(W_g @ x_t + U_g @ h + b_g)
        c = f * c + i * g
        return o * np.tanh(c), c

    expected = _each_sequence(x, step, np.zeros(H), np.zeros(H))
    np.testing.assert_allclose(_states(module, x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(_states(module.float(), x.float()), expected, rtol=0, atol=1e-6)


def _gru_parts(w):
    return zip(
        np.split(w["weight_ih_l0"], 3),
        np.split(w["weight_hh_l0"], 3),
        np.split(w["bias_ih_l0"], 3),
        np.split(w["bias_hh_l0"], 3),
        strict=True,
    )


def _gru_after(w):
    """torch's and cuDNN's form: the reset gate mutes what each unit hears of the state."""
    (W_r, U_r, b_r, d_r), (W_z, U_z, b_z, d_z), (W_n, U_n, b_n, d_n) = _gru_parts(w)

    def step(x_t, h):
        r = sigmoid(W_r @ x_t + b_r + U_r @ h + d_r)
        z = sigmoid(W_z @ x_t + b_z + U_z @ h + d_z)
        n = np.tanh(W_n @ x_t + b_n + r * (U_n @ h + d_n))
        return ((1 - z) * n + z * h,)

    return step


def _gru_before(w):
    """Cho et al. (2014): the reset gate mutes what each unit says, before the matrix."""
    (W_r, U_r, b_r, d_r), (W_z, U_z, b_z, d_z), (W_n, U_n, b_n, d_n) = _gru_parts(w)

    def step(x_t, h):
        r = sigmoid(W_r @ x_t + b_r + U_r @ h + d_r)
        z = sigmoid(W_z @ x_t + b_z + U_z @ h + d_z)
        n = np.tanh(W_n @ x_t + b_n + U_n @ (r * h) + d_n)
        return ((1 - z) * n + z * h,)

    return step


def test_gru_with_the_reset_gate_after_the_product():
    module, x = _built(Gru()), _inputs()
    expected = _each_sequence(x, _gru_after(_weights(module)), np.zeros(H))
    np.testing.assert_allclose(_states(module, x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(_states(module.float(), x.float()), expected, rtol=0, atol=1e-6)


def test_cho_2014_is_the_same_where_all_units_reset_alike():
    module, x = _built(Gru()), _inputs()
    # In general the two are different functions of the same weights.
    cho = _each_sequence(x, _gru_before(_weights(module)), np.zeros(H))
    assert np.abs(_states(module, x) - cho).max() > 1e-2
    # r * (U h) = U (r * h) where r is one number; the bias inside has no counterpart in Cho's form.
    with torch.no_grad():
        module.fused.weight_ih_l0[:H] = torch.randn(1, D, dtype=torch.float64)
        module.fused.weight_hh_l0[:H] = torch.randn(1, H, dtype=torch.float64)
        for bias in (module.fused.bias_ih_l0, module.fused.bias_hh_l0):
            bias[:H] = -0.4
        module.fused.bias_hh_l0[2 * H :] = 0
    cho = _each_sequence(x, _gru_before(_weights(module)), np.zeros(H))
    np.testing.assert_allclose(_states(module, x), cho, rtol=0, atol=1e-12)


def test_feng_2024_min_gru():
    module, x = _built(MinGru()), _inputs()
    w = _weights(module)

    def step(x_t, h):
        z = sigmoid(w["update.weight"] @ x_t + w["update.bias"])
        return ((1 - z) * h + z * (w["candidate.weight"] @ x_t + w["candidate.bias"]),)

    np.testing.assert_allclose(_states(module, x), _each_sequence(x, step, np.zeros(H)), rtol=0, atol=1e-12)


def test_feng_2024_min_lstm():
    module, x = _built(MinLstm()), _inputs()
    w = _weights(module)

    def step(x_t, h):
        f = sigmoid(w["forget.weight"] @ x_t + w["forget.bias"])
        i = sigmoid(w["input.weight"] @ x_t + w["input.bias"])
        f, i = f / (f + i), i / (f + i)
        return (f * h + i * (w["candidate.weight"] @ x_t + w["candidate.bias"]),)

    np.testing.assert_allclose(_states(module, x), _each_sequence(x, step, np.zeros(H)), rtol=0, atol=1e-12)


# --- first weights ----------------------------------------------------------------------------------------


def test_the_forget_gate_starts_at_its_bias_in_effect():
    for bias in (1.0, -2.5):
        cell = Lstm(forget_bias=bias)
        seen = cell.look(cell.build(D, H), torch.zeros(1, 1, D))
        torch.testing.assert_close(seen["forget"], torch.full((1, 1, H), bias).sigmoid())
        torch.testing.assert_close(seen["input"], torch.full((1, 1, H), 0.5))
        torch.testing.assert_close(seen["output"], torch.full((1, 1, H), 0.5))


@pytest.mark.parametrize("cell", [Rnn(), Rnn("relu"), Lstm(), Gru()])
def test_recurrent_matrices_are_orthogonal_gate_by_gate(cell):
    for block in cell.build(D, H).fused.weight_hh_l0.detach().split(H):
        torch.testing.assert_close(block @ block.T, torch.eye(H), rtol=0, atol=1e-5)
    for block in cell.build(400, 400).fused.weight_ih_l0.detach().split(400):
        assert float(block.var()) == pytest.approx(2 / 800, rel=0.05)


def test_the_minimal_cells_keep_what_their_bias_says():
    x = torch.zeros(1, 1, D)
    for bias in (-1.0, 0.5):
        cell = MinGru(update_bias=bias)
        torch.testing.assert_close(cell.look(cell.build(D, H), x)["update"], torch.full((1, 1, H), bias).sigmoid())
    seen = MinLstm().look(MinLstm().build(D, H), x)
    assert float(seen["forget"][0, 0, 0].detach()) == pytest.approx(0.594, abs=1e-3)
    torch.testing.assert_close(seen["forget"] + seen["input"], torch.ones(1, 1, H))


# --- unequal lengths --------------------------------------------------------------------------------------


def _ragged():
    x = torch.randn(len(LENGTHS), 11, D, generator=torch.Generator().manual_seed(2))
    for row, length in enumerate(LENGTHS):
        x[row, length:] = torch.nan  # must not reach anything
    return x


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_ragged_batch_equals_its_sequences_one_by_one(cell, layer_norm):
    torch.manual_seed(0)
    stack = Stack(cell, D, H, num_layers=2, bidirectional=True, layer_norm=layer_norm)
    x = _ragged()
    for dtype, rtol, atol in ((torch.float32, 1e-6, 1e-6), (torch.float64, 0, 1e-12)):
        stack.to(dtype).zero_grad()
        out, last = stack(x.to(dtype), LENGTHS)
        (out.square().sum() + last.sum()).backward()
        together = [p.grad.clone() for p in stack.parameters()]
        stack.zero_grad()
        total = 0
        for row, length in enumerate(LENGTHS):
            alone, end = stack(x[row : row + 1, :length].to(dtype))
            torch.testing.assert_close(out[row, :length], alone[0], rtol=rtol, atol=atol)
            torch.testing.assert_close(last[row], end[0], rtol=rtol, atol=atol)
            assert bool((out[row, length:] == 0).all())
            total = total + alone.square().sum() + end.sum()
    total.backward()
    for a, b in zip(together, stack.parameters(), strict=True):  # in float64
        torch.testing.assert_close(a, b.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("cell", "kind"), [(Rnn(), nn.RNN), (Lstm(), nn.LSTM), (Gru(), nn.GRU)])
def test_a_ragged_batch_equals_torchs_packed_sequence(cell, kind):
    torch.manual_seed(0)
    stack = Stack(cell, D, H, num_layers=2, bidirectional=True)
    peer = kind(D, H, num_layers=2, bidirectional=True, batch_first=True)
    for layer, pair in enumerate(stack.layers):
        for suffix, module in zip(("", "_reverse"), pair, strict=True):
            for name, value in module.fused.named_parameters():
                getattr(peer, name.replace("l0", f"l{layer}{suffix}")).data.copy_(value)
    x = _ragged().nan_to_num()
    out, last = stack(x, LENGTHS)
    packed, state = peer(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-6)
    hidden = state[0] if kind is nn.LSTM else state
    torch.testing.assert_close(last, torch.cat([hidden[-2], hidden[-1]], 1), rtol=0, atol=1e-6)


# --- the scan ---------------------------------------------------------------------------------------------


def _sequential(z, c):
    hidden, states = torch.zeros_like(z[:, 0]), []
    for t in range(z.shape[1]):
        hidden = (1 - z[:, t]) * hidden + z[:, t] * c[:, t]
        states.append(hidden)
    return torch.stack(states, 1)


@pytest.mark.parametrize("steps", [1, 2, 3, 13, 64, 101, 500])
def test_the_scan_equals_the_sequential_form_and_so_do_its_gradients(steps):
    generator = torch.Generator().manual_seed(steps)
    z = torch.randn(2, steps, 3, generator=generator, dtype=torch.float64).sigmoid().requires_grad_()
    c = torch.randn(2, steps, 3, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(2, steps, 3, generator=generator, dtype=torch.float64)
    fast, slow = _scan.mix(z, c), _sequential(z, c)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
    ours = torch.autograd.grad((fast * weight).sum(), (z, c))
    theirs = torch.autograd.grad((slow * weight).sum(), (z, c))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 5, 20, 23])
def test_the_scans_gradients_equal_finite_differences(steps):
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(1, steps, 2, generator=generator, dtype=torch.float64).requires_grad_()
    c = torch.randn(1, steps, 2, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(_scan.mix, (z, c))
