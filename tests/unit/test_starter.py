"""The small ResNets for 32x32 pictures, and the weights in the wheel."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from punar.backbones import starter
from punar.backbones._cifar_resnet import CifarResNet
from punar.backbones._stages import prove_stages
from punar.backbones.starter import Starter
from punar.core.replay import captured
from punar.errors import DamagedModelError, ParameterError, ParameterTypeError, WeightsNotFoundError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
# Parameters as the weights' README states them; accuracy on all 10,000 test JPEGs.
PUBLISHED = {20: (269_722, 0.8103), 32: (464_154, 0.8256), 44: (658_586, 0.8267), 56: (853_018, 0.8320)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def built(name="starter", weights="default"):
    recipe = Starter(name, weights)
    about = json.loads(json.dumps(recipe.describe()))
    torch.manual_seed(0)
    module = recipe.build(about)
    used = recipe.fill(module, about)
    return module.eval(), recipe.plan(module, about), used


def features(module, plan, pictures):
    prepared = [plan.preparation.prepare(p) for p in pictures]
    with torch.inference_mode():
        parts = [
            plan.forward(module, plan.preparation.collate(prepared[i : i + 200], 0))
            for i in range(0, len(prepared), 200)
        ]
    return torch.cat(parts)


def test_the_file_is_small_and_is_the_one_on_its_card():
    size = len((files("punar.backbones") / "starter.safetensors").read_bytes())
    card = json.loads((files("punar.backbones") / "starter.json").read_text(encoding="utf-8"))
    tensors = starter.shipped()
    assert size <= 1_500_000
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert all(bool(torch.isfinite(t).all()) for t in tensors.values())
    whole = CifarResNet(card["architecture"]["blocks"], card["architecture"]["widths"])
    whole.load_state_dict(tensors)
    assert sum(p.numel() for p in whole.parameters()) == card["parameters"] <= 750_000
    assert card["accuracy"]["starter"] > card["accuracy"]["logistic regression on raw pixels"] > 0.1


def test_a_changed_byte_in_the_wheel_is_refused(monkeypatch):
    original = starter._resource

    def changed(name):
        data = original(name)
        return data[:-1] + bytes([data[-1] ^ 1]) if name.endswith(".safetensors") else data

    monkeypatch.setattr(starter, "_resource", changed)
    with pytest.raises(DamagedModelError, match="SHA-256"):
        starter.shipped()


def test_default_weights_fill_the_module_bit_for_bit():
    module, _, used = built()
    stored = starter.shipped()
    assert used.startswith("punar, sha256:")
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert value.dtype == torch.float32
            assert torch.equal(value, stored[name].float()), name
    assert set(stored) - set(module.state_dict()) == {"linear.weight", "linear.bias"}


@pytest.mark.parametrize("name", Starter.names())
def test_plan_tells_the_truth(name):
    module, plan, used = built(name, None)
    assert used == "random"
    pixels = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        out = plan.forward(module, {"pixels": pixels})
        with captured(module, *(s.modules[-1] for s in plan.stages)) as found:
            plan.forward(module, {"pixels": pixels})
    assert out.shape == (3, plan.width)
    assert [found[s.modules[-1]].shape[2] for s in plan.stages] == [32, 32, 16, 8]
    assert torch.equal(plan.pool(found["layer3"], {}), out)
    held = [
        f"{n}.{k}" for s in plan.stages for n in s.modules for k in dict(module.get_submodule(n).named_parameters())
    ]
    assert sorted(held) == sorted(k for k, _ in module.named_parameters())


def test_every_stage_is_a_boundary():
    module, plan, _ = built("cifar_resnet20", None)
    pixels = torch.randn(2, 3, 32, 32)
    assert prove_stages(module, plan.stages, lambda: plan.forward(module, {"pixels": pixels})) == plan.stages


@pytest.mark.parametrize("side", [8, 17, 32, 65])
def test_it_takes_other_sizes(side):
    module, plan, _ = built()
    with torch.no_grad():
        assert plan.forward(module, {"pixels": torch.randn(2, 3, side, side)}).shape == (2, plan.width)


def test_it_builds_without_memory():
    recipe = Starter()
    with torch.device("meta"):
        module = recipe.build(recipe.describe())
    assert all(p.is_meta for p in module.parameters())


@pytest.mark.parametrize("depth", PUBLISHED)
def test_parameters_are_those_of_the_paper(depth):
    whole = CifarResNet(((depth - 2) // 6,) * 3)
    assert sum(p.numel() for p in whole.parameters()) == PUBLISHED[depth][0]
    convolutions = [m for m in whole.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) + 1 == depth


def test_the_shortcut_is_every_second_pixel_between_zero_channels():
    block = CifarResNet((1, 1, 1)).layer2[0].eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 16, 8, 8)
    with torch.no_grad():
        out = block(x)
    assert torch.equal(out[:, 8:24], x[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


@pytest.mark.parametrize("form", ["safetensors", "half.safetensors", "pth"])
def test_weights_of_ones_own_are_read_in_every_form(tmp_path, form):
    torch.manual_seed(1)
    whole = CifarResNet((3, 3, 3)).eval()
    state = {k: v for k, v in whole.state_dict().items() if not k.endswith("num_batches_tracked")}
    file = tmp_path / f"own.{form}"
    if form == "pth":
        torch.save({f"module.{k}": v for k, v in whole.state_dict().items()}, file)
    else:
        half = form.startswith("half")
        save_file({k: v.half() if half else v for k, v in state.items()}, file)
    module, plan, used = built("cifar_resnet20", file)
    pixels = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        got = whole.linear(plan.forward(module, {"pixels": pixels}))
        torch.testing.assert_close(got, whole(pixels), atol=0.02 if form.startswith("half") else 0.0, rtol=0.0)
    assert "own" in used


def test_weights_of_another_depth_are_refused(tmp_path):
    save_file(CifarResNet((5, 5, 5)).state_dict(), tmp_path / "deep.safetensors")
    with pytest.raises(DamagedModelError, match="cifar_resnet20"):
        built("cifar_resnet20", tmp_path / "deep.safetensors")


def test_errors_name_the_way_out():
    with pytest.raises(ParameterError, match="Did you mean 'cifar_resnet32'"):
        Starter("cifar_resnet31").describe()
    with pytest.raises(ParameterError, match="takes no options"):
        Starter("starter", options={"depth": 3}).describe()
    with pytest.raises(WeightsNotFoundError, match=r"weights='file\.safetensors'"):
        built("cifar_resnet32")
    with pytest.raises(WeightsNotFoundError, match="nowhere"):
        built("starter", "nowhere.safetensors")
    with pytest.raises(ParameterTypeError, match="weights"):
        built("starter", 3)


def test_a_recipe_is_cheap_to_clone():
    again = clone(Starter("cifar_resnet44", weights="file"))
    assert (again.name, again.weights, again.options) == ("cifar_resnet44", "file", None)
    assert Starter.has("starter")
    assert not Starter.has("resnet18")


def _scores(pictures, raw, y, train, test):
    """Return accuracies on ``test`` of logistic regression on three kinds of features."""
    Z = {"raw pixels": raw}
    for name, weights in [("starter", "default"), ("random weights", None)]:
        module, plan, _ = built("starter", weights)
        Z[name] = features(module, plan, pictures).numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return {k: float(clone(model).fit(z[train], y[train]).score(z[test], y[test])) for k, z in Z.items()}


def test_features_of_digits_beat_chance(capsys):
    digits = load_digits()
    pictures = (digits.images / 16.0).astype(np.float32)
    score = _scores(pictures, digits.data, digits.target, slice(0, 200), slice(1000, 1797))
    with capsys.disabled():
        print("\ndigits, 200 to learn from, chance 0.10:", {k: round(v, 3) for k, v in score.items()})
    # Digits are far from objects: the card says that random weights do as well there.
    assert score["starter"] > 0.7


def test_features_of_photographs_beat_random_weights_and_pixels(capsys):
    if not (SHARED / "imagenet-samples.zip").exists():
        pytest.skip("shared/data/imagenet-samples.zip is not here")
    with zipfile.ZipFile(SHARED / "imagenet-samples.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("labels.csv"), encoding="utf-8")))
        held = {name.rsplit("/", 1)[-1]: name for name in archive.namelist()}
        jpegs = [archive.read(held[row["file"].rsplit("/", 1)[-1]]) for row in rows]
    # ImageNet's first 398 classes are the animals.
    y = np.array([int(row["index"]) < 398 for row in rows]).astype(int)
    pictures = [
        Image.open(io.BytesIO(data)).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR) for data in jpegs
    ]
    raw = np.stack([np.asarray(p).ravel() / 255.0 for p in pictures])
    order = np.random.default_rng(0).permutation(len(y))
    score = _scores(pictures, raw, y, order[:300], order[300:])
    chance = max(y.mean(), 1 - y.mean())
    with capsys.disabled():
        print(f"\nanimal or not, 300 to learn from, chance {chance:.2f}:", {k: round(v, 3) for k, v in score.items()})
    assert score["starter"] > max(score["random weights"], score["raw pixels"], chance) + 0.05


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory):
    """The test pictures as files, with their classes; :func:`_accuracy` takes every ``step``-th."""
    if not (SHARED / "cifar10.zip").exists():
        pytest.skip("shared/data/cifar10.zip is not here")
    folder = tmp_path_factory.mktemp("cifar10")
    with zipfile.ZipFile(SHARED / "cifar10.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("test/") and n.endswith(".jpg"))
        paths = [folder / name.replace("/", "-") for name in names]
        for name, path in zip(names, paths, strict=True):
            path.write_bytes(archive.read(name))
    classes = sorted({n.split("/")[1] for n in names})
    return paths, torch.tensor([classes.index(n.split("/")[1]) for n in names])


def _accuracy(module, plan, linear, jpegs, step):
    paths, labels = (each[::step] for each in jpegs)
    logits = features(module, plan, paths) @ linear["linear.weight"].float().T + linear["linear.bias"].float()
    return float((logits.argmax(1) == labels).float().mean())


# 1000 pictures have a standard error of 1.2 points; all of them leave nothing to chance.
AMOUNTS = [pytest.param(10, 0.04, id="1000"), pytest.param(1, 0.0005, id="all", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("step", "within"), AMOUNTS)
@pytest.mark.parametrize("depth", PUBLISHED)
def test_published_resnets_reach_their_accuracy(depth, step, within, jpegs, capsys):
    file = SHARED / "weights" / "resnet_cifar10" / f"resnet{depth}.safetensors"
    if not file.exists():
        pytest.skip(f"shared/data/weights/resnet_cifar10/{file.name} is not here")
    module, plan, _ = built(f"cifar_resnet{depth}", file)
    found = _accuracy(module, plan, load_file(file), jpegs, step)
    with capsys.disabled():
        print(f"\nresnet{depth} on {10_000 // step} test JPEGs: {found:.4f}; stated: {PUBLISHED[depth][1]}; chance 0.1")
    assert found == pytest.approx(PUBLISHED[depth][1], abs=within)


@pytest.mark.parametrize(("step", "within"), AMOUNTS)
def test_the_starter_reaches_the_accuracy_on_its_card(step, within, jpegs, capsys):
    module, plan, _ = built()
    stated = Starter().describe()["accuracy"]["starter"]
    found = _accuracy(module, plan, starter.shipped(), jpegs, step)
    with capsys.disabled():
        print(f"\nstarter on {10_000 // step} test JPEGs: {found:.4f}; its card: {stated}; chance 0.1")
    assert found == pytest.approx(stated, abs=within)
