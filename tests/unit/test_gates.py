"""``punar.gates``: recomputed from the same weights, and equal to the fast forward pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

import punar
from punar.cells import Stack
from punar.cells.gru import Gru
from punar.errors import DataError, DataTypeError, NotFittedError, NotSupportedError, ParameterTypeError

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
NAMES = {
    "lstm": ["input", "forget", "output", "candidate", "cell", "hidden"],
    "gru": ["reset", "update", "candidate", "hidden"],
    "rnn": ["hidden"],
    "min_gru": ["update", "candidate", "hidden"],
    "min_lstm": ["forget", "input", "candidate", "hidden"],
}
SUFFIXES = ["", "_reverse", "_l1", "_l1_reverse"]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def wide(module):
    """Weights large enough that gates open and close."""
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(3.0)
    return module


def layer(found, number, directions):
    suffix = f"_l{number}" if number else ""
    return np.concatenate([found[f"hidden{suffix}{d}"] for d in ("", "_reverse")[:directions]], 2)


# -- modules of torch


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["batch_first", "time_first"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one_way", "both_ways"])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_top_layer_is_the_modules_output(kind, num_layers, bidirectional, batch_first, bias):
    rnn = wide(
        KINDS[kind](
            3, 9, num_layers=num_layers, bidirectional=bidirectional, batch_first=batch_first, bias=bias, dropout=0.0
        )
    )
    x = torch.randn(4, 60, 3)
    given = x if batch_first else x.transpose(0, 1)
    found = punar.gates(rnn, given)
    out, last = rnn(given)
    out = (out if batch_first else out.transpose(0, 1)).detach().numpy()
    directions = 2 if bidirectional else 1
    np.testing.assert_allclose(layer(found, num_layers - 1, directions), out, rtol=0, atol=1e-5)
    suffixes = ("", "_reverse")[:directions]
    wanted = [f"{n}{f'_l{i}' if i else ''}{s}" for i in range(num_layers) for s in suffixes for n in NAMES[kind]]
    assert list(found) == wanted
    assert all(v.dtype == np.float32 and v.shape == (4, 60, 9) for v in found.values())
    # Every layer's last state, in torch's order: the lower layers are not in the output.
    states = (last[0] if kind == "lstm" else last).detach().numpy()
    for i, name in enumerate(n for n in found if n.startswith("hidden")):
        end = 0 if name.endswith("_reverse") else -1
        np.testing.assert_allclose(found[name][:, end], states[i], rtol=0, atol=1e-5)
        if kind == "lstm":
            cell = found[name.replace("hidden", "cell")]
            np.testing.assert_allclose(cell[:, end], last[1][i].detach().numpy(), rtol=1e-5, atol=1e-5)


def test_gates_mean_what_their_names_say():
    lstm = wide(nn.LSTM(3, 8, batch_first=True))
    x = torch.randn(5, 40, 3)
    g = punar.gates(lstm, x)
    before = np.concatenate([np.zeros((5, 1, 8)), g["cell"][:, :-1]], 1)
    np.testing.assert_allclose(g["cell"], g["forget"] * before + g["input"] * g["candidate"], atol=1e-5)
    np.testing.assert_allclose(g["hidden"], g["output"] * np.tanh(g["cell"]), atol=1e-5)
    assert all((g[n] >= 0).all() and (g[n] <= 1).all() for n in ("input", "forget", "output"))
    g = punar.gates(wide(nn.GRU(3, 8, batch_first=True)), x)
    before = np.concatenate([np.zeros((5, 1, 8)), g["hidden"][:, :-1]], 1)
    np.testing.assert_allclose(g["hidden"], (1 - g["update"]) * g["candidate"] + g["update"] * before, atol=1e-5)
    # A forget gate held shut and one held open, by their biases.
    with torch.no_grad():
        lstm.bias_ih_l0[8:12], lstm.bias_ih_l0[12:16] = -60.0, 60.0
    forget = punar.gates(lstm, x)["forget"]
    assert forget[..., :4].max() < 1e-6
    assert forget[..., 4:].min() > 1 - 1e-6


def test_a_relu_network_and_other_precisions():
    relu = nn.RNN(3, 8, nonlinearity="relu", batch_first=True)
    x = torch.randn(2, 30, 3)
    np.testing.assert_allclose(punar.gates(relu, x)["hidden"], relu(x)[0].detach().numpy(), atol=1e-5)
    double = nn.GRU(3, 8, batch_first=True).double()
    found = punar.gates(double, x.numpy())  # the numbers are brought to the module's type
    assert found["hidden"].dtype == np.float32
    np.testing.assert_allclose(found["hidden"], double(x.double())[0].detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_unequal_lengths_equal_one_by_one(kind):
    rnn = wide(KINDS[kind](3, 7, num_layers=2, bidirectional=True, batch_first=True))
    items = [torch.randn(t, 3) for t in (9, 30, 1, 17)]
    packed = pack_sequence(items, enforce_sorted=False)
    ragged, same = punar.gates(rnn, [i.numpy() for i in items]), punar.gates(rnn, packed)
    fast = pad_packed_sequence(rnn(packed)[0], batch_first=True)[0].detach().numpy()
    for name, value in ragged.items():
        assert value.shape == (4, 30, 7)
        np.testing.assert_array_equal(value, same[name])
        for i, item in enumerate(items):
            alone = punar.gates(rnn, item)[name]  # (time, width): one sequence
            assert alone.shape == (1, len(item), 7)
            np.testing.assert_allclose(value[i, : len(item)], alone[0], atol=1e-5)
            assert np.isnan(value[i, len(item) :]).all()
    np.testing.assert_allclose(np.nan_to_num(layer(ragged, 1, 2)), fast, atol=1e-5)


def test_looking_changes_nothing():
    rnn = nn.LSTM(3, 8, num_layers=2, dropout=0.5, batch_first=True).train()
    x = torch.randn(2, 20, 3, requires_grad=True)
    before = {k: v.clone() for k, v in rnn.state_dict().items()}
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    found = punar.gates(rnn, x)
    assert torch.rand(1) == wanted
    assert rnn.training
    assert all(torch.equal(v, before[k]) for k, v in rnn.state_dict().items())
    assert all(p.grad is None for p in rnn.parameters())
    # Dropout between layers is off, as it is where a model is used.
    np.testing.assert_allclose(found["hidden_l1"], rnn.eval()(x)[0].detach().numpy(), atol=1e-5)


def test_many_rows_are_looked_at_in_blocks(monkeypatch):
    from punar.inspection import gates as module

    rnn, x = nn.GRU(2, 5, batch_first=True), torch.randn(11, 8, 2)
    whole = punar.gates(rnn, x)
    monkeypatch.setattr(module, "rows_per_pass", lambda steps, width: 3)
    for name, value in punar.gates(rnn, x).items():
        np.testing.assert_allclose(value, whole[name], atol=1e-6)


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        (np.zeros((2, 5, 4)), DataError, r"shape \(n, time, 3\) or \(time, 3\).*got \(2, 5, 4\)"),
        (np.zeros((2, 0, 3)), DataError, "at least one step"),
        (np.zeros(3), DataError, "got .3,"),
        (np.array([[[0.0, np.nan, 0.0]]]), DataError, "nan in sequence 0, step 0, column 1"),
        (np.array([["a", "b", "c"]]), DataTypeError, "x must be numbers"),
        (np.zeros((1, 2, 3), complex), DataTypeError, "real numbers"),
        ([np.zeros((2, 3)), np.zeros((4, 2))], DataError, r"x\[1\] must have shape \(time, 3\)"),
        ([np.zeros((2, 3)), np.zeros((0, 3))], DataError, r"x\[1\] must have .* at least one step"),
    ],
)
def test_wrong_input_is_named(x, error, said):
    with pytest.raises(error, match=said):
        punar.gates(nn.GRU(3, 4, batch_first=True), x)


def test_wrong_models_are_named():
    x = np.zeros((1, 2, 3))
    with pytest.raises(NotSupportedError, match="proj_size=2"):
        punar.gates(nn.LSTM(3, 4, proj_size=2, batch_first=True), x)
    with pytest.raises(ParameterTypeError, match="a module Sequential; pass the recurrent module"):
        punar.gates(nn.Sequential(nn.LSTM(3, 4)), x)
    with pytest.raises(ParameterTypeError, match="got 'gru'"):
        punar.gates("gru", x)
    with pytest.raises(ParameterTypeError, match="network='dense'"):
        punar.gates(punar.Autoencoder(epochs=1).fit(np.random.default_rng(0).normal(size=(20, 4))), x)
    for model in (punar.SequenceModel(), punar.Autoencoder(network="lstm")):
        with pytest.raises(NotFittedError, match="call fit first"):
            punar.gates(model, x)


# -- punar's own


def test_a_stack_of_cells():
    stack = Stack(Gru(), 3, 6, num_layers=2, bidirectional=True, layer_norm=True).eval()
    x = torch.randn(2, 12, 3)
    found = punar.gates(stack, x)
    assert list(found)[-1] == "hidden_l1_reverse"
    normed = stack.norms[1](torch.tensor(layer(found, 1, 2)))
    np.testing.assert_allclose(normed.detach(), stack(x)[0].detach(), atol=1e-5)


def ragged(n=10):
    rng = np.random.default_rng(0)
    items = [rng.normal(size=(int(t), 2)) for t in rng.integers(1, 12, n)]
    return items, np.array([float(item[:, 0].mean()) for item in items])


@pytest.mark.parametrize("cell", NAMES)
def test_a_sequence_model(cell):
    items, y = ragged()
    model = punar.SequenceModel(
        cell, task="regression", hidden_size=6, num_layers=2, bidirectional=True, epochs=2, random_state=0, device="cpu"
    ).fit(items, y)
    found = punar.gates(model, items)
    assert list(found) == [n + s for s in SUFFIXES for n in NAMES[cell]]
    ends = np.array([len(item) for item in items]) - 1
    rows = np.arange(len(items))
    # The pooled state is the last one of the top layer: forwards at a sequence's end, backwards at its start.
    last = np.concatenate([found["hidden_l1"][rows, ends], found["hidden_l1_reverse"][:, 0]], 1)
    np.testing.assert_allclose(last, model.transform(items), atol=1e-5)
    for value in found.values():
        assert value.shape == (10, ends.max() + 1, 6)
        np.testing.assert_array_equal(np.isnan(value[..., 0]), np.arange(ends.max() + 1) > ends[:, None])


def test_a_sequence_model_of_texts():
    pytest.importorskip("tokenizers", reason="texts need the extra 'text'")
    texts = ["नमस्ते दुनिया", "one two three", "दुनिया", "two one"] * 5
    model = punar.SequenceModel("lstm", hidden_size=5, epochs=1, random_state=0, device="cpu")
    found = punar.gates(model.fit(texts, [0, 1] * 10), texts)
    assert found["forget"].shape == (20, 3, 5)
    np.testing.assert_array_equal((~np.isnan(found["forget"][:4, :, 0])).sum(1), [2, 3, 1, 2])


@pytest.mark.parametrize("network", ["lstm", "gru"])
def test_an_autoencoder_shows_its_encoder(network):
    items, _ = ragged()
    model = punar.Autoencoder(network=network, latent_dim=2, epochs=2, random_state=0, device="cpu").fit(items)
    found = punar.gates(model, items)
    assert list(found) == NAMES[network]
    ends = np.array([len(item) for item in items]) - 1
    last = torch.tensor(found["hidden"][np.arange(len(items)), ends])
    code = next(m for m in model.module_.encoder.modules() if isinstance(m, nn.Linear))
    np.testing.assert_allclose(code(last).detach(), model.transform(items), atol=1e-5)
    assert np.isnan(found["hidden"][ends.argmin(), -1]).all()
