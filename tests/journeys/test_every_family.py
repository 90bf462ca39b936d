"""Every named family of pictures, from its name to a fine-tuned step, with random weights."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import punar
from punar import errors

pytest.importorskip("torchvision")
pytest.importorskip("timm")

FAMILIES = {
    "vgg16": 32,
    "vgg19_bn": 32,
    "resnet18": 32,
    "resnet50": 32,
    "googlenet": 32,
    "bn_inception": 64,
    "inception_v3": 80,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "timm:inception_v4": 96,
    "timm:inception_resnet_v2": 96,
    "timm:mobilenetv2_100": 32,
    "timm:vit_tiny_patch16_224": 224,
    "cifar_resnet20": 32,
    "starter": 32,
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side"), FAMILIES.items())
def test_it_builds_shows_its_layers_gives_features_and_fine_tunes(name, side, tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path))
    own = {} if name in ("cifar_resnet20", "starter", "timm:vit_tiny_patch16_224") else {"size": [side, side]}
    network = punar.backbone(name, weights=None, **own)
    table = punar.layers(network)
    assert table.totals["parameters"] > 10_000
    X = np.random.default_rng(0).integers(0, 256, (6, 40, 48, 3), dtype=np.uint8)
    width = punar.FeatureExtractor(network, device="cpu").fit(X).width_
    assert punar.FeatureExtractor(network, device="cpu").transform(X).shape == (6, width)
    with warnings.catch_warnings():
        # Six random pictures hold nothing to learn.
        warnings.simplefilter("ignore", errors.DidNotLearnWarning)
        model = punar.TransferLearner(
            network, strategy="fine_tuning", epochs=1, random_state=0, device="cpu", validation_fraction=0
        ).fit(X, [0, 1] * 3)
    assert len(model.history_) == 1
    assert model.learning_rates_["head"] > 0
    assert 0 < punar.layers(model).totals["trainable"] <= table.totals["parameters"] + 2 * (width + 1)
