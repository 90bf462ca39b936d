"""Vision sources: what they build, where they may be cut, and how weights get in."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from punar.backbones import Stage, build, prove_view
from punar.backbones._maps import find_maps
from punar.backbones._stages import prove_stages
from punar.backbones._vision import mean_of_last_map
from punar.backbones._weights import put_weights
from punar.backbones.bn_inception import BnInception
from punar.core.replay import captured, replayed
from punar.errors import (
    ParameterError,
    WeightsNotFoundError,
)
from punar.preparations.pictures import Pictures

torchvision = pytest.importorskip("torchvision", reason="pip install 'punar[vision]'")
timm = pytest.importorskip("timm", reason="pip install 'punar[vision]'")

from punar.backbones import torchvision as tv_source  # noqa: E402
from punar.backbones.timm import Timm  # noqa: E402
from punar.backbones.torchvision import Torchvision  # noqa: E402

RESNETS = {f"resnet{n}": 512 if n < 50 else 2048 for n in (18, 34, 50, 101, 152)}
VGGS = dict.fromkeys(["vgg16", "vgg16_bn", "vgg19", "vgg19_bn"], 4096)
WIDTHS = RESNETS | VGGS | {"googlenet": 1024, "inception_v3": 2048, "mobilenet_v2": 1280}
WIDTHS |= {"mobilenet_v3_small": 1024, "mobilenet_v3_large": 1280}
# The deep and wide ones share their code with these.
QUICK = ["resnet18", "resnet50", "vgg16", "googlenet", "inception_v3"]
QUICK += ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"]


def pixels_for(about, items=2):
    facts = Pictures.from_facts(about["input"])
    side = max(facts.smallest, 32) if facts.any_size else facts.size[0]
    return torch.rand(items, facts.channels, side, side, generator=torch.Generator().manual_seed(1))


def check_plan(backbone):
    """Build, count, and run again from a middle boundary; return (module, plan, about)."""
    about = backbone.describe()
    assert json.loads(json.dumps(about)) == about
    assert set(about["input"]) == set(Pictures().facts())
    assert {"licence", "made_by", "source", "provenance", "architecture", "num_features"} <= set(about)
    module = backbone.build(about).eval()
    plan = backbone.plan(module, about)
    pixels = pixels_for(about)
    names = [name for stage in plan.stages for name in stage.modules]
    assert len(set(names)) == len(names)
    inside = {id(p) for name in names for p in module.get_submodule(name).parameters()}
    loose = [name for name, p in module.named_parameters() if id(p) not in inside]
    assert all("." not in name for name in loose), "only tokens and positions may lie outside the stages"
    with torch.no_grad():
        whole = plan.forward(module, {"pixels": pixels})
        assert whole.shape == (2, plan.width)
        middle = len(plan.stages) // 2
        last = plan.stages[middle - 1].modules[-1]
        with captured(module, last) as found:
            plan.forward(module, {"pixels": pixels})
        blank = torch.zeros(1).expand(pixels.shape)
        with replayed(module, plan.stages, middle, found[last]):
            again = plan.forward(module, {"pixels": blank})
        assert torch.equal(again, whole)
        assert plan.pool(found[last], {}).dim() == 2
    return module, plan, about


# ---- torchvision


@pytest.mark.parametrize("name", QUICK)
def test_torchvision_networks_build_and_may_be_cut_where_the_plan_says(name):
    module, plan, about = check_plan(Torchvision(name, weights=None))
    assert plan.width == WIDTHS[name]
    pixels = pixels_for(about)
    assert prove_stages(module, plan.stages, lambda: module(pixels)) == plan.stages


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(WIDTHS) - set(QUICK)))
def test_the_deeper_torchvision_networks_too(name):
    test_torchvision_networks_build_and_may_be_cut_where_the_plan_says(name)


def test_every_network_that_skips_the_proof_is_tested_here():
    assert set(WIDTHS) == tv_source._PROVEN


@pytest.mark.parametrize(("name", "stages"), [
    ("resnet152", "stem layer1 layer2 layer3 layer4"),
    ("vgg19_bn", "block1 block2 block3 block4 block5 classifier"),
    ("googlenet", "stem inception3 inception4 inception5"),
    ("inception_v3", "stem Mixed_5 Mixed_6 Mixed_7"),
])  # fmt: skip
def test_stages_have_the_names_that_users_of_torchvision_know(name, stages):
    about = Torchvision(name, weights=None).describe()
    assert [stage for stage, _ in about["stages"]] == stages.split()
    assert about["num_features"] == WIDTHS[name]


@pytest.mark.parametrize(("name", "last", "published"), [
    ("vgg16", "classifier", 138357544),
    ("resnet50", "layer4", 25557032),
    ("inception_v3", "Mixed_7", 27161264),
])  # fmt: skip
def test_textbook_recipe_counts_are_the_librarys_own(name, last, published):
    backbone = Torchvision(name, weights=None)
    about = backbone.describe()
    with torch.device("meta"):
        module = backbone.build(about)
        head = nn.Linear(about["num_features"], 2)
        library = torchvision.models.get_model(name, **({"init_weights": False} if name == "inception_v3" else {}))
    own = sum(p.numel() for p in library.parameters())
    assert own == published
    classifier = library.get_submodule(about["classifier"])
    gone = [classifier, library.AuxLogits] if name == "inception_v3" else [classifier]
    dropped = sum(p.numel() for part in gone for p in part.parameters())
    assert sum(p.numel() for p in module.parameters()) == own - dropped

    def trainable():
        return sum(p.numel() for part in (module, head) for p in part.parameters() if p.requires_grad)

    module.requires_grad_(False)
    assert trainable() == 2 * WIDTHS[name] + 2
    assert about["stages"][-1][0] == last
    modules = about["stages"][-1][1]
    for part in modules:
        module.get_submodule(part).requires_grad_(True)
    theirs = sum(p.numel() for part in modules for p in library.get_submodule(part).parameters())
    theirs -= sum(p.numel() for p in classifier.parameters()) if last == "classifier" else 0
    assert trainable() == theirs + 2 * WIDTHS[name] + 2
    if name == "resnet50":
        assert theirs == 14964736


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small"])
def test_the_librarys_classifier_on_our_features_gives_the_librarys_output(name):
    backbone = Torchvision(name, weights=None)
    about = backbone.describe()
    library = torchvision.models.get_model(name).eval()
    module = backbone.build(about).eval()
    put_weights(module, library.state_dict(), "the library", [about["classifier"]])
    pixels = pixels_for(about)
    with torch.no_grad():
        assert torch.equal(library.get_submodule(about["classifier"])(module(pixels)), library(pixels))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_inception_input_facts_equal_transform_input(name):
    facts = Pictures.from_facts(Torchvision(name).describe()["input"])
    with torch.device("meta"):
        library = torchvision.models.get_model(name, transform_input=True, init_weights=False)
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (preset.mean, preset.std))
    pixels = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8)
    theirs = library._transform_input((pixels / 255 - mean) / std)
    assert torch.allclose(facts.normalise(pixels), theirs, atol=1e-6)
    assert facts.size == (preset.crop_size[0],) * 2


@pytest.mark.parametrize(("name", "options"), [
    ("regnet_y_400mf", None),
    ("shufflenet_v2_x0_5", None),
    ("mobilenet_v2", {"width_mult": 0.25}),
])  # fmt: skip
def test_other_names_and_options_are_proven_when_described(name, options):
    check_plan(Torchvision(name, weights=None, options=options))


def test_describing_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    Torchvision("mobilenet_v2", options={"width_mult": 0.25}).describe()
    Timm("test_resnet").describe()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("backbone", [
    Torchvision("regnet_y_400mf"), Torchvision("vgg16_bn"), Timm("test_vit"), Timm("swin_tiny_patch4_window7_224"),
    Timm("mobilenetv2_100"), Timm("test_efficientnet"), BnInception("bn_inception"),
])  # fmt: skip
def test_networks_build_without_memory(backbone):
    about = backbone.describe()
    with torch.device("meta"):
        module = backbone.build(about)
    assert all(p.is_meta for p in module.parameters())


# ---- BN-Inception


def test_bn_inception_has_the_papers_shapes_and_parameter_count():
    module, plan, _ = check_plan(BnInception("bn_inception", weights=None))
    assert plan.width == 1024
    pixels = torch.rand(2, 3, 33, 47)
    assert prove_stages(module, plan.stages, lambda: module(pixels)) == plan.stages
    wanted = {"inception3a": (256, 28), "inception3b": (320, 28), "inception3c": (576, 14), "inception4a": (576, 14)}
    wanted |= {"inception4d": (576, 14), "inception4e": (1024, 7), "inception5b": (1024, 7)}
    for name, (channels, side) in wanted.items():
        with torch.no_grad(), captured(module, name) as found:
            module(torch.rand(1, 3, 224, 224))
        assert found[name].shape == (1, channels, side, side)
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    weights = sum(part.weight.numel() for part in convolutions)
    # TF-slim's Inception v2 counts 10,173,112 model variables: its first convolution is separable with multiplier 8
    # and biases, and every other channel has an offset, a moving mean and a moving variance.
    separable = 7 * 7 * 3 * 8 + 24 * 64
    channels = sum(part.out_channels for part in convolutions)
    assert weights - 7 * 7 * 3 * 64 + separable + 64 + 3 * (channels - 64) == 10_173_112


def test_bn_inception_has_no_published_weights_and_loads_its_own(tmp_path):
    backbone = BnInception("bn_inception")
    about = backbone.describe()
    module = backbone.build(about)
    with pytest.raises(WeightsNotFoundError, match="no weights are published"):
        backbone.fill(module, about)
    save_file(backbone.build(about).state_dict(), tmp_path / "w.safetensors")
    assert BnInception("bn_inception", tmp_path / "w.safetensors").fill(module, about) == "file"
    with pytest.raises(ParameterError, match="Did you mean 'size'"):
        BnInception("bn_inception", options={"sise": 3}).describe()


# ---- timm


@pytest.mark.parametrize(("name", "width", "stages"), [
    ("mobilenetv2_100", 1280, ["stem", *(f"blocks.{i}" for i in range(7))]),
    ("resnet18", 512, ["stem", "layer1", "layer2", "layer3", "layer4"]),
    ("convnext_atto", 320, ["stem", *(f"stages.{i}" for i in range(4))]),
    ("inception_resnet_v2", 1536, ["stem", "mixed_5b", "repeat", "mixed_6a", "repeat_1", "mixed_7a", "repeat_2", "block8"]),  # noqa: E501
    ("inception_v4", 1536, ["stem", "features.4", *(f"features.{i}" for i in range(6, 22))]),
])  # fmt: skip
def test_timm_networks_build_and_may_be_cut(name, width, stages):
    _, plan, about = check_plan(Timm(name, weights=None))
    assert plan.width == width
    assert [stage.name for stage in plan.stages] == stages
    assert about["input"]["any_size"]


def test_a_vision_transformer_is_cut_at_every_block_and_reads_its_own_size():
    backbone = Timm("vit_tiny_patch16_224", weights=None, options={"size": 64})
    _, plan, about = check_plan(backbone)
    assert [stage.name for stage in plan.stages] == ["stem", *(f"blocks.{i}" for i in range(12))]
    assert plan.width == 192
    assert about["input"]["size"] == [64, 64]
    assert not about["input"]["any_size"]


def test_features_with_channels_last_are_pooled_over_places():
    backbone = Timm("test_mambaout", weights=None)
    _, plan, _ = check_plan(backbone)
    assert plan.pool is mean_of_last_map
    assert plan.pool(torch.ones(2, 5, 5, 7), {}).shape == (2, 7)


def test_input_facts_can_be_changed_and_wrong_ones_are_refused():
    options = {"pad_type": "same", "mean": 0.5, "std": [0.5, 0.5, 0.5], "size": 96, "crop": 1}
    about = Timm("mobilenetv2_100", weights=None, options=options).describe()
    assert about["input"]["mean"] == about["input"]["std"] == [0.5] * 3
    assert (about["input"]["size"], about["input"]["crop"]) == ([96, 96], 1.0)
    assert about["options"] == {"pad_type": "same"}
    for bad in ({"mean": [0.5]}, {"std": 0}, {"crop": 1.5}, {"size": 8}, {"size": "big"}, {"std": True}):
        with pytest.raises(ParameterError, match=next(iter(bad))):
            Torchvision("resnet18", options=bad).describe()


@pytest.mark.parametrize(("backbone", "match"), [
    (Torchvision("resnet5"), "Did you mean 'resnet50'"),
    (Torchvision("squeezenet1_0"), "has no backbone"),
    (Torchvision(3), "has no backbone 3"),
    (Torchvision("resnet18", options={"weights": "x"}), "set by punar"),
    (Torchvision("resnet18", options={"wings": 2}), "wings"),
    (Torchvision("resnet18", options="pad"), "must be a dict"),
    (Timm("mobilnetv2_100"), "Did you mean 'mobilenetv2_100'"),
    (Timm("hf-hub:someone/model"), "has no backbone"),
    (Timm("resnet18.nobody"), "has no backbone"),
    (Timm("test_resnet", options={"checkpoint_path": "x.pth"}), "set by punar"),
    (Timm("test_resnet", options={"wings": 2}), "wings"),
    (BnInception("bn_inceptoin"), "Did you mean 'bn_inception'"),
])  # fmt: skip
def test_unknown_names_and_options_are_refused_with_the_likely_spelling(backbone, match):
    with pytest.raises(ParameterError, match=match):
        backbone.describe()


def test_a_stored_description_cannot_lead_timm_to_a_hub_or_a_file():
    backbone = Timm("test_resnet", weights=None)
    about = backbone.describe()
    with pytest.raises(ParameterError, match="has no backbone"):
        backbone.build(about | {"architecture": "hf-hub:someone/model"})
    with pytest.raises(ParameterError, match="set by punar"):
        backbone.build(about | {"options": {"checkpoint_path": "x.pth"}})


def test_names_are_found_without_building():
    assert set(WIDTHS) <= set(Torchvision.names())
    assert Torchvision.has("vgg16")
    assert not Torchvision.has("bert-base-uncased")
    assert {"inception_v4", "inception_resnet_v2"} <= set(Timm.names())
    assert Timm.has("mobilenetv2_100.ra_in1k")
    assert not Timm.has("mobilenetv2_100.nobody")
    assert BnInception.names() == ["bn_inception"]


def test_real_weights_recognise_real_pictures():
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    file = data / "weights" / "mobilenet_v2_imagenet" / "mobilenetv2_100_same_bnstats.safetensors"
    if not file.is_file() or not (data / "imagenet-samples.zip").is_file():
        pytest.skip("shared/data is not beside the checkout: no real weights to test with")
    from PIL import Image

    options = {"pad_type": "same", "mean": 0.5, "std": 0.5}
    backbone = Timm("mobilenetv2_100", weights=file, options=options)
    about = backbone.describe()
    module = backbone.build(about).eval()
    backbone.fill(module, about)
    assert all(p.dtype == torch.float32 for p in module.parameters())
    plan = backbone.plan(module, about)
    tensors = load_file(file)
    with zipfile.ZipFile(data / "imagenet-samples.zip") as archive:
        rows = [line.split(",") for line in archive.read("labels.csv").decode().splitlines()[1:]][::25]
        names = {Path(n).name: n for n in archive.namelist()}
        prepared = []
        for row in rows:
            with archive.open(names[Path(row[0]).name]) as f:
                prepared.append(plan.preparation.prepare(Image.open(f)))
    with torch.no_grad():
        features = plan.forward(module, plan.preparation.collate(prepared, 0))
        scores = features @ tensors["classifier.weight"].float().T + tensors["classifier.bias"].float()
    right = (scores.argmax(1) == torch.tensor([int(row[1]) for row in rows])).float().mean().item()
    print(f"top-1 on {len(rows)} pictures: {right:.3f}; chance 0.001; all 1000 of them: 0.875")
    assert right >= 0.7


# ---- what they show


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("resnet18", [("layer1", 64, 4), ("layer2", 128, 8), ("layer3", 256, 16), ("layer4", 512, 32)]),
        # The pool to 7 x 7 before the classifier has no stride.
        ("vgg16", [(f"features.{i}", c, s) for i, c, s in
                   ((4, 64, 2), (9, 128, 4), (16, 256, 8), (23, 512, 16), (30, 512, 32))]),
        # 299 pixels become 35, 17 and 8, for its convolutions do not pad.
        ("inception_v3", [("Mixed_5d", 288, 9), ("Mixed_6e", 768, 18), ("Mixed_7c", 2048, 37)]),
        ("googlenet", [("inception3b", 480, 8), ("inception4e", 832, 16), ("inception5b", 1024, 32)]),
    ],
)  # fmt: skip
def test_levels_of_the_textbook_networks(name, levels):
    about = Torchvision(name, weights=None).describe()
    assert [(module, width, stride) for module, _, width, stride in about["views"]["levels"]] == levels
    assert all(module in about["stages"][at][1] for module, at, _, _ in about["views"]["levels"])


def test_networks_without_maps_show_patches_or_neither():
    about = Timm("test_vit", weights=None).describe()
    assert about["views"] == {"patches": ["norm", len(about["stages"]) - 1, about["num_features"], 1]}
    module = Timm("test_vit", weights=None).build(about).eval()
    view = Timm("test_vit", weights=None).plan(module, about).view("tokens")
    pixels = pixels_for(about)
    with torch.no_grad():
        assert torch.equal(view.compute(module, {"pixels": pixels}).values, module.forward_features(pixels)[:, 1:])
    maps = [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)]
    mixed = nn.Sequential(*maps, nn.Flatten(2), nn.Linear(16, 4), nn.Flatten())
    stages = [Stage(str(i), (str(i),)) for i in range(5)]
    assert find_maps(mixed, stages, 3, (16, 16)) == {}, "tokens of unknown meaning follow the maps"
    pooled = nn.Sequential(*maps, nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 9, 1), nn.Flatten())
    found = find_maps(pooled, stages, 3, (16, 16))
    assert found == {"levels": [["0", 0, 8, 2], ["1", 1, 8, 4]]}, "what is pooled is no map"


@pytest.mark.parametrize("trained", [False, True])
def test_a_detector_is_a_trunk_or_the_whole(trained, tmp_path):
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5).eval()
    # An older file: its blocks of one layer were plain layers.
    old = {
        k.replace("conv.0.0.", "conv.").replace("blocks.0.0.", "blocks.0."): v for k, v in theirs.state_dict().items()
    }
    assert old.keys() != theirs.state_dict().keys()
    save_file({k: v.contiguous() for k, v in old.items()}, tmp_path / "d.safetensors")
    recipe = Torchvision(name, weights=tmp_path / "d.safetensors" if trained else None, options={"num_classes": 5})
    whole, trunk = build(recipe, form="native"), build(recipe)
    assert json.loads(json.dumps(whole.about)) == whole.about
    frozen = [m for m in whole.module.modules() if isinstance(m, torchvision.ops.FrozenBatchNorm2d)]
    assert bool(frozen) is trained
    pixels = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    if trained:
        mine = whole.module.state_dict()
        assert all(torch.equal(mine[k], v) for k, v in theirs.state_dict().items() if k in mine)
        with torch.no_grad():
            found = whole.plan.view("native").compute(whole.module, {"pixels": pixels})
            expected = theirs(list(pixels))
            normal = theirs.transform.normalize(pixels)
            features = whole.plan.forward(whole.module, {"pixels": pixels})
        for a, b in zip(found, expected, strict=True):
            assert a.keys() == b.keys() == {"boxes", "labels", "scores"}
            for key in a:
                torch.testing.assert_close(a[key], b[key], atol=1e-4, rtol=1e-4)
        with torch.no_grad():
            torch.testing.assert_close(trunk.plan.forward(trunk.module, {"pixels": normal}), features)
    view, stages = whole.plan.view("native"), whole.plan.stages
    proven = prove_view(whole.module, stages, lambda m, b: m.backbone(b["pixels"]), {"pixels": pixels})
    assert proven == tuple(view.kept(boundary + 1) for boundary in range(len(stages)))
    assert len(proven[-1]) == 2, "the pyramid reads two stages"
    whole.module.train()
    targets = [{"boxes": torch.tensor([[8.0, 8.0, 40.0, 50.0]]), "labels": torch.tensor([2])}] * 2
    losses = view.compute(whole.module, {"pixels": pixels, "targets": targets})
    assert {"loss_classifier", "loss_box_reg"} <= losses.keys()
