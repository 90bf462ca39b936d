"""``punar.gradient_flow``: the whole derivative by each hidden state, against torch's cells run step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import punar
from punar.errors import DataError, ParameterError, ParameterTypeError

KINDS = {"lstm": (nn.LSTM, nn.LSTMCell), "gru": (nn.GRU, nn.GRUCell), "rnn": (nn.RNN, nn.RNNCell)}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def by_cells(kind, rnn, x, loss):
    """Return |d loss / d h_t|, (n, time), of a network whose states are all in the graph, through torch's own cells."""
    cell = KINDS[kind][1](rnn.input_size, rnn.hidden_size)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in rnn.state_dict().items()})
    state, states = None, []
    for step in x.unbind(1):
        state = cell(step, state)
        h = state[0] if kind == "lstm" else state
        h.retain_grad()
        states.append(h)
    loss(torch.stack(states, 1)).sum().backward()
    return torch.stack([h.grad.norm(dim=1) for h in states], 1).numpy()


def last_squares(states):
    return states[:, -1].square().mean(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [None, lambda states: (states.mean(1) - 1.0).abs().sum(1)], ids=["default", "own"])
def test_it_is_the_derivative_through_torchs_cells(kind, loss):
    rnn, x = KINDS[kind][0](3, 8, batch_first=True), torch.randn(4, 25, 3)
    flow = punar.gradient_flow(rnn, x, loss=loss)
    wanted = by_cells(kind, rnn, x, loss or last_squares)
    np.testing.assert_allclose(flow.by_item["hidden"], wanted, rtol=2e-4, atol=1e-12)
    np.testing.assert_allclose(flow.by_time["hidden"], wanted.mean(0), rtol=2e-4)
    assert flow.ratios["hidden"] == pytest.approx(wanted[:, 0].mean() / wanted[:, -1].mean(), rel=1e-3)
    assert flow.loss == pytest.approx(float((loss or last_squares)(rnn(x)[0].detach()).mean()), rel=1e-5)
    assert all(p.grad is None for p in rnn.parameters())


def test_a_linear_network_vanishes_and_explodes_by_the_power_of_its_matrix():
    rnn = nn.RNN(1, 4, nonlinearity="relu", bias=False, batch_first=True)
    x = torch.ones(2, 41, 1)
    for factor in (0.8, 1.1):
        with torch.no_grad():
            rnn.weight_hh_l0.copy_(factor * torch.eye(4))
            rnn.weight_ih_l0.fill_(0.1)
        flow = punar.gradient_flow(rnn, x)
        assert flow.ratios["hidden"] == pytest.approx(factor**40, rel=1e-4)
        assert f"{factor:.3f}" in str(flow)


