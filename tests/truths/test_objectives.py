"""Objectives against known truths: PCA, torch.distributions, probabilistic PCA, and units that come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from torch import nn

from punar.errors import ParameterError
from punar.networks import AutoencoderModule
from punar.networks.dense import Dense
from punar.objectives import variational
from punar.objectives.denoising import Denoising
from punar.objectives.reconstruction import Reconstruction
from punar.objectives.sparse import Sparse
from punar.objectives.variational import Variational

SOFT_LIMIT = 14.0


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _net(objective, features, latent_dim, *, hidden=(), binary=False, seed=0):
    torch.manual_seed(seed)
    shape = (features,)
    network = Dense(hidden=hidden)
    return AutoencoderModule(
        network.build_encoder(shape, objective.code_width(latent_dim)),
        network.build_decoder(latent_dim, shape),
        objective.build(latent_dim, shape, binary=binary),
    )


def _linear(net, half):
    return next(m for m in getattr(net, half).modules() if isinstance(m, nn.Linear))


# --- reconstruction ---------------------------------------------------------------------------------------


def test_a_linear_autoencoder_spans_the_pca_subspace():
    x = torch.randn(80, 6, generator=_generator()) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.4, 0.3])
    x = x @ torch.linalg.qr(torch.randn(6, 6, generator=_generator(1)))[0]
    x = (x - x.mean(0)).double()
    objective = Reconstruction()
    net = _net(objective, 6, 2).double()
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = sum(objective.losses(net, x, progress=0.0, generator=_generator()).values())
        loss.backward()
        return loss

    start = float(closure().detach())
    optimiser.step(closure)
    components = torch.linalg.svd(x)[2][:2].T.numpy()
    decoder = _linear(net, "decoder").weight.detach().numpy()
    assert subspace_angles(decoder, components).max() < 1e-2
    best = float((torch.linalg.svdvals(x)[2:] ** 2).sum() / x.numel())
    assert float(closure().detach()) == pytest.approx(best, rel=1e-4)
    assert start > 2 * best


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", lambda r, x: ((r - x) ** 2).mean()),
        ("mae", lambda r, x: (r - x).abs().mean()),
        (
            "huber",
            lambda r, x: torch.where((r - x).abs() < 1, (r - x) ** 2 / 2, (r - x).abs() - 0.5).mean(),
        ),
        (
            "bernoulli",
            lambda r, x: -torch.distributions.Bernoulli(logits=r, validate_args=False).log_prob(x).mean(),
        ),
    ],
)
def test_losses_are_the_formulas_averaged_over_elements(loss, expected):
    objective = Reconstruction(loss)
    net = _net(objective, 7, 3)
    x = torch.rand(9, 7, generator=_generator()) * (1 if loss == "bernoulli" else 5)
    found = objective.losses(net, x, progress=0.0, generator=_generator())["reconstruction"]
    torch.testing.assert_close(found, expected(net(x), x))


def test_bernoulli_clamps_targets_and_links_by_a_sigmoid():
    objective = Reconstruction("bernoulli")
    net = _net(objective, 4, 2)
    x = torch.tensor([[-3.0, 0.2, 0.9, 7.0]])
    with torch.no_grad():
        for parameter in net.encoder.parameters():
            parameter.zero_()
    outside, inside = (
        objective.losses(net, v, progress=0.0, generator=_generator())["reconstruction"] for v in (x, x.clamp(0, 1))
    )
    assert torch.equal(outside, inside)
    code = objective.encode(net, x)
    torch.testing.assert_close(objective.decode(net, code), torch.sigmoid(net.decoder(code)))
    assert objective.needs_unit_range(False)
    assert Reconstruction(output="sigmoid").needs_unit_range(False)
    assert not Reconstruction().needs_unit_range(True)


# --- denoising --------------------------------------------------------------------------------------------


class _Copy(nn.Module):
    """Encoder and decoder that pass rows on, so that the loss is the damage itself."""

    def __init__(self):
        super().__init__()
        self.encoder = self.decoder = nn.Identity()
        self.objective = nn.Module()


def test_the_target_is_the_clean_row():
    x = torch.randn(2000, 10, generator=_generator(1))
    loss = Denoising("gaussian", level=0.3).losses(_Copy(), x, progress=0.5, generator=_generator())
    assert float(loss["reconstruction"]) == pytest.approx(0.09, rel=0.05)
    loss = Denoising("masking", level=0.4).losses(_Copy(), x, progress=0.5, generator=_generator())
    assert float(loss["reconstruction"]) == pytest.approx(0.4 * float((x**2).mean()), rel=0.05)


@pytest.mark.parametrize(
    ("noise", "loss", "low", "high"),
    [
        ("masking", "mse", 0, 0),
        ("salt_and_pepper", "mse", -2, 2),
        ("salt_and_pepper", "bernoulli", 0, 1),
    ],
)
def test_noise_sets_the_stated_share_to_the_stated_values(noise, loss, low, high):
    x = 0.25 + 0.5 * torch.rand(1000, 20, generator=_generator(1))
    noisy = Denoising(noise, level=0.3, loss=loss).corrupt(x, generator=_generator())
    changed = noisy != x
    assert changed.float().mean() == pytest.approx(0.3, abs=0.02)
    values = noisy[changed]
    assert set(values.tolist()) == {low, high}
    if low != high:
        assert (values == high).float().mean() == pytest.approx(0.5, abs=0.03)


def test_level_zero_changes_nothing_and_one_changes_all():
    x = torch.rand(50, 4, generator=_generator(1)) + 0.1
    for noise in ("gaussian", "masking", "salt_and_pepper"):
        assert torch.equal(Denoising(noise, level=0).corrupt(x, generator=_generator()), x)
    assert Denoising("masking", level=1).corrupt(x, generator=_generator()).abs().sum() == 0
    with pytest.raises(ParameterError, match=r"level must be a number in \[0, 1\], got 1.5"):
        Denoising("masking", level=1.5).check()
    Denoising("gaussian", level=1.5).check()


# --- sparse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "latent_dim", "active"), [(3, 20, 3), (None, 40, 10), (None, 3, 3), (None, 10, 4)])
def test_topk_keeps_at_most_k_units_and_the_largest(k, latent_dim, active):
    objective = Sparse("topk", k=k)
    net = _net(objective, 6, latent_dim)
    x = torch.randn(30, 6, generator=_generator())
    code, raw = objective.encode(net, x), net.encoder(x)
    assert (code >= 0).all()
    assert ((code > 0).sum(1) <= active).all()
    expected = raw.clamp_min(0).sort(dim=1, descending=True).values[:, :active]
    torch.testing.assert_close(code.sort(dim=1, descending=True).values[:, :active], expected)


def test_k_above_latent_dim_is_refused_when_latent_dim_is_known():
    Sparse("topk", k=9).check()
    with pytest.raises(ParameterError, match=r"Sparse: k must be an integer in \[1, latent_dim=8\], got 9"):
        Sparse("topk", k=9).build(8, (4,), binary=False)
    Sparse("l1", k=9).build(8, (4,), binary=False)


def test_the_kl_penalty_is_the_divergence_from_the_target_rate():
    objective = Sparse("kl", weight=2.0, target_rate=0.2)
    net = _net(objective, 5, 8)
    x = torch.randn(40, 5, generator=_generator())
    rate = objective.encode(net, x).mean(0)
    bernoulli = torch.distributions.Bernoulli
    expected = 2.0 * torch.distributions.kl_divergence(bernoulli(0.2), bernoulli(rate)).mean()
    found = objective.losses(net, x, progress=0.0, generator=_generator())["sparsity"]
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        for parameter in net.encoder.parameters():
            parameter.zero_()
    at_target = objective.losses(net, x, progress=0.0, generator=_generator())["sparsity"]
    assert float(at_target.detach()) == pytest.approx(0.0, abs=1e-6)


def _train(net, objective, x, steps, *, per_epoch=20, learning_rate=1e-2):
    optimiser = torch.optim.Adam(net.parameters(), learning_rate)
    generator = _generator()
    for step in range(steps):
        optimiser.zero_grad()
        progress = step / steps
        sum(objective.losses(net, x, progress=progress, generator=generator).values()).backward()
        optimiser.step()
        if per_epoch and (step + 1) % per_epoch == 0:
            objective.epoch_end(net, progress=progress, generator=generator)
    with torch.no_grad():
        return objective.encode(net, x)


def _dictionary(rows=256, features=8, atoms=16):
    """Rows that are sums of two of many directions: an over-complete code is the right one."""
    g = _generator(3)
    directions = nn.functional.normalize(torch.randn(atoms, features, generator=g), dim=1)
    weights = torch.zeros(rows, atoms)
    weights.scatter_(1, torch.rand(rows, atoms, generator=g).topk(2).indices, 1 + torch.rand(rows, 2, generator=g))
    return weights @ directions


def _kill(net, units):
    with torch.no_grad():
        _linear(net, "encoder").bias[units] = -3.0


@pytest.mark.parametrize(
    ("settings", "per_epoch", "revived"),
    [
        ({"penalty": "topk", "k": 3, "weight": 0.0}, 0, False),
        ({"penalty": "topk", "k": 3, "weight": 1 / 32}, 0, True),
        ({"penalty": "topk", "k": 3, "weight": 0.0}, 20, True),
        ({"penalty": "l1"}, 0, False),
        ({"penalty": "l1"}, 20, True),
    ],
    ids=["topk-nothing", "topk-auxiliary", "topk-lift", "l1-nothing", "l1-lift"],
)
def test_dead_units_come_back_by_the_auxiliary_loss_or_by_the_lift(settings, per_epoch, revived):
    x = _dictionary()
    objective = Sparse(**settings)
    net = _net(objective, 8, 16)
    _kill(net, slice(6, 16))
    assert not (objective.encode(net, x)[:, 6:] > 0).any()
    code = _train(net, objective, x, 500 if per_epoch else 800, per_epoch=per_epoch)
    alive = (code[:, 6:] > 0).any(0)
    assert alive.sum() >= 5 if revived else not alive.any()


def test_revival_pays_in_reconstruction():
    x = _dictionary()
    errors = {}
    for weight in (0.0, 1 / 32):
        objective = Sparse("topk", k=3, weight=weight)
        net = _net(objective, 8, 16)
        _kill(net, slice(4, 16))
        code = _train(net, objective, x, 500, per_epoch=20 if weight else 0)
        errors[weight] = float(((objective.decode(net, code) - x) ** 2).mean().detach())
    assert errors[1 / 32] < 0.6 * errors[0.0]


def test_counters_count_steps_since_a_unit_fired():
    objective = Sparse("topk", k=2)
    net = _net(objective, 8, 6)
    _kill(net, [4, 5])
    for _ in range(7):
        objective.losses(net, _dictionary(), progress=0.0, generator=_generator())
    idle = net.objective.idle_steps
    assert idle[4:].tolist() == [7, 7]
    assert idle[:4].max() < 7


@pytest.mark.parametrize("penalty", ["l1", "kl", "topk"])
def test_the_default_sparse_code_does_not_collapse(penalty):
    x = _dictionary()
    x = (x - x.mean(0)) / x.std(0)
    objective = Sparse(penalty)
    net = _net(objective, 8, 16, hidden=(32,))
    code = _train(net, objective, x, 300)
    error = float(((objective.decode(net, code) - x) ** 2).mean().detach())
    assert error < 0.2
    assert (code.std(0) > 1e-3).float().mean() > 0.8
    if penalty != "kl":
        assert (code > 0).float().mean() < 0.8


def test_l1_makes_codes_smaller():
    x = _dictionary()
    means = {}
    for weight in (0.0, 0.3):
        objective = Sparse("l1", weight=weight)
        means[weight] = float((_train(_net(objective, 8, 16), objective, x, 300) > 1e-3).float().mean())
    assert means[0.3] < 0.7 * means[0.0]


# --- variational ------------------------------------------------------------------------------------------


def _set_posterior(net, slope, bias, variance):
    """Make the encoder put out ``x @ slope.T + bias`` and a constant diagonal variance."""
    layer, latent_dim = _linear(net, "encoder"), len(variance)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:latent_dim] = slope
        layer.bias[:latent_dim] = bias
        layer.bias[latent_dim:] = SOFT_LIMIT * torch.atanh(variance.log() / SOFT_LIMIT)


def _ppca(*, exact, noise=0.3):
    """A linear VAE set by hand, its rows, and their log density under N(b, W W' + noise I)."""
    g = _generator(5)
    objective = Variational("gaussian")
    net = _net(objective, 4, 2).eval()
    # Orthogonal columns make the posterior's covariance diagonal.
    weight = torch.linalg.qr(torch.randn(4, 2, generator=g))[0] * torch.tensor([1.5, 0.7])
    bias = torch.randn(4, generator=g)
    layer = _linear(net, "decoder")
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
        net.objective.noise_variance.fill_(noise)
    inverse = torch.linalg.inv(weight.T @ weight + noise * torch.eye(2))
    slope = inverse @ weight.T
    variance = noise * inverse.diagonal()
    _set_posterior(net, slope, -slope @ bias + (0.0 if exact else 0.3), variance * (1.0 if exact else 2.0))
    density = torch.distributions.MultivariateNormal(bias, weight @ weight.T + noise * torch.eye(4))
    x = bias + torch.randn(6, 4, generator=g)
    return objective, net, x, density.log_prob(x)


def test_kl_equals_torch_distributions():
    objective = Variational("gaussian", warmup=0.0)
    net = _net(objective, 5, 3)
    x = torch.randn(20, 5, generator=_generator())
    mean, deviation = objective.distribution(net, x)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, deviation), normal(0.0, 1.0)).sum(1).mean()
    found = objective.losses(net, x, progress=0.0, generator=_generator())["kl"]
    torch.testing.assert_close(found, expected)
    assert mean.shape == deviation.shape == (20, 3)
    assert torch.equal(objective.encode(net, x), mean)


