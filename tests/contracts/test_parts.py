"""Every network and every objective that lies in its folder keeps its contract, alone and together."""

from __future__ import annotations

import pytest
import torch
from sklearn.base import BaseEstimator, clone

from punar.core import plugins
from punar.errors import ParameterError
from punar.networks import AutoencoderModule, Network
from punar.objectives import Objective

LATENT = 3
# Further settings of known parts; a part that is not named here is checked with its defaults.
VARIANTS = {
    "dense": [
        {"hidden": (6,), "residual": False, "norm": "batch", "activation": "sigmoid"},
        {"hidden": (6, 6, 5), "residual": True, "norm": "layer", "dropout": 0.3},
        {"hidden": ()},
    ],
    "conv": [
        {"channels": (4, 6), "norm": "batch", "hidden": ()},
        {"channels": (4,), "norm": "group", "dropout": 0.3, "kernel_size": 5, "activation": "tanh"},
    ],
    "recurrent": [
        {"num_layers": 2, "dropout": 0.3, "bidirectional": True, "hidden_size": 6},
        {"layer_norm": True, "hidden_size": 5},
    ],
    "reconstruction": [{"loss": "bernoulli"}, {"loss": "huber", "output": "sigmoid"}, {"loss": "mae"}],
    "sparse": [{"penalty": "kl"}, {"penalty": "topk"}, {"penalty": "topk", "k": 1, "loss": "bernoulli"}],
    "denoising": [{"noise": "masking", "loss": "bernoulli"}, {"noise": "salt_and_pepper"}],
    "variational": [{"likelihood": "bernoulli", "binarize": True}, {"beta": 4.0, "warmup": 0.0}],
}
PICTURE, ROW, SEQUENCE = (2, 7, 4), (5,), (6, 2)
# What a part is given that has no default of its own: parts of one folder cannot import another's.
GIVEN = {"recurrent": lambda: {"cell": plugins.member("cells", "lstm")()}}


def _parts(folder):
    for name in plugins.members(folder):
        for settings in [{}, *VARIANTS.get(name, [])]:
            given = GIVEN.get(name, dict)()
            yield pytest.param(plugins.member(folder, name)(**given, **settings), id=f"{name}-{settings}")


NETWORKS, OBJECTIVES = list(_parts("networks")), list(_parts("objectives"))
EVERY = NETWORKS + OBJECTIVES


def _shapes(network):
    if network.sequences_only:
        shapes = [(1, 1), SEQUENCE]
        for shape in (PICTURE, ROW):
            with pytest.raises(ParameterError, match="sequence"):
                network.check(shape)
        yield from shapes
        return
    shapes = [(1, 1, 1), PICTURE, ROW]
    for shape in shapes:
        try:
            network.check(shape)
        except ParameterError:
            assert len(shape) == 1, "every network must take pictures"
        else:
            yield shape


def _shape(network):
    return SEQUENCE if network.sequences_only else PICTURE


def _net(network, objective, shape):
    torch.manual_seed(0)
    return AutoencoderModule(
        network.build_encoder(shape, objective.code_width(LATENT)),
        network.build_decoder(LATENT, shape),
        objective.build(LATENT, shape, binary=False),
    )


def _settings(part):
    """Return settings in a form that can be compared: a part within a part by its class and settings."""
    return {k: (type(v), v.get_params()) if isinstance(v, BaseEstimator) else v for k, v in vars(part).items()}


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _losses(objective, net, x, progress=0.5):
    return objective.losses(net, x, progress=progress, generator=_generator())


def test_the_folders_hold_what_the_design_names():
    assert {"dense", "conv", "recurrent"} <= set(plugins.members("networks"))
    assert {"reconstruction", "sparse", "denoising", "variational"} <= set(plugins.members("objectives"))


@pytest.mark.parametrize("part", EVERY)
def test_a_part_is_a_recipe(part):
    params = part.get_params(deep=False)
    assert set(vars(part)) == set(params), "settings only"
    copy = clone(part)
    assert copy is not part
    assert _settings(copy) == _settings(part)
    assert isinstance(part, (Network, Objective))
    assert type(part).__doc__
    assert all(name in type(part).__doc__ for name in params), "every setting is documented"


