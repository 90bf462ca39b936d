"""``punar.layers``: what is frozen, in whole numbers that are the source library's own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import punar
from punar.backbones import Plan, Stage, build
from punar.errors import NotFittedError, ParameterError, ParameterTypeError
from punar.models.transfer.module import Transfer

models = pytest.importorskip("torchvision.models")


def count(module):
    return sum(p.numel() for p in module.parameters())


def by_name(table):
    return {row["name"]: row for row in table.rows}


# -- modules of other libraries


def test_the_textbook_recipe_frozen_with_a_new_head():
    net = models.resnet50(weights=None)
    net.requires_grad_(False)
    net.fc = nn.Linear(2048, 2)
    table = punar.layers(net)
    assert table.totals == {"parameters": 23_512_130, "trainable": 4_098, "frozen": 23_508_032, "blocks": 10}
    rows = by_name(table)
    assert rows["fc"]["state"] == "trainable"
    assert rows["layer4"]["state"] == "frozen"
    assert "10 blocks, 23,512,130 parameters: 4,098 trainable, 23,508,032 frozen" in str(table)
    net.layer4.requires_grad_(True)
    assert punar.layers(net).totals["trainable"] == 4_098 + count(net.layer4)


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_each_parameter_is_counted_once_at_every_depth(depth):
    net = models.mobilenet_v3_small(weights=None)
    net.features[:4].requires_grad_(False)
    table = punar.layers(net, depth=depth)
    assert table.totals["parameters"] == count(net) == sum(row["parameters"] for row in table.rows)
    assert table.totals["trainable"] == sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert len({row["name"] for row in table.rows}) == len(table.rows) == table.totals["blocks"]


def test_depth_goes_into_the_blocks():
    net = models.resnet18(weights=None)
    assert [r["name"] for r in punar.layers(net).rows][:5] == ["conv1", "bn1", "relu", "maxpool", "layer1"]
    rows = by_name(punar.layers(net, depth=2))
    assert rows["layer1.0"]["type"] == "BasicBlock"
    assert rows["layer1.0"]["parameters"] == count(net.layer1[0])
    assert "layer1" not in rows
    assert "layer1.0.conv1" in by_name(punar.layers(net, depth=3))


def test_shared_and_own_parameters():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(5))
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.b.weight = self.a.weight

    rows = by_name(punar.layers(Net()))
    assert [rows[n]["parameters"] for n in ("a", "b", "(own)")] == [12, 3, 5]
    assert by_name(punar.layers(nn.Linear(2, 1)))["Linear"]["parameters"] == 3


def test_states_and_modes():
    net = nn.Sequential(
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)),
        nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.Dropout(0.5)),
        nn.Dropout(0.0),
        nn.LayerNorm(4),
    )
    net[0][0].requires_grad_(False)
    net[1][0].eval()
    rows = punar.layers(net).rows
    assert [r["state"] for r in rows] == ["partly", "trainable", "", "trainable"]
    assert [r["mode"] for r in rows] == ["norm: train", "norm: mixed, dropout: on", "", ""]
    net.eval()
    assert punar.layers(net).rows[1]["mode"] == "norm: eval, dropout: off"


def test_dropped_branches_count_as_dropout():
    net = models.efficientnet_b0(weights=None)
    assert by_name(punar.layers(net, depth=2))["features.2"]["mode"] == "norm: train, dropout: on"


def test_an_example_gives_shapes_and_leaves_no_trace():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 2))
    net[0].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert punar.layers(net).rows[0]["output_shape"] is None
    table = punar.layers(net, example=torch.rand(2, 3, 8, 8))
    assert [r["output_shape"] for r in table.rows] == [(8, 6, 6), (8, 6, 6), (288,), (2,)]
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert [m.training for m in net] == [False, True, True, True]
    assert not any(m._forward_hooks for m in net.modules())
    assert punar.layers(nn.LSTM(3, 4), example=torch.rand(1, 5, 3)).rows[0]["output_shape"] == (5, 4)


def test_unfreeze_shows_a_plan_and_changes_nothing():
    net = models.resnet18(weights=None)
    rows = by_name(punar.layers(net, unfreeze=["layer4", "fc"]))
    assert {n for n, r in rows.items() if r["trainable"]} == {"layer4", "fc"}
    assert rows["layer3"]["mode"] == "norm: eval"
    assert rows["layer4"]["mode"] == "norm: eval"
    assert punar.layers(net, unfreeze=1).totals["trainable"] == count(net.fc)
    assert punar.layers(net, unfreeze=0).totals["trainable"] == 0
    assert all(p.requires_grad for p in net.parameters())
    assert all(m.training for m in net.modules())


# -- backbones


@pytest.mark.parametrize("name", ["resnet18", "cifar_resnet20", "mobilenet_v3_small"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_backbone_by_name_object_and_built(name, depth):
    recipe = punar.backbone(name, weights=None)
    body = build(recipe)
    by_object = punar.layers(recipe, depth=depth)
    assert (
        str(punar.layers(name, depth=depth)) == str(by_object) == str(punar.layers(body, depth=depth, unfreeze="all"))
    )
    assert by_object.totals["parameters"] == by_object.totals["trainable"] == count(body.module)
    if depth == 1:
        assert [r["name"] for r in by_object.rows] == [s.name for s in body.plan.stages]
    assert all(row["output_shape"] for row in by_object.rows)
    frozen = punar.layers(recipe, depth=depth, unfreeze=0)
    assert frozen.totals["trainable"] == 0
    assert all("train" not in row["mode"] for row in frozen.rows)


def test_resnet18_with_layer4_unfrozen():
    source = models.resnet18(weights=None)
    table = punar.layers("resnet18", unfreeze=["layer4"])
    assert table.totals["trainable"] == count(source.layer4)
    assert table.totals["parameters"] == count(source) - count(source.fc)
    assert by_name(table)["layer4"]["output_shape"] == (512, 7, 7)
    # As a fit trains it: with batch_norm="auto" fine-tuning keeps the pretrained statistics.
    assert by_name(table)["layer4"]["mode"] == "norm: eval"
    assert "The head is made by fit" in str(table)


def transfer(trainable):
    body = build(punar.backbone("cifar_resnet20", weights=None))
    head, view = nn.Linear(64, 2), body.plan.view("vector")
    return Transfer(body.module, head, body.plan, view, frozenset(trainable), batch_norm=True)


def test_a_backbone_with_a_head_and_learning_rates():
    module = transfer({3})
    table = punar.layers(module)
    assert [r["name"] for r in table.rows] == ["stem", "layer1", "layer2", "layer3", "head"]
    assert [r["state"] for r in table.rows] == ["frozen"] * 3 + ["trainable"] * 2
    assert [r["mode"] for r in table.rows] == ["norm: eval"] * 3 + ["norm: train", ""]
    assert table.totals["trainable"] == count(module.backbone.layer3) + 130

    class Fitted:
        module_ = module
        learning_rates_ = {"layer3": 3e-4, "layer2": 1e-4, "head": 1e-3}

    rows = by_name(punar.layers(Fitted()))
    assert rows["head"]["learning_rate"] == 1e-3
    assert rows["layer3"]["learning_rate"] == 3e-4
    assert rows["layer2"]["learning_rate"] is None, "what is frozen has no learning rate"
    assert "0.0003" in str(punar.layers(Fitted()))
    assert "learning rate" not in str(table)
    everything = punar.layers(Fitted(), unfreeze="all").totals
    assert everything["frozen"] == 0
    assert punar.layers(Fitted(), unfreeze=0, depth=2).totals["trainable"] == 130


def test_parameters_of_no_stage_show_with_the_first_one():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net.token = nn.Parameter(torch.zeros(7))
    body = build(punar.backbone("cifar_resnet20", weights=None))
    plan = Plan(
        stages=(Stage("one", ("0",)), Stage("two", ("1",))),
        width=2,
        preparation=body.plan.preparation,
        forward=lambda module, batch: module(batch["pixels"].float()[:, 0, :, :2].mean(1)),
        pool=body.plan.pool,
    )
    module = Transfer(net, nn.Linear(2, 2), plan, plan.view("vector"), frozenset({1}), batch_norm=True)
    rows = by_name(punar.layers(module))
    assert [rows[n]["parameters"] for n in ("one", "two", "head")] == [13, 6, 6]
    assert rows["one"]["state"] == "frozen"
    assert by_name(punar.layers(module, depth=2, unfreeze="all"))["(own)"]["state"] == "trainable"


# -- estimators and mistakes


def test_a_fitted_autoencoder_and_an_unfitted_one():
    ae = punar.Autoencoder(latent_dim=2, epochs=1, random_state=0)
    with pytest.raises(NotFittedError, match="call fit first"):
        punar.layers(ae)
    ae.fit(np.random.default_rng(0).normal(size=(40, 6)))
    table = punar.layers(ae)
    assert table.totals["parameters"] == count(ae.module_)
    assert {"encoder", "decoder"} <= set(by_name(table))


def test_an_unfitted_feature_extractor_is_shown_frozen():
    table = punar.layers(punar.FeatureExtractor("cifar_resnet20", weights=None))
    assert table.totals["trainable"] == 0
    assert len(table.rows) == 4


@pytest.mark.parametrize(
    ("given", "options", "error", "words"),
    [
        (3, {}, ParameterTypeError, "give an estimator, a backbone or its name, or an nn.Module; got 3"),
        (nn.Linear, {}, ParameterTypeError, "got the class Linear"),
        ("resnet18", {"depth": 0}, ParameterError, "depth must be a whole number from 1, got 0"),
        ("resnet18", {"depth": True}, ParameterError, "got True"),
        ("resnet81", {}, ParameterError, "no source knows 'resnet81'"),
        ("resnet18", {"unfreeze": ["layr4"]}, ParameterError, "Did you mean 'layer4'"),
        ("resnet18", {"unfreeze": 9}, ParameterError, "from 0 .* to 5"),
    ],
    ids=str,
)
def test_mistakes_say_what_to_do(given, options, error, words):
    with pytest.raises(error, match=words):
        punar.layers(given, **options)


# -- how it looks


def test_the_table_is_aligned_and_html_is_escaped():
    net = nn.Sequential()
    net.add_module("<b>", nn.Linear(100, 1000))
    net.add_module("c", nn.Linear(1000, 1))
    text = str(punar.layers(net)).splitlines()
    assert text[0].split() == ["name", "type", "output", "shape", "parameters", "trainable", "state"]
    ends = [line.index(number) + len(number) for line, number in zip(text[2:4], ("101,000", "1,001"), strict=True)]
    assert len(set(ends)) == 1
    html = punar.layers(net)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "102,001 parameters" in html


def test_the_command_prints_the_same():
    words = [sys.executable, "-m", "punar", "layers", "cifar_resnet20"]
    done = subprocess.run([*words, "--unfreeze", "layer3", "--depth", "2"], capture_output=True, text=True)
    assert done.stdout.rstrip() == str(punar.layers("cifar_resnet20", unfreeze=["layer3"], depth=2)), done.stderr
    as_json = subprocess.run([*words, "--unfreeze", "2", "--json"], capture_output=True, text=True).stdout
    assert json.loads(as_json)["totals"] == punar.layers("cifar_resnet20", unfreeze=2).totals
