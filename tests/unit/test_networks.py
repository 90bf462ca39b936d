"""What the dense and convolutional networks promise beyond the common contract."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from punar.errors import ParameterError
from punar.networks._layers import ACTIVATIONS, group_norm, initialise
from punar.networks.conv import Conv
from punar.networks.dense import Dense

SIDES = [1, 2, 3, 5, 7, 8, 15, 16, 17, 28, 31, 64, 97, 255, 256]


def _round_trip(network, shape, n=2):
    network.check(shape)
    code = network.build_encoder(shape, 3)(torch.randn(n, *shape))
    assert code.shape == (n, 3)
    return network.build_decoder(3, shape)(code)


@pytest.mark.parametrize("height", SIDES)
@pytest.mark.parametrize("width", [1, 28, 37])
def test_conv_returns_to_the_exact_sides(height, width):
    assert _round_trip(Conv(), (1, height, width)).shape == (2, 1, height, width)


@pytest.mark.parametrize("channels", [(4,), (2, 3, 4), (2,) * 9])
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_conv_takes_any_stages_and_kernels(channels, kernel_size):
    network = Conv(channels=channels, kernel_size=kernel_size, hidden=())
    for shape in [(5, 9, 10), (1, 1, 6)]:
        assert _round_trip(network, shape).shape == (2, *shape)


def test_conv_default_stages_end_in_a_small_map():
    for side in SIDES:
        flat = Conv(hidden=()).build_encoder((1, side, side), 3)[-1].in_features
        assert flat <= 64 * 7 * 7
    convs = [m for m in Conv().build_encoder((1, 28, 28), 3) if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [32, 64]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 257, 20), ["height must be 1 to 256 pixels", "got 257", "(1, 257, 20)"]),
        ((1, 20, 0), ["width must be 1 to 256 pixels", "got 0"]),
        ((30,), ["must be a picture", "(channels, height, width)", "got rows of shape (30,)", "dense"]),
        ((5, 30), ["must be a picture", "(5, 30)"]),
        ((0, 8, 8), ["at least one channel", "(0, 8, 8)"]),
    ],
)
def test_conv_refuses_what_is_no_such_picture(shape, words):
    with pytest.raises(ParameterError) as caught:
        Conv().check(shape)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Dense(hidden=(8, 0)), "hidden must be a tuple of integers >= 1, got (8, 0)"),
        (Dense(hidden=8), "hidden must be a tuple of integers >= 1, got 8"),
        (Dense(activation="rellu"), "activation must be one of 'relu'"),
        (Dense(activation="rellu"), "Did you mean 'relu'?"),
        (Dense(dropout=1.0), "dropout must be a number in [0, 1), got 1.0"),
        (Dense(norm="group"), "norm must be None or one of 'batch', 'layer', got 'group'"),
        (Dense(norm="layer", hidden=(4, 1)), "hidden must have widths >= 2 with norm='layer', got (4, 1)"),
        (Dense(residual=1), "residual must be True or False, got 1"),
        (Conv(kernel_size=4), "kernel_size must be an odd integer >= 3, got 4"),
        (Conv(kernel_size=True), "kernel_size must be an odd integer >= 3, got True"),
        (Conv(channels=()), "channels must have at least one stage, got ()"),
        (Conv(channels=(4, 1), norm="group"), "channels must be >= 2 with norm='group', got (4, 1)"),
        (Conv(norm="layer"), "norm must be None or one of 'batch', 'group', got 'layer'"),
    ],
)
def test_check_says_name_rule_and_value(network, words):
    with pytest.raises(ParameterError) as caught:
        network.check((1, 8, 8))
    assert words in str(caught.value)


def test_dense_mirrors_its_widths():
    network = Dense(hidden=(20, 10), activation="relu", residual=False)
    sizes = [
        [(m.in_features, m.out_features) for m in half if isinstance(m, nn.Linear)]
        for half in (network.build_encoder((2, 3, 4), 5), network.build_decoder(5, (2, 3, 4)))
    ]
    assert sizes == [[(24, 20), (20, 10), (10, 5)], [(5, 10), (10, 20), (20, 24)]]


@pytest.mark.parametrize("network", [Dense(hidden=()), Dense(activation="identity"), Dense((9, 9), "identity", False)])
def test_without_activations_the_network_is_affine(network):
    net = nn.Sequential(network.build_encoder((6,), 3), network.build_decoder(3, (6,)))
    a, b = torch.randn(4, 6), torch.randn(4, 6)
    torch.testing.assert_close(net(0.3 * a + 0.7 * b), 0.3 * net(a) + 0.7 * net(b), rtol=1e-3, atol=1e-4)


def test_residual_blocks_project_only_where_widths_differ():
    blocks = [m for m in Dense(hidden=(6, 6, 4), residual=True).build_encoder((6,), 2) if hasattr(m, "skip")]
    assert [type(b.skip) for b in blocks] == [nn.Identity, nn.Identity, nn.Linear]
    x = torch.randn(200, 6)
    for block in blocks[:2]:
        assert (block(x) - x).std() < 0.3 * x.std(), "training starts near the linear map"


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("residual", [True, False])
def test_signals_neither_vanish_nor_explode_at_first(activation, residual):
    torch.manual_seed(0)
    network = Dense(hidden=(64,) * 6, activation=activation, residual=residual)
    x = torch.randn(500, 64)
    code = network.build_encoder((64,), 64)(x)
    assert 0.1 < code.std(0).mean() < 4
    row = network.build_decoder(64, (64,))(torch.randn(500, 64))
    assert 0.1 < row.std(0).mean() < 4


def test_biases_take_away_the_mean_of_sigmoids():
    torch.manual_seed(0)
    fed = torch.rand(4000, 50) * 0.2 + 0.4  # averages one half, as sigmoids do
    for follows in ("sigmoid", "identity"):
        layer = nn.Linear(50, 20)
        initialise(layer, follows, "sigmoid")
        assert layer(fed).mean(0).abs().max() < 0.05
        torch.testing.assert_close(layer.bias, -0.5 * layer.weight.sum(1))
    conv = nn.Conv2d(3, 4, 3)
    initialise(conv, "sigmoid", "sigmoid")
    assert conv(torch.full((1, 3, 5, 5), 0.5)).abs().max() < 1e-5


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 300), ("tanh", 2 / 500), ("sigmoid", 32 / 500)])
def test_first_weights_follow_he_and_glorot(activation, variance):
    torch.manual_seed(0)
    layer = nn.Linear(300, 200)
    initialise(layer, activation)
    assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize("network", [Dense(hidden=(4,), norm="batch"), Conv(norm="batch")])
def test_one_row_in_training_uses_running_statistics(network):
    net = network.build_encoder((2, 1, 1), 3).train()
    statistics = {k: v.clone() for k, v in net.state_dict().items()}
    x = torch.randn(1, 2, 1, 1)
    out = net(x)
    assert all(torch.equal(v, statistics[k]) for k, v in net.state_dict().items())
    torch.testing.assert_close(out, net.eval()(x))
    net.train()(torch.randn(8, 2, 1, 1))
    assert any(not torch.equal(v, statistics[k]) for k, v in net.state_dict().items())


@pytest.mark.parametrize(("channels", "groups"), [(2, 1), (3, 1), (4, 2), (12, 6), (64, 8), (7, 1), (1, 1)])
def test_groups_hold_two_channels_or_more(channels, groups):
    assert group_norm(channels).num_groups == groups