@pytest.mark.parametrize("part", EVERY)
def test_check_refuses_with_name_rule_and_value(part):
    check = (lambda p: p.check(_shape(part))) if isinstance(part, Network) else (lambda p: p.check())
    check(part)
    for name in part.get_params(deep=False):
        for bad in (object(), "no such thing"):
            broken = clone(part).set_params(**{name: bad})
            with pytest.raises(ParameterError) as caught:
                check(broken)
            message = str(caught.value)
            assert type(part).__name__ in message
            assert f"{name} must be" in message
            assert repr(bad)[:30] in message


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_build_the_shapes_they_promise(network):
    for shape in _shapes(network):
        encoder, decoder = network.build_encoder(shape, 4), network.build_decoder(LATENT, shape)
        for n in (1, 2, 3):
            for mode in (True, False):
                encoder.train(mode)
                decoder.train(mode)
                assert encoder(torch.randn(n, *shape)).shape == (n, 4)
                out = decoder(torch.randn(n, LATENT))
                assert out.shape == (n, *shape)
                assert out.isfinite().all()
        encoder.eval()
        assert encoder(torch.randn(0, *shape)).shape == (0, 4)


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_take_their_first_weights_from_torchs_seed(network):
    objective = plugins.member("objectives", "reconstruction")()
    first, second = (_net(network, objective, _shape(network)) for _ in "ab")
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", NETWORKS)
def test_losses_are_named_finite_scalars(network, objective):
    for shape in _shapes(network):
        net = _net(network, objective, shape)
        for n in (1, 4):
            for mode in (True, False):
                net.train(mode)
                x = torch.rand(n, *shape, generator=_generator(1))
                before = x.clone()
                terms = _losses(objective, net, x)
                assert terms
                assert all(isinstance(name, str) and name.isidentifier() for name in terms)
                assert all(value.shape == () and value.isfinite() for value in terms.values())
                assert sum(terms.values()).requires_grad
                assert torch.equal(x, before), "the batch is not ours to change"
            objective.epoch_end(net, progress=0.5, generator=_generator())


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_reach_every_parameter(network, objective):
    shape = _shape(network)
    net = _net(network, objective, shape)
    reached = {name: False for name, _ in net.named_parameters()}
    for step in range(8):  # dropout and dead units may miss a parameter once
        net.zero_grad()
        x = torch.rand(16, *shape, generator=_generator(100 + step))
        sum(objective.losses(net, x, progress=1.0, generator=_generator(step)).values()).backward()
        for name, parameter in net.named_parameters():
            reached[name] |= parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
    missed = {name for name, seen in reached.items() if not seen}
    assert not missed, missed


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", NETWORKS)
def test_codes_and_rows_are_deterministic_and_shaped(network, objective):
    for shape in _shapes(network):
        net = _net(network, objective, shape)
        x = torch.rand(4, *shape, generator=_generator())
        state = {k: v.clone() for k, v in net.state_dict().items()}
        codes, rows = [], []
        for mode in (True, False, True):
            net.train(mode)
            codes.append(objective.encode(net, x))
            rows.append(objective.decode(net, codes[-1]))
            assert net.training is mode
        assert codes[0].shape == (4, LATENT)
        assert rows[0].shape == x.shape
        assert all(torch.equal(codes[0], c) for c in codes)
        assert all(torch.equal(rows[0], r) for r in rows)
        assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items()), "reading trains nothing"
        alone = torch.cat([objective.encode(net, row[None]) for row in x])
        torch.testing.assert_close(alone, codes[0], rtol=1e-4, atol=1e-5)
        if objective.needs_unit_range(False):
            assert rows[0].min() >= 0
            assert rows[0].max() <= 1


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_the_generator_is_the_only_randomness(network, objective, training):
    shape = _shape(network)
    x = torch.rand(4, *shape, generator=_generator(1))
    found = []
    for global_seed in (1, 2):
        net = _net(network, objective, shape).train(training)
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        found.append(_losses(objective, net, x))
        objective.encode(net, x)
        objective.epoch_end(net, progress=0.5, generator=_generator())
        assert torch.equal(torch.get_rng_state(), before)
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][k], found[1][k]) for k in found[0])


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("network", [p for p in NETWORKS if p.values[0].sequences_only])
@pytest.mark.parametrize("training", [True, False])
def test_what_is_nan_counts_nothing(network, objective, training):
    """Steps behind every sequence's end change no loss and no code, and no gradient is NaN."""
    x = torch.rand(5, *SEQUENCE, generator=_generator(1))
    for row, length in enumerate((6, 4, 3, 1, 2)):
        x[row, length:] = torch.nan
    x[0, 2, 1] = torch.nan
    longer = torch.cat([x, torch.full((5, 3, SEQUENCE[1]), torch.nan)], 1)
    found = []
    for batch in (x, longer):
        net = _net(network, objective, batch.shape[1:]).train(training)
        net.decoder.clock = _net(network, objective, SEQUENCE).decoder.clock
        terms = _losses(objective, net, batch)
        sum(terms.values()).backward()
        assert all(p.grad.isfinite().all() for p in net.parameters())
        found.append((terms, objective.encode(net, batch)))
    assert all(value.isfinite() for value in found[0][0].values())
    assert all(torch.equal(found[0][0][k], found[1][0][k]) for k in found[0][0])
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_validation_counts_nothing(objective):
    net = _net(plugins.member("networks", "dense")(hidden=(6,), norm="batch"), objective, ROW).eval()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    _losses(objective, net, torch.rand(4, *ROW), progress=1.0)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