@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize("at_once", [1, 10**9])
def test_log_likelihood_is_that_of_probabilistic_pca(samples, at_once, monkeypatch):
    monkeypatch.setattr(variational, "_ELEMENTS_AT_ONCE", at_once)
    objective, net, x, truth = _ppca(exact=True)
    # With the exact posterior every importance weight is p(x), however few are drawn.
    found = objective.log_likelihood(net, x, generator=_generator(), samples=samples)
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-4)


def test_elbo_of_the_exact_posterior_is_the_log_likelihood_on_average():
    objective, net, x, truth = _ppca(exact=True)
    found = objective.elbo(net, x, generator=_generator(), samples=20_000)
    torch.testing.assert_close(found, truth, rtol=0, atol=0.05)


def test_importance_bound_tightens_with_samples_towards_the_truth():
    objective, net, x, truth = _ppca(exact=False)

    def bound(samples, repeats):
        runs = [objective.log_likelihood(net, x, generator=_generator(s), samples=samples) for s in range(repeats)]
        return torch.stack(runs).mean(0)

    one, ten, many = bound(1, 2000), bound(10, 400), bound(50_000, 1)
    assert (one < ten - 0.05).all()
    assert (ten < many).all()
    torch.testing.assert_close(many, truth, rtol=0, atol=0.05)
    elbo = objective.elbo(net, x, generator=_generator(), samples=5000)
    torch.testing.assert_close(elbo, one, rtol=0, atol=0.15)


