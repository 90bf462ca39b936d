"""A torch module of one's own as a backbone: shown, cut, frozen, fine-tuned and saved like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import punar
from punar.errors import BackboneError, ParameterError, ParameterTypeError, UnknownPartError

RNG = np.random.default_rng(4)
Y = np.arange(36) % 2
X = np.clip(RNG.random((36, 20, 20, 3)) * 0.6 + 0.3 * Y[:, None, None, None], 0, 1)


class Small(nn.Module):
    """Two convolutions and a classifier, with one way round the second."""

    def __init__(self, width=6, classes=10):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.Dropout(0.2), nn.ReLU())
        self.third = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.first(x)
        x = x + self.second(x)
        return self.fc(torch.relu(self.third(x)).mean((2, 3)))


def made(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Small(**settings)


def learner(**settings):
    options = {"cache": False, "evidence": "cheap", "random_state": 0, "epochs": 1} | settings
    return punar.TransferLearner(options.pop("backbone", None) or made(), **options)


def test_its_children_are_the_stages_where_they_can_be_cut():
    rows = punar.layers(learner()).rows
    # What goes round the second joins it with the third only if a cut after it would lose something.
    assert rows[0]["name"] == "first"
    assert "fc" not in {row["name"] for row in rows if row["parameters"]}
    module = made()
    without = sum(p.numel() for p in module.parameters()) - sum(p.numel() for p in module.fc.parameters())
    assert punar.layers(learner()).totals == {
        "parameters": without, "trainable": 0, "frozen": without, "blocks": len(rows),
    }  # fmt: skip
    assert punar.layers(learner(strategy="fine_tuning", unfreeze=["first"])).totals["trainable"] == sum(
        p.numel() for p in module.first.parameters()
    )


@pytest.mark.filterwarnings("ignore::punar.errors.DidNotLearnWarning")
@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning", "scratch"])
def test_fitted_saved_and_loaded(strategy, tmp_path):
    net = made()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = learner(backbone=net, strategy=strategy).fit(X, Y)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    if strategy != "scratch":
        assert torch.equal(model.module_.backbone.state_dict()["first.0.weight"], before["first.0.weight"])
        assert model.score(X, Y) > 0.8 > 0.5 == np.mean(Y), "the majority class reaches 0.5"
    folder = punar.save(model, tmp_path / "m")
    loaded = punar.load(folder, parts=[Small])
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert punar.layers(loaded).rows == punar.layers(model).rows
    assert np.array_equal(clone(model).fit(X, Y).predict_proba(X), model.predict_proba(X))
    with pytest.raises(UnknownPartError, match=r"parts=\[Small\]"):
        punar.load(folder)
    with pytest.raises(punar.errors.ModelFolderError):
        punar.load(folder, parts=[made(width=5)])


def test_features_of_it_and_of_its_stages():
    extractor = punar.FeatureExtractor(made(), cache=False)
    rows = extractor.transform(X)
    assert rows.shape == (36, 12)
    assert punar.FeatureExtractor(made(), layer="first", cache=False).transform(X).shape == (36, 6)
    # The same numbers as torch's own forward pass, without the classifier.
    net = made().eval()
    net.fc = nn.Identity()
    facts = extractor.preparation_
    with torch.no_grad():
        batch = facts.collate([facts.prepare(x) for x in X], 0)
        assert np.allclose(net(batch["pixels"]).numpy(), rows, atol=1e-5)


def test_two_modules_do_not_share_what_is_remembered(tmp_path):
    first = punar.FeatureExtractor(made(), cache=tmp_path).transform(X)
    other = made()
    with torch.no_grad():
        other.third.weight.mul_(2)
    assert not np.allclose(punar.FeatureExtractor(other, cache=tmp_path).transform(X), first)
    assert np.array_equal(punar.FeatureExtractor(made(), cache=tmp_path).transform(X), first)


def test_size_and_scaling_can_be_named():
    backbone = punar.backbone(made(), size=48, mean=0.5, std=0.25)
    assert punar.FeatureExtractor(backbone, cache=False).fit().preparation_.facts() | {} == {
        **punar.FeatureExtractor(backbone, cache=False).fit().preparation_.facts(),
        "size": [48, 48], "mean": [0.5] * 3, "std": [0.25] * 3,
    }  # fmt: skip
    grey = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))
    facts = punar.FeatureExtractor(grey, cache=False).fit().preparation_
    assert (facts.size, facts.channels) == ((28, 28), 1)


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x), x


@pytest.mark.parametrize(
    ("backbone", "error", "words"),
    [
        (nn.Linear(3, 3), BackboneError, "takes no pictures .*punar.backbone\\(module, size="),
        (nn.Flatten(), BackboneError, "has no parameters"),
        (TwoOutputs(), BackboneError, "must give one tensor .* gives tuple"),
        (Small, ParameterTypeError, r"got the class Small. Pass Small\(\.\.\.\)"),
    ],
)
def test_mistakes_say_what_to_do(backbone, error, words):
    with pytest.raises(error, match=words):
        punar.FeatureExtractor(backbone).fit()


def test_options_and_weights_that_a_module_has_not():
    with pytest.raises(ParameterError, match="takes size, mean, std and crop"):
        punar.FeatureExtractor(punar.backbone(made(), pad="same")).fit()
    with pytest.raises(ParameterError, match="Load a state dict into the module first"):
        punar.FeatureExtractor(made(), weights="file.pth").fit()