def test_layers_and_directions():
    rnn, x = nn.GRU(3, 6, num_layers=2, bidirectional=True, batch_first=True), torch.randn(5, 40, 3)
    flow = punar.gradient_flow(rnn, x)
    assert list(flow.by_time) == ["hidden", "hidden_reverse", "hidden_l1", "hidden_l1_reverse"]
    # The top layer's last states are the loss's own input: the end for one direction, the start for the other.
    forwards, backwards = flow.by_time["hidden_l1"], flow.by_time["hidden_l1_reverse"]
    assert forwards.argmax() == 39
    assert backwards.argmax() == 0
    assert max(flow.ratios["hidden_l1"], flow.ratios["hidden_l1_reverse"]) < 1e-3
    lines = str(flow).splitlines()
    assert "5 sequences, 40 steps" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == list(flow.by_time)
    with torch.no_grad():
        states = rnn(x)[1]
    assert flow.loss == pytest.approx(float(torch.cat([states[2], states[3]], 1).square().mean()), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_unequal_lengths_equal_one_by_one(kind):
    rnn = KINDS[kind][0](3, 5, num_layers=2, bidirectional=True, batch_first=True)
    items = [torch.randn(t, 3) for t in (7, 20, 1)]
    flow = punar.gradient_flow(rnn, items)
    for i, item in enumerate(items):
        alone = punar.gradient_flow(rnn, item[None])
        for name, norms in flow.by_item.items():
            np.testing.assert_allclose(norms[i, : len(item)], alone.by_item[name][0], rtol=1e-3, atol=1e-9)
            assert np.isnan(norms[i, len(item) :]).all()
    np.testing.assert_allclose(flow.by_time["hidden"][-1], flow.by_item["hidden"][1, -1])


def test_gated_cells_carry_further_than_a_plain_network():
    x = torch.randn(16, 100, 1)
    ratio = {}
    for name in ("rnn", "lstm", "gru"):
        stack = punar.SequenceModel(name, "regression", 32, branch=None, epochs=1, random_state=0, device="cpu").fit(
            x.numpy(), x[:, 0, 0].numpy()
        )
        ratio[name] = punar.gradient_flow(stack, x.numpy()).ratios["hidden"]
    print(ratio)
    assert ratio["lstm"] > 1e3 * ratio["rnn"]


# -- estimators


def fitted(task, y, **settings):
    rng = np.random.default_rng(1)
    items = [rng.normal(size=(int(t), 2)) for t in rng.integers(2, 9, 24)]
    model = punar.SequenceModel("gru", task, 6, epochs=2, random_state=0, device="cpu", **settings).fit(items, y)
    return model, items


def raw(model, items):
    batch = {
        "values": torch.nn.utils.rnn.pad_sequence([model.preparation_.prepare(i) for i in items], batch_first=True),
        "lengths": torch.tensor([len(i) for i in items]),
    }
    with torch.no_grad():
        return model.module_(batch)


def test_a_classifier_uses_its_own_loss():
    model, items = fitted("classification", ["a", "b", "c"] * 8)
    targets = ["c", "a"] * 12  # not all classes: their numbers must be those of the fit
    flow = punar.gradient_flow(model, items, targets)
    number = torch.tensor([{"a": 0, "b": 1, "c": 2}[t] for t in targets])
    assert flow.loss == pytest.approx(float(nn.functional.cross_entropy(raw(model, items), number)), rel=1e-5)
    own = punar.gradient_flow(model, items)
    assert own.loss == pytest.approx(punar.gradient_flow(model, items, model.predict(items)).loss, rel=1e-6)
    assert (own.by_time["hidden"] > 0).all()
    with pytest.raises(DataError, match="'d', which is not a class"):
        punar.gradient_flow(model, items, ["d"] * 24)
    with pytest.raises(DataError, match="got 2 for 24"):
        punar.gradient_flow(model, items, ["a", "b"])


def test_numbers_are_compared_in_the_units_of_the_fit():
    y = np.arange(24) * 3.0 + 100
    model, items = fitted("regression", y)
    target = torch.tensor((y[::-1].copy() - y.mean()) / y.std())[:, None]
    flow = punar.gradient_flow(model, items, y[::-1])
    assert flow.loss == pytest.approx(float((raw(model, items) - target).square().mean()), rel=1e-5)
    # Against itself a number's loss has no slope; against the training mean it has.
    assert (punar.gradient_flow(model, items).by_time["hidden"] > 0).all()


def test_labels_of_several_kinds():
    y = np.random.default_rng(0).integers(0, 2, (24, 3))
    model, items = fitted("multilabel", y, pooling="attention")
    flow = punar.gradient_flow(model, items, y)
    wanted = nn.functional.binary_cross_entropy_with_logits(raw(model, items), torch.tensor(y).float())
    assert flow.loss == pytest.approx(float(wanted), rel=1e-5)
    assert (punar.gradient_flow(model, items).by_time["hidden"] > 0).all()


def test_blocks_and_order_change_nothing(monkeypatch):
    from punar.inspection import gradient_flow as module

    model, items = fitted("classification", [0, 1] * 12)
    whole = punar.gradient_flow(model, items, [0, 1] * 12)
    monkeypatch.setattr(module, "rows_per_pass", lambda steps, width: 5)
    parts = punar.gradient_flow(model, items, [0, 1] * 12)
    np.testing.assert_allclose(parts.by_item["hidden"], whole.by_item["hidden"], rtol=1e-4, atol=1e-9)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)


@pytest.mark.parametrize("objective", ["reconstruction", "denoising", "variational"])
def test_an_autoencoder(objective):
    rng = np.random.default_rng(0)
    items = [rng.normal(size=(t, 2)) for t in (3, 9, 5, 7) * 5]
    model = punar.Autoencoder(objective, "gru", 2, epochs=1, random_state=0, device="cpu").fit(items)
    flow = punar.gradient_flow(model, items)
    assert flow.by_item["hidden"].shape == (20, 9)
    assert (flow.by_time["hidden"] > 0).all()
    again = punar.gradient_flow(model, items)
    np.testing.assert_array_equal(again.by_time["hidden"], flow.by_time["hidden"])


def test_what_does_not_go_together_is_named():
    rnn, x = nn.GRU(3, 4, batch_first=True), torch.zeros(1, 2, 3)
    with pytest.raises(ParameterError, match="y is for a SequenceModel"):
        punar.gradient_flow(rnn, x, [0])
    with pytest.raises(ParameterError, match="SequenceModel has its own"):
        punar.gradient_flow(punar.SequenceModel(), x, loss=last_squares)
    with pytest.raises(ParameterTypeError, match="must be a callable"):
        punar.gradient_flow(rnn, x, loss="mse")
    with pytest.raises(DataError, match="the loss of x is inf"):
        punar.gradient_flow(rnn, x, loss=lambda states: states.sum() + torch.inf)