def test_losses_are_in_nats_per_row():
    objective, net, x, _ = _ppca(exact=False)
    g = _generator(9)
    terms = objective.losses(net, x, progress=1.0, generator=g)
    total = -sum(terms.values()).detach()
    torch.testing.assert_close(total, objective.elbo(net, x, generator=_generator(9)).mean(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bernoulli", [True, False])
def test_likelihoods_equal_torch_distributions(bernoulli):
    objective = Variational("bernoulli" if bernoulli else "gaussian")
    net = _net(objective, 4, 2)
    raw, x = torch.randn(3, 6, 4, generator=_generator()), torch.rand(6, 4, generator=_generator(1)).round()
    if bernoulli:
        expected = torch.distributions.Bernoulli(logits=raw).log_prob(x)
    else:
        net.objective.noise_variance.fill_(0.7)
        expected = torch.distributions.Normal(raw, math.sqrt(0.7)).log_prob(x)
    torch.testing.assert_close(net.objective.log_prob(raw, x), expected.sum(-1))


def test_auto_likelihood_follows_the_data():
    auto = Variational()
    assert auto.needs_unit_range(True)
    assert not auto.needs_unit_range(False)
    assert auto.build(2, (4,), binary=True).bernoulli
    assert not auto.build(2, (4,), binary=False).bernoulli
    assert Variational(binarize=True).needs_unit_range(False)
    with pytest.raises(ParameterError, match=r"binarize must be False with likelihood='gaussian', got True"):
        Variational("gaussian", binarize=True).check()


def test_the_divergence_warms_up():
    x = torch.randn(20, 5, generator=_generator())
    objective = Variational("gaussian", beta=3.0, warmup=0.2)
    net = _net(objective, 5, 3).eval()
    kl = [float(objective.losses(net, x, progress=p, generator=_generator())["kl"].detach()) for p in (0, 0.1, 0.2, 1)]
    assert kl[0] == 0
    assert kl[1] == pytest.approx(kl[2] / 2)
    assert kl[2] == kl[3]
    plain = Variational("gaussian", warmup=0.0).losses(net, x, progress=0.0, generator=_generator())["kl"]
    assert kl[3] == pytest.approx(3 * float(plain.detach()))


def test_the_noise_variance_finds_the_datas():
    g = _generator(2)
    x = torch.randn(512, 2, generator=g) @ torch.randn(2, 8, generator=g) + 0.3 * torch.randn(512, 8, generator=g)
    objective = Variational("gaussian")
    net = _net(objective, 8, 2)
    _train(net, objective, x, 800)
    assert float(net.objective.noise_variance) == pytest.approx(0.09, rel=0.25)


def test_binarize_draws_anew_in_training_and_in_validation():
    objective = Variational(binarize=True)
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x)
            return torch.zeros(len(x), 4)

    net = AutoencoderModule(Spy(), nn.Linear(2, 5), objective.build(2, (5,), binary=False))
    x = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(4000, 5)
    g = _generator()
    for mode in (True, False):
        net.train(mode)
        objective.losses(net, x, progress=1.0, generator=g)
    assert all(set(drawn.unique().tolist()) == {0.0, 1.0} for drawn in seen)
    assert not torch.equal(seen[0], seen[1])
    for drawn in seen:
        np.testing.assert_allclose(drawn.mean(0), x[0], atol=0.03)
    objective.encode(net, x)
    assert torch.equal(seen[-1], x), "reading takes rows as they are"


def test_samples_are_the_likelihoods_means_at_codes_from_the_prior():
    objective, net, _, _ = _ppca(exact=True)
    rows = objective.sample(net, 20_000, generator=_generator())
    layer = _linear(net, "decoder")
    torch.testing.assert_close(rows.mean(0), layer.bias, rtol=0, atol=0.05)
    torch.testing.assert_close(rows.T.cov(), layer.weight @ layer.weight.T, rtol=0, atol=0.1)
    assert torch.equal(
        objective.sample(net, 3, generator=_generator(4)), objective.sample(net, 3, generator=_generator(4))
    )
