"""A torch module of one's own as the network of an autoencoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import punar
from punar.errors import ParameterError, ParameterTypeError, UnknownPartError

RNG = np.random.default_rng(2)
# Ten columns that three numbers stand for.
X = (RNG.normal(size=(160, 3)) @ RNG.normal(size=(3, 10)) + 0.05 * RNG.normal(size=(160, 10))).astype(np.float32)
PICTURES = RNG.random((40, 12, 12)).astype(np.float32)


class Net(nn.Module):
    """As a course writes it."""

    def __init__(self, code=3, last=10):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, code))
        self.decoder = nn.Sequential(nn.Linear(code, 16), nn.ReLU(), nn.Linear(16, last))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class NeedsWidth(Net):
    def __init__(self, code):
        super().__init__(code)


def made(cls=Net, *args):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return cls(*args)


def fitted(network, data=X, **settings):
    return punar.Autoencoder(network=network, random_state=0, **{"epochs": 40} | settings).fit(data)


@pytest.fixture(scope="module")
def model():
    return fitted(made())


def test_it_learns_what_the_built_in_network_learns(model):
    built_in = punar.Autoencoder(latent_dim=3, epochs=40, random_state=0).fit(X)
    # The mean explains 0, and the same weights before training next to nothing.
    assert model.fit_report_["explained_variance_untrained"] < 0.3 < 0.7 < model.score(X)
    assert built_in.score(X) - model.score(X) < 0.25
    assert (model.latent_dim_, model.transform(X).shape) == (3, (160, 3))
    assert model.inverse_transform(model.transform(X)).shape == X.shape


def test_the_module_stays_as_it_was_and_the_result_is_repeatable(model):
    net = made()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    again = fitted(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters())
    assert np.array_equal(again.transform(X), model.transform(X))
    copy = clone(again)
    assert copy.get_params()["network"] is not net
    assert np.array_equal(copy.fit(X).transform(X), model.transform(X))


def test_weights_are_where_training_begins(model):
    other = made()
    with torch.no_grad():
        other.encoder[0].weight.mul_(-1)
    assert not np.array_equal(fitted(other, epochs=1).transform(X), fitted(made(), epochs=1).transform(X))


def test_saved_as_tensors_and_loaded_with_the_class(model, tmp_path):
    folder = punar.save(model, tmp_path / "m")
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    for parts in ([Net], [made()]):
        loaded = punar.load(folder, parts=parts)
        assert np.array_equal(loaded.transform(X), model.transform(X))
        assert np.array_equal(loaded.reconstruct(X), model.reconstruct(X))
        assert loaded.latent_dim_ == 3
    assert str(punar.layers(punar.load(folder, parts=[Net]))) == str(punar.layers(model))
    with pytest.raises(UnknownPartError, match=r"parts=\[Net\]"):
        punar.load(folder)
    with pytest.raises(punar.errors.ModelFolderError):
        punar.load(folder, parts=[made(Net, 4)])


def test_a_class_that_needs_settings_is_passed_as_a_module(tmp_path):
    folder = punar.save(fitted(made(NeedsWidth, 2), epochs=1), tmp_path / "m")
    with pytest.raises(UnknownPartError, match=r"cannot be made without settings.*parts=\[NeedsWidth\(\.\.\.\)\]"):
        punar.load(folder, parts=[NeedsWidth])
    assert punar.load(folder, parts=[NeedsWidth(2)]).transform(X).shape == (160, 2)


def test_a_pair_and_codes_that_are_maps(tmp_path):
    pair = (
        nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3, 2, 1)),
        nn.Sequential(nn.ConvTranspose2d(2, 4, 2, 2), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2)),
    )
    model = fitted(pair, PICTURES, kind="images", epochs=2)
    assert (model.latent_dim_, model.transform(PICTURES).shape) == (18, (40, 18))
    assert model.reconstruct(PICTURES).shape == PICTURES.shape
    folder = punar.save(model, tmp_path / "m")
    assert np.array_equal(punar.load(folder, parts=pair).transform(PICTURES), model.transform(PICTURES))


def test_flat_layers_take_pictures():
    pair = (nn.Linear(144, 5), nn.Linear(5, 144))
    model = fitted(pair, PICTURES, kind="images", epochs=1)
    assert model.reconstruct(PICTURES).shape == PICTURES.shape


@pytest.mark.parametrize("objective", ["sparse", "denoising", "variational"])
def test_objectives_go_with_it(objective):
    width = 6 if objective == "variational" else 3
    model = fitted((nn.Linear(10, width), nn.Linear(3, 10)), objective=objective, epochs=2)
    assert model.transform(X).shape == (160, 3)


def test_a_checkpoint_knows_its_weights(tmp_path, model):
    whole = fitted(made(), epochs=3)
    resumed = punar.Autoencoder(network=made(), epochs=3, random_state=0).fit(X, checkpoint=tmp_path / "c")
    again = punar.Autoencoder(network=made(), epochs=3, random_state=0).fit(X, checkpoint=tmp_path / "c")
    assert np.array_equal(whole.transform(X), resumed.transform(X))
    assert np.array_equal(whole.transform(X), again.transform(X))
    other = made()
    with torch.no_grad():
        other.decoder[0].bias.add_(1)
    with pytest.raises(punar.errors.CheckpointError):
        punar.Autoencoder(network=other, epochs=3, random_state=0).fit(X, checkpoint=tmp_path / "c")


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 2)

    def forward(self, x):
        return self.layer(x), x


@pytest.mark.parametrize(
    ("network", "settings", "error", "words"),
    [
        (nn.Linear(10, 2), {}, ParameterTypeError, r"must have the modules \.encoder and \.decoder, or be a pair"),
        (Net, {}, ParameterTypeError, r"got the class Net; pass Net\(\)"),
        ((nn.Linear(10, 2),), {}, ParameterTypeError, "1 entries"),
        ((nn.Flatten(), nn.Flatten()), {}, ParameterError, "encoder has no parameters"),
        ((nn.Linear(9, 2), nn.Linear(2, 9)), {}, ParameterError, r"encoder does not take rows of shape \(n, 10\)"),
        ((nn.Linear(10, 2), nn.Linear(3, 10)), {}, ParameterError, r"decoder does not take codes of shape \(n, 2\)"),
        (Net(last=9), {}, ParameterError, r"gives rows of shape \(9\), and rows of X have the shape \(10\)"),
        ((Twice(), nn.Linear(2, 10)), {}, ParameterError, "gives tuple instead of one tensor"),
        (Net(), {"latent_dim": 7}, ParameterError, "latent_dim=7, but the encoder of this module gives codes of 3"),
        (Net(), {"objective": "variational"}, ParameterError, "needs an even number"),
        (
            (nn.Linear(10, 2), nn.Sequential(nn.Linear(2, 10), nn.Sigmoid())), {}, ParameterError,
            "gives values from 0 to 1, and the rows, scaled",
        ),
    ],
)  # fmt: skip
def test_mistakes_say_what_to_do(network, settings, error, words):
    with pytest.raises(error, match=words):
        fitted(network, **settings)


def test_a_sigmoid_goes_with_rows_in_its_range():
    unit = (X - X.min()) / (X.max() - X.min())
    network = (nn.Linear(10, 3), nn.Sequential(nn.Linear(3, 10), nn.Sigmoid()))
    assert fitted(network, unit, scaling="none", epochs=2).reconstruct(unit).max() <= 1


def test_what_a_folder_of_ones_own_module_cannot_be(model, tmp_path):
    folder = punar.save(model, tmp_path / "m")
    with pytest.raises(punar.errors.PunarError, match="of somebody's own"):
        punar.FeatureExtractor(str(folder)).transform(X)
